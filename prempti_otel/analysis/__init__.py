"""What a call would do: shell, command catalogue, paths, urls, patches.

:func:`predict` gives the events of a call: ``predict(call, tool_event(call), context)``, where the
:class:`Context` holds the user's home and the catalogue of :func:`load_catalogue`, made once.
"""

from prempti_otel.analysis.catalogue import load_catalogue
from prempti_otel.analysis.predict import Context, predict

__all__ = ["Context", "load_catalogue", "predict"]
