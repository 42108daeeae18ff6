"""Who may approve a call: somebody at a terminal that no coding agent started.

It looks at a process and all that started it: whether one of them is an agent, by its process id, its name, or the
variables that agents leave to what they start. That raises the bar and proves nothing: who runs as the same user can
cut all these ties. What cannot be seen is refused.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from prempti_otel.agents import registration
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    import psutil

MAX_AGENTS = 1024
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "fish"))
_INTERPRETERS = frozenset(("node", "nodejs", "bun", "deno", "npx", "python", "python3", "ruby", "sh", "bash", "env"))
_MARKS = (
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SESSION_ID",
    "AI_AGENT",
    "GEMINI_CLI",
    "GEMINI_SESSION_ID",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_THREAD_ID",
    "CODEX_CI",
    "COPILOT_CLI",
    "CURSOR_AGENT",
    "OPENCODE",
)
"""Variables that agents set for what they start; those of Claude Code and Gemini CLI were seen, the others are as
their sources or documentation have them."""


class NotAPersonError(PremptiError):
    """Whoever asks does not sit at a terminal of their own, as far as can be seen."""


@dataclass(frozen=True, slots=True)
class Approver:
    """Who approves, for the record."""

    user: str
    terminal: str
    processes: tuple[str, ...]
    """``PID NAME`` of the process that asks and of all that started it, in that order."""

    def as_record(self) -> dict[str, object]:
        """JSON values."""
        return {"user": self.user, "terminal": self.terminal, "processes": list(self.processes)}


class Agents:
    """The processes of agents that asked about calls. Safe for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, float], None] = OrderedDict()

    def note(self, hook_parent: int) -> Sequence[str]:
        """Remember the agent that ran a hook: the hook's parent, or who started that, where it is a shell's one line.

        Its arguments, its own name first. Nothing is known of a process that is gone or another user's.
        """
        if hook_parent <= 1:
            return ()
        import psutil

        try:
            process = psutil.Process(hook_parent)
            while _is_command(process):
                parent = process.parent()
                if parent is None or parent.pid <= 1:
                    return ()
                process = parent
            if _is_interactive(process):
                return ()  # a person tries the hook by hand
            found = process.pid, process.create_time()
            arguments = process.cmdline()
        except psutil.Error:
            return ()
        with self._lock:
            self._known[found] = None
            self._known.move_to_end(found)
            while len(self._known) > MAX_AGENTS:
                self._known.popitem(last=False)
        return arguments

    def known(self, process: psutil.Process) -> bool:
        """Whether that is one of them."""
        return (process.pid, process.create_time()) in self._known


def approver(pid: int, agents: Agents) -> Approver:
    """Who process ``pid``, which asks to approve a call, belongs to. Raises NotAPersonError."""
    import psutil
    from psutil._psposix import get_terminal_map

    get_terminal_map.cache_clear()  # type: ignore[attr-defined]  # or else a terminal that was opened later than the first look is none
    try:
        process = psutil.Process(pid)
        chain = [process, *process.parents()]
        shown = tuple(f"{one.pid} {_name(one)}" for one in chain)
        terminal = process.terminal() or ""
        user = process.username()
        problem = _problem(process, terminal, chain, agents)
    except psutil.Error as error:
        raise NotAPersonError(f"process {pid} cannot be looked at: {type(error).__name__}") from error
    if problem:
        raise NotAPersonError(
            problem, where=" < ".join(shown), remedy="approve in a terminal that you opened yourself, outside the agent"
        )
    return Approver(user, terminal, shown)


def _problem(process: psutil.Process, terminal: str, chain: list[psutil.Process], agents: Agents) -> str:
    if process.uids().effective != os.geteuid():
        return "another user asks to approve a call"
    programs = {program for names in registration.programs().values() for program in names}
    for one in chain:
        if agents.known(one) or _program_names(one) & programs:
            return f"a coding agent ({one.pid} {_name(one)}) started this terminal or command"
        mark = _mark(one)
        if mark:
            return f"a coding agent started process {one.pid} {_name(one)}, for that has the variable {mark}"
    return "" if terminal else "approvals are given at a terminal only, and this process has none"


def _mark(process: psutil.Process) -> str:
    """The first variable that an agent left; empty where there is none, or the process is another user's."""
    import psutil

    try:
        environment = process.environ()
    except (psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return ""
    return next((name for name in _MARKS if environment.get(name)), "")


def _is_command(process: psutil.Process) -> bool:
    """Whether it is a shell that runs one line, as agents run hooks (``-c``, ``-lc``)."""
    options = itertools.takewhile(lambda word: word.startswith(("-", "+")), process.cmdline()[1:])
    return process.name() in _SHELLS and any(word[1:2] != "-" and "c" in word for word in options)


def _is_interactive(process: psutil.Process) -> bool:
    """Whether it is a shell that was given nothing to run."""
    return process.name() in _SHELLS and all(word.startswith("-") for word in process.cmdline()[1:])


def _name(process: psutil.Process) -> str:
    import psutil

    try:
        return process.name()
    except psutil.Error:
        return "?"


def _program_names(process: psutil.Process) -> set[str]:
    """What the program may be called: by the system, by its own path, by the script that an interpreter runs."""
    import psutil

    try:
        names = [process.name()]
        command = process.cmdline()
    except psutil.AccessDenied:
        return {_name(process)}
    names += command[:1]
    if command and PurePath(command[0]).stem in _INTERPRETERS:
        names += [word for word in command[1:] if not word.startswith("-")][:1]
    return {PurePath(name).stem.casefold() for name in names}
