"""What is remembered between the calls of a session: the marks that rules set.

Bounded: the sessions not seen for longest are forgotten first. Marks live in decision records,
so a restarted engine builds this anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

MAX_SESSIONS = 4096
MAX_LABELS = 64
"""Marks kept for one session; the ones set longest ago are forgotten first."""

_NOTHING: dict[str, int] = {}


@dataclass(slots=True)
class _Mark:
    count: int
    last_ns: int


class Sessions:
    """Marks by session. Safe for all threads."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._lock = threading.Lock()
        self._max = max_sessions
        self._sessions: OrderedDict[tuple[str, str], OrderedDict[str, _Mark]] = OrderedDict()

    def marks(self, agent: str, session_id: str, now_ns: int) -> tuple[dict[str, int], dict[str, int]]:
        """Milliseconds since each mark was last set, and how many calls set it, both by label."""
        key = (agent, session_id)
        if key not in self._sessions:
            return _NOTHING, _NOTHING
        with self._lock:
            marks = self._sessions.get(key)
            if marks is None:
                return _NOTHING, _NOTHING
            self._sessions.move_to_end(key)
            ages = {label: max(0, now_ns - mark.last_ns) // 1_000_000 for label, mark in marks.items()}
            return ages, {label: mark.count for label, mark in marks.items()}

    def set(self, agent: str, session_id: str, labels: Iterable[str], now_ns: int) -> None:
        """One call set these marks. A call without a session sets none."""
        if not session_id:
            return
        with self._lock:
            marks = self._sessions.setdefault((agent, session_id), OrderedDict())
            self._sessions.move_to_end((agent, session_id))
            for label in labels:
                mark = marks.setdefault(label, _Mark(0, now_ns))
                mark.count += 1
                mark.last_ns = max(mark.last_ns, now_ns)
                marks.move_to_end(label)
            while len(marks) > MAX_LABELS:
                marks.popitem(last=False)
            while len(self._sessions) > self._max:
                self._sessions.popitem(last=False)

    def __len__(self) -> int:
        return len(self._sessions)
