"""Registers the hook with OpenCode: puts our plugin into the folder from which it loads plugins."""

from __future__ import annotations

import json
import os
from pathlib import Path

from prempti_otel.agents import hook_file
from prempti_otel.agents.hooks_json import command_problems
from prempti_otel.agents.registration import Action, Change, HookStatus, Scope
from prempti_otel.agents.settings_file import SettingsFileError, read_bytes, remove_file, write_file
from prempti_otel.settings.home import Home

AGENT = "opencode"

FILE = "prempti.js"
_SCOPES = (Scope.USER, Scope.PROJECT)
_MODES = {Scope.USER: 0o600, Scope.PROJECT: 0o644}
_TEMPLATE = Path(__file__).with_name("plugin.js")
_COMMAND = "const COMMAND = "


def plugin_path(scope: Scope, project: Path) -> Path:
    """Where the plugin of ``scope`` is. Raises SettingsFileError where OpenCode has no such scope."""
    if scope not in _SCOPES:
        known = ", ".join(known.value for known in _SCOPES)
        raise SettingsFileError(f"{AGENT} has no plugins of scope {scope.value}", remedy=f"use one of: {known}")
    if scope is Scope.PROJECT:
        return project / ".opencode" / "plugins" / FILE
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "opencode" / "plugins" / FILE


def plugin(home: Home, *, fail_open: bool) -> bytes:
    """The plugin's text."""
    command = hook_file.command(AGENT, home, fail_open=fail_open)
    text = _TEMPLATE.read_text(encoding="utf-8").replace('"@FAIL_OPEN@"', json.dumps(fail_open))
    return text.replace('"@COMMAND@"', json.dumps(command)).encode()


def add(scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
    """See :func:`prempti_otel.agents.registration.add`. A file of that name that is not ours is left alone."""
    path = plugin_path(scope, project)
    content = plugin(home, fail_open=fail_open)
    before = _ours(path)
    hook_file.install(home)
    if before == content:
        return Change(AGENT, scope, path, Action.UNCHANGED)
    write_file(path, content, _MODES[scope])
    return Change(AGENT, scope, path, Action.UPDATED if before is not None else Action.ADDED)


def remove(scope: Scope, home: Home, project: Path) -> Change:  # noqa: ARG001
    """See :func:`prempti_otel.agents.registration.remove`."""
    path = plugin_path(scope, project)
    if _ours(path) is None:
        return Change(AGENT, scope, path, Action.UNCHANGED)
    remove_file(path)
    return Change(AGENT, scope, path, Action.REMOVED)


def status(home: Home, project: Path) -> list[HookStatus]:
    """See :func:`prempti_otel.agents.registration.status`."""
    return [_status(scope, home, project) for scope in _SCOPES]


def _status(scope: Scope, home: Home, project: Path) -> HookStatus:
    path = plugin_path(scope, project)
    try:
        found = _ours(path)
    except SettingsFileError as error:
        return HookStatus(AGENT, scope, path, False, False, False, (error.diagnostics(),))
    if found is None:
        return HookStatus(AGENT, scope, path, False, False, False, ())
    fail_open = found == plugin(home, fail_open=True)
    current = fail_open or found == plugin(home, fail_open=False)
    problems = hook_file.problems(home)
    if not current:
        problems += [*command_problems(_command(found), home)] or ["the plugin is another than this version's"]
        problems.append("run premptictl hook add opencode")
    return HookStatus(AGENT, scope, path, True, current, fail_open, tuple(problems))


def _ours(path: Path) -> bytes | None:
    """Our plugin in ``path``, None where nothing is. Raises SettingsFileError where something else is."""
    content = read_bytes(path)
    if content is not None and not hook_file.is_ours(_command(content)):
        raise SettingsFileError("this file is not prempti's", where=str(path), remedy="rename it")
    return content


def _command(content: bytes) -> str:
    """The hook's command in the plugin, ``""`` where there is none."""
    for line in content.decode("utf-8", "replace").splitlines():
        if line.startswith(_COMMAND):
            try:
                return str(json.loads(line.removeprefix(_COMMAND)))
            except ValueError:
                return ""
    return ""
