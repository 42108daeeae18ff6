"""The command catalogue: knowledge about commands as data, and one generic reader of command lines.

    catalogue = load_catalogue()
    reading = catalogue.read([Word("git"), Word("reset"), Word("--hard")])
    reading.effects  # ("discards_work",)

It never runs anything, never looks at the file system beyond its own data, and never decides.
"""

from prempti_otel.analysis.catalogue.catalogue import Catalogue, load_catalogue
from prempti_otel.model.effects import Effect

__all__ = ["Catalogue", "Effect", "load_catalogue"]
