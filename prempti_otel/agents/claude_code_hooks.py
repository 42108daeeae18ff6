"""Registers the hook in Claude Code's settings files.

A file that Claude Code cannot parse it ignores, hooks and all, without a word (seen on 2.1.330: comments
and trailing commas are enough). So such a file is refused here, and is a problem in the status.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from prempti_otel.agents import hook_file, json_text
from prempti_otel.agents.claude_code import EVENT, ClaudeCode
from prempti_otel.agents.registration import Action, Change, HookStatus, Scope
from prempti_otel.agents.settings_file import Settings, SettingsFileError, change, parse, read, write_private
from prempti_otel.settings.home import Home

AGENT = ClaudeCode.name

TIMEOUT_SECONDS = 15
"""What Claude Code gives the hook. The hook's own deadline is 5 s, for over this one, calls run before 2.1.295."""

BACKUP_SUFFIX = ".prempti-backup"

MANAGED = Path(
    "/Library/Application Support/ClaudeCode/managed-settings.json"
    if sys.platform == "darwin"
    else "/etc/claude-code/managed-settings.json"
)
"""An administrator's settings, which outrank all others; only read here."""

_NEW_FILE_MODES = {Scope.USER: 0o600, Scope.PROJECT: 0o644, Scope.LOCAL: 0o600}


def settings_path(scope: Scope, project: Path) -> Path:
    """The settings file of ``scope``. ``CLAUDE_CONFIG_DIR`` is Claude Code's own variable for the user's."""
    if scope is Scope.USER:
        folder = os.environ.get("CLAUDE_CONFIG_DIR")
        return (Path(folder) if folder else Path.home() / ".claude") / "settings.json"
    name = "settings.json" if scope is Scope.PROJECT else "settings.local.json"
    return project / ".claude" / name


def add(scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
    """See :func:`prempti_otel.agents.registration.add`."""
    path = settings_path(scope, project)
    group = _group(home, fail_open=fail_open)
    done = Action.UNCHANGED

    def edit(before: Settings | None) -> bytes:
        nonlocal done
        settings = before or parse(b"{}\n", path)
        _check_types(settings.data, path)
        found = _registered(settings.data)
        done = Action.UPDATED if found else Action.ADDED
        if found == [(EVENT, group)]:
            done = Action.UNCHANGED
            return settings.raw
        if before is None:
            _backup(path).unlink(missing_ok=True)
        elif not found:
            write_private(_backup(path), before.raw)
        text = _with_group(_without_ours(settings.text), group)
        _verify(text, _data_with(_data_without(settings.data), group), path)
        return settings.encode(text)

    hook_file.install(home)
    change(path, edit, _NEW_FILE_MODES[scope])
    return Change(AGENT, scope, path, done, _existing(_backup(path)))


def remove(scope: Scope, home: Home, project: Path) -> Change:  # noqa: ARG001
    """See :func:`prempti_otel.agents.registration.remove`. A file that ``add`` made goes, too."""
    path = settings_path(scope, project)
    done = Action.UNCHANGED
    restored = False

    def edit(before: Settings | None) -> bytes | None:
        nonlocal done, restored
        if before is None or not _registered(before.data):
            done = Action.UNCHANGED
            return before.raw if before else None
        done = Action.REMOVED
        text = _without_ours(before.text)
        expected = _data_without(before.data)
        _verify(text, expected, path)
        backup = _read_backup(path)
        restored = backup is not None and _data_pruned(backup.data) == expected
        if backup and restored:
            return backup.raw
        return before.encode(text) if expected or _existing(_backup(path)) else None

    if read(path) is not None:
        change(path, edit)
    if restored:
        _backup(path).unlink()
    return Change(AGENT, scope, path, done, _existing(_backup(path)))


def status(home: Home, project: Path) -> list[HookStatus]:
    """See :func:`prempti_otel.agents.registration.status`."""
    switches = list(_switched_off(project))
    return [_status(scope, home, project, switches) for scope in Scope]


def _status(scope: Scope, home: Home, project: Path, switches: list[str]) -> HookStatus:
    path = settings_path(scope, project)
    try:
        settings = read(path)
    except SettingsFileError as error:
        return HookStatus(AGENT, scope, path, False, False, False, (error.diagnostics(),))
    found = _registered(settings.data) if settings else []
    if not found:
        return HookStatus(AGENT, scope, path, False, False, False, ())
    fail_open = any("--fail-open" in command for _, group in found for command in _commands(group))
    current = found == [(EVENT, _group(home, fail_open=fail_open))]
    problems = [*switches, *hook_file.problems(home)]
    if not current:
        broken = [
            problem for _, group in found for text in _commands(group) for problem in _command_problems(text, home)
        ]
        problems += broken or [
            "the hook is registered in another way than this version does it: run premptictl hook add"
        ]
    return HookStatus(AGENT, scope, path, True, current, fail_open, tuple(problems))


def _switched_off(project: Path) -> Iterator[str]:
    """What switches off hooks altogether, a sentence each."""
    for path in [*(settings_path(scope, project) for scope in Scope), MANAGED]:
        try:
            settings = read(path)
        except SettingsFileError as error:
            if path == MANAGED:
                yield error.diagnostics()
            continue
        data = settings.data if settings else {}
        if data.get("disableAllHooks"):
            yield f"disableAllHooks in {path} switches all hooks off"
        if path == MANAGED and data.get("allowManagedHooksOnly"):
            yield f"allowManagedHooksOnly in {path} switches off all hooks but the administrator's"


def _command_problems(text: str, home: Home) -> Iterator[str]:
    """What is wrong with a registered command, a sentence each."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    for word in (word for word in words if word.startswith("/") and not Path(word).exists()):
        yield f"the registered command names {word}, which does not exist: run premptictl hook add"
    if "--home" in words[:-1] and words[words.index("--home") + 1] != str(home.root):
        yield f"the hook is registered for another home, {words[words.index('--home') + 1]}"


def _group(home: Home, *, fail_open: bool) -> dict[str, Any]:
    """The entry of ``hooks.PreToolUse``. ``onFailure`` is honoured from 2.1.295 on and ignored before."""
    command = hook_file.command(AGENT, home, fail_open=fail_open)
    hook: dict[str, Any] = {"type": "command", "command": command, "timeout": TIMEOUT_SECONDS}
    if not fail_open:
        hook["onFailure"] = "block"
    return {"matcher": "*", "hooks": [hook]}


def _check_types(data: dict[str, Any], path: Path) -> None:
    hooks = data.get("hooks", {})
    if not isinstance(hooks, dict):
        raise SettingsFileError("hooks is not an object", where=str(path), remedy="mend it first")
    if not isinstance(hooks.get(EVENT, []), list):
        raise SettingsFileError(f"hooks.{EVENT} is not an array", where=str(path), remedy="mend it first")


def _places(data: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Event, index of the group and index of the hook, for each hook of ours. Anything malformed is nobody's hook."""
    hooks = data.get("hooks")
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        for number, group in enumerate(groups if isinstance(groups, list) else ()):
            for index, hook in enumerate(_hooks(group)):
                if isinstance(hook, dict) and hook_file.is_ours(str(hook.get("command", ""))):
                    yield event, number, index


def _hooks(group: object) -> list[Any]:
    found = group.get("hooks") if isinstance(group, dict) else None
    return found if isinstance(found, list) else []


def _registered(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Event and group of each hook of ours."""
    return [(event, data["hooks"][event][number]) for event, number, _ in _places(data)]


def _commands(group: dict[str, Any]) -> list[str]:
    texts = [str(hook.get("command", "")) for hook in _hooks(group) if isinstance(hook, dict)]
    return [text for text in texts if hook_file.is_ours(text)]


def _with_group(text: str, group: dict[str, Any]) -> str:
    root = json_text.parse(text)
    hooks = root.member("hooks")
    if hooks is None:
        return json_text.append(text, root, {EVENT: [group]}, "hooks")
    groups = hooks.value.member(EVENT)
    if groups is None:
        return json_text.append(text, hooks.value, [group], EVENT)
    return json_text.append(text, groups.value, group)


def _without_ours(text: str) -> str:
    """``text`` without our hooks, and without the containers that are empty then."""
    while place := next(_places(json.loads(text)), None):
        event, number, index = place
        root = json_text.parse(text)
        hooks, at_hooks = _found(root, "hooks")
        groups, at_event = _found(hooks, event)
        entries, _ = _found(groups.children[number].value, "hooks")
        chain = [(entries, index), (groups, number), (hooks, at_event), (root, at_hooks)]
        holder, child = next(((node, at) for node, at in chain if len(node.children) > 1), chain[-1])
        text = json_text.remove(text, holder, child)
    return text


def _found(node: json_text.Node, key: str) -> tuple[json_text.Node, int]:
    at = max(number for number, member in enumerate(node.children) if member.key == key)
    return node.children[at].value, at


def _data_with(data: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    data.setdefault("hooks", {}).setdefault(EVENT, []).append(group)
    return data


def _data_without(data: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``data`` without our hooks: what the edited text must say."""
    data = deepcopy(data)
    while place := next(_places(data), None):
        event, number, index = place
        groups = data["hooks"][event]
        del groups[number]["hooks"][index]
        if not groups[number]["hooks"]:
            del groups[number]
        if not groups:
            del data["hooks"][event]
        if not data["hooks"]:
            del data["hooks"]
    return data


def _data_pruned(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` as :func:`remove` leaves it behind: without an empty place for our hooks."""
    data = deepcopy(data)
    hooks = data.get("hooks")
    if isinstance(hooks, dict) and hooks.get(EVENT) == []:
        del hooks[EVENT]
    if hooks == {}:
        del data["hooks"]
    return data


def _verify(text: str, expected: dict[str, Any], path: Path) -> None:
    """Raises SettingsFileError where the edited text does not say exactly what it should."""
    if json.loads(text) != expected:
        problem = "this file cannot be edited safely: an object in it has a key twice"
        raise SettingsFileError(problem, where=str(path), remedy="remove one of the two")


def _backup(path: Path) -> Path:
    return path.with_name(path.name + BACKUP_SUFFIX)


def _existing(path: Path) -> Path | None:
    return path if path.is_file() and not path.is_symlink() else None


def _read_backup(path: Path) -> Settings | None:
    backup = _existing(_backup(path))
    try:
        return read(backup) if backup else None
    except SettingsFileError:
        return None
