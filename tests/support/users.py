"""Other users of this machine: real user ids, and a premptictl that they may run. Needs root."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
UIDS = 65_534, 65_533
"""``nobody`` on most systems, and one that has no name."""
_MAIN = "import sys; sys.argv[0] = 'premptictl'; from prempti_otel.ctl import main; main()"


@dataclass(frozen=True)
class User:
    """One user, with a home."""

    uid: int
    home: Path
    python: Path

    def runs(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command as this user."""
        return subprocess.run(
            command,
            user=self.uid,
            group=self.uid,
            extra_groups=[],
            cwd="/",
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ctl(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """premptictl as this user."""
        return self.runs(self.python, "-I", "-c", _MAIN, *arguments, **variables)

    def ok(self, *arguments: str) -> str:
        """What premptictl prints; it must succeed."""
        done = self.ctl(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def users(folder: Path) -> list[User]:
    """Two users with homes in ``folder``, which everybody must be able to enter. Skips where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it runs premptictl as two other users")
    python = _python(folder)
    found = []
    for uid in UIDS:
        home = folder / f"home-{uid}"
        home.mkdir(mode=0o755)
        os.chown(home, uid, uid)
        found.append(User(uid, home, python))
    done = found[0].ctl("--version")
    if done.returncode:
        pytest.skip(f"needs a checkout and a Python that other users may read: {done.stderr.strip()[-200:]}")
    return found


def _python(folder: Path) -> Path:
    """A virtual environment on the system's Python, for root's own may be in a home that is closed to others."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = next((path for path in (Path("/usr/local/bin") / name, Path("/usr/bin") / name) if path.exists()), None)
    if system is None:
        pytest.skip(f"needs a {name} that other users may run: /usr/bin/{name}")
    venv = folder / "venv"
    subprocess.run([system, "-m", "venv", "--without-pip", venv], check=True, capture_output=True)
    packages = venv / "lib" / name / "site-packages"
    (packages / "tests.pth").write_text(f"{CHECKOUT}\n{sysconfig.get_path('purelib')}\n")
    return venv / "bin/python"
