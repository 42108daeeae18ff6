"""The exporter as a process: started by an engine, killed at the worst moment, in a hostile environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prempti_otel.audit.store import Store
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config
from tests.support.otlp import OtlpReceiver, attributes
from tests.support.records import a_denied_record, announce

Start = Callable[..., subprocess.Popen[bytes]]
DEADLINE = 300.0


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    processes: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, **env: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "prempti_otel.telemetry", "--home", str(home.root), *arguments],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **env},
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            assert pipe is not None
            pipe.close()


def configure(home: Home, receiver: OtlpReceiver, store: Store) -> None:
    announce(store, "test")
    write_config(home, receiver)


def write_config(home: Home, receiver: OtlpReceiver) -> None:
    home.config.write_text(
        f"export:\n  - name: test\n    OTEL_EXPORTER_OTLP_ENDPOINT: {receiver.endpoint}\n"
        f"    OTEL_EXPORTER_OTLP_PROTOCOL: {receiver.protocol}\n"
    )


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, f"nothing happened for {DEADLINE:g} s"
        time.sleep(0.02)


def span_ids(receiver: OtlpReceiver) -> set[bytes]:
    return {span.span_id for span in receiver.spans()}


def assert_duplicates_are_equal(receiver: OtlpReceiver) -> int:
    """How many spans came more than once, each time with the same content."""
    by_id: dict[bytes, bytes] = {}
    for span in receiver.spans():
        content = span.SerializeToString(deterministic=True)
        assert by_id.setdefault(span.span_id, content) == content
    return len(receiver.spans()) - len(by_id)


def test_a_collector_that_was_away_for_the_whole_run_gets_a_span_for_every_call(
    home: Home, store: Store, receiver: OtlpReceiver, start: Start
) -> None:
    configure(home, receiver, store)
    receiver.stop()
    start()
    for number in range(1, 1001):
        store.append(a_denied_record(number))
    wait_for(lambda: home.export_db.exists())
    receiver.start()
    wait_for(lambda: len(span_ids(receiver)) == 1000)
    print(f"{assert_duplicates_are_equal(receiver)} spans came twice")


def test_a_kill_between_answer_and_cursor_sends_again_and_loses_nothing(
    home: Home, store: Store, receiver: OtlpReceiver, start: Start
) -> None:
    configure(home, receiver, store)
    running: list[subprocess.Popen[bytes]] = []
    kills: list[int] = []

    def kill_first(signal_name: str, request: Any) -> None:
        if signal_name == "traces" and len(kills) < 3:
            kills.append(running[-1].pid)
            running[-1].send_signal(signal.SIGKILL)

    receiver.behave(kill_first)
    for number in range(1, 101):
        store.append(a_denied_record(number))
    for _ in range(3):
        running.append(start())
        running[-1].wait(DEADLINE)
    running.append(start())
    wait_for(lambda: len(span_ids(receiver)) == 100 and len(receiver.spans()) == 400)
    assert assert_duplicates_are_equal(receiver) == 300


def test_it_ends_with_its_parent_and_sends_what_it_can_before(
    home: Home, store: Store, receiver: OtlpReceiver, start: Start
) -> None:
    configure(home, receiver, store)
    process = start()
    store.append(a_denied_record(1))
    wait_for(lambda: len(receiver.spans()) == 1)
    store.append(a_denied_record(2))
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(DEADLINE) == 0
    assert len(span_ids(receiver)) == 2
    assert "prempti.decisions" in receiver.metrics()


def test_it_ends_cleanly_when_told_to(home: Home, store: Store, receiver: OtlpReceiver, start: Start) -> None:
    configure(home, receiver, store)
    store.append(a_denied_record(1))
    process = start()
    wait_for(lambda: len(receiver.spans()) == 1)
    process.terminate()
    assert process.wait(DEADLINE) == 0


HOSTILE = {
    "OTEL_SDK_DISABLED": "true",
    "OTEL_TRACES_SAMPLER": "always_off",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=stolen",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "0.0001",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=forged",
    "OTEL_SERVICE_NAME": "forged",
    "OTEL_METRICS_EXEMPLAR_FILTER": "always_off",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "1",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "0",
}


def test_the_environment_cannot_switch_it_off_or_lead_it_elsewhere(
    home: Home, store: Store, receiver: OtlpReceiver, start: Start
) -> None:
    configure(home, receiver, store)
    store.append(a_denied_record(1))
    process = start(**HOSTILE)
    wait_for(lambda: bool(receiver.spans() and receiver.logs()))
    process.terminate()
    process.wait(DEADLINE)
    (span,) = receiver.spans()
    assert len(span.events) == 1
    assert attributes(span)["prempti.verdict"] == "deny"
    resource = receiver.taken("traces")[0].resource_spans[0].resource
    assert attributes(resource)["service.name"] == "prempti"
    assert all("stolen" not in metadata.values() for metadata in receiver.metadata)
    assert receiver.metrics()["prempti.decision.duration"].histogram.data_points[0].exemplars


def test_without_settings_the_daemons_own_environment_says_where_to(
    home: Home, store: Store, receiver: OtlpReceiver, start: Start
) -> None:
    announce(store, "environment")
    store.append(a_denied_record(1))
    start(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=receiver.protocol,
    )
    wait_for(lambda: len(receiver.spans()) == 1)


def test_without_a_destination_it_ends_and_reads_nothing(home: Home, store: Store, start: Start) -> None:
    assert start().wait(DEADLINE) == 0
    assert not home.export_db.exists()


def test_a_new_destination_begins_where_it_was_first_recorded(
    home: Home, store: Store, receiver: OtlpReceiver, start: Start
) -> None:
    configure(home, receiver, store)
    name = load_config(home.config).export[0].name
    for number, listed in enumerate(([name], ["other"], [name], [name])):
        announce(store, *listed)
        store.append(a_denied_record(number))
    start()
    wait_for(lambda: len(receiver.spans()) == 2)
    assert {attributes(span)["prempti.correlation.id"] for span in receiver.spans()} == {2, 3}


def test_only_one_exporter_sends_for_a_home(home: Home, store: Store, receiver: OtlpReceiver, start: Start) -> None:
    configure(home, receiver, store)
    first = start()
    store.append(a_denied_record(1))
    wait_for(lambda: len(receiver.spans()) == 1)
    second = start()
    store.append(a_denied_record(2))
    wait_for(lambda: len(span_ids(receiver)) == 2)
    first.terminate()
    first.wait(DEADLINE)
    store.append(a_denied_record(3))
    wait_for(lambda: len(span_ids(receiver)) == 3)
    assert second.poll() is None
    assert len(receiver.spans()) == 3


BROKEN: list[tuple[str, str]] = [
    ("exprot: []\n", "export"),
    ("export:\n  - name: a\n    OTEL_EXPORTER_OTLP_ENDPOINT: nonsense\n", "config.yaml"),
]


@pytest.mark.parametrize(("config", "told"), BROKEN)
def test_broken_settings_are_told_in_a_sentence(home: Home, start: Start, config: str, told: str) -> None:
    home.config.write_text(config)
    process = start()
    assert process.wait(DEADLINE) == 1
    assert process.stderr is not None
    said = process.stderr.read().decode()
    assert told in said
    assert "Traceback" not in said


def test_a_store_that_comes_later_is_waited_for(home: Home, receiver: OtlpReceiver, start: Start) -> None:
    write_config(home, receiver)
    process = start()
    assert process.stderr is not None
    assert b"no audit store yet" in process.stderr.readline()
    with Store.open(home, retention_days=36_500) as store:
        announce(store, "test")
        store.append(a_denied_record(1))
        wait_for(lambda: len(receiver.spans()) == 1)


def test_neither_the_audit_nor_the_state_loads_opentelemetry() -> None:
    code = (
        "import sys, prempti_otel.audit, prempti_otel.telemetry.state, prempti_otel.telemetry.__main__;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0
