"""Checks the store: edits, gaps, and records cut off the end.

Trust ends at the user's own id: who has it can rewrite the database, ``audit.head`` and ``export.db`` alike.
What a collector has received (``prempti.record.seq`` and ``.hash``) is out of their reach.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prempti_otel.audit.chain import GENESIS, record_hash
from prempti_otel.audit.cursors import read_cursors
from prempti_otel.audit.database import COLUMNS, connect_reader, storage_error
from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.records import PRUNE
from prempti_otel.audit.tip import read_head

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

_PAGE = 1000
MOST_PROBLEMS = 100
"""A store that is wholly rewritten is not listed record by record."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: str
    """``edit``, ``gap``, ``truncation``, ``anchor`` or ``damage``."""
    seq: int
    """The record concerned; 0 for the store as a whole."""
    message: str


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a verification found."""

    records: int
    first_seq: int
    last_seq: int
    pruned: int
    """Records that retention has taken away, by its anchor."""
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(slots=True)
class _Walk:
    """Progress along the chain."""

    seq: int
    hash: str
    first: int = 0
    count: int = 0
    problems: list[Problem] = field(default_factory=list)
    known: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    """Hashes known elsewhere, by sequence number: (hash, where)."""

    def add(self, kind: str, seq: int, message: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind, seq, message))


def verify(home: Home) -> VerifyResult:
    """Walk the whole chain. Raises StoreError where the database cannot be read at all."""
    connection = connect_reader(home)
    try:
        return _verify(home, connection)
    except sqlite3.DatabaseError as error:
        raise storage_error(home.audit_db, error) from error
    finally:
        connection.close()


def _verify(home: Home, connection: sqlite3.Connection) -> VerifyResult:
    anchor = connection.execute("SELECT seq, hash, count FROM anchor").fetchone() or (0, GENESIS, 0)
    walk = _Walk(seq=anchor[0], hash=anchor[1])
    for line in connection.execute("PRAGMA quick_check(5)").fetchall():
        if line[0] != "ok":
            walk.add("damage", 0, f"the database is damaged: {line[0]}")
    _collect_known(home, walk)
    while True:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM records WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
            [walk.seq, _PAGE],
        ).fetchall()
        for row in rows:
            _step(walk, row)
        if len(rows) < _PAGE:
            break
    if anchor[0] and not _announced(connection, anchor[0]):
        walk.add("anchor", anchor[0], f"records up to {anchor[0]} are gone, and no record tells of their pruning")
    before = connection.execute("SELECT count(*) FROM records WHERE seq <= ?", [anchor[0]]).fetchone()[0]
    if before:
        walk.add("anchor", anchor[0], f"{before} records are older than retention's anchor at {anchor[0]}")
    for seq, entries in sorted(walk.known.items()):
        for _, where in entries:
            if seq > walk.seq:
                walk.add("truncation", seq, f"the store ends at record {walk.seq}, but {where} knows record {seq}")
    return VerifyResult(walk.count, walk.first, walk.seq, anchor[2], tuple(walk.problems))


def _announced(connection: sqlite3.Connection, through: int) -> bool:
    """Whether a record of the chain says that retention may take records up to ``through``."""
    row = connection.execute(
        "SELECT max(json_extract(body, '$.detail.through')) FROM records WHERE kind = 'admin'"
        " AND json_valid(body) AND json_extract(body, '$.action') = ?",
        [PRUNE],
    ).fetchone()
    return isinstance(row[0], int) and row[0] >= through


def _step(walk: _Walk, row: tuple[int, str, int, str, str, str, str]) -> None:
    seq, kind, time_ns, session_id, body, prev_hash, digest = row
    walk.first = walk.first or seq
    walk.count += 1
    if seq != walk.seq + 1:
        missing = f"records {walk.seq + 1} to {seq - 1} are" if seq - walk.seq > 2 else f"record {seq - 1} is"
        walk.add("gap", seq, f"{missing} missing")
    if prev_hash != walk.hash:
        walk.add("edit", seq, f"record {seq} does not follow from the one before it")
    if record_hash(prev_hash, seq, kind, time_ns, session_id, body.encode("utf-8", "surrogatepass")) != digest:
        walk.add("edit", seq, f"record {seq} was altered")
    for expected, where in walk.known.get(seq, ()):
        if expected != digest:
            walk.add("edit", seq, f"record {seq} is not the one that {where} knows")
    walk.seq, walk.hash = seq, digest


def _collect_known(home: Home, walk: _Walk) -> None:
    try:
        head = read_head(home)
        if head is not None:
            walk.known.setdefault(head.seq, []).append((head.hash, "audit.head"))
        for cursor in read_cursors(home):
            if cursor.hash:
                where = f"the export to {cursor.destination}"
                walk.known.setdefault(cursor.seq, []).append((cursor.hash, where))
    except StoreError as error:
        walk.add("damage", 0, error.diagnostics())
