"""Correlation ids: each call's number, unique within an installation and across restarts."""

from __future__ import annotations

import threading
import time


class Numbers:
    """Hands out growing numbers, beginning at the clock's milliseconds or after the last one stored.

    A restarted engine begins later than the one before it ended unless that one gave out more than
    a thousand a second for all its life or the clock was set back; the stored number covers both.
    """

    def __init__(self, last_stored: int = 0) -> None:
        self._lock = threading.Lock()
        self._first = self._next = max(time.time_ns() // 1_000_000, last_stored + 1)

    def take(self) -> int:
        """The next number: positive, below 2**63."""
        with self._lock:
            number = self._next
            self._next = number + 1
            return number

    @property
    def taken(self) -> int:
        """How many were handed out since the start."""
        return self._next - self._first
