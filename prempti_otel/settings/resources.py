"""Files that are shipped with the package: the hook, the default rules, collector configuration, dashboards."""

from __future__ import annotations

from pathlib import Path

from prempti_otel.errors import PremptiError

_PACKAGE = Path(__file__).resolve().parent.parent


def resource(name: str) -> Path:
    """The shipped file or folder ``name`` (``hook/prempti_hook.py``, ``rules/default``, ...).

    A wheel holds them in ``prempti_otel/data``; a checkout at its top level.
    Raises PremptiError where the installation is incomplete.
    """
    for base in (_PACKAGE / "data", _PACKAGE.parent):
        path = base / name
        if path.exists():
            return path
    raise PremptiError(f"the installation lacks {name}", remedy="install prempti-otel again")
