"""One installation of the guard in a HOME of its own, used as a person would: by premptictl."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import DecisionBody, body_of
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.settings.home import Home

PREMPTICTL = Path(sys.executable).parent / "premptictl"


class Guard:
    """The installation in ``HOME/.prempti``."""

    def __init__(self, user_home: Path) -> None:
        self.user_home = user_home
        self.home = Home(user_home / ".prempti")
        self.path = "/usr/bin:/bin"
        """Where premptictl finds programs, such as the agent's."""

    def ctl(self, *arguments: str, fails: bool = False) -> str:
        """What ``premptictl ARGUMENTS`` prints; it must succeed, unless it must fail."""
        environment = {"HOME": str(self.user_home), "PATH": self.path}
        done = subprocess.run(
            [PREMPTICTL, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=300
        )
        assert bool(done.returncode) == fails, f"premptictl {arguments}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout + done.stderr

    def pid(self) -> int:
        """The running engine's process id."""
        return int(self.home.engine_lock.read_text())

    def kill(self) -> int:
        """End the engine without warning; the process id it had."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.engines() == [], "the engine to be gone")
        return pid

    def engines(self) -> list[int]:
        """The process ids of all engines of this home."""
        found = []
        listed = subprocess.run(
            ["/bin/ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
        )
        for line in listed.stdout.splitlines():
            pid, state, command = line.split(None, 2)
            if "prempti_otel.engine" in command and str(self.home.root) in command and not state.startswith("Z"):
                found.append(int(pid))
        return found

    def records(self, kind: RecordKind) -> list[StoredRecord]:
        """All records of one kind, oldest first."""
        with StoreReader(self.home) as reader:
            return [record for record in reader.records() if record.kind is kind]

    def decisions(self) -> list[DecisionBody]:
        """What was decided, oldest first."""
        return [body_of(record, DecisionBody) for record in self.records(RecordKind.DECISION)]

    def log(self) -> str:
        """The engine's log, for messages."""
        return self.home.engine_log.read_text() if self.home.engine_log.exists() else ""


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for ``holds``; fails the test after ``seconds``."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)
