"""The store's own thread: checkpoints, ``audit.head``, retention. Kept off the path of any verdict.

It must never end by an error: what fails is kept as a sentence in ``problems`` and tried again.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prempti_otel.audit.cursors import exported_through, read_cursors
from prempti_otel.audit.database import storage_error
from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import PRUNE
from prempti_otel.audit.tip import Head, write_head
from prempti_otel.model.record import Record, RecordKind

if TYPE_CHECKING:
    from prempti_otel.audit.store import Store
    from prempti_otel.settings.home import Home

PAUSE = 1.0
"""Seconds from an append to the checkpoint after it."""
RETENTION_PERIOD = 3600.0
"""Seconds between two looks for records that are too old."""
LONGEST_LOG = 64 * 1024 * 1024
"""Bytes of write-ahead log beyond which appends wait for it to be emptied."""
NANOSECONDS_PER_DAY = 86_400 * 10**9


class Maintenance:
    """One thread; idle while nothing is written."""

    def __init__(self, home: Home, store: Store) -> None:
        self._home = home
        self._store = store
        self._dirty = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-maintenance", daemon=True)
        self._retention_days = 90
        self._destinations: tuple[str, ...] | None = None
        self._failures: dict[str, str] = {}
        self._retention_at = 0.0

    @property
    def problems(self) -> tuple[str, ...]:
        """What failed at its last attempt, a sentence each."""
        return tuple(self._failures.values())

    def configure(self, retention_days: int, destinations: Sequence[str] | None) -> None:
        """Settings; they take effect at once."""
        self._retention_days = retention_days
        self._destinations = tuple(destinations) if destinations is not None else None
        self._retention_at = 0.0
        self._dirty.set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something was written."""
        if not self._dirty.is_set():
            self._dirty.set()

    def stop(self) -> None:
        """One last checkpoint, then end."""
        self._stopping.set()
        self._dirty.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._stopping.is_set():
            self._dirty.wait(RETENTION_PERIOD)
            self._stopping.wait(PAUSE)
            self._dirty.clear()
            try:
                if connection is None:
                    connection = sqlite3.connect(
                        f"file:{self._home.audit_db}?mode=rw", uri=True, timeout=1, isolation_level=None
                    )
                self._checkpoint(connection)
                self._failures.pop("checkpoint", None)
            except (sqlite3.Error, OSError, StoreError) as error:
                self._fail("checkpoint", error)
            if time.monotonic() >= self._retention_at:
                self._retain()
        if connection is not None:
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        head = Head(self._store.last_seq, self._store.last_hash)
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        log = self._home.audit_db.with_name(self._home.audit_db.name + "-wal")
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LONGEST_LOG:
                self._store.truncate_log()
        if head.seq:
            write_head(self._home, head)

    def _retain(self) -> None:
        self._retention_at = time.monotonic() + RETENTION_PERIOD
        try:
            self.retain(time.time_ns())
            self._failures.pop("retention", None)
        except (sqlite3.Error, OSError, StoreError) as error:
            self._fail("retention", error)

    def retain(self, now_ns: int) -> int:
        """Prune what is older than the settings allow and exported wherever it should go; how many records went.

        An ``admin`` record tells of it first, so that the anchor that pruning leaves is vouched for by the chain.
        """
        through = self._too_old(now_ns - self._retention_days * NANOSECONDS_PER_DAY)
        cursors = read_cursors(self._home)
        destinations = self._destinations
        if destinations is None:
            destinations = tuple({cursor.destination for cursor in cursors})
        exported = exported_through(cursors, destinations)
        if exported is not None:
            through = min(through, exported)
        if not through:
            return 0
        self._store.append(
            Record(RecordKind.ADMIN, now_ns, {"action": PRUNE, "detail": {"through": through}}),
        )
        gone = 0
        while not self._stopping.is_set() and (some := self._store.prune(through)):
            gone += some
        return gone

    def _too_old(self, before_ns: int) -> int:
        """The last record of the run at the store's beginning that is older than that; 0 where there is none."""
        with StoreReader(self._home) as reader:
            first_kept = reader.first_since(before_ns)
            first = reader.first_seq()
        return first_kept - 1 if first and first_kept > first else 0

    def _fail(self, task: str, error: sqlite3.Error | OSError | StoreError) -> None:
        shown = error if isinstance(error, StoreError) else storage_error(self._home.audit_db, error)
        self._failures[task] = shown.diagnostics()
