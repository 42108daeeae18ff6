"""Registers the hook with GitHub Copilot CLI: a file of ours among its hook files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prempti_otel.agents.hook_events import COPILOT_JUDGED
from prempti_otel.agents.hooks_json import TIMEOUT_SECONDS, HooksJson
from prempti_otel.agents.registration import Scope
from prempti_otel.agents.settings_file import Form, SettingsFileError, read

FILE = "prempti.json"
POLICY = Path("/etc/github-copilot/policy.d")
"""An administrator's hooks; Copilot CLI takes files there that belong to root and that nobody else can write to."""

DENIAL = '{"permissionDecision":"deny","permissionDecisionReason":"%s"}'
"""Why a call is blocked it reads on standard output, also of a hook that ends with status 2; by that alone it tells the
model the status (seen on 1.0.102)."""


def settings_path(scope: Scope, project: Path) -> Path:
    """The hooks file of ``scope``. ``COPILOT_HOME`` is Copilot CLI's own variable for the user's folder."""
    if scope is Scope.MANAGED:
        return POLICY / FILE
    if scope is Scope.PROJECT:
        return project / ".github" / "hooks" / FILE
    folder = os.environ.get("COPILOT_HOME")
    return (Path(folder) if folder else Path.home() / ".copilot") / "hooks" / FILE


def _entry(command: str, fail_open: bool) -> dict[str, Any]:  # noqa: ARG001
    return {"type": "command", "bash": command, "timeoutSec": TIMEOUT_SECONDS}


def _switched_off(project: Path) -> Iterator[str]:
    settings = project / ".github" / "copilot"
    files = [settings / "settings.json", settings / "settings.local.json"]
    for path in [*files, *(settings_path(scope, project) for scope in _SCOPES)]:
        try:
            found = read(path, form=Form.COMMENTED_JSON)
        except SettingsFileError as error:
            yield error.diagnostics()
            continue
        if found and found.data.get("disableAllHooks"):
            yield f"disableAllHooks in {path} switches hooks off"


_SCOPES = (Scope.USER, Scope.PROJECT, Scope.MANAGED)
_hooks = HooksJson(
    agent="copilot",
    scopes=_SCOPES,
    path=settings_path,
    entry=_entry,
    events=(COPILOT_JUDGED,),
    preamble={"version": 1},
    denial=DENIAL,
    problems=_switched_off,
)
add, remove, status = _hooks.add, _hooks.remove, _hooks.status
