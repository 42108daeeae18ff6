"""Which process counts as the agent that ran a hook."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from prempti_otel.engine.approvals.approvers import Agents, NotAPersonError, approver

WAIT = "import sys; print('on', flush=True); sys.stdin.read()"


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs until it is left; what it starts has said that it runs, too."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        yield process


LINE = f'{sys.executable} -c "{WAIT}" || exit 2'


@pytest.mark.parametrize(
    "shell", [("sh", "-c", LINE), ("bash", "-c", LINE), ("bash", "-lc", LINE), ("bash", "--norc", "-c", LINE)]
)
def test_who_runs_the_hook_by_a_shells_one_line_is_the_agent(shell: tuple[str, ...]) -> None:
    agents = Agents()
    with started(*shell) as process:
        assert agents.note(process.pid) == psutil.Process().cmdline()
    assert agents.known(psutil.Process())


def test_who_runs_the_hook_itself_is_the_agent() -> None:
    agents = Agents()
    with started(sys.executable, "-c", WAIT) as process:
        assert agents.note(process.pid)[0] == sys.executable
        assert agents.known(psutil.Process(process.pid))
    assert not agents.known(psutil.Process())


def test_a_person_who_tries_the_hook_by_hand_is_no_agent() -> None:
    agents = Agents()
    with _typed() as process:
        assert agents.note(process.pid) == ()
        assert not agents.known(psutil.Process(process.pid))


@contextmanager
def _typed() -> Iterator[subprocess.Popen[str]]:
    """A shell that was given nothing to run but what is typed."""
    with subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("echo on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "on\n"
        yield process


@pytest.mark.parametrize("pid", [-1, 0, 1, 2**22 + 1])
def test_a_process_that_is_not_there_is_no_agent(pid: int) -> None:
    assert Agents().note(pid) == ()


@pytest.mark.parametrize("pid", [0, 2**22 + 1])
def test_a_process_that_cannot_be_looked_at_may_not_approve(pid: int) -> None:
    with pytest.raises(NotAPersonError):
        approver(pid, Agents())
