"""Registers the hook with agents: what ``premptictl hook add|remove|status`` does, for any agent.

How an agent is told about hooks is its own module's knowledge; this one says what is asked and answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from prempti_otel.agents import UnknownAgent, names
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home

_MODULES = {name: f"prempti_otel.agents.{name}.hooks" for name in names()}
"""Each agent's module with the three functions of :class:`Registrar`; loaded when asked for."""


_HTTP_AGENTS = ("claude_code",)
"""The agents that have HTTP hooks. To others such an entry is a mistake for which they may ignore all hooks."""
_TRACES = {
    "claude_code": (("claude",), ".claude"),
    "codex": (("codex",), ".codex"),
    "gemini": (("gemini",), ".gemini"),
    "copilot": (("copilot",), ".copilot"),
    "cursor": (("cursor", "cursor-agent"), ".cursor"),
    "opencode": (("opencode",), ".config/opencode"),
}
"""What shows that an agent is installed: its programs, and its settings folder below the user's home."""


class Scope(StrEnum):
    """Whose settings file the hook is registered in."""

    USER = "user"
    """All projects of this user."""
    PROJECT = "project"
    """One project, shared with everyone who works on it."""
    LOCAL = "local"
    """One project, for this user alone."""
    MANAGED = "managed"
    """This machine, by its administrator."""


class Transport(StrEnum):
    """How an agent asks about a call."""

    COMMAND = "command"
    """It runs the hook, which asks the engine."""
    HTTP = "http"
    """It asks the engine itself, over HTTP."""


class Action(StrEnum):
    """What was done to a settings file."""

    ADDED = "added"
    UPDATED = "updated"
    """The hook was registered, but not as it is now."""
    REMOVED = "removed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What ``add`` or ``remove`` did."""

    agent: str
    scope: Scope
    file: Path
    action: Action
    backup: Path | None = None
    """The file as it was before the hook was first added; None where there was none."""
    notes: tuple[str, ...] = ()
    """What is left to do for the person, a sentence each: until then calls are not judged."""

    @property
    def changed(self) -> bool:
        """Whether the file is another one than before."""
        return self.action is not Action.UNCHANGED


@dataclass(frozen=True, slots=True)
class HookStatus:
    """How the hook stands in one settings file."""

    agent: str
    scope: Scope
    file: Path
    registered: bool
    current: bool
    """Registered as ``add`` would do it now, with or without ``--fail-open``."""
    fail_open: bool
    problems: tuple[str, ...]
    """What keeps calls from being judged, or may: a sentence each."""
    transport: Transport = Transport.COMMAND


class Registrar(Protocol):
    """What an agent's module offers."""

    def add(self, scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
        """See :func:`add`."""

    def remove(self, scope: Scope, home: Home, project: Path) -> Change:
        """See :func:`remove`."""

    def status(self, home: Home, project: Path) -> list[HookStatus]:
        """See :func:`status`."""


class HttpRegistrar(Protocol):
    """What the module of an agent with HTTP hooks offers besides."""

    def add_http(self, scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
        """See :func:`add`."""


def add(
    agent: str,
    scope: Scope,
    home: Home,
    project: Path,
    *,
    fail_open: bool = False,
    transport: Transport = Transport.COMMAND,
) -> Change:
    """Install the hook in ``home`` and register it, or register it anew; repeating it changes nothing.

    ``fail_open``: calls pass, unjudged, while the guard does not answer. HTTP hooks need ``home.http_hooks``.
    Raises UnknownAgent, and PremptiError where a file cannot be changed; that file is untouched then.
    """
    if transport is Transport.COMMAND:
        return _registrar(agent).add(scope, home, project, fail_open=fail_open)
    require_http(agent, scope)
    module = cast("HttpRegistrar", import_module(_MODULES[agent]))
    return module.add_http(scope, home, project, fail_open=fail_open)


def require_http(agent: str, scope: Scope) -> None:
    """Raises UnknownAgent, and PremptiError where HTTP hooks cannot be registered; only the user's hold a token."""
    if agent not in _MODULES:
        raise UnknownAgent(agent)
    if agent not in _HTTP_AGENTS:
        raise PremptiError(f"{agent} has no HTTP hooks", remedy=f"only {', '.join(_HTTP_AGENTS)} has; use a command")
    if scope is not Scope.USER:
        raise PremptiError(
            f"HTTP hooks hold a token of this user's engine, which does not belong into {scope.value} settings",
            remedy="use the scope user, or the transport command",
        )


def remove(agent: str, scope: Scope, home: Home, project: Path) -> Change:
    """Take the hook out of the settings file, whichever home registered it. Raises as :func:`add`."""
    return _registrar(agent).remove(scope, home, project)


def status(agent: str, home: Home, project: Path) -> list[HookStatus]:
    """How the hook stands in each scope's file. Raises UnknownAgent; what is wrong with a file is in its problems."""
    return _registrar(agent).status(home, project)


def agents() -> Sequence[str]:
    """The agents that a hook can be registered with."""
    return tuple(_MODULES)


def programs() -> dict[str, tuple[str, ...]]:
    """The names of each agent's programs."""
    return {agent: names for agent, (names, _) in _TRACES.items()}


def detect() -> dict[str, str]:
    """The agents that are installed on this machine, each with the path that shows it: a program or a folder."""
    import shutil  # `hook status` starts without it

    found = {}
    for agent, (programs, folder) in _TRACES.items():
        paths = [path for program in programs if (path := shutil.which(program))]
        settings = Path.home() / folder
        if settings.is_dir():
            paths.append(str(settings))
        if paths:
            found[agent] = paths[0]
    return found


def _registrar(agent: str) -> Registrar:
    if agent not in _MODULES:
        raise UnknownAgent(agent)
    return cast("Registrar", import_module(_MODULES[agent]))
