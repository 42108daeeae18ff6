"""``export.db``: how far each destination has got, what it refused for good, and how it is doing.

Written by the exporter only, read by ``premptictl status``; loads nothing of OpenTelemetry.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prempti_otel.audit.cursors import CURSOR_TABLE, SIGNALS, read_cursors, read_export
from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.reader import StoreReader

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

_TABLES = f"""
BEGIN IMMEDIATE;
{CURSOR_TABLE};
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  signal TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  items INTEGER NOT NULL,
  reason TEXT NOT NULL,
  time_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS health (
  destination TEXT NOT NULL,
  signal TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  PRIMARY KEY (destination, signal)
) STRICT, WITHOUT ROWID;
COMMIT;
"""
LONGEST_REASON = 500
"""Characters kept of what a receiver says."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What a receiver refused for good; the records themselves are in the audit store."""

    destination: str
    signal: str
    first_seq: int
    last_seq: int
    items: int
    """Spans, log events or data points refused; not all of a batch need be."""
    reason: str
    time_ns: int


class ExportState:
    """``export.db``, open for writing. Shared by the exporter's threads; raises StoreError."""

    def __init__(self, home: Home) -> None:
        self._path = home.export_db
        self._lock = threading.Lock()
        try:
            if not self._path.exists():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def cursor(self, destination: str, signal: str, *, start: int) -> int:
        """The last record that was taken; a cursor that is not there yet is set to ``start``."""
        with self._lock:
            try:
                self._connection.execute(
                    "INSERT INTO cursors (destination, signal, seq, hash) VALUES (?, ?, ?, '') ON CONFLICT DO NOTHING",
                    [destination, signal, start],
                )
                row = self._connection.execute(
                    "SELECT seq FROM cursors WHERE destination = ? AND signal = ?", [destination, signal]
                ).fetchone()
            except sqlite3.Error as error:
                raise self._failure(error) from error
        return int(row[0])

    def advance(
        self, destination: str, signal: str, seq: int, record_hash: str, dead: DeadLetter | None = None
    ) -> None:
        """The destination took everything up to ``seq``, but for what is in ``dead``: in one transaction."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                if dead is not None:
                    self._connection.execute(
                        "INSERT INTO dead_letters (destination, signal, first_seq, last_seq, items, reason, time_ns)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?)",
                        [
                            dead.destination,
                            dead.signal,
                            dead.first_seq,
                            dead.last_seq,
                            dead.items,
                            dead.reason[:LONGEST_REASON],
                            dead.time_ns,
                        ],
                    )
                self._connection.execute(
                    "UPDATE cursors SET seq = ?, hash = ? WHERE destination = ? AND signal = ?",
                    [seq, record_hash, destination, signal],
                )
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise self._failure(error) from error

    def report(self, destination: str, signal: str, state: str, error: str = "") -> None:
        """How it is doing: ``well``, ``waiting`` (and tried again), ``unsupported``."""
        with self._lock:
            try:
                self._connection.execute(
                    "INSERT INTO health (destination, signal, state, error, time_ns) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET state = excluded.state, error = excluded.error,"
                    " time_ns = excluded.time_ns",
                    [destination, signal, state, error[:LONGEST_REASON], time.time_ns()],
                )
                self._connection.execute(
                    "UPDATE cursors SET supported = ? WHERE destination = ? AND signal = ?",
                    [state != "unsupported", destination, signal],
                )
            except sqlite3.Error as failure:
                raise self._failure(failure) from failure

    def _failure(self, error: sqlite3.Error | OSError) -> StoreError:
        return StoreError(
            f"the exporter's state cannot be written: {error}",
            where=str(self._path),
            remedy="check free space and permissions; nothing recorded is lost",
        )


def dead_letters(home: Home, destination: str = "") -> list[DeadLetter]:
    """What was refused for good, oldest first. Raises StoreError."""
    rows = read_export(
        home,
        "SELECT destination, signal, first_seq, last_seq, items, reason, time_ns FROM dead_letters"
        " WHERE ? IN ('', destination) ORDER BY id",
        [destination],
    )
    return [DeadLetter(*row) for row in rows]


def destination_states(home: Home, names: Sequence[str]) -> list[dict[str, Any]]:
    """For each destination: ``name``, ``backlog`` (records), ``oldest_age_seconds``, ``dead_letters`` (items refused),
    ``last_refusal`` (which record was refused last, and why), ``last_error`` (empty where all is well) and ``signals``,
    the same by signal. Raises StoreError.

    Backlog and age as a whole are those of traces and logs; metrics are sent every few seconds, and not one by one.
    """
    with StoreReader(home) as reader:
        last = reader.last_seq()
        cursors = {(cursor.destination, cursor.signal): cursor.seq for cursor in read_cursors(home)}
        health = {(row[0], row[1]): (row[2], row[3]) for row in read_export(home, "SELECT * FROM health")}
        refused = {(row[0], row[1]): row[2:] for row in read_export(home, _REFUSED)}
        found = []
        for name in names:
            signals = []
            for signal in SIGNALS:
                seq = cursors.get((name, signal))
                state, error = health.get((name, signal), ("new", ""))
                oldest = reader.records(seq, 1) if seq is not None and seq < last else []
                signals.append(
                    {
                        "signal": signal,
                        "state": state,
                        "backlog": last - seq if seq is not None else 0,
                        "oldest_age_seconds": (time.time_ns() - oldest[0].time_ns) / 1e9 if oldest else 0.0,
                        "dead_letters": refused[name, signal][0] if (name, signal) in refused else 0,
                        "last_error": error,
                    }
                )
            behind = [one for one in signals if one["signal"] != "metrics" and one["state"] != "unsupported"]
            found.append(
                {
                    "name": name,
                    "backlog": max((one["backlog"] for one in behind), default=0),
                    "oldest_age_seconds": max((one["oldest_age_seconds"] for one in behind), default=0.0),
                    "dead_letters": sum(signal["dead_letters"] for signal in signals),
                    "last_refusal": _last_refusal([found for key, found in refused.items() if key[0] == name]),
                    "last_error": next((signal["last_error"] for signal in signals if signal["last_error"]), ""),
                    "signals": signals,
                }
            )
    return found


_REFUSED = (
    "SELECT destination, signal, sum(items), max(id), first_seq, last_seq, reason FROM dead_letters"
    " GROUP BY destination, signal"
)
"""With ``max()``, SQLite takes the bare columns from the row that has it."""


def _last_refusal(refused: Sequence[tuple[Any, ...]]) -> str:
    if not refused:
        return ""
    _, _, first, last, reason = max(refused, key=lambda row: row[1])
    return f"record {first}: {reason}" if first == last else f"one of records {first} to {last}: {reason}"
