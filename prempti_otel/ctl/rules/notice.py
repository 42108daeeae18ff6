"""The notice of ``premptictl status`` that rules were changed lately, and how."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prempti_otel.engine.rule_changes import ACTION
from prempti_otel.model.record import RecordKind

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

LATELY_SECONDS = 7 * 86_400
MOST_RECORDS = 5_000
"""Of the newest: what is farther back is no news."""


def last_change(home: Home) -> dict[str, Any] | None:
    """When the rules in force were changed last (``seconds`` ago) and by what (``changes``); None for not lately."""
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import AdminBody, body_of

    if not home.audit_db.exists():
        return None
    with StoreReader(home) as store:
        found = store.records(max(0, store.last_seq() - MOST_RECORDS), MOST_RECORDS, kinds=[RecordKind.ADMIN])
    for record in reversed(found):
        body = body_of(record, AdminBody)
        age = time.time() - record.time_ns / 1e9
        if body.action == ACTION and age < LATELY_SECONDS:
            changes = body.detail.get("changes")
            return {
                "seconds": round(age, 1),
                "seq": record.seq,
                "changes": [str(one) for one in changes] if isinstance(changes, list) else [],
            }
    return None
