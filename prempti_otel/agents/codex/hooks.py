"""Registers the hook in Codex's ``hooks.json``, and as trusted in its ``config.toml``.

One entry in ``hooks.json`` that Codex does not know makes it ignore the whole file, so ours has nothing but
what it needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from prempti_otel.agents import hook_entries
from prempti_otel.agents.codex import trust
from prempti_otel.agents.hook_events import CODEX_CALL, CODEX_PERMISSION, CODEX_TOLD
from prempti_otel.agents.hooks_json import TIMEOUT_SECONDS, HooksJson
from prempti_otel.agents.registration import Change, HookStatus, Scope
from prempti_otel.agents.settings_file import Form, SettingsFileError, read
from prempti_otel.settings.home import Home

_SCOPES = (Scope.USER, Scope.PROJECT)


def _key(event: str) -> str:
    """``event`` as it stands in the keys of ``[hooks.state]``: ``PreToolUse`` is ``pre_tool_use``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def settings_path(scope: Scope, project: Path) -> Path:
    """The hooks file of ``scope``."""
    return (codex_home() if scope is Scope.USER else project / ".codex") / "hooks.json"


def codex_home() -> Path:
    """The user's folder of Codex. ``CODEX_HOME`` is Codex's own variable for it."""
    folder = os.environ.get("CODEX_HOME")
    return Path(folder) if folder else Path.home() / ".codex"


def config_path() -> Path:
    """Where Codex keeps the trust in all hooks, a project's included."""
    return codex_home() / "config.toml"


def add(scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
    """See :func:`prempti_otel.agents.registration.add`."""
    change = _hooks.add(scope, home, project, fail_open=fail_open)
    left = trust.trust(config_path(), change.file, project)
    return replace(change, notes=(left,)) if left else change


def remove(scope: Scope, home: Home, project: Path) -> Change:
    """See :func:`prempti_otel.agents.registration.remove`."""
    file = settings_path(scope, project)
    keys = _trust_keys(file)
    change = _hooks.remove(scope, home, project)
    trust.forget(config_path(), keys)
    return change


def status(home: Home, project: Path) -> list[HookStatus]:
    """See :func:`prempti_otel.agents.registration.status`."""
    return [_with_trust(found, project) for found in _hooks.status(home, project)]


def _with_trust(found: HookStatus, project: Path) -> HookStatus:
    if not found.registered:
        return found
    try:
        problems = trust.problems(config_path(), found.file, _trust_keys(found.file), project)
    except SettingsFileError as error:
        problems = [error.diagnostics()]
    return replace(found, problems=tuple(dict.fromkeys((*found.problems, *problems))))


def _trust_keys(file: Path) -> list[str]:
    settings = read(file)
    places = hook_entries.places(settings.data) if settings else ()
    return [
        f"{path}:{_key(event)}:{number}:{index or 0}"
        for event, number, index in places
        for path in dict.fromkeys((file, file.resolve()))
    ]


def _entry(command: str, fail_open: bool = False) -> dict[str, Any]:  # noqa: ARG001
    return {"hooks": [{"type": "command", "command": command, "timeout": TIMEOUT_SECONDS}]}


def _switched_off(project: Path) -> Iterator[str]:
    for path in (config_path(), project / ".codex" / "config.toml"):
        try:
            settings = read(path, form=Form.TOML)
        except SettingsFileError as error:
            yield error.diagnostics()
            continue
        features = settings.data.get("features") if settings else None
        if isinstance(features, dict) and (features.get("hooks") is False or features.get("codex_hooks") is False):
            yield f"features.hooks in {path} switches all hooks off"


_hooks = HooksJson(
    agent="codex",
    scopes=_SCOPES,
    path=settings_path,
    entry=_entry,
    events=(CODEX_CALL, CODEX_PERMISSION),
    lifecycle=dict.fromkeys(CODEX_TOLD, _entry),
    problems=_switched_off,
)
