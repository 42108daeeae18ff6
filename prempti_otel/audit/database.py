"""The audit database's tables, and connections to it.

``audit.db`` is SQLite in WAL mode: one writer (the engine), any number of readers.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import msgspec

from prempti_otel.audit.errors import StoreError
from prempti_otel.model.record import RecordKind, StoredRecord

if TYPE_CHECKING:
    from pathlib import Path

    from prempti_otel.settings.home import Home

_json = msgspec.json.Decoder()
SCHEMA_VERSION = 1
"""``PRAGMA user_version`` of the database."""

_TABLES = """
CREATE TABLE records (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  body TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TABLE anchor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  count INTEGER NOT NULL
) STRICT;
"""
# No index besides the key: one more doubles what each append writes, and reads that filter are rare and can scan.
COLUMNS = "seq, kind, time_ns, session_id, body, prev_hash, hash"
"""As :func:`stored` takes them."""
Row = tuple[int, str, int, str, str, str, str]


def storage_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """The sentence for what SQLite or the file system said."""
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    lowered = text.lower()
    if "full" in lowered or "no space" in lowered:
        return StoreError(
            "the audit store cannot be written: the disk is full",
            where=str(path),
            remedy="free some space; recording goes on by itself",
        )
    if "malformed" in lowered or "not a database" in lowered or "corrupt" in lowered:
        return StoreError(
            f"the audit store is damaged ({text})",
            where=str(path),
            remedy="move audit.db, audit.db-wal and audit.db-shm away to keep what they hold, then start again",
        )
    if "readonly" in lowered or "read-only" in lowered or "unable to open" in lowered or "permission" in lowered:
        return StoreError(
            f"the audit store cannot be opened for writing ({text})",
            where=str(path),
            remedy="check who owns the folder and its permissions",
        )
    return StoreError(
        f"the audit store does not work: {text}", where=str(path), remedy="look at the disk and the file's permissions"
    )


def connect_writer(home: Home, *, durable: bool) -> sqlite3.Connection:
    """The writing connection; makes the database where there is none. Raises sqlite3.Error and OSError."""
    path = home.audit_db
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = _connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    _check_version(path, connection)
    return connection


def connect_reader(home: Home) -> sqlite3.Connection:
    """A connection that cannot write. Raises StoreError."""
    path = home.audit_db
    if not path.exists():
        raise _no_store(path)
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = 1")
        _check_version(path, connection)
    except sqlite3.Error as error:
        raise storage_error(path, error) from error
    return connection


def _no_store(path: Path) -> StoreError:
    way = "start the engine: premptictl start" if path.parent.is_dir() else "nothing is installed: premptictl install"
    return StoreError("there is no audit store yet", where=str(path), remedy=way)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{path}?mode=rw", uri=True, timeout=5, isolation_level=None, check_same_thread=False, cached_statements=64
    )


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        raise _no_store(path)
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"the audit store has layout {version}, this program knows {SCHEMA_VERSION}",
            where=str(path),
            remedy="use the version of prempti-otel that wrote it, or a newer one",
        )


def stored(row: Row) -> StoredRecord:
    """A row as a record. A body that is not JSON (it was tampered with) shows as ``{"unreadable": ...}``."""
    seq, kind, time_ns, session_id, body, prev_hash, digest = row
    try:
        decoded = _json.decode(body)
        known = RecordKind(kind)
    except (msgspec.DecodeError, ValueError, UnicodeEncodeError):
        decoded, known = {"unreadable": "this record was altered"}, RecordKind.ADMIN
    if not isinstance(decoded, dict):
        decoded = {"unreadable": "this record was altered"}
    return StoredRecord(seq, known, time_ns, session_id, decoded, prev_hash, digest)
