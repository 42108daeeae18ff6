"""Where the hook was asked for: ``PREMPTI_HOME/hooks.json``, so that it can be taken out everywhere and put back.

It says what the person wants; what is in the agents' files is told by :mod:`prempti_otel.agents.registration`.
Nothing here ever touches a registration that another home made.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from prempti_otel import typed
from prempti_otel.agents import hook_file, registration
from prempti_otel.agents.registration import Change, HookStatus, Scope, Transport
from prempti_otel.ctl.files import locked, write_private
from prempti_otel.ctl.hook import http_port
from prempti_otel.errors import PremptiError
from prempti_otel.settings.user_home import remember_user_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prempti_otel.settings.home import Home

USUAL_AGENTS = ("claude_code",)
"""Whom the hook is registered with where no agent is found."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One registration that the person asked for."""

    agent: str
    scope: Scope
    project: str = ""
    """The project's folder; empty for scopes that concern all projects."""
    fail_open: bool = False
    transport: Transport = Transport.COMMAND


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``hooks.json``."""

    hooks: list[Wanted] = []
    folders: list[str] = []
    """Folders that were made for settings files, outermost first: they go when they are empty again."""


def path(home: Home) -> Path:
    """The file."""
    return home.root / "hooks.json"


def read(home: Home) -> Registry:
    """What was asked for; nothing where there is no file. Raises PremptiError."""
    try:
        return typed.decode(path(home).read_bytes(), Registry)
    except FileNotFoundError:
        return Registry()
    except (msgspec.DecodeError, OSError) as error:
        raise PremptiError(
            f"the list of registered hooks cannot be read: {error}",
            where=str(path(home)),
            remedy="remove the file, then run premptictl hook add again for each agent",
        ) from error


def wanted(home: Home, project: Path | None = None) -> list[Wanted]:
    """All registrations of this home: those asked for, and those found for the user, and in ``project``."""
    found = list(read(home).hooks)
    seen = {_file(home, one) for one in found}
    for agent in registration.agents():
        for state in registration.status(agent, home, project or Path.home()):
            if state.scope is Scope.MANAGED or (in_project(state.scope) and not project):
                continue  # an administrator's settings are not ours to change
            if state.file not in seen and belongs(state, home):
                seen.add(state.file)
                place = str(project) if in_project(state.scope) else ""
                found.append(
                    Wanted(
                        agent=agent,
                        scope=state.scope,
                        project=place,
                        fail_open=state.fail_open,
                        transport=state.transport,
                    )
                )
    return found


def belongs(state: HookStatus, home: Home) -> bool:
    """Whether the hook that is registered there is the one of ``home``."""
    if not state.registered:
        return False
    command = shlex.quote(str(home.bin / hook_file.ENTRY))
    text = state.file.read_text("utf-8", "replace")
    return any(json.dumps(command, ensure_ascii=ascii_only)[1:-1] in text for ascii_only in (False, True))


def add(home: Home, one: Wanted) -> Change:
    """Register the hook and remember that; for HTTP, the engine is started. Raises PremptiError."""
    if one.transport is Transport.HTTP:
        registration.require_http(one.agent, one.scope)
        http_port.ensure(home)
    file = _file(home, one)
    missing = [str(folder) for folder in _missing(file)] if file else []
    project = _project(one)
    change = registration.add(one.agent, one.scope, home, project, fail_open=one.fail_open, transport=one.transport)
    remember_user_home(home)
    with locked(home):
        now = read(home)
        kept = [other for other in now.hooks if _place(other) != _place(one)]
        folders = list(dict.fromkeys([*now.folders, *missing]))
        _write(home, Registry(hooks=[*kept, one], folders=folders))
    _close_port(home)
    return change


def remove(home: Home, one: Wanted) -> Change:
    """Take the hook out and forget that it was asked for. Raises PremptiError."""
    change = take_out(home, one)
    forget(home, one)
    _close_port(home)
    return change


def transport(home: Home, one: Wanted) -> Transport:
    """How the hook is asked for there, or registered, so far; as a command where it is not. Raises PremptiError."""
    known = [other for other in read(home).hooks if _place(other) == _place(one)]
    states = registration.status(one.agent, home, _project(one))
    found = [state for state in states if state.scope is one.scope and belongs(state, home)]
    return (found or known)[0].transport if found or known else Transport.COMMAND


def keep(home: Home, one: Wanted) -> None:
    """Note that the hook is asked for, whether or not it is registered at the moment. Raises PremptiError."""
    with locked(home):
        now = read(home)
        if one not in now.hooks:
            kept = [other for other in now.hooks if _place(other) != _place(one)]
            _write(home, Registry(hooks=[*kept, one], folders=now.folders))


def forget(home: Home, one: Wanted) -> None:
    """The hook is no longer asked for. Raises PremptiError."""
    with locked(home):
        now = read(home)
        kept = [other for other in now.hooks if _place(other) != _place(one)]
        folders = now.folders
        if not kept:
            remove_folders(folders)
            folders = [folder for folder in folders if Path(folder).exists()]
        if (kept, folders) != (now.hooks, now.folders):
            _write(home, Registry(hooks=kept, folders=folders))


def take_out(home: Home, one: Wanted) -> Change:
    """Take the hook out, for now. Raises PremptiError."""
    return registration.remove(one.agent, one.scope, home, _project(one))


def remove_folders(folders: list[str]) -> None:
    """Remove those of ``folders`` that are empty, innermost first."""
    for folder in sorted(folders, key=len, reverse=True):
        with contextlib.suppress(OSError):  # somebody uses it by now, or has removed it
            Path(folder).rmdir()


def remember_folders(home: Home, folders: list[str]) -> None:
    """Folders that were made, and go again when they are empty."""
    with locked(home):
        now = read(home)
        fresh = [folder for folder in folders if folder not in now.folders]
        if fresh:
            _write(home, Registry(hooks=now.hooks, folders=[*now.folders, *fresh]))


def detected() -> list[str]:
    """The agents that are on this machine; Claude Code where none is found."""
    return list(registration.detect()) or list(USUAL_AGENTS)


def where(one: Wanted) -> str:
    """The scope in words."""
    return f"{one.scope.value} settings" + (f" in {one.project}" if one.project else "")


def _file(home: Home, one: Wanted) -> Path | None:
    """The settings file of a registration; None where the agent has none of that scope."""
    states = registration.status(one.agent, home, _project(one))
    return next((state.file for state in states if state.scope is one.scope), None)


def _missing(file: Path) -> Iterator[Path]:
    """The folders of ``file`` that are not there, outermost first."""
    return reversed([folder for folder in file.parents if not folder.exists()])


def in_project(scope: Scope) -> bool:
    """Whether settings of that scope belong to one project."""
    return scope in (Scope.PROJECT, Scope.LOCAL)


def _close_port(home: Home) -> None:
    """Have the engine listen no longer where nobody asks over HTTP."""
    if home.http_hooks.exists() and not any(one.transport is Transport.HTTP for one in wanted(home)):
        http_port.close(home)


def _project(one: Wanted) -> Path:
    return Path(one.project) if one.project else Path.home()


def _place(one: Wanted) -> tuple[str, Scope, str]:
    return one.agent, one.scope, one.project


def _write(home: Home, registry: Registry) -> None:
    if registry == Registry():
        path(home).unlink(missing_ok=True)
        return
    home.create()
    write_private(path(home), msgspec.json.format(msgspec.json.encode(registry), indent=2) + b"\n")
