"""Up to where each destination has been given what: the part of ``export.db`` that the audit reads.

The exporter writes it (:mod:`prempti_otel.telemetry.state`); retention and verification only look.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prempti_otel.audit.errors import StoreError

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

SIGNALS = ("traces", "logs", "metrics")
"""OpenTelemetry's signals, each with a cursor of its own."""

CURSOR_TABLE = """
CREATE TABLE IF NOT EXISTS cursors (
  destination TEXT NOT NULL,
  signal TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  supported INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (destination, signal)
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last record of one signal that one destination took."""

    destination: str
    signal: str
    seq: int
    """0 where it was given none yet and begins with the first record."""
    hash: str
    """That record's hash; ``""`` where the cursor was set and not moved."""
    supported: bool = True
    """False while the destination says that it does not take this signal at all."""


def read_cursors(home: Home) -> list[Cursor]:
    """All cursors; none where nothing was ever exported. Raises StoreError where ``export.db`` is unreadable."""
    rows = read_export(home, "SELECT destination, signal, seq, hash, supported FROM cursors")
    return [Cursor(name, signal, seq, digest, bool(supported)) for name, signal, seq, digest, supported in rows]


def read_export(home: Home, query: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Rows of ``export.db``; none where there is no such file or table yet. Raises StoreError."""
    if not home.export_db.exists():
        return []
    try:
        connection = sqlite3.connect(f"file:{home.export_db}?mode=rw", uri=True, timeout=1)
        try:
            connection.execute("PRAGMA query_only = 1")
            return connection.execute(query, arguments).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise StoreError(
            f"the exporter's state cannot be read: {error}",
            where=str(home.export_db),
            remedy="move the file away; exporting then starts at the next record",
        ) from error


def exported_through(cursors: Iterable[Cursor], destinations: Iterable[str]) -> int | None:
    """The newest record that all ``destinations`` have all signals of that they take; None where there are none."""
    known = {(cursor.destination, cursor.signal): cursor for cursor in cursors}
    wanted = [known.get((destination, signal)) for destination in destinations for signal in SIGNALS]
    return min((cursor.seq if cursor else 0 for cursor in wanted if cursor is None or cursor.supported), default=None)
