"""Real engine processes in homes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.settings.home import Home
from tests.support.rulesets import RULES

READY_S = 60.0
ONLY_OWN_RULES = "rules:\n  default: false\n"


def make_home(root: Path, rules: str = RULES, config: str = ONLY_OWN_RULES) -> Home:
    """A home with one user's rule file and no default rules."""
    home = Home(root)
    home.create()
    for path, text in ((home.config, config), (home.user_rules / "test.yaml", rules)):
        path.touch(mode=0o600)
        path.write_text(text)
    return home


def spawn(home: Home) -> subprocess.Popen[bytes]:
    """Starts an engine and does not wait for it."""
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "prempti_otel.engine", "--home", str(home.root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "HOME": str(home.root), "LANG": "C.UTF-8"},
        cwd="/",
    )


@contextlib.contextmanager
def running_engine(home: Home) -> Iterator[tuple[subprocess.Popen[bytes], EngineClient]]:
    """An engine that answers, and a client of it; both ended afterwards."""
    process = spawn(home)
    try:
        with EngineClient(home) as client:
            wait_until_ready(process, client)
            yield process, client
    finally:
        end(process)


def wait_until_ready(process: subprocess.Popen[bytes], client: EngineClient) -> None:
    """Until the engine answers; fails the test with its last words where it ended instead."""
    for _ in range(int(READY_S)):
        try:
            client.wait_ready(1)
        except EngineUnavailable:
            assert process.poll() is None, process.communicate()[1].decode()
        else:
            return
    raise AssertionError("the engine does not answer")


def kill(pid: int) -> None:
    """End a process, if there is one, that need not be a child of this one; with its locks and sockets it is gone."""
    ends = time.monotonic() + READY_S
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < ends, f"process {pid} is still there"
            time.sleep(0.005)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Ends the process by a signal; its exit status. One that does not end is killed, and that fails the test."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(READY_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        assert process.stderr is not None
        process.stderr.close()
