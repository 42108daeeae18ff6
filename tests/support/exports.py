"""How far the exporter has come."""

from __future__ import annotations

from prempti_otel.audit.cursors import SIGNALS, read_cursors
from prempti_otel.audit.reader import StoreReader
from prempti_otel.settings.home import Home


def exported(home: Home) -> bool:
    """Whether the only destination has all that was recorded up to now."""
    with StoreReader(home) as reader:
        newest = reader.last_seq()
    cursors = read_cursors(home)
    return len(cursors) == len(SIGNALS) and all(cursor.seq >= newest for cursor in cursors)
