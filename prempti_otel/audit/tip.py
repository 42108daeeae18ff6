"""The end of the chain, and what is known of it outside the database.

``audit.head`` holds the newest sequence number and hash that are surely on disk, so that records cut off the end
are missed. It is written after a checkpoint, never before: it must not know of more than the database has.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import msgspec

from prempti_otel import typed
from prempti_otel.audit.chain import GENESIS, record_hash
from prempti_otel.audit.cursors import read_cursors
from prempti_otel.audit.database import COLUMNS
from prempti_otel.audit.errors import StoreError

if TYPE_CHECKING:
    from prempti_otel.model.record import StoredRecord
    from prempti_otel.settings.home import Home

CHECKED_AT_START = 64
"""How many of the newest records are checked when the store is opened."""


class Head(msgspec.Struct, frozen=True):
    """Content of ``audit.head``, as JSON."""

    seq: int
    hash: str


class Tip(msgspec.Struct, frozen=True):
    """Where the next record goes."""

    seq: int
    hash: str
    problems: tuple[str, ...] = ()
    """What was found wrong when the store was opened, a sentence each."""

    def moved(self, stored: StoredRecord) -> Tip:
        """With ``stored`` at the end."""
        return Tip(stored.seq, stored.hash, self.problems)


def read_head(home: Home) -> Head | None:
    """``audit.head``, or None where there is none. Raises StoreError where it is unreadable."""
    try:
        return typed.decode(home.audit_head.read_bytes(), Head)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"the newest known record is unreadable: {error}",
            where=str(home.audit_head),
            remedy="remove the file; the engine writes it anew",
        ) from error


def write_head(home: Home, head: Head) -> None:
    """Replace ``audit.head`` in one step. Raises OSError."""
    draft = home.audit_head.with_name(f"{home.audit_head.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(head))
    draft.replace(home.audit_head)


def check_tip(home: Home, connection: sqlite3.Connection) -> Tip:
    """The end of the chain, the newest records checked. Raises StoreError and sqlite3.Error.

    Where records are missing at the end, numbering goes on after the highest number ever known: a number is
    never given twice, and the gap stays visible.
    """
    problems: list[str] = []
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM records ORDER BY seq DESC LIMIT ?",  # noqa: S608
        [CHECKED_AT_START],
    ).fetchall()
    seq, digest = (rows[0][0], rows[0][6]) if rows else _anchor(connection)
    for row in rows:
        number, kind, time_ns, session_id, body, prev_hash, found = row
        if record_hash(prev_hash, number, kind, time_ns, session_id, body.encode()) != found:
            problems.append(f"record {number} was altered: run premptictl audit verify")
    known = seq
    try:
        head = read_head(home)
        if head is not None and head.seq > seq:
            problems.append(f"records {seq + 1} to {head.seq} are missing at the end: run premptictl audit verify")
            known = head.seq
        exported = max((cursor.seq for cursor in read_cursors(home)), default=0)
        if exported > known:
            problems.append(f"records {known + 1} to {exported} were exported and are missing: premptictl audit verify")
            known = exported
    except StoreError as error:
        problems.append(error.diagnostics())
    return Tip(known, digest, tuple(problems))


def _anchor(connection: sqlite3.Connection) -> tuple[int, str]:
    row = connection.execute("SELECT seq, hash FROM anchor").fetchone()
    return (row[0], row[1]) if row else (0, GENESIS)
