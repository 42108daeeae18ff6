"""Registers the hook in Claude Code's settings files.

A file that Claude Code cannot parse it ignores, hooks and all, without a word (seen on 2.1.330: comments
and trailing commas are enough). So such a file is refused, and is a problem in the status.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prempti_otel.agents.claude_code.http import HttpForm
from prempti_otel.agents.hook_events import (
    CLAUDE_CODE_ASYNCHRONOUS,
    CLAUDE_CODE_JUDGED,
    CLAUDE_CODE_OUTCOMES,
    CLAUDE_CODE_TOLD,
)
from prempti_otel.agents.hooks_json import TIMEOUT_SECONDS, HooksJson
from prempti_otel.agents.registration import Change, Scope
from prempti_otel.agents.settings_file import SettingsFileError, make_private, read
from prempti_otel.settings.home import Home

MANAGED = Path(
    "/Library/Application Support/ClaudeCode/managed-settings.json"
    if sys.platform == "darwin"
    else "/etc/claude-code/managed-settings.json"
)
"""An administrator's settings, which outrank all others."""


def settings_path(scope: Scope, project: Path) -> Path:
    """The settings file of ``scope``. ``CLAUDE_CONFIG_DIR`` is Claude Code's own variable for the user's."""
    if scope is Scope.USER:
        folder = os.environ.get("CLAUDE_CONFIG_DIR")
        return (Path(folder) if folder else Path.home() / ".claude") / "settings.json"
    if scope is Scope.MANAGED:
        return MANAGED
    name = "settings.json" if scope is Scope.PROJECT else "settings.local.json"
    return project / ".claude" / name


def _entry(command: str, fail_open: bool) -> dict[str, Any]:
    """``onFailure`` is honoured from 2.1.295 on and ignored before."""
    hook: dict[str, Any] = {"type": "command", "command": command, "timeout": TIMEOUT_SECONDS}
    if not fail_open:
        hook["onFailure"] = "block"
    return {"matcher": "*", "hooks": [hook]}


def _told(event: str) -> Callable[[str], dict[str, Any]]:
    """The entry of an event that is only told of: no failure may hold anything up, so none is a block."""

    def entry(command: str) -> dict[str, Any]:
        hook: dict[str, Any] = {"type": "command", "command": command, "timeout": TIMEOUT_SECONDS}
        if event in CLAUDE_CODE_ASYNCHRONOUS:
            hook["async"] = True
        return {"matcher": "*", "hooks": [hook]} if event in CLAUDE_CODE_OUTCOMES else {"hooks": [hook]}

    return entry


def _switched_off(project: Path) -> Iterator[str]:
    """What switches off hooks altogether, a sentence each."""
    for scope in Scope:
        path = settings_path(scope, project)
        try:
            settings = read(path)
        except SettingsFileError as error:
            if scope is Scope.MANAGED:
                yield error.diagnostics()
            continue
        data = settings.data if settings else {}
        if data.get("disableAllHooks"):
            yield f"disableAllHooks in {path} switches all hooks off"
        if scope is Scope.MANAGED and data.get("allowManagedHooksOnly"):
            yield f"allowManagedHooksOnly in {path} switches off all hooks but the administrator's"


def add_http(scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
    """See :func:`prempti_otel.agents.registration.add`. The file is made the user's alone, for it holds the token."""
    entries = _http.entries(home, fail_open=fail_open)
    if not entries:
        raise SettingsFileError(
            "no port is set up for HTTP hooks",
            where=str(home.http_hooks),
            remedy="run premptictl hook add claude_code --transport http",
        )
    make_private(settings_path(scope, project))
    return _hooks.enter(scope, home, project, entries)


_http = HttpForm(told=_told)
_hooks = HooksJson(
    agent="claude_code",
    scopes=(Scope.USER, Scope.PROJECT, Scope.LOCAL, Scope.MANAGED),
    path=settings_path,
    entry=_entry,
    events=(CLAUDE_CODE_JUDGED,),
    lifecycle={event: _told(event) for event in CLAUDE_CODE_TOLD},
    http=_http,
    problems=_switched_off,
)
add, remove, status = _hooks.add, _hooks.remove, _hooks.status
