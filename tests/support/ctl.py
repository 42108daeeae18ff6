"""Runs the real premptictl in a HOME of its own, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from prempti_otel.audit.reader import StoreReader
from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from tests.support.forked_ctl import ForkedCtl

_FORKED = ForkedCtl()
PREMPTICTL = Path(sys.executable).with_name("premptictl")


@dataclass(frozen=True)
class Ctl:
    """premptictl for one user."""

    user_home: Path
    path: str = os.environ["PATH"]
    folder: Path | None = None
    """Where it is started; by default in the user's home."""
    prefix: tuple[str, ...] = ()
    """A program, with arguments, that runs it somewhere else."""

    @property
    def guard_home(self) -> Path:
        return self.user_home / ".prempti"

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.user_home), "PATH": self.path, "LANG": "C.UTF-8"}

    def __call__(
        self, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        folder = self.folder or self.user_home
        if not self.prefix:
            code, out, err = _FORKED.run(list(arguments), self.env | (env or {}), folder, stdin, timeout)
            return subprocess.CompletedProcess(arguments, code, out.decode(), err.decode())
        done = subprocess.run(
            [*self.prefix, PREMPTICTL, *arguments],
            input=stdin,
            env=self.env | (env or {}),
            cwd=folder,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def judged(self, tool: str, tool_input: dict[str, str], session: str = "s") -> int:
        """Has the running engine judge a call of Claude Code; the number of its record."""
        payload = {
            "session_id": session,
            "cwd": str(self.user_home / "project"),
            "hook_event_name": "PreToolUse",
            "tool_name": tool,
            "tool_input": tool_input,
            "tool_use_id": "t",
        }
        home = Home(self.guard_home)
        with EngineClient(home) as engine:
            assert engine.hook("claude_code", json.dumps(payload).encode()).complete
        with StoreReader(home) as store:
            return store.decisions(newest=True, limit=1)[0].seq
