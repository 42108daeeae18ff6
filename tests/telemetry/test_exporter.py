"""Export sends everything, oldest first, whatever the receiver does; and knows what it has sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource

from prempti_otel.audit.cursors import SIGNALS, read_cursors
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import decision_record
from prempti_otel.audit.store import Store
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict
from prempti_otel.model.event import tool_event
from prempti_otel.model.record import Record, RecordKind
from prempti_otel.settings.config import Destination
from prempti_otel.settings.home import Home
from prempti_otel.telemetry.delivery import Backoff
from prempti_otel.telemetry.exporter import DestinationExport
from prempti_otel.telemetry.state import ExportState, dead_letters, destination_states
from tests.support.otlp import Behaviour, OtlpReceiver, Partial, Refuse, attributes
from tests.support.records import REDACTOR, a_call, a_decision, a_denied_record, a_match, a_record, append_call

NAME = "test"
Export = Callable[[], DestinationExport]


def destination(receiver: OtlpReceiver, **changes: Any) -> Destination:
    values = {"name": NAME, "endpoint": receiver.endpoint, "protocol": receiver.protocol, "timeout": 5000, **changes}
    return Destination(**values)


@pytest.fixture
def export(home: Home, store: Store, receiver: OtlpReceiver, resource: Resource) -> Iterator[Export]:
    """Makes exporters that begin at the first record and do not pause after failures."""
    opened: list[Any] = []

    def make() -> DestinationExport:
        reader, state = StoreReader(home), ExportState(home)
        opened.extend([reader, state])
        return DestinationExport(
            destination(receiver), reader, state, resource, start=0, backoff=lambda: Backoff(first=0.0)
        )

    yield make
    for item in opened:
        item.close()


def drain(export: DestinationExport) -> None:
    while export.step():
        continue


def refusing(signal_refused: str, status: int, code: grpc.StatusCode, **options: Any) -> Behaviour:
    def behave(signal: str, request: Any) -> Refuse | None:
        return Refuse(code, status, **options) if signal == signal_refused else None

    return behave


def cursors(home: Home) -> dict[str, int]:
    return {cursor.signal: cursor.seq for cursor in read_cursors(home)}


def calls_of(receiver: OtlpReceiver) -> list[int]:
    return [attributes(span)["prempti.correlation.id"] for span in receiver.spans()]


def test_every_call_becomes_a_span_and_every_cursor_moves(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    for number in range(1, 1301):
        store.append(a_denied_record(number)) if number % 2 else append_call(store, number)
    exporting = export()
    drain(exporting)
    exporting.send_metrics()
    assert calls_of(receiver) == list(range(1, 1301))
    events = Counter(log.event_name for log in receiver.logs())
    assert events == {"prempti.decision": 1300, "prempti.rule.match": 650}
    assert cursors(home) == dict.fromkeys(SIGNALS, 1950)
    (state,) = destination_states(home, [NAME])
    assert (state["backlog"], state["dead_letters"], state["last_error"]) == (0, 0, "")
    assert {signal["state"] for signal in state["signals"]} == {"well"}
    assert state["last_refusal"] == ""


def test_the_resource_says_which_installation_sent_it(store: Store, receiver: OtlpReceiver, export: Export) -> None:
    store.append(a_denied_record())
    drain(export())
    sent = attributes(receiver.taken("traces")[0].resource_spans[0].resource)
    assert (sent["service.name"], sent["service.namespace"]) == ("prempti", "prempti")
    assert len(sent["service.instance.id"]) == 36
    assert (sent["telemetry.sdk.name"], sent["telemetry.sdk.language"]) == ("opentelemetry", "python")
    assert sent["telemetry.sdk.version"] == version("opentelemetry-sdk")


def test_what_was_sent_is_not_sent_again_by_the_next_exporter(
    store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    store.append(a_denied_record(1))
    drain(export())
    store.append(a_denied_record(2))
    drain(export())
    assert calls_of(receiver) == [1, 2]


def test_a_receiver_that_is_away_gets_everything_when_it_is_back(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    store.append(a_denied_record(1))
    exporting = export()
    drain(exporting)
    receiver.stop()
    for number in range(2, 30):
        store.append(a_denied_record(number))
    drain(exporting)
    (state,) = destination_states(home, [NAME])
    assert state["backlog"] == 28
    assert state["oldest_age_seconds"] > 0
    assert state["last_error"] != ""
    receiver.start()
    while len(calls_of(receiver)) < 29:
        exporting.step()
    drain(exporting)
    assert calls_of(receiver) == list(range(1, 30))
    assert destination_states(home, [NAME])[0]["last_error"] == ""


TRANSIENT = [
    (503, grpc.StatusCode.UNAVAILABLE),
    (429, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (500, grpc.StatusCode.INTERNAL),
    (401, grpc.StatusCode.UNAUTHENTICATED),
    (403, grpc.StatusCode.PERMISSION_DENIED),
    (302, grpc.StatusCode.UNKNOWN),
]


@pytest.mark.parametrize(("status", "code"), TRANSIENT, ids=[code.name for _, code in TRANSIENT])
def test_a_failure_loses_nothing_and_holds_up_no_other_signal(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export, status: int, code: grpc.StatusCode
) -> None:
    store.append(a_denied_record(1))
    exporting = export()
    receiver.behave(refusing("traces", status, code))
    drain(exporting)
    assert (cursors(home)["traces"], cursors(home)["logs"]) == (0, 1)
    assert dead_letters(home) == []
    receiver.behave(lambda *_: None)
    drain(exporting)
    assert calls_of(receiver) == [1]
    assert len(receiver.logs()) == 2


NOT_RETRYABLE = [
    (400, grpc.StatusCode.INVALID_ARGUMENT),
    (500, grpc.StatusCode.INTERNAL),
    (409, grpc.StatusCode.UNKNOWN),
    (422, grpc.StatusCode.FAILED_PRECONDITION),
]


def poisonous(status: int, code: grpc.StatusCode, word: bytes = b"poison") -> Behaviour:
    def behave(signal: str, request: Any) -> Refuse | None:
        return Refuse(code, status, "bad record") if word in request.SerializeToString() else None

    return behave


@pytest.mark.parametrize(("status", "code"), NOT_RETRYABLE, ids=[code.name for _, code in NOT_RETRYABLE])
def test_one_refused_record_holds_up_no_other(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export, status: int, code: grpc.StatusCode
) -> None:
    receiver.behave(poisonous(status, code))
    for number in range(1, 101):
        store.append(a_denied_record(number, "poison" if number in (1, 37, 38, 99) else "ls"))
    exporting = export()
    for _ in range(3):  # what is doubtful is tried once more before it is looked into
        drain(exporting)
    assert set(calls_of(receiver)) == set(range(1, 101)) - {1, 37, 38, 99}
    dead = [
        (letter.first_seq, letter.last_seq, letter.items) for letter in dead_letters(home) if letter.signal == "traces"
    ]
    assert dead == [(1, 1, 1), (37, 37, 1), (38, 38, 1), (99, 99, 1)]
    assert "bad record" in dead_letters(home)[0].reason
    assert cursors(home)["traces"] == 100
    (state,) = destination_states(home, [NAME])
    assert (state["dead_letters"], state["last_error"]) == (4 + 4 * 2, "")
    assert state["last_refusal"].startswith("record 99: ")
    assert "bad record" in state["last_refusal"]


DOUBTFUL = NOT_RETRYABLE[1:3]


@pytest.mark.parametrize(("status", "code"), DOUBTFUL, ids=[code.name for _, code in DOUBTFUL])
def test_a_receiver_that_is_out_of_order_costs_no_record(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export, status: int, code: grpc.StatusCode
) -> None:
    for number in range(1, 601):
        store.append(a_denied_record(number))
    receiver.behave(lambda *_: Refuse(code, status))
    exporting = export()
    for _ in range(3):
        drain(exporting)
    assert dead_letters(home) == []
    assert cursors(home)["traces"] == 0
    (state,) = destination_states(home, [NAME])
    assert state["last_error"] != ""
    requests = len(receiver.metadata)
    drain(exporting)
    assert len(receiver.metadata) - requests <= 2 * (10 + 24)
    receiver.behave(lambda *_: None)
    while cursors(home)["traces"] < 600:
        exporting.step()
    assert set(calls_of(receiver)) == set(range(1, 601))


@pytest.mark.parametrize(("status", "code"), DOUBTFUL, ids=[code.name for _, code in DOUBTFUL])
def test_the_newest_record_waits_until_a_later_one_was_taken(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export, status: int, code: grpc.StatusCode
) -> None:
    receiver.behave(poisonous(status, code))
    store.append(a_denied_record(1, "poison"))
    exporting = export()
    for _ in range(4):
        drain(exporting)
    assert dead_letters(home) == []
    store.append(a_denied_record(2))
    for _ in range(2):
        drain(exporting)
    assert {letter.first_seq for letter in dead_letters(home)} == {1}
    assert set(calls_of(receiver)) == {2}


def test_a_long_run_of_refused_records_is_passed(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prempti_otel.telemetry.exporter.MOST_RECORDS", 16)
    receiver.behave(poisonous(500, grpc.StatusCode.INTERNAL))
    for number in range(1, 61):
        store.append(a_denied_record(number, "poison" if number <= 40 else "ls"))
    exporting = export()
    for _ in range(3):
        drain(exporting)
    assert set(calls_of(receiver)) == set(range(41, 61))
    assert cursors(home)["traces"] == 60


def test_an_answer_that_passes_by_itself_costs_no_record(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    answers = iter([False, True, True, False] * 400)
    receiver.behave(lambda *_: None if next(answers) else Refuse(grpc.StatusCode.INTERNAL, 500))
    for number in range(1, 101):
        store.append(a_denied_record(number))
    exporting = export()
    while cursors(home).get("logs", 0) < 100 or cursors(home)["traces"] < 100:
        exporting.step()
    assert set(calls_of(receiver)) == set(range(1, 101))
    assert dead_letters(home) == []


def test_a_receiver_that_is_short_of_memory_is_waited_for_and_told_by_its_own_words(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    store.append(a_denied_record(1))
    receiver.behave(lambda *_: Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "come back later"))
    exporting = export()
    for _ in range(3):
        drain(exporting)
    assert dead_letters(home) == []
    assert "come back later" in destination_states(home, [NAME])[0]["last_error"]


def test_a_partial_success_moves_the_cursor_and_what_was_rejected_is_written_down(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    receiver.behave(lambda signal, _: Partial(3, "three were too old") if signal == "traces" else None)
    for number in range(1, 11):
        store.append(a_denied_record(number))
    drain(export())
    assert len(receiver.taken("traces")) == 1
    assert cursors(home)["traces"] == 10
    (letter,) = dead_letters(home)
    assert (letter.signal, letter.first_seq, letter.last_seq, letter.items) == ("traces", 1, 10, 3)
    assert letter.reason == "three were too old"
    assert destination_states(home, [NAME])[0]["last_refusal"] == "one of records 1 to 10: three were too old"


@pytest.mark.parametrize(("status", "code"), [(404, grpc.StatusCode.UNIMPLEMENTED)])
def test_a_signal_that_is_not_taken_at_all_is_told_and_left(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export, status: int, code: grpc.StatusCode
) -> None:
    receiver.behave(refusing("logs", status, code))
    store.append(a_denied_record(1))
    exporting = export()
    drain(exporting)
    assert calls_of(receiver) == [1]
    assert dead_letters(home) == []
    states = {signal["signal"]: signal["state"] for signal in destination_states(home, [NAME])[0]["signals"]}
    assert (states["traces"], states["logs"]) == ("well", "unsupported")
    assert not next(cursor for cursor in read_cursors(home) if cursor.signal == "logs").supported


def test_a_record_that_makes_no_sense_is_set_aside(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    store.append(a_denied_record(1))
    store.append(Record(RecordKind.DECISION, 1, {"call": "not an object"}))
    store.append(a_denied_record(3))
    drain(export())
    assert calls_of(receiver) == [1, 3]
    assert {(letter.signal, letter.first_seq) for letter in dead_letters(home)} == {("traces", 2), ("logs", 2)}


def test_a_big_backlog_goes_in_requests_that_a_collector_takes(
    store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    for number in range(1, 201):
        matches = [a_match(tool_event(a_call()), f"Rule {rule}", output="o" * 3000) for rule in range(20)]
        store.append(decision_record(a_call(number), [], a_decision(Verdict.DENY, *matches), redactor=REDACTOR))
    drain(export())
    assert sorted(calls_of(receiver)) == list(range(1, 201))
    assert len(receiver.taken("traces")) > 3
    assert max(request.ByteSize() for _, request in receiver.requests) < 3_000_000


def test_metrics_count_records_and_do_not_count_them_again_after_a_restart(
    home: Home, store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    for number in range(1, 6):
        store.append(a_denied_record(number))
    for _ in range(2):
        exporting = export()
        drain(exporting)
        exporting.send_metrics()
        assert cursors(home)["metrics"] == 5
    sent = receiver.metrics()
    (decisions,) = sent["prempti.decisions"].sum.data_points
    assert decisions.as_int == 5
    assert attributes(decisions) == {
        "prempti.verdict": "deny",
        "prempti.action": "deny",
        "gen_ai.agent.name": "claude_code",
        "gen_ai.tool.name": "Bash",
        "prempti.mode": "guardrails",
    }
    (duration,) = sent["prempti.decision.duration"].histogram.data_points
    assert (duration.count, next(iter(duration.explicit_bounds))) == (5, 0.0001)
    assert {exemplar.trace_id for exemplar in duration.exemplars} <= {span.trace_id for span in receiver.spans()}
    assert duration.exemplars
    (matches,) = sent["prempti.rule.matches"].sum.data_points
    assert attributes(matches)["security_rule.name"] == "A rule"
    (backlog, _) = sent["prempti.export.backlog"].gauge.data_points
    assert backlog.as_int == 0


def test_metrics_hold_nothing_that_a_user_typed_and_few_names(
    store: Store, receiver: OtlpReceiver, export: Export
) -> None:
    for number in range(200):
        store.append(
            a_record(number, f"secret-command-{number}", tool=f"mcp__x__{number}", session_id=f"session-{number}")
        )
    exporting = export()
    drain(exporting)
    exporting.send_metrics()
    points = receiver.metrics()["prempti.decisions"].sum.data_points
    tools = {attributes(point)["gen_ai.tool.name"] for point in points}
    assert len(tools) == 65
    assert "other" in tools
    assert b"secret-command" not in receiver.taken("metrics")[0].SerializeToString()
    assert b"session-1" not in receiver.taken("metrics")[0].SerializeToString()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_headers_and_compression_are_those_of_the_settings(
    home: Home, store: Store, receiver: OtlpReceiver, resource: Resource, compression: str
) -> None:
    store.append(a_denied_record())
    state = ExportState(home)
    with StoreReader(home) as reader:
        wanted = destination(receiver, headers="authorization=Bearer%20abc,x-team=a", compression=compression)
        drain(DestinationExport(wanted, reader, state, resource, start=0))
    state.close()
    assert calls_of(receiver) == [1]
    assert receiver.metadata[0]["authorization"] == "Bearer abc"
    assert receiver.metadata[0]["x-team"] == "a"


def test_a_certificate_that_is_not_there_is_a_sentence(
    home: Home, store: Store, receiver: OtlpReceiver, resource: Resource
) -> None:
    state = ExportState(home)
    wanted = destination(receiver, endpoint="https://127.0.0.1:1", certificate="/nowhere/ca.pem")
    with StoreReader(home) as reader, pytest.raises(PremptiError, match="No such file"):
        DestinationExport(wanted, reader, state, resource, start=0)
    state.close()


def test_two_destinations_have_cursors_of_their_own(home: Home, store: Store, resource: Resource) -> None:
    state = ExportState(home)
    with OtlpReceiver("grpc") as one, OtlpReceiver("http/protobuf") as two, StoreReader(home) as reader:
        store.append(a_denied_record(1))
        drain(DestinationExport(destination(one, name="one"), reader, state, resource, start=0))
        store.append(a_denied_record(2))
        drain(DestinationExport(destination(two, name="two"), reader, state, resource, start=1))
        assert (calls_of(one), calls_of(two)) == ([1], [2])
    assert {(cursor.destination, cursor.seq) for cursor in read_cursors(home) if cursor.signal == "traces"} == {
        ("one", 1),
        ("two", 2),
    }
    state.close()


@given(st.integers(1, 200))
def test_pauses_grow_to_a_minute_and_are_never_the_whole_of_nothing(failures: int) -> None:
    backoff = Backoff()
    pauses = [backoff.failed() for _ in range(failures)]
    assert all(min(60.0, 0.5 * 2**n) / 2 <= pause <= min(60.0, 0.5 * 2**n) for n, pause in enumerate(pauses))
    backoff.succeeded()
    assert backoff.failed() <= 0.5
