"""Registers the hook in Gemini CLI's settings files, which it reads with comments in them. Times are milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prempti_otel.agents.hook_events import GEMINI_JUDGED, GEMINI_TOLD
from prempti_otel.agents.hooks_json import TIMEOUT_SECONDS, HooksJson
from prempti_otel.agents.registration import Scope
from prempti_otel.agents.settings_file import Form, SettingsFileError, read

NAME = "prempti"
"""What Gemini CLI calls the hook, in its list of hooks and where somebody disables it."""

MANAGED = Path(
    "/Library/Application Support/GeminiCli/settings.json"
    if sys.platform == "darwin"
    else "/etc/gemini-cli/settings.json"
)
"""An administrator's settings; Gemini CLI skips them where others than root could write a folder above."""


def settings_path(scope: Scope, project: Path) -> Path:
    """The settings file of ``scope``."""
    if scope is Scope.MANAGED:
        return MANAGED
    return (Path.home() if scope is Scope.USER else project) / ".gemini" / "settings.json"


def _entry(command: str, fail_open: bool = False) -> dict[str, Any]:  # noqa: ARG001
    hook = {"type": "command", "name": NAME, "command": command, "timeout": TIMEOUT_SECONDS * 1000}
    return {"matcher": "*", "hooks": [hook]}


def _switched_off(project: Path) -> Iterator[str]:
    for scope in _SCOPES:
        path = settings_path(scope, project)
        try:
            settings = read(path, form=Form.COMMENTED_JSON)
        except SettingsFileError as error:
            if scope is Scope.MANAGED:
                yield error.diagnostics()
            continue
        switches = settings.data.get("hooksConfig") if settings else None
        if not isinstance(switches, dict):
            continue
        if switches.get("enabled") is False:
            yield f"hooksConfig.enabled in {path} switches all hooks off"
        disabled = switches.get("disabled")
        if isinstance(disabled, list) and NAME in disabled:
            yield f"hooksConfig.disabled in {path} switches this hook off"


_SCOPES = (Scope.USER, Scope.PROJECT, Scope.MANAGED)
_hooks = HooksJson(
    agent="gemini",
    scopes=_SCOPES,
    path=settings_path,
    entry=_entry,
    events=(GEMINI_JUDGED,),
    lifecycle=dict.fromkeys(GEMINI_TOLD, _entry),
    form=Form.COMMENTED_JSON,
    problems=_switched_off,
)
add, remove, status = _hooks.add, _hooks.remove, _hooks.status
