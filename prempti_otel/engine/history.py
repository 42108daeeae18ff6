"""What a starting engine must know of the calls before it: numbers, marks, attempts, approvals, what is under way.

Read once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prempti_otel.audit.reader import StoreReader
from prempti_otel.engine.approvals import history as approval_history

if TYPE_CHECKING:
    from prempti_otel.engine.approvals.calls import Approvals
    from prempti_otel.engine.chronicle import Chronicle
    from prempti_otel.engine.sessions import Sessions
    from prempti_otel.settings.home import Home

MARKS_NS = 7 * 24 * 3600 * 1_000_000_000
"""Marks of sessions that did nothing for a week are forgotten."""
RECENT_CALLS = 2000
"""Of this many calls it is remembered that they were asked about, and where their sessions began."""


def recall(home: Home, sessions: Sessions, chronicle: Chronicle, approvals: Approvals) -> int:
    """Fill all three from the store; the highest correlation id in it. Raises StoreError."""
    with StoreReader(home) as reader:
        marks: dict[tuple[str, int], list[str]] = {}
        for session_id, label, time_ns in reader.marks(time.time_ns() - MARKS_NS):
            marks.setdefault((session_id, time_ns), []).append(label)
        for (session_id, time_ns), labels in marks.items():
            sessions.set(session_id, labels, time_ns)
        for record in reader.decisions(limit=RECENT_CALLS, newest=True):
            call = record.body.get("call")
            use_id, folder = (call.get("use_id"), call.get("real_cwd")) if isinstance(call, dict) else (None, None)
            if isinstance(use_id, str):
                sessions.attempt(record.session_id, use_id)
            if isinstance(folder, str):
                sessions.began_in(record.session_id, folder)
        chronicle.recall(reader)
        approval_history.recall(reader, approvals)
        return reader.last_correlation_id()
