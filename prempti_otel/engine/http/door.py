"""Opens and closes the port for HTTP hooks as ``http.json`` says, and tells of those who were turned away.

The web server is loaded only where that file is. A port that cannot be had is a trouble and is tried for again;
meanwhile agents get no answer from here, and the hook stops their prompts (``hook/prempti_http.py``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.settings.http_hooks import ADDRESS, HttpHooks, read_http_hooks

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Reply
    from prempti_otel.engine.health import Health
    from prempti_otel.engine.http.server import HttpServer
    from prempti_otel.settings.home import Home

log = logging.getLogger("prempti.engine")

AGENT = "claude_code"
"""The one agent that knows HTTP hooks."""
REPORT_S = 60.0
"""Refusals are told at most this often ..."""
FORGET_S = 600.0
"""... and are no trouble any more when there were none for so long."""
_PORT = "HTTP hooks"
_REFUSED = "HTTP requests"


class Refusals:
    """Counts requests that were refused, for all threads; told from time to time, so that nobody can flood the log."""

    def __init__(self, health: Health, clock: Callable[[], float] = time.monotonic) -> None:
        self._health = health
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._told = 0
        self._told_at = self._last_at = float("-inf")

    def count(self, why: str) -> None:
        """One more; ``why`` is one of few texts, and never a client's own."""
        with self._lock:
            self._counts[why] = self._counts.get(why, 0) + 1
            self._last_at = self._clock()

    def tell(self) -> None:
        """Bring what is new to the health."""
        with self._lock:
            now, counts = self._clock(), dict(self._counts)
            last_at = self._last_at
        total = sum(counts.values())
        if total > self._told and now - self._told_at >= REPORT_S:
            self._told, self._told_at = total, now
            reasons = ", ".join(f"{count} × {why}" for why, count in sorted(counts.items()))
            self._health.trouble(_REFUSED, f"HTTP requests were refused since the engine started: {reasons}")
        elif now - last_at > FORGET_S:
            self._health.well(_REFUSED)


class Door:
    """The port of one engine; used by one thread. ``ask`` answers an agent's payload."""

    def __init__(self, home: Home, health: Health, ask: Callable[[bytes], Reply], threads: int) -> None:
        self._home = home
        self._health = health
        self._ask = ask
        self._threads = threads
        self._refusals = Refusals(health)
        self._server: HttpServer | None = None
        self._hooks: HttpHooks | None = None
        self._home.http_port.unlink(missing_ok=True)

    def tend(self) -> None:
        """Open, close or change the port if that is due. Raises OSError."""
        try:
            wanted = read_http_hooks(self._home.http_hooks)
        except PremptiError as error:
            self._health.trouble(_PORT, f"HTTP hooks are not answered: {error.diagnostics()}")
            self._close()
            return
        if wanted != self._hooks or (self._server is not None and not self._server.works):
            self._close()
        if wanted is None:
            self._health.well(_PORT)
        elif self._server is None:
            self._open(wanted)
        elif self._server.crowded:
            self._refusals.count("no more connections are taken")
        self._refusals.tell()

    def close(self) -> None:
        """Answer what is in flight, and no more."""
        self._close()

    def _open(self, hooks: HttpHooks) -> None:
        from prempti_otel.engine.http.server import CannotListenError, HttpServer

        try:
            self._server = HttpServer(hooks, self._ask, self._refusals.count, self._threads)
        except CannotListenError as error:
            self._health.trouble(_PORT, _taken(hooks.port, error))
            return
        self._hooks = hooks
        self._home.http_port.touch(mode=0o600)
        self._home.http_port.write_text(f"{hooks.port}\n")
        self._health.well(_PORT)
        log.info("answering HTTP hooks on %s:%d", ADDRESS, hooks.port)

    def _close(self) -> None:
        self._home.http_port.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
            log.info("no longer answering HTTP hooks")
        self._server = self._hooks = None


def _taken(port: int, error: Exception) -> str:
    return (
        f"HTTP hooks are not answered: port {port} of {ADDRESS} cannot be had ({error}); whoever has it gets the calls "
        "of sessions that are under way, and could let them pass: end that program, or run premptictl hook add "
        "claude_code --transport http --rotate for another port, and restart the agent's sessions"
    )
