"""Reads the store, in short reads by sequence number: a long one would keep the engine's log from being reused."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from prempti_otel import typed
from prempti_otel.audit.database import COLUMNS, connect_reader, storage_error, stored
from prempti_otel.model.record import RecordKind, StoredRecord

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

MOST_RECORDS = 10_000
"""No read returns more."""


class StoreReader:
    """A view of the store that cannot write. One thread at a time; every method raises StoreError."""

    def __init__(self, home: Home) -> None:
        self._path = home.audit_db
        self._connection = connect_reader(home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def data_version(self) -> int:
        """A number that changes when another connection commits: the cheapest way to notice new records."""
        return self._one("PRAGMA data_version")

    def last_seq(self) -> int:
        """Sequence number of the newest record; 0 where there is none."""
        return self._one("SELECT max(seq) FROM records")

    def first_seq(self) -> int:
        """Sequence number of the oldest record that is still there; 0 where there is none."""
        return self._one("SELECT min(seq) FROM records")

    def first_since(self, time_ns: int) -> int:
        """Sequence number of the first record not older than that; one past the last where all are older."""
        found = self._one("SELECT min(seq) FROM records WHERE time_ns >= ?", time_ns)
        return found or self.last_seq() + 1

    def get(self, seq: int) -> StoredRecord | None:
        """One record."""
        return next(iter(self._select("seq = ?", [seq], 1)), None)

    def records(
        self,
        after_seq: int = 0,
        limit: int = 1000,
        *,
        kinds: Collection[RecordKind] = (),
        session_id: str = "",
    ) -> list[StoredRecord]:
        """At most ``limit`` records after ``after_seq``, oldest first, of these kinds (all where none is named)."""
        where, values = ["seq > ?"], [after_seq]
        arguments: list[object] = list(values)
        if kinds:
            where.append(f"kind IN ({', '.join('?' * len(kinds))})")
            arguments += [kind.value for kind in kinds]
        if session_id:
            where.append("session_id = ?")
            arguments.append(session_id)
        return self._select(" AND ".join(where), arguments, limit)

    def bodies(
        self, after_seq: int, limit: int, kinds: Collection[RecordKind]
    ) -> list[tuple[int, RecordKind, int, str]]:
        """(sequence number, kind, Unix time in nanoseconds, body as JSON) of records as :meth:`records` finds them.

        For whoever needs little of many bodies: decoding the whole of each is most of the work.
        """
        wanted = ", ".join("?" * len(kinds))
        with self._guard():
            rows = self._connection.execute(
                f"SELECT seq, kind, time_ns, body FROM records WHERE seq > ? AND kind IN ({wanted})"  # noqa: S608
                " ORDER BY seq LIMIT ?",
                [after_seq, *(kind.value for kind in kinds), min(limit, MOST_RECORDS)],
            ).fetchall()
        return [(seq, RecordKind(kind), time_ns, body) for seq, kind, time_ns, body in rows]

    def decisions(
        self,
        *,
        verdict: str = "",
        action: str = "",
        rule: str = "",
        tool: str = "",
        agent: str = "",
        session_id: str = "",
        since_ns: int = 0,
        until_ns: int = 0,
        after_seq: int = 0,
        limit: int = 1000,
        newest: bool = False,
    ) -> list[StoredRecord]:
        """Decision records that fit every filter given, oldest first; ``newest``: the last ``limit`` of them."""
        where, arguments = ["kind = ?", "seq > ?"], [RecordKind.DECISION.value, after_seq]
        filters: list[tuple[str, object]] = [
            ("session_id = ?", session_id),
            ("time_ns >= ?", since_ns),
            ("time_ns < ?", until_ns),
            ("json_extract(body, '$.decision.verdict') = ?", verdict),
            ("json_extract(body, '$.decision.action') = ?", action),
            ("json_extract(body, '$.call.tool') = ?", tool),
            ("json_extract(body, '$.call.agent') = ?", agent),
            ("EXISTS (SELECT 1 FROM json_each(body, '$.matches') WHERE json_extract(value, '$.rule') = ?)", rule),
        ]
        given: list[object] = list(arguments)
        for clause, value in filters:
            if value:
                where.append(clause)
                given.append(value)
        return self._select(" AND ".join(where), given, limit, newest=newest)

    def marks(self, since_ns: int = 0) -> Iterator[tuple[str, str, int]]:
        """(session id, label, Unix time in nanoseconds) of each session mark set since then, oldest first."""
        with self._guard():
            rows = self._connection.execute(
                "SELECT session_id, json_extract(body, '$.marks'), time_ns FROM records"
                " WHERE time_ns >= ? AND instr(body, '\"marks\":[') > 0 AND kind = 'decision' ORDER BY seq",
                [since_ns],
            ).fetchall()
        for session_id, marks, time_ns in rows:
            for label in _labels(marks):
                yield session_id, label, time_ns

    def last_correlation_id(self) -> int:
        """The highest number of a call that is still recorded; 0 where there is none."""
        return self._one(
            "SELECT max(coalesce(json_extract(body, '$.call.correlation_id'), 0)) FROM"
            " (SELECT body FROM records WHERE kind = 'decision' ORDER BY seq DESC LIMIT 256)"
        )

    def _select(self, where: str, arguments: list[object], limit: int, *, newest: bool = False) -> list[StoredRecord]:
        order = "DESC" if newest else "ASC"
        with self._guard():
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM records WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608
                [*arguments, min(limit, MOST_RECORDS)],
            ).fetchall()
        return [stored(row) for row in (reversed(rows) if newest else rows)]

    def _one(self, query: str, *arguments: object) -> int:
        with self._guard():
            return int(self._connection.execute(query, arguments).fetchone()[0] or 0)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise storage_error(self._path, error) from error


def _labels(marks: object) -> list[str]:
    if not isinstance(marks, str):
        return []
    return typed.decode(marks, list[str])
