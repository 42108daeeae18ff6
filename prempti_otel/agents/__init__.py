"""One folder per coding agent behind one small interface: parse, reply, install, remove, status."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError, nearest

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Agent

_ADAPTERS = {
    "claude_code": "ClaudeCode",
    "codex": "Codex",
    "gemini": "Gemini",
    "copilot": "Copilot",
    "cursor": "Cursor",
    "opencode": "OpenCode",
}
"""Name of each agent, which is its folder's too, and the adapter's class; loaded when asked for."""

_loaded: dict[str, Agent] = {}


class UnknownAgent(PremptiError):  # noqa: N818
    """No adapter has this name."""

    def __init__(self, name: str) -> None:
        near = nearest(name, _ADAPTERS)
        remedy = f"did you mean {near}?" if near else f"known agents: {', '.join(names())}"
        super().__init__(f"unknown agent {name[:80]!r}", remedy=remedy)


def names() -> tuple[str, ...]:
    """The names of all agents that there is an adapter for."""
    return tuple(_ADAPTERS)


def get(name: str) -> Agent:
    """The adapter called ``name``. Raises UnknownAgent."""
    agent = _loaded.get(name)
    if agent is None:
        if name not in _ADAPTERS:
            raise UnknownAgent(name)
        agent = _loaded[name] = getattr(import_module(f"{__name__}.{name}.adapter"), _ADAPTERS[name])()
    return agent
