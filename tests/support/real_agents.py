"""The real agents, driven alike: the program, how it is run, and how it names its shell."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.support import real_claude, real_codex, real_copilot, real_gemini, real_opencode
from tests.support.guard import Guard
from tests.support.npm_agents import Run


@dataclass(frozen=True)
class RealAgent:
    """One real agent."""

    name: str
    program: Path
    run: Callable[..., Run]
    shell: Callable[[str], tuple[str, dict[str, Any]]]
    prepare: Callable[[Path], object] = lambda home: None


def _described(tool: str) -> Callable[[str], tuple[str, dict[str, Any]]]:
    return lambda command: (tool, {"command": command, "description": "part of a test"})


def claude(*, own_permissions: bool = False) -> RealAgent:
    """Claude Code, with its own permissions or without."""
    run = partial(real_claude.run, own_permissions=own_permissions)
    return RealAgent("claude_code", real_claude.installed(), run, real_claude.bash)


def codex() -> RealAgent:
    """Codex. It goes on without a command's end after ten seconds, unless it is told to wait."""
    return RealAgent(
        "codex",
        real_codex.installed(),
        real_codex.run,
        lambda command: ("exec_command", {"cmd": command, "yield_time_ms": 60_000}),
    )


def gemini() -> RealAgent:
    """Gemini CLI."""
    shell = _described("run_shell_command")
    return RealAgent("gemini", real_gemini.installed(), real_gemini.run, shell, real_gemini.prepare)


def copilot() -> RealAgent:
    """GitHub Copilot CLI."""
    return RealAgent("copilot", real_copilot.installed(), real_copilot.run, _described("bash"))


def opencode() -> RealAgent:
    """OpenCode."""
    return RealAgent("opencode", real_opencode.installed(), real_opencode.run, _described("bash"))


AGENTS = {"claude_code": claude, "codex": codex, "gemini": gemini, "copilot": copilot, "opencode": opencode}


def register(agent: RealAgent, guard: Guard, home: Path) -> Guard:
    """Enter the guard's hook with the agent, for the user."""
    agent.prepare(home)
    guard.path = f"{agent.program.parent}:{os.environ['PATH']}"
    guard.ctl("hook", "add", agent.name)
    guard.ctl("hook", "status", agent.name)
    return guard
