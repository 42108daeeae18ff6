"""Starts the exporter process and keeps it running. It must never hold up a verdict: nothing here waits on it
but :meth:`Exporter.stop`, and that not for long.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prempti_otel.engine.health import Health
    from prempti_otel.settings.home import Home

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
STEADY_S = 60.0
"""A process that lived this long was well; the next delay begins small again."""
STOP_S = 3.0
NICENESS = 10
"""A verdict goes before a span."""
_PART = "exporter"
_LOG_BYTES = 1_048_576


class Exporter:
    """The exporter of one installation; used by one thread at a time."""

    def __init__(self, home: Home, health: Health) -> None:
        self._home = home
        self._health = health
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._delay = FIRST_DELAY_S
        self._not_before = 0.0

    @property
    def pid(self) -> int:
        """Process id, 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def watch(self, *, wanted: bool) -> None:
        """Bring the process into line with what is wanted; called every second or so."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process.returncode, now)
        if not wanted:
            self.stop()
            self._health.well(_PART)
            return
        if self._process is None and now >= self._not_before:
            self._start(now)
        elif self._process is not None and now - self._started > STEADY_S:
            self._delay = FIRST_DELAY_S
            self._health.well(_PART)

    def restart(self) -> None:
        """Its settings changed: end it; the next watch starts another at once."""
        self.stop()
        self._delay, self._not_before = FIRST_DELAY_S, 0.0

    def stop(self) -> None:
        """End the process: it stops by itself when its standard input ends, and is made to after a while."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        for end in (None, process.terminate, process.kill):
            if end is not None:
                end()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue
            return

    def _start(self, now: float) -> None:
        log = self._home.log / "exporter.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            flags |= os.O_TRUNC
        arguments = [sys.executable, "-I", "-m", "prempti_otel.telemetry", "--home", str(self._home.root)]
        descriptor = os.open(log, flags, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                arguments,
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=descriptor,
                cwd="/",
            )
        except OSError as error:
            self._put_off(f"the exporter cannot be started: {error.strerror}", now)
            return
        finally:
            os.close(descriptor)
        self._started = now
        os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)

    def _ended(self, status: int, now: float) -> None:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        self._put_off(f"the exporter ended with status {status}; log/exporter.log may say why", now)

    def _put_off(self, sentence: str, now: float) -> None:
        self._health.trouble(_PART, sentence)
        self._not_before = now + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY_S)
