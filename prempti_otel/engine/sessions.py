"""What is remembered between calls: where sessions began, the marks that rules set in them, the calls asked about.

Bounded: what was not seen for longest is forgotten first. All of it lives in decision records, so a
restarted engine builds it anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

MAX_SESSIONS = 4096
MAX_LABELS = 64
"""Marks kept for one session; the ones set longest ago are forgotten first."""
MAX_CALLS = 8192
"""Calls whose attempts are counted."""

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
        self._sessions: OrderedDict[str, OrderedDict[str, _Mark]] = OrderedDict()
        self._attempts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._began: OrderedDict[str, str] = OrderedDict()

    def marks(self, session_id: str, now_ns: int) -> tuple[dict[str, int], dict[str, int]]:
        """Milliseconds since each mark was last set, and how many calls set it, both by label."""
        if session_id not in self._sessions:
            return _NOTHING, _NOTHING
        with self._lock:
            marks = self._sessions.get(session_id)
            if marks is None:
                return _NOTHING, _NOTHING
            self._sessions.move_to_end(session_id)
            ages = {label: max(0, now_ns - mark.last_ns) // 1_000_000 for label, mark in marks.items()}
            return ages, {label: mark.count for label, mark in marks.items()}

    def set(self, session_id: str, labels: Iterable[str], now_ns: int) -> None:
        """One call set these marks. A call without a session sets none."""
        if not session_id:
            return
        with self._lock:
            marks = self._sessions.setdefault(session_id, OrderedDict())
            self._sessions.move_to_end(session_id)
            for label in labels:
                mark = marks.setdefault(label, _Mark(0, now_ns))
                mark.count += 1
                mark.last_ns = max(mark.last_ns, now_ns)
                marks.move_to_end(label)
            while len(marks) > MAX_LABELS:
                marks.popitem(last=False)
            while len(self._sessions) > self._max:
                self._sessions.popitem(last=False)

    def began_in(self, session_id: str, folder: str) -> str:
        """The folder of the session's first call; ``folder``, that of this one, where none is remembered."""
        if not session_id:
            return folder
        known = self._began.get(session_id)
        if known is not None:
            return known
        with self._lock:
            known = self._began.setdefault(session_id, folder)
            if len(self._began) > self._max:
                self._began.popitem(last=False)
        return known

    def attempt(self, session_id: str, use_id: str) -> int:
        """How often the agent has now asked about this call: 1 the first time, more for a resumed one."""
        if not use_id:
            return 1
        key = (session_id, use_id)
        with self._lock:
            count = self._attempts.pop(key, 0) + 1
            self._attempts[key] = count
            if len(self._attempts) > MAX_CALLS:
                self._attempts.popitem(last=False)
        return count

    def attempts(self, session_id: str, use_id: str) -> int:
        """How often the agent has asked about this call so far; 0 where that is not known."""
        return self._attempts.get((session_id, use_id), 0)

    def __len__(self) -> int:
        return len(self._sessions)
