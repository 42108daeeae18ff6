"""Codex's trust in hooks: it silently skips every hook whose hash is not in its ``config.toml``.

The hash is Codex's own business, so Codex is asked for it: its ``app-server`` (JSON-RPC, a message a line) lists
hooks with their hashes and runs none of them. Seen on 0.169.0. Where it cannot be asked, or ``config.toml`` cannot be
changed without a doubt, nothing is written and the person is told the one step to take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prempti_otel.agents import hook_file
from prempti_otel.agents.settings_file import Form, Settings, SettingsFileError, change, load, parse, read

if TYPE_CHECKING:
    import subprocess

STEP = "start codex, enter /hooks and trust the hook of prempti: until then Codex runs every call unjudged"
_SECONDS = 20
_TRUSTED = ("trusted", "managed")


@dataclass(frozen=True, slots=True)
class ListedHook:
    """One of our hooks, as Codex lists it."""

    key: str
    """Its name in ``[hooks.state]``: ``FILE:event:GROUP:INDEX``."""
    hash: str
    trust: str
    """``trusted``, ``untrusted``, ``modified`` or ``managed``."""
    enabled: bool


def listed(file: Path, project: Path, program: str | None = None) -> list[ListedHook] | None:
    """Our hooks in ``file`` as Codex sees them from ``project``; None where Codex cannot be asked."""
    import shutil

    program = program or shutil.which("codex")
    if program is None:
        return None
    answer = _ask(program, project)
    try:
        found = [hook for entry in answer["data"] for hook in entry["hooks"]] if answer else None
        return None if found is None else [_listed(hook) for hook in found if _is_ours(hook, file)]
    except (KeyError, TypeError):
        return None


def problems(config: Path, file: Path, keys: list[str], project: Path) -> list[str]:
    """Why Codex would not run our hooks in ``file``, a sentence each; ``keys`` are what they may be called."""
    hooks = listed(file, project)
    if hooks is None:
        return [] if _known(config, keys) else [f"Codex was not told to trust the hook: {STEP}"]
    if not hooks:
        return [f"Codex does not read {file}: trust the project in Codex, and look for mistakes in the file"]
    untrusted = [hook for hook in hooks if hook.trust not in _TRUSTED]
    off = [hook for hook in hooks if not hook.enabled]
    return [
        *([f"Codex skips the hook, which is {untrusted[0].trust}: run premptictl hook add codex"] if untrusted else []),
        *(["the hook is switched off in Codex: enter /hooks in codex"] if off else []),
    ]


def trust(config: Path, file: Path, project: Path) -> str:
    """Enter our hooks of ``file`` as trusted in ``config``; what is left to do for the person, or ``""``."""
    hooks = listed(file, project)
    if not hooks:
        return STEP
    wanted = {hook.key: hook.hash for hook in hooks if hook.trust not in _TRUSTED}
    if not wanted:
        return ""
    try:
        change(config, lambda before: _edited(before, config, lambda state: _enter(state, wanted)), form=Form.TOML)
    except SettingsFileError as error:
        return f"{error.diagnostics()}; {STEP}"
    return ""


def forget(config: Path, keys: list[str]) -> None:
    """Take ``keys`` out of ``config`` again. Raises SettingsFileError where it cannot be changed."""
    if _known(config, keys):
        change(config, lambda before: _edited(before, config, lambda state: _drop(state, keys)), form=Form.TOML)


def _known(config: Path, keys: list[str]) -> bool:
    """Whether ``config`` says anything on one of ``keys``."""
    settings = read(config, form=Form.TOML)
    state = _state(settings.data) if settings else None
    return state is not None and any(key in state for key in keys)


def _edited(before: Settings | None, config: Path, edit: Callable[[MutableMapping[str, Any]], None]) -> bytes | None:
    """The file with ``edit`` made in its ``[hooks.state]``, all else as it was, layout included; None for no file."""
    import tomlkit  # takes longer to import than a status takes
    from tomlkit.exceptions import TOMLKitError

    settings = before or parse(b"", config, form=Form.TOML)
    if "hooks" in settings.data and _state(settings.data, {}) is None:
        raise SettingsFileError("hooks.state is not a table", where=str(config), remedy="mend it first")
    try:
        document: Any = tomlkit.parse(settings.text)
    except TOMLKitError as error:
        raise SettingsFileError(f"this file cannot be edited safely: {error}", where=str(config)) from error
    expected = deepcopy(settings.data)
    for data, table in ((expected, dict), (document, partial(tomlkit.table, is_super_table=True))):
        state = data.setdefault("hooks", table()).setdefault("state", table())
        edit(state)
        if not state:
            del data["hooks"]["state"]
        if not data["hooks"]:
            del data["hooks"]
    text = tomlkit.dumps(document)
    if load(text, form=Form.TOML) != expected:
        raise SettingsFileError("this file cannot be edited safely", where=str(config))
    return settings.encode(text) if text.strip() else None


def _enter(state: MutableMapping[str, Any], wanted: Mapping[str, str]) -> None:
    import tomlkit
    import tomlkit.items

    for key, value in wanted.items():
        if key not in state:
            state[key] = tomlkit.table() if isinstance(state, tomlkit.items.Table) else {}
        state[key]["trusted_hash"] = value


def _drop(state: MutableMapping[str, Any], keys: list[str]) -> None:
    for key in keys:
        state.pop(key, None)


def _state(data: Mapping[str, Any], default: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
    """``[hooks.state]``; ``default`` where it is missing, None where it is something else."""
    hooks = data.get("hooks", {})
    state = hooks.get("state", default) if isinstance(hooks, dict) else None
    return state if isinstance(state, dict) else None


def _is_ours(hook: Mapping[str, Any], file: Path) -> bool:
    return hook_file.is_ours(str(hook.get("command", ""))) and Path(hook["sourcePath"]).resolve() == file.resolve()


def _listed(hook: Mapping[str, Any]) -> ListedHook:
    return ListedHook(
        str(hook["key"]), str(hook["currentHash"]), str(hook["trustStatus"]), bool(hook.get("enabled", True))
    )


def _ask(program: str, project: Path) -> dict[str, Any] | None:
    """The result of ``hooks/list``, None where Codex gives none in time."""
    import subprocess
    import threading

    client = {"clientInfo": {"name": "premptictl", "version": "1"}}
    calls: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": client},
        {"method": "initialized"},
        {"id": 2, "method": "hooks/list", "params": {"cwds": [str(project)]}},
    ]
    try:
        server = subprocess.Popen(  # noqa: S603 - the agent itself, with arguments of ours
            [program, "app-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    timer = threading.Timer(_SECONDS, server.kill)
    timer.start()
    try:
        with server:
            try:
                return _result(server, calls)
            finally:
                server.kill()
    except (OSError, ValueError):
        return None
    finally:
        timer.cancel()


def _result(server: subprocess.Popen[bytes], calls: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The result of the last of ``calls``. Raises OSError, and ValueError where the server talks something else."""
    assert server.stdin is not None
    assert server.stdout is not None
    for call in calls:
        server.stdin.write(json.dumps({"jsonrpc": "2.0"} | call).encode() + b"\n")
    server.stdin.flush()
    for line in server.stdout:
        message = json.loads(line)
        if isinstance(message, dict) and message.get("id") == calls[-1]["id"]:
            result = message.get("result")
            return result if isinstance(result, dict) else None
    return None
