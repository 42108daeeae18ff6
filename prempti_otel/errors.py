"""The root of every error that a person may be shown.

An error names what is wrong, where, and what to do next; the command line and the
hook's replies print :meth:`PremptiError.diagnostics` and never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class PremptiError(Exception):
    """Something a person can understand and act on.

    ``message`` is one sentence without a full stop, ``where`` a file, field or flag
    (``config.yaml:3:7``), ``remedy`` the next step.
    """

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def diagnostics(self) -> str:
        """One line: place, message, next step."""
        place = f"{self.where}: " if self.where else ""
        step = f" ({self.remedy})" if self.remedy else ""
        return f"{place}{self.message}{step}"

    def __str__(self) -> str:
        return self.diagnostics()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was most likely meant to be, or None."""
    import difflib  # on errors only: premptictl and the engine start without it

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
