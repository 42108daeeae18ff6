"""Registers the hook in Cursor's ``hooks.json``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from prempti_otel.agents.hook_events import CURSOR_JUDGED
from prempti_otel.agents.hooks_json import TIMEOUT_SECONDS, HooksJson
from prempti_otel.agents.registration import Scope

MANAGED = Path(
    "/Library/Application Support/Cursor/hooks.json" if sys.platform == "darwin" else "/etc/cursor/hooks.json"
)
"""An administrator's hooks."""


def settings_path(scope: Scope, project: Path) -> Path:
    """The hooks file of ``scope``."""
    if scope is Scope.MANAGED:
        return MANAGED
    return (Path.home() if scope is Scope.USER else project) / ".cursor" / "hooks.json"


def _entry(command: str, fail_open: bool) -> dict[str, Any]:
    """``failClosed``: Cursor blocks where the hook fails, which it would not do by itself."""
    entry: dict[str, Any] = {"command": command, "timeout": TIMEOUT_SECONDS}
    return entry if fail_open else entry | {"failClosed": True}


_hooks = HooksJson(
    agent="cursor",
    scopes=(Scope.USER, Scope.PROJECT, Scope.MANAGED),
    path=settings_path,
    entry=_entry,
    events=(CURSOR_JUDGED,),
    preamble={"version": 1},
)
add, remove, status = _hooks.add, _hooks.remove, _hooks.status
