"""``premptictl start``, ``stop``, ``restart`` and ``daemon``: the engine's life in the background or here."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click

from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from prempti_otel.proto.prempti.v1.engine_pb2 import StatusReply

START_SECONDS = 20.0
"""What an engine may take to load its rules and answer."""
STOP_SECONDS = 10.0
"""What it may take to answer the calls in flight and leave."""


@click.command()
def start() -> None:
    """Start the engine in the background."""
    home = Home.from_environment()
    status = _running(home)
    if status is None:
        status = start_engine(home)
        click.echo(f"engine started (pid {status.pid}, {status.rules_enabled} rules, mode {status.mode})")
    else:
        home.stopped.unlink(missing_ok=True)
        click.echo(f"engine is running already (pid {status.pid})")


@click.command()
def stop() -> None:
    """Stop the engine.

    Agents with a registered hook are blocked until it is started again. To let them go on
    unguarded, take the hook out: `premptictl hook remove AGENT`.
    """
    home = Home.from_environment()
    stopped = stop_engine(home)
    click.echo(f"engine stopped (pid {stopped})" if stopped else "no engine was running")
    click.echo("guarded agents are blocked until `premptictl start`, or until their hook is removed")


@click.command()
def restart() -> None:
    """Stop the engine and start it again; its store and settings stay."""
    home = Home.from_environment()
    stop_engine(home)
    status = start_engine(home)
    click.echo(f"engine started (pid {status.pid}, {status.rules_enabled} rules, mode {status.mode})")


@click.command()
def daemon() -> None:
    """Run the engine in the foreground, for service managers and containers."""
    home = Home.from_environment()
    _prepare(home)
    arguments = _engine_arguments(home)
    os.execv(arguments[0], arguments)  # noqa: S606 - the engine takes this process over, its signals included


def start_engine(home: Home) -> StatusReply:
    """Start the engine detached from this terminal and wait until it answers. Raises PremptiError."""
    load_config(home.config)  # a broken file is told here, at the terminal
    _prepare(home)
    account = pwd.getpwuid(os.getuid())
    clean = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": os.environ.get("HOME") or account.pw_dir,
        "LANG": "C.UTF-8",
    }
    clean |= {key: value for key, value in os.environ.items() if key.startswith("OTEL_EXPORTER_OTLP_")}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        _engine_arguments(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=clean,
        cwd="/",
        start_new_session=True,
        umask=0o077,
    )
    deadline = time.monotonic() + START_SECONDS
    with EngineClient(home) as engine:
        while time.monotonic() < deadline:
            try:
                return engine.wait_ready(0.5)
            except EngineUnavailable:
                if process.poll() is not None:
                    break
    raise PremptiError(_last_words(process) or "the engine did not start", remedy=f"see {home.engine_log}")


def stop_engine(home: Home) -> int:
    """Stop a running engine and keep hooks from starting another; its pid, or 0. Raises PremptiError."""
    home.create()
    home.stopped.touch(mode=0o600)
    status = _running(home)
    if status is None:
        return 0
    pid = int(status.pid)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _lives(pid):
            return pid
        time.sleep(0.02)
    raise PremptiError(f"the engine (pid {pid}) does not stop", remedy=f"see {home.engine_log}")


def _prepare(home: Home) -> None:
    home.create()
    home.stopped.unlink(missing_ok=True)
    home.engine_failed.unlink(missing_ok=True)


def _engine_arguments(home: Home) -> list[str]:
    return [sys.executable, "-I", "-m", "prempti_otel.engine", "--home", str(home.root)]


def _running(home: Home) -> StatusReply | None:
    try:
        with EngineClient(home) as engine:
            return engine.status()
    except EngineUnavailable:
        return None


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # raised where it is not our own child
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """The last line that a failed engine wrote to stderr."""
    if process.poll() is None or process.stderr is None:
        return ""
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
