"""``premptictl hook switch-on``: takes out the setting by which an agent ignores all hooks, the guard's among them.

Only that one setting changes; whatever else is in the file stays as its author typed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prempti_otel.agents import json_text
from prempti_otel.agents.claude_code.hooks import settings_path
from prempti_otel.agents.registration import Scope
from prempti_otel.agents.settings_file import Settings, change
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from pathlib import Path

AGENT = "claude_code"
"""The one agent that has such a setting in its JSON."""
KEY = "disableAllHooks"


def switch_on(agent: str, scope: Scope, project: Path) -> tuple[Path, bool]:
    """Take the setting out of the file of ``scope``: that file, and whether it was there. Raises PremptiError."""
    if agent != AGENT:
        raise PremptiError(f"{agent} has no setting that switches off all hooks", remedy="premptictl doctor")
    path = settings_path(scope, project)
    found = False

    def edit(before: Settings | None) -> bytes | None:
        nonlocal found
        if before is None:
            return None
        text, found = before.text, KEY in before.data
        while (at := _place(text)) is not None:
            text = json_text.remove(text, json_text.parse(text), at)
        return before.encode(text)

    if path.exists():
        change(path, edit)
    return path, found


def remedy(problem: str, project: Path) -> str:
    """The command that cures ``problem``, which :mod:`prempti_otel.agents` tells; ``""`` where none of ours does."""
    for scope in (Scope.USER, Scope.PROJECT, Scope.LOCAL):
        if KEY in problem and f" {settings_path(scope, project)} " in problem:
            chosen = "" if scope is Scope.USER else f" --scope {scope.value}"
            return f"premptictl hook switch-on {AGENT}{chosen}"
    return ""


def _place(text: str) -> int | None:
    members = json_text.parse(text).children
    return next((number for number, member in enumerate(members) if member.key == KEY), None)
