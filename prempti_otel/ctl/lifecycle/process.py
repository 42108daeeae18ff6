"""Starts and stops the engine, by the service manager that owns it or as a background process.

Hooks wait while it is started: whoever starts it holds ``run/start.lock``, as hooks do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from prempti_otel.ctl.lifecycle import services
from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.errors import PremptiError
from prempti_otel.settings.load import load_config
from prempti_otel.settings.user_home import account_home, remember_user_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prempti_otel.proto.prempti.v1.engine_pb2 import StatusReply
    from prempti_otel.settings.home import Home

START_SECONDS = 60.0
"""What an engine may take to load its rules and answer, on a machine that is busy with builds and tests."""
STOP_SECONDS = 10.0
"""What it may take to answer the calls in flight and leave."""


def running(home: Home) -> StatusReply | None:
    """How the running engine is; None where none answers."""
    try:
        with EngineClient(home) as engine:
            return engine.status()
    except EngineUnavailable:
        return None


def holder(home: Home) -> int:
    """The process that holds the engine's lock, whether or not it answers; 0 where there is none."""
    try:
        descriptor = os.open(home.engine_lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return 0


def start_engine(home: Home) -> StatusReply:
    """Start the engine and wait until it answers; one that answers already is left alone. Raises PremptiError."""
    load_config(home.config)  # a broken file is told here, at the terminal
    prepare(home)
    with _starting(home):
        found = running(home)
        if found is not None:
            return found
        service = services.answering(home)
        if service is not None:
            service.start()
            return _ready(home, None)
        return _ready(home, _spawn(home))


def stop_engine(home: Home) -> int:
    """Stop a running engine and keep hooks from starting another; its pid, or 0. Raises PremptiError."""
    home.create()
    home.stopped.touch(mode=0o600)
    return end_engine(home)


def restart_engine(home: Home) -> StatusReply:
    """Another engine in place of the running one; hooks wait meanwhile. Raises PremptiError."""
    load_config(home.config)
    prepare(home)
    with _starting(home):
        end_engine(home)
        service = services.answering(home)
        if service is not None:
            service.start()
            return _ready(home, None)
        return _ready(home, _spawn(home))


def end_engine(home: Home) -> int:
    """Stop a running engine, also one that does not answer; its pid, or 0. Raises PremptiError."""
    status = running(home)
    service = services.answering(home)
    if service is not None:
        service.stop()
    pid = int(status.pid) if status else holder(home)
    if not pid:
        return 0
    with contextlib.suppress(ProcessLookupError):  # the service manager has stopped it
        os.kill(pid, signal.SIGTERM)
    if _has_ended(pid):
        return pid
    # It hangs, and every call with it. What it has answered is in the store already.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    if _has_ended(pid):
        return pid
    raise PremptiError(f"the engine (pid {pid}) does not stop", remedy=f"see {home.engine_log}")


def _has_ended(pid: int) -> bool:
    """Whether the process is gone within its time."""
    deadline = time.monotonic() + STOP_SECONDS
    while _lives(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def prepare(home: Home) -> None:
    """The folders, without what keeps hooks from starting the engine, and with what engines that these start go by."""
    home.create()
    remember_user_home(home)
    home.stopped.unlink(missing_ok=True)
    home.engine_failed.unlink(missing_ok=True)


def engine_arguments(home: Home) -> list[str]:
    """The command of the engine process."""
    return [sys.executable, "-I", "-m", "prempti_otel.engine", "--home", str(home.root)]


@contextlib.contextmanager
def _starting(home: Home) -> Iterator[None]:
    """Holds the lock of whoever starts the engine; goes on without it where a hook holds it for too long."""
    descriptor = os.open(home.start_lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _spawn(home: Home) -> subprocess.Popen[bytes]:
    """The engine, detached from this terminal."""
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": _user_home(), "LANG": "C.UTF-8"}
    clean |= {key: value for key, value in os.environ.items() if key.startswith("OTEL_EXPORTER_OTLP_")}
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        engine_arguments(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=clean,
        cwd="/",
        start_new_session=True,
        umask=0o077,
    )


def _user_home() -> str:
    return os.environ.get("HOME") or account_home()


def _ready(home: Home, process: subprocess.Popen[bytes] | None) -> StatusReply:
    """Wait until the engine answers. Raises PremptiError."""
    deadline = time.monotonic() + START_SECONDS
    with EngineClient(home) as engine:
        while time.monotonic() < deadline:
            try:
                return engine.wait_ready(0.5)
            except EngineUnavailable:
                if home.engine_failed.exists() if process is None else process.poll() is not None:
                    break
    raise PremptiError(_last_words(home, process) or "the engine did not start", remedy=f"see {home.engine_log}")


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # raised where it is not our own child
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_words(home: Home, process: subprocess.Popen[bytes] | None) -> str:
    """The last line that a failed engine wrote to stderr, or left behind."""
    if process is None or process.stderr is None:
        return home.engine_failed.read_text().strip() if home.engine_failed.exists() else ""
    if process.poll() is None:
        return ""
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
