"""Runs the real premptictl in a HOME of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PREMPTICTL = Path(sys.executable).with_name("premptictl")


@dataclass(frozen=True)
class Ctl:
    """premptictl for one user."""

    user_home: Path
    path: str = os.environ["PATH"]

    @property
    def guard_home(self) -> Path:
        return self.user_home / ".prempti"

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.user_home), "PATH": self.path, "LANG": "C.UTF-8"}

    def __call__(
        self, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PREMPTICTL, *arguments],
            input=stdin,
            env=self.env | (env or {}),
            cwd=self.user_home,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout
