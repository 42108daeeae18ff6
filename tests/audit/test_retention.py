"""Retention takes what is old and exported, from the old end, and leaves a trace that verifies."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from prempti_otel.audit.maintenance import NANOSECONDS_PER_DAY, Maintenance
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.store import Store
from prempti_otel.audit.verify import verify
from prempti_otel.settings.home import Home
from prempti_otel.telemetry.state import ExportState
from tests.support.records import NOW_NS, a_record

LATER = NOW_NS + 100 * NANOSECONDS_PER_DAY
"""When all of the records are older than 90 days."""


def fill(store: Store, old: int, young: int = 0) -> None:
    for number in range(old):
        store.append(a_record(number))
    for number in range(young):
        store.append(a_record(number, received_ns=LATER))


def retain(
    home: Home, store: Store, destinations: Sequence[str] | None = (), days: int = 90, now_ns: int = LATER
) -> int:
    """One round of retention, by its own thread's code but not in it."""
    maintenance = Maintenance(home, store)
    maintenance.configure(days, destinations)
    return maintenance.retain(now_ns)


def remaining(home: Home) -> list[int]:
    with StoreReader(home) as reader:
        return [record.seq for record in reader.records(limit=10_000)]


def test_old_records_go_and_the_rest_verifies(home: Home, store: Store) -> None:
    fill(store, old=1200, young=3)
    assert retain(home, store) == 1200
    assert remaining(home) == [1201, 1202, 1203, 1204]
    result = verify(home)
    assert result.ok
    assert (result.pruned, result.first_seq) == (1200, 1201)


def test_young_records_stay_and_nothing_is_recorded_for_nothing(home: Home, store: Store) -> None:
    fill(store, old=5)
    assert retain(home, store, days=200) == 0
    assert remaining(home) == [1, 2, 3, 4, 5]


def test_an_old_record_behind_a_young_one_stays(home: Home, store: Store) -> None:
    store.append(a_record(1))
    store.append(a_record(2, received_ns=LATER))
    store.append(a_record(3))
    retain(home, store)
    assert remaining(home) == [2, 3, 4]
    assert verify(home).ok


def test_pruning_again_and_again_and_restarting_verifies(home: Home) -> None:
    for times in range(1, 4):
        with Store.open(home, retention_days=36_500) as store:
            fill(store, old=10)
            retain(home, store, now_ns=NOW_NS + times * 100 * NANOSECONDS_PER_DAY)
        result = verify(home)
        assert result.ok
    assert result.pruned == 32
    assert remaining(home) == [33]


CURSORS: list[tuple[dict[str, int], Sequence[str] | None, list[int]]] = [
    ({}, (), [11]),
    ({}, ("team",), [*range(1, 11)]),
    ({"traces": 10, "logs": 10}, ("team",), [*range(1, 11)]),
    ({"traces": 10, "logs": 4, "metrics": 10}, ("team",), [*range(5, 12)]),
    ({"traces": 10, "logs": 4, "metrics": 10}, (), [11]),
    ({"traces": 10, "logs": 4, "metrics": 10}, None, [*range(5, 12)]),
    ({"traces": 10, "logs": 10, "metrics": 10}, ("team",), [11]),
]


@pytest.mark.parametrize(("cursors", "destinations", "kept"), CURSORS)
def test_what_a_destination_still_lacks_stays(
    home: Home, store: Store, cursors: dict[str, int], destinations: Sequence[str] | None, kept: list[int]
) -> None:
    fill(store, old=10)
    with StoreReader(home) as reader:
        hashes = {record.seq: record.hash for record in reader.records()}
    state = ExportState(home)
    for signal, seq in cursors.items():
        state.cursor("team", signal, start=0)
        state.advance("team", signal, seq, hashes[seq])
    state.close()
    retain(home, store, destinations)
    assert remaining(home) == kept
    assert verify(home).ok


def test_a_signal_that_a_destination_does_not_take_holds_nothing_back(home: Home, store: Store) -> None:
    fill(store, old=10)
    with StoreReader(home) as reader:
        last = reader.records()[-1]
    state = ExportState(home)
    for signal in ("traces", "logs", "metrics"):
        state.cursor("jaeger", signal, start=0)
    state.advance("jaeger", "traces", last.seq, last.hash)
    state.report("jaeger", "logs", "unsupported", "no logs here")
    state.report("jaeger", "metrics", "unsupported", "no metrics here")
    state.close()
    retain(home, store, ("jaeger",))
    assert remaining(home) == [11]


def test_the_store_prunes_by_itself_when_it_is_opened(home: Home) -> None:
    with Store.open(home, retention_days=36_500) as store:
        fill(store, old=20)
    with Store.open(home, retention_days=1) as store:
        while len(remaining(home)) > 1:
            assert store.problems == ()
    assert verify(home).ok
