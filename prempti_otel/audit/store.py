"""The audit store: append-only, hash-chained, on disk before :meth:`Store.append` returns.

Written by the engine only. A request's thread commits under a lock; checkpoints, retention and
``audit.head`` are a maintenance thread's work. Must never change or drop a record that retention does not cover.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from prempti_otel.audit.chain import record_hash
from prempti_otel.audit.database import COLUMNS, Row, connect_writer, storage_error
from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.maintenance import Maintenance
from prempti_otel.audit.tip import Tip, check_tip
from prempti_otel.audit.verify import VerifyResult, verify
from prempti_otel.model.record import Record, StoredRecord

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

_INSERT = f"INSERT INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant


@dataclass(slots=True)
class _Waiting:
    """A record on its way into a group commit."""

    record: Record
    stored: StoredRecord | None = None
    error: StoreError | None = None


class Store:
    """The store, open for writing. Shared by all threads; every method raises StoreError."""

    def __init__(self, home: Home, connection: sqlite3.Connection, lock_file: int, tip: Tip, *, durable: bool) -> None:
        self._home = home
        self._connection = connection
        self._lock_file = lock_file
        self._tip = tip
        self._durable = durable
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._waiting_lock = threading.Lock()
        self._closed = False
        self._maintenance = Maintenance(home, self)

    @classmethod
    def open(
        cls,
        home: Home,
        durability: Literal["process", "power"] = "process",
        *,
        retention_days: int = 90,
        destinations: Sequence[str] | None = None,
    ) -> Self:
        """Open the store, making it where there is none, and check its newest records.

        ``destinations``: names of those that telemetry goes to; retention spares what they still lack.
        None: all that anything was ever exported to.
        Raises StoreError where another process writes, or the database is damaged or out of reach.
        """
        lock_file = _lock(home)
        connection: sqlite3.Connection | None = None
        try:
            connection = connect_writer(home, durable=durability == "power")
            tip = check_tip(home, connection)
        except (sqlite3.Error, OSError, StoreError) as error:
            if connection is not None:
                connection.close()
            os.close(lock_file)
            if isinstance(error, StoreError):
                raise
            raise storage_error(home.audit_db, error) from error
        store = cls(home, connection, lock_file, tip, durable=durability == "power")
        store._maintenance.configure(retention_days, destinations)
        store._maintenance.start()
        return store

    @staticmethod
    def verify(home: Home) -> VerifyResult:
        """Check the whole store against itself and against what is known of it elsewhere."""
        return verify(home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest record; 0 where there is none."""
        return self._tip.seq

    @property
    def last_hash(self) -> str:
        """Hash of the newest record."""
        return self._tip.hash

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the store, a sentence each: found at the start, or in maintenance since."""
        return self._tip.problems + self._maintenance.problems

    def configure(self, retention_days: int, destinations: Sequence[str] | None) -> None:
        """Take over changed settings."""
        self._maintenance.configure(retention_days, destinations)

    def append(self, record: Record) -> StoredRecord:
        """Commit ``record`` at the end of the chain. Raises StoreError; the store is then as it was before."""
        stored = self._append_in_group(record) if self._durable else self._append_alone(record)
        self._maintenance.wake()
        return stored

    def prune(self, through: int, count: int = 500) -> int:
        """Delete at most ``count`` of the oldest records up to ``through``, leaving the anchor; how many went.

        The newest record always stays. For retention only.
        """
        with self._lock:
            self._check_open()
            try:
                return self._prune(min(through, self._tip.seq - 1), count)
            except sqlite3.Error as error:
                self._roll_back()
                raise storage_error(self._home.audit_db, error) from error

    def truncate_log(self) -> None:
        """Write the whole log back into the database and empty it, with appends waiting meanwhile."""
        with self._lock:
            self._check_open()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """End maintenance, write the log back, let go of the store. Harmless when repeated."""
        if self._closed:
            return
        self._maintenance.stop()
        with self._lock:
            self._closed = True
            self._connection.close()
            os.close(self._lock_file)

    def _append_alone(self, record: Record) -> StoredRecord:
        body = _encoded(record)
        with self._lock:
            self._check_open()
            stored = self._next(record, body)
            try:
                self._connection.execute(_INSERT, _row(stored, body))
            except sqlite3.Error as error:
                raise storage_error(self._home.audit_db, error) from error
            self._tip = self._tip.moved(stored)
            return stored

    def _append_in_group(self, record: Record) -> StoredRecord:
        """Whoever gets the lock commits for all who wait for it: one sync of the disk for many records."""
        mine = _Waiting(record)
        with self._waiting_lock:
            self._waiting.append(mine)
        with self._lock:
            if mine.stored is None and mine.error is None:
                with self._waiting_lock:
                    group, self._waiting = self._waiting, []
                self._commit(group)
        if mine.error is not None:
            raise mine.error
        assert mine.stored is not None
        return mine.stored

    def _commit(self, group: Sequence[_Waiting]) -> None:
        before = self._tip
        try:
            self._check_open()
            self._connection.execute("BEGIN IMMEDIATE")
            made = []
            for waiting in group:
                body = _encoded(waiting.record)
                stored = self._next(waiting.record, body)
                self._connection.execute(_INSERT, _row(stored, body))
                self._tip = self._tip.moved(stored)
                made.append(stored)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, StoreError) as error:
            self._tip = before
            self._roll_back()
            failure = error if isinstance(error, StoreError) else storage_error(self._home.audit_db, error)
            for waiting in group:
                waiting.error = failure
            return
        for waiting, stored in zip(group, made, strict=True):
            waiting.stored = stored

    def _next(self, record: Record, body: bytes) -> StoredRecord:
        seq, prev = self._tip.seq + 1, self._tip.hash
        digest = record_hash(prev, seq, record.kind.value, record.time_ns, record.session_id, body)
        return StoredRecord(seq, record.kind, record.time_ns, record.session_id, record.body, prev, digest)

    def _prune(self, through: int, count: int) -> int:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute(
            "SELECT seq, hash FROM records WHERE seq <= ? ORDER BY seq LIMIT ?", [through, count]
        ).fetchall()
        if rows:
            seq, digest = rows[-1]
            connection.execute("DELETE FROM records WHERE seq <= ?", [seq])
            connection.execute(
                "INSERT INTO anchor (id, seq, hash, count) VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET seq = excluded.seq, hash = excluded.hash, count = count + excluded.count",
                [seq, digest, len(rows)],
            )
        connection.execute("COMMIT")
        return len(rows)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # SQLite rolls back by itself on a full disk
                self._connection.execute("ROLLBACK")

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the audit store is closed", remedy="start the engine again")


def _encoded(record: Record) -> bytes:
    try:
        return msgspec.json.encode(record.body)
    except (UnicodeEncodeError, TypeError, RecursionError) as error:
        raise StoreError(f"a record cannot be written as JSON: {error}", remedy="report this as a defect") from error


def _row(stored: StoredRecord, body: bytes) -> Row:
    return (
        stored.seq,
        stored.kind.value,
        stored.time_ns,
        stored.session_id,
        body.decode(),
        stored.prev_hash,
        stored.hash,
    )


def _lock(home: Home) -> int:
    """A file of its own: SQLite drops its locks when any descriptor of the database is closed."""
    path = home.root / "audit.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise storage_error(home.audit_db, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            "another process writes the audit store",
            where=str(path),
            remedy="only one engine can run for a home: premptictl status",
        ) from error
    return descriptor
