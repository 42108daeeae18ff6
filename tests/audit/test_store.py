"""The store keeps what it was given, in order, for whoever reads it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest

from prempti_otel.audit.chain import GENESIS
from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import admin_record
from prempti_otel.audit.redaction import Redactor
from prempti_otel.audit.store import Store
from prempti_otel.audit.verify import verify
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from tests.support.records import NOW_NS, REDACTOR, a_denied_record, a_record


def test_an_appended_record_is_read_back_with_its_place_in_the_chain(home: Home, store: Store) -> None:
    first = store.append(a_record(1))
    second = store.append(a_denied_record(2))
    with StoreReader(home) as reader:
        assert reader.records() == [first, second]
    assert (first.seq, first.prev_hash) == (1, GENESIS)
    assert (second.seq, second.prev_hash) == (2, first.hash)
    assert store.last_seq == 2
    assert store.last_hash == second.hash


def test_the_hash_is_what_the_documentation_says(store: Store, home: Home) -> None:
    made = store.append(a_record(1, session_id='quo"te\n'))
    body = sqlite3.connect(home.audit_db).execute("SELECT body FROM records").fetchone()[0]
    head = f"prempti-record-1\n{'0' * 64}\n1\ndecision\n{made.time_ns}\n{json.dumps(made.session_id)}\n"
    assert hashlib.sha256((head + body).encode()).hexdigest() == made.hash


@pytest.mark.parametrize("durability", ["process", "power"])
def test_many_threads_append_one_unbroken_chain(home: Home, durability: Literal["process", "power"]) -> None:
    with Store.open(home, durability, retention_days=36_500) as store:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda number: store.append(a_record(number)), range(200)))
        assert sorted(record.seq for record in made) == list(range(1, 201))
        result = verify(home)
    assert result.ok
    assert result.records == 200
    with StoreReader(home) as reader:
        assert {record.hash for record in reader.records()} == {record.hash for record in made}


def test_a_store_goes_on_where_it_was_closed(home: Home) -> None:
    with Store.open(home, retention_days=36_500) as store:
        last = store.append(a_record(1))
    with Store.open(home, retention_days=36_500) as store:
        assert store.append(a_record(2)).prev_hash == last.hash
        assert store.problems == ()


def test_two_writers_are_refused(home: Home, store: Store) -> None:
    with pytest.raises(StoreError, match="another process writes"):
        Store.open(home)
    store.append(a_record())


def test_files_are_for_the_user_only(home: Home, store: Store) -> None:
    Redactor.open(home)
    store.append(a_record())
    # A draft gets its name meanwhile.
    files = [path for path in home.root.iterdir() if path.is_file() and path.suffix != ".new"]
    assert {"audit.db", "audit.db-wal", "audit.key", "audit.lock"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_closed_store_refuses_and_closing_again_is_harmless(home: Home) -> None:
    store = Store.open(home)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.append(a_record())


def test_a_reader_sees_a_store_before_there_is_one_as_an_error(home: Home) -> None:
    with pytest.raises(StoreError, match="no audit store yet"):
        StoreReader(home)


def test_a_reader_cannot_write(home: Home, store: Store) -> None:
    store.append(a_record())
    with StoreReader(home) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM records")


def test_a_reader_notices_new_records_without_reading_any(home: Home, store: Store) -> None:
    store.append(a_record(1))
    with StoreReader(home) as reader:
        before = reader.data_version()
        assert reader.data_version() == before
        store.append(a_record(2))
        assert reader.data_version() != before


FILTERS = [
    ({}, [1, 2, 3, 4]),
    ({"verdict": "deny"}, [2, 4]),
    ({"action": "defer"}, [1, 3]),
    ({"rule": "A rule"}, [2, 4]),
    ({"rule": "Another"}, []),
    ({"tool": "Read"}, [3]),
    ({"agent": "codex"}, [4]),
    ({"session_id": "s2"}, [3, 4]),
    ({"since_ns": NOW_NS + 3}, [3, 4]),
    ({"until_ns": NOW_NS + 3}, [1, 2]),
    ({"after_seq": 2}, [3, 4]),
    ({"limit": 1}, [1]),
    ({"limit": 2, "newest": True}, [3, 4]),
    ({"session_id": "s2", "verdict": "deny"}, [4]),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=[str(row[0]) for row in FILTERS])
def test_decisions_are_found_by_what_they_say(
    home: Home, store: Store, filters: dict[str, str], expected: list[int]
) -> None:
    store.append(a_record(1, session_id="s1"))
    store.append(a_denied_record(2, session_id="s1"))
    store.append(a_record(3, session_id="s2", tool="Read"))
    store.append(a_denied_record(4, session_id="s2", agent="codex"))
    store.append(admin_record("start", time_ns=NOW_NS, redactor=REDACTOR))
    with StoreReader(home) as reader:
        found = reader.decisions(**filters)  # type: ignore[arg-type]
    assert [record.body["call"]["correlation_id"] for record in found] == expected  # type: ignore[index,call-overload]


def test_records_are_found_by_kind_and_session(home: Home, store: Store) -> None:
    store.append(admin_record("start", time_ns=NOW_NS, redactor=REDACTOR))
    store.append(a_record(2, session_id="s1"))
    store.append(a_record(3, session_id="s2"))
    with StoreReader(home) as reader:
        assert [record.seq for record in reader.records(kinds=[RecordKind.ADMIN])] == [1]
        assert [record.seq for record in reader.records(session_id="s2")] == [3]
        assert [record.seq for record in reader.records(after_seq=1, limit=1)] == [2]
        assert reader.get(2) == reader.records(after_seq=1, limit=1)[0]
        assert reader.get(9) is None
        assert (reader.first_seq(), reader.last_seq(), reader.last_correlation_id()) == (1, 3, 3)


def test_records_can_be_read_while_others_are_written(home: Home, store: Store) -> None:
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        with StoreReader(home) as reader:
            while not done.is_set() or (seen and seen[-1] < 300):
                seen.extend(record.seq for record in reader.records(seen[-1] if seen else 0, 50))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(300):
        store.append(a_record(number))
    done.set()
    thread.join()
    assert seen == list(range(1, 301))
