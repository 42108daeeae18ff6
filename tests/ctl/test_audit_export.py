"""``premptictl audit export``: any range, to any receiver or file, with the ids of the live export."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource

from prempti_otel.audit.cursors import SIGNALS, read_cursors
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.store import Store
from prempti_otel.model.record import Record, RecordKind
from prempti_otel.settings.home import Home
from prempti_otel.telemetry import project
from prempti_otel.telemetry.state import ExportState, dead_letters
from tests.support.ctl import PREMPTICTL, Ctl
from tests.support.otlp import OtlpReceiver, Partial, Refuse, attributes
from tests.support.records import NOW_NS, a_denied_record, append_call


@pytest.fixture
def home(ctl: Ctl) -> Home:
    made = Home(ctl.guard_home)
    made.create()
    return made


def filled(store: Store, calls: int = 10) -> None:
    """Calls 1 to ``calls``: two records each, but one for each tenth, which is denied."""
    for number in range(1, calls + 1):
        if number % 10 == 0:
            store.append(a_denied_record(number))
        else:
            append_call(store, number, session_id=f"session-{number % 2}")


def expected_span_ids(home: Home) -> set[str]:
    with StoreReader(home) as reader:
        found = [span for record in reader.records(0) for span in project.spans(record, Resource({}), reader.get)]
    return {f"{span.context.span_id:016x}" for span in found}


def protocol(receiver: OtlpReceiver) -> str:
    return "grpc" if receiver.protocol == "grpc" else "http"


def calls_of(receiver: OtlpReceiver) -> list[int]:
    return [attributes(span)["prempti.correlation.id"] for span in receiver.spans()]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_all_of_the_trail_goes_to_a_receiver_with_the_ids_of_the_live_export(
    ctl: Ctl, home: Home, store: Store, receiver: OtlpReceiver
) -> None:
    filled(store)
    done = ctl("audit", "export", "--to", receiver.endpoint, "--protocol", protocol(receiver))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert {span.span_id.hex() for span in receiver.spans()} == expected_span_ids(home)
    assert len(receiver.logs()) == 11
    assert receiver.taken("metrics") == []
    sent = receiver.taken("traces")[0].resource_spans[0]
    assert attributes(sent.resource)["service.name"] == "prempti"
    assert sent.schema_url == sent.scope_spans[0].schema_url == "https://opentelemetry.io/schemas/1.44.0"


def test_cursors_and_dead_letters_of_destinations_stay_as_they_are(
    ctl: Ctl, home: Home, store: Store, receiver: OtlpReceiver
) -> None:
    filled(store)
    home.config.write_text(
        f"export:\n  - name: team\n    OTEL_EXPORTER_OTLP_ENDPOINT: {receiver.endpoint}\n"
        f"    OTEL_EXPORTER_OTLP_PROTOCOL: {receiver.protocol}\n"
        "    OTEL_EXPORTER_OTLP_HEADERS: authorization=Bearer%20x\n"
    )
    state = ExportState(home)
    for one in SIGNALS:
        state.cursor("team", one, start=3)
    state.close()
    receiver.behave(lambda name, _: Partial(1) if name == "traces" else None)
    done = ctl("audit", "export", "--destination", "team")
    assert done.returncode == 1
    assert "1 refused for good; record 1" in done.stderr
    assert {cursor.seq for cursor in read_cursors(home)} == {3}
    assert dead_letters(home) == []
    assert receiver.metadata[0]["authorization"] == "Bearer x"


RANGES: list[tuple[list[str], list[int]]] = [
    (["--since", "5"], [3, 4, 5, 6]),
    (["--until", "4"], [1, 2]),
    (["--since", "4", "--until", "6"], [2, 3]),
    (["--session", "session-1"], [1, 3, 5]),
    (["--since", "100d"], []),
    (["--until", "2020-01-01"], []),
    (["--since", "2025-01-01"], [1, 2, 3, 4, 5, 6]),
    (["--since", "99"], []),
    (["--since", "6", "--until", "2"], []),
]


@pytest.mark.parametrize(("arguments", "calls"), RANGES, ids=[" ".join(row[0]) for row in RANGES])
def test_a_range_is_what_was_recorded_in_it(ctl: Ctl, store: Store, arguments: list[str], calls: list[int]) -> None:
    assert time.time_ns() - NOW_NS > 100 * 86_400 * 10**9, "the records must be older than 100 days"
    filled(store, 6)
    events = lines(ctl.ok("audit", "export", "--format", "ocsf", *arguments))
    assert [event["unmapped"]["prempti.correlation.id"] for event in events] == calls


@pytest.mark.parametrize(("name", "message"), [("traces", TracesData), ("logs", LogsData)])
def test_otlp_lines_are_what_the_specification_says(
    ctl: Ctl, home: Home, store: Store, tmp_path: Path, name: str, message: Any
) -> None:
    filled(store)
    target = tmp_path / "out.jsonl"
    done = ctl("audit", "export", "--format", "otlp-json", "--signal", name, "--output", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    (line,) = lines(target.read_text())
    (top,) = line
    assert top == {"traces": "resourceSpans", "logs": "resourceLogs"}[name]
    items = line[top][0]["scopeSpans" if name == "traces" else "scopeLogs"][0][
        "spans" if name == "traces" else "logRecords"
    ]
    assert {item["spanId"] for item in items} == expected_span_ids(home)
    assert all(len(item["traceId"]) == 32 for item in items)
    if name == "traces":
        assert {item["kind"] for item in items} == {1}
        assert all(item["startTimeUnixNano"].isdigit() for item in items)
    for item in items:
        del item["traceId"], item["spanId"]
        item.pop("parentSpanId", "")
    ParseDict(line, message())


def test_output_can_be_piped_and_a_reader_may_leave(ctl: Ctl, store: Store) -> None:
    filled(store, 500)
    process = subprocess.Popen(
        [PREMPTICTL, "audit", "export", "--format", "ocsf"],
        env=ctl.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    json.loads(process.stdout.readline())
    process.stdout.close()
    _, told = process.communicate(timeout=300)
    assert process.returncode == 141
    assert b"Traceback" not in told


def test_a_file_is_not_overwritten_and_can_be_gone_on_with(ctl: Ctl, store: Store, tmp_path: Path) -> None:
    filled(store, 6)
    target = str(tmp_path / "out.jsonl")
    ctl.ok("audit", "export", "--format", "ocsf", "--until", "6", "--output", target)
    refused = ctl("audit", "export", "--format", "ocsf", "--since", "7", "--output", target)
    assert refused.returncode == 3
    assert "--append" in refused.stderr
    ctl.ok("audit", "export", "--format", "ocsf", "--since", "7", "--output", target, "--append")
    events = lines(Path(target).read_text())
    assert [event["unmapped"]["prempti.correlation.id"] for event in events] == [1, 2, 3, 4, 5, 6]


def test_a_symbolic_link_is_not_followed(ctl: Ctl, store: Store, tmp_path: Path) -> None:
    filled(store, 1)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    done = ctl("audit", "export", "--format", "ocsf", "--output", str(tmp_path / "link"), "--append")
    assert done.returncode == 3
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_whole_lines_and_says_where_to_go_on(ctl: Ctl, store: Store) -> None:
    filled(store, 1)
    done = ctl("audit", "export", "--format", "ocsf", "--output", "/dev/full", "--append")
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "--since 1" in done.stderr


def test_what_a_receiver_refuses_does_not_hold_up_the_rest(ctl: Ctl, store: Store, receiver: OtlpReceiver) -> None:
    filled(store)
    receiver.behave(
        lambda name, request: (
            Refuse(grpc.StatusCode.INVALID_ARGUMENT, 400, "bad record")
            if name == "traces" and b"toolu_4" in request.SerializeToString()
            else None
        )
    )
    done = ctl("audit", "export", "--to", receiver.endpoint, "--protocol", protocol(receiver))
    assert done.returncode == 1
    assert "1 refused for good; record 8: " in done.stderr
    assert "bad record" in done.stderr
    assert set(calls_of(receiver)) == set(range(1, 11)) - {4}


def test_a_receiver_that_fails_for_a_moment_gets_everything(ctl: Ctl, store: Store, receiver: OtlpReceiver) -> None:
    filled(store)
    answers = iter([Refuse(grpc.StatusCode.UNAVAILABLE, 503)] * 2)
    receiver.behave(lambda *_: next(answers, None))
    done = ctl("audit", "export", "--to", receiver.endpoint, "--protocol", protocol(receiver))
    assert done.returncode == 0
    assert sorted(calls_of(receiver)) == list(range(1, 11))


def test_a_receiver_that_does_not_take_logs_gets_traces(ctl: Ctl, store: Store, receiver: OtlpReceiver) -> None:
    filled(store)
    receiver.behave(lambda name, _: Refuse(grpc.StatusCode.UNIMPLEMENTED, 404) if name == "logs" else None)
    done = ctl("audit", "export", "--to", receiver.endpoint, "--protocol", protocol(receiver))
    assert done.returncode == 0
    assert "does not take logs" in done.stderr
    assert len(calls_of(receiver)) == 10


def test_an_interrupted_run_says_where_to_go_on(ctl: Ctl, store: Store) -> None:
    filled(store, 1000)
    with OtlpReceiver("grpc") as receiver:

        def hang(name: str, _: Any) -> Refuse | None:
            return Refuse(grpc.StatusCode.UNAVAILABLE, 503) if len(receiver.taken("traces")) > 1 else None

        receiver.behave(hang)
        process = subprocess.Popen(
            [PREMPTICTL, "audit", "export", "--to", receiver.endpoint, "--signal", "traces"],
            env=ctl.env,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 60
        while len(receiver.metadata) < 3 or len(receiver.taken("traces")) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=300)
        assert process.returncode == 130
        (place,) = [word for word in told.decode().split() if word.isdecimal()]
        receiver.behave(lambda *_: None)
        ctl.ok("audit", "export", "--to", receiver.endpoint, "--signal", "traces", "--since", place)
        assert set(calls_of(receiver)) == set(range(1, 1001))


WRONG: list[tuple[list[str], int, str]] = [
    ([], 2, "say where to"),
    (["--to", "http://127.0.0.1:1", "--format", "ocsf"], 2, "say where to"),
    (["--to", "nonsense"], 2, "no URL"),
    (["--destination", "nowhere"], 3, "no destination"),
    (["--format", "ocsf", "--since", "yesterday"], 2, "is no time"),
    (["--format", "ocsf", "--protocol", "grpc"], 2, "--protocol goes with --to"),
    (["--format", "ocsf", "--signal", "logs"], 2, "--signal"),
    (["--format", "otlp-json", "--signal", "logs", "--signal", "traces"], 2, "one signal"),
    (["--to", "http://127.0.0.1:1", "--output", "x"], 2, "--output"),
    (["--format", "ocsf", "--output", "/nowhere/x"], 3, "cannot be written"),
]


@pytest.mark.parametrize(("arguments", "status", "told"), WRONG, ids=[" ".join(row[0]) or "nothing" for row in WRONG])
def test_what_makes_no_sense_is_a_sentence(
    ctl: Ctl, store: Store, arguments: list[str], status: int, told: str
) -> None:
    filled(store, 1)
    done = ctl("audit", "export", *arguments)
    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_can_give_headers_but_not_switch_it_off(ctl: Ctl, store: Store, receiver: OtlpReceiver) -> None:
    filled(store)
    hostile = {
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a",
        "OTEL_SDK_DISABLED": "true",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=forged",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "0",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": "1",
    }
    done = ctl("audit", "export", "--to", receiver.endpoint, "--protocol", protocol(receiver), env=hostile)
    assert done.returncode == 0, done.stderr
    assert receiver.metadata[0]["x-team"] == "a"
    assert sum(len(span.events) for span in receiver.spans()) == 1
    assert len(calls_of(receiver)) == 10


def test_a_record_that_makes_no_sense_is_told_and_passed_over(ctl: Ctl, store: Store) -> None:
    filled(store, 1)
    store.append(Record(RecordKind.DECISION, 1, {"call": "not an object"}))
    filled(store, 1)
    for arguments in (["--format", "ocsf"], ["--format", "otlp-json"]):
        done = ctl("audit", "export", *arguments)
        assert done.returncode == 1
        assert "1 refused for good; record 3: cannot be projected" in done.stderr
        assert "5 records out, of 1 to 5" in done.stderr


def test_a_receiver_that_speaks_no_tls_is_told_in_one_sentence(ctl: Ctl, store: Store) -> None:
    filled(store, 1)
    with OtlpReceiver("grpc") as receiver:
        done = ctl("audit", "export", "--to", receiver.endpoint.replace("http", "https"), "--signal", "traces")
    assert done.returncode == 3
    assert done.stderr.startswith("premptictl: https://127.0.0.1:")
    assert "--since 1" in done.stderr.splitlines()[-1]
