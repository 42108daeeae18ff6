"""A real ``systemd --user`` in namespaces of its own: nothing of the machine's systemd is touched, or needed.

It gets a process namespace, a /run and a control group for itself. Needs Linux, root, control groups that root may
write to, and systemd's and util-linux's programs; no init system has to run. As a program, this file is the first
process in there: it mounts what systemd looks at, and buries whoever lost his parent.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SYSTEMD = next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(path).exists()), "")
RUNTIME = "/run/prempti-user"
"""``XDG_RUNTIME_DIR`` in there."""
CGROUPS = Path("/sys/fs/cgroup")
SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


def missing() -> str:
    """What keeps it from running here; ``""`` where nothing does."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a systemd --user of the test's own needs Linux and root"
    if not SYSTEMD:
        return "systemd is not installed: sudo apt install systemd"
    absent = [name for name in ("systemctl", "unshare", "nsenter") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not found: sudo apt install systemd util-linux"
    if not _hierarchies():
        return f"there is no control group below {CGROUPS} that systemd could use"
    refused = [str(path) for path in _hierarchies() if not os.access(path, os.W_OK)]
    return f"control groups cannot be made in {', '.join(refused)}" if refused else ""


def _hierarchies() -> list[Path]:
    """Where systemd's own control groups are: all is one on newer systems, with older kinds beside it elsewhere."""
    if (CGROUPS / "cgroup.procs").exists():
        return [CGROUPS]
    return [path for path in (CGROUPS / "unified", CGROUPS / "systemd") if (path / "cgroup.procs").exists()]


class UserSystemd:
    """The service manager of the user whose home is ``home``; it runs once :meth:`login` was called."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._groups = [path / f"prempti-test-{os.getpid()}" for path in _hierarchies()]
        for group in self._groups:
            group.mkdir()
        enter = "; ".join(f"echo $$ > {shlex.quote(str(group))}/cgroup.procs" for group in self._groups)
        namespaces = "unshare --cgroup --mount --pid --fork --kill-child --mount-proc"
        self._outer = subprocess.Popen(
            ["/bin/sh", "-c", f'{enter}; exec {namespaces} "$@"', "sh", sys.executable, "-I", __file__],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._outer.stdout is not None
        assert self._outer.stdout.readline() == "ready\n", "the namespaces cannot be set up"
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        self.prefix = (
            *("/bin/sh", "-c", f'{enter}; exec "$@"', "sh"),
            *("nsenter", f"--target={children[0]}", "--mount", "--pid", "--cgroup", f"--wd={home}"),
            *("env", f"XDG_RUNTIME_DIR={RUNTIME}"),
        )
        """Put before a command, it runs in there."""
        self._manager: subprocess.Popen[bytes] | None = None

    def login(self) -> None:
        """Start the manager, as a login does, and wait until it has started what it should."""
        self._manager = subprocess.Popen(
            [*self.prefix, SYSTEMD, "--user"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + SECONDS
        while self.systemctl("is-system-running") not in ("running", "degraded"):
            assert time.monotonic() < deadline, "systemd --user does not come up"
            time.sleep(0.05)

    def logout(self) -> None:
        """End the manager, and with it what it runs, as the end of a user's last session does."""
        assert self._manager is not None
        self.systemctl("exit")
        self._manager.wait(SECONDS)

    def systemctl(self, *arguments: str) -> str:
        """What ``systemctl --user`` says."""
        return self.run("systemctl", "--user", *arguments)

    def run(self, *command: str) -> str:
        """What a command says in there, whether it succeeds or not."""
        done = subprocess.run(
            [*self.prefix, *command],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.stdout.strip()

    def close(self) -> None:
        """End everything in there."""
        self._outer.kill()
        self._outer.communicate()
        if self._manager is not None:
            self._manager.wait(SECONDS)
        for group in self._groups:
            _remove(group)

    @property
    def _environment(self) -> dict[str, str]:
        return {"HOME": str(self._home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def _remove(group: Path) -> None:
    """The control group and those in it, once their last processes are gone."""
    deadline = time.monotonic() + SECONDS
    for inner in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
        while True:
            try:
                inner.rmdir()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{inner} stays in use"
                time.sleep(0.02)


def _first_process() -> None:
    """Set up what systemd looks at, then bury the dead, until killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for path in _hierarchies():
        kind = ["-t", "cgroup", "-o", "none,name=systemd"] if path.name == "systemd" else ["-t", "cgroup2"]
        subprocess.run(["umount", "-R", path], check=True)
        subprocess.run(["mount", *kind, "cgroup", path], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    Path("/run/systemd/system").mkdir(parents=True)  # by this systemd knows that it is welcome
    Path(RUNTIME).mkdir(mode=0o700)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.05)


if __name__ == "__main__":
    _first_process()
