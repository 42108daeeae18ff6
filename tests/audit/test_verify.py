"""Verification finds every change to the store that somebody without the whole home could make."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from prempti_otel.audit.chain import record_hash
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.store import Store
from prempti_otel.audit.tip import Head, read_head, write_head
from prempti_otel.audit.verify import verify
from prempti_otel.settings.home import Home
from prempti_otel.telemetry.state import ExportState
from tests.support.records import a_denied_record, a_record

RECORDS = 20


@pytest.fixture
def kept(home: Home) -> Home:
    with Store.open(home, retention_days=36_500) as store:
        for number in range(RECORDS):
            store.append(a_denied_record(number) if number % 2 else a_record(number))
    return home


def tamper(home: Home, *statements: str) -> None:
    connection = sqlite3.connect(home.audit_db)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def problems(home: Home) -> set[tuple[str, int]]:
    return {(problem.kind, problem.seq) for problem in verify(home).problems}


def test_an_untouched_store_verifies(kept: Home) -> None:
    result = verify(kept)
    assert result.ok
    assert (result.records, result.first_seq, result.last_seq, result.pruned) == (RECORDS, 1, RECORDS, 0)


EDITS = {
    "body": "UPDATE records SET body = replace(body, 'deny', 'defer') WHERE seq = 8",
    "time": "UPDATE records SET time_ns = time_ns + 1 WHERE seq = 8",
    "kind": "UPDATE records SET kind = 'admin' WHERE seq = 8",
    "session": "UPDATE records SET session_id = 'other' WHERE seq = 8",
    "hash": "UPDATE records SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 8",
    "unreadable body": "UPDATE records SET body = '{' WHERE seq = 8",
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS)
def test_an_edit_is_found(kept: Home, statement: str) -> None:
    tamper(kept, statement)
    assert ("edit", 8) in problems(kept)


def test_a_record_that_is_not_json_any_more_can_still_be_listed(kept: Home) -> None:
    tamper(kept, EDITS["unreadable body"])
    with StoreReader(kept) as reader:
        assert reader.records(7, 1)[0].body == {"unreadable": "this record was altered"}


@pytest.mark.parametrize(("first", "last"), [(8, 8), (5, 9), (1, 3)])
def test_missing_records_are_a_gap(kept: Home, first: int, last: int) -> None:
    tamper(kept, f"DELETE FROM records WHERE seq BETWEEN {first} AND {last}")
    assert ("gap", last + 1) in problems(kept)


def test_records_cut_off_the_end_are_missed_by_the_head(kept: Home) -> None:
    head = read_head(kept)
    assert head is not None
    tamper(kept, f"DELETE FROM records WHERE seq > {head.seq - 5}")
    assert problems(kept) == {("truncation", head.seq)}


def test_records_cut_off_the_end_are_missed_by_what_was_exported(kept: Home) -> None:
    with StoreReader(kept) as reader:
        last = reader.records(RECORDS - 1)[0]
    state = ExportState(kept)
    state.cursor("team", "traces", start=0)
    state.advance("team", "traces", last.seq, last.hash)
    state.close()
    kept.audit_head.unlink()
    tamper(kept, f"DELETE FROM records WHERE seq > {RECORDS - 5}")
    assert problems(kept) == {("truncation", RECORDS)}


def test_a_chain_written_anew_is_not_the_one_that_is_known(kept: Home) -> None:
    connection = sqlite3.connect(kept.audit_db)
    previous = "0" * 64
    for seq, kind, time_ns, session, body in connection.execute(
        "SELECT seq, kind, time_ns, session_id, body FROM records ORDER BY seq"
    ).fetchall():
        forged = body.replace("rm -rf /", "ls")
        digest = record_hash(previous, seq, kind, time_ns, session, forged.encode())
        connection.execute(
            "UPDATE records SET body = ?, prev_hash = ?, hash = ? WHERE seq = ?", [forged, previous, digest, seq]
        )
        previous = digest
    connection.commit()
    connection.close()
    assert problems(kept) == {("edit", RECORDS)}


def test_numbers_are_not_given_twice_after_a_truncation(kept: Home) -> None:
    tamper(kept, f"DELETE FROM records WHERE seq > {RECORDS - 5}")
    with Store.open(kept, retention_days=36_500) as store:
        assert any("missing at the end" in problem for problem in store.problems)
        assert store.append(a_record()).seq == RECORDS + 1
    assert ("gap", RECORDS + 1) in problems(kept)


def test_an_altered_newest_record_is_noticed_when_the_store_is_opened(kept: Home) -> None:
    tamper(kept, f"UPDATE records SET body = '{{}}' WHERE seq = {RECORDS}")
    with Store.open(kept, retention_days=36_500) as store:
        assert any(f"record {RECORDS} was altered" in problem for problem in store.problems)


def test_a_pruning_that_no_record_tells_of_is_found(kept: Home) -> None:
    with StoreReader(kept) as reader:
        fifth = reader.records(4, 1)[0]
    tamper(
        kept,
        "DELETE FROM records WHERE seq <= 5",
        f"INSERT INTO anchor (id, seq, hash, count) VALUES (1, 5, '{fifth.hash}', 5)",
    )
    assert problems(kept) == {("anchor", 5)}


BROKEN_HEADS: dict[str, Callable[[Home], object]] = {
    "garbage": lambda home: home.audit_head.write_bytes(b"\xff\x00garbage"),
    "another hash": lambda home: write_head(home, Head(3, "f" * 64)),
}


@pytest.mark.parametrize("spoil", BROKEN_HEADS.values(), ids=BROKEN_HEADS)
def test_a_head_that_does_not_fit_is_told(kept: Home, spoil: Callable[[Home], object]) -> None:
    spoil(kept)
    assert not verify(kept).ok
