"""Outages of everything between the engine and the backend: nothing is lost, and what comes twice is the same.

``PREMPTI_STACK_CALLS`` says how many calls are made (5,000 unless set).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import grpc
import pytest

from prempti_otel.audit.reader import StoreReader
from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from prempti_otel.telemetry import names
from prempti_otel.telemetry.state import dead_letters
from tests.stack.conftest import until
from tests.support import stack_programs
from tests.support.engine_process import READY_S, end, make_home, spawn, wait_until_ready
from tests.support.exports import exported
from tests.support.otlp import OtlpReceiver, Refuse, attributes
from tests.support.ports import free_port
from tests.support.rulesets import RULES
from tests.support.stack import Service, Stack
from tests.support.stack_calls import Call, calls

CALLS = int(os.environ.get("PREMPTI_STACK_CALLS", "5000"))
DRAIN_S = 900
FORGOTTEN = 300
"""Records that are sent once more."""


def spans_of(stack: Stack) -> dict[str, list[str]]:
    """Span id → each time that a tool call's span came to the archive, as canonical JSON."""
    found: dict[str, list[str]] = defaultdict(list)
    for span in stack.archived("spans"):
        if span["name"].startswith(names.EXECUTE_TOOL):
            found[span["spanId"]].append(json.dumps(span, sort_keys=True))
    return found


def make(home: Home, some: list[Call]) -> None:
    with EngineClient(home) as client:
        client.wait_ready(READY_S)
        for call in some:
            call.make(client)


class Caller(threading.Thread):
    """Makes calls one after the other, whatever happens to the engine meanwhile, as an agent does."""

    def __init__(self, home: Home, some: list[Call]) -> None:
        super().__init__(daemon=True)
        self._home = home
        self._some = some
        self.made: list[Call] = []
        self.broken_off: list[Call] = []
        """Cut off by the engine's end: nobody was told whether they were recorded."""
        self.start()

    def run(self) -> None:
        with EngineClient(self._home) as client:
            for call in self._some:
                try:
                    call.make(client)
                except EngineUnavailable:
                    self.broken_off.append(call)
                    client.close()
                    client.wait_ready(READY_S)
                else:
                    self.made.append(call)

    def half(self) -> None:
        """Wait until half of the calls are made, so that what comes next comes amid the others."""
        until(lambda: len(self.made) + len(self.broken_off) >= len(self._some) // 2, DRAIN_S)

    def finish(self) -> None:
        """Wait for the last call."""
        self.join(DRAIN_S)
        assert not self.is_alive()


def spawned_again(home: Home) -> subprocess.Popen[bytes]:
    engine = spawn(home)
    with EngineClient(home) as client:
        wait_until_ready(engine, client)
    return engine


def test_every_call_made_in_outages_arrives_once_everything_is_up_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = list(calls("outage", 0, CALLS))
    part = -(-CALLS // 5)
    parts = [made[begin : begin + part] for begin in range(0, CALLS, part)]
    with Stack(tmp_path) as stack:
        home = make_home(tmp_path / "home", RULES, stack.engine_config)
        engine = spawn(home)
        try:
            make(home, parts[0])
            until(lambda: {call.span_id for call in parts[0]} <= spans_of(stack).keys())
            stack.gateway.end()
            callers = [Caller(home, parts[1])]
            callers[0].half()
            stack.agent.kill()
            callers[0].finish()
            callers.append(Caller(home, parts[2]))
            callers[1].half()
            end(engine, signal.SIGKILL)
            engine = spawned_again(home)
            stack.agent.start()
            callers[1].finish()
            # What has gathered is being sent now, from the store and from the collector's queue.
            stack.gateway.start()
            callers.append(Caller(home, parts[3]))
            for service in (stack.agent, stack.gateway) * 2:
                service.kill()
                service.start()
            callers[2].half()
            stack.agent.kill()
            end(engine, signal.SIGKILL)
            engine = spawned_again(home)
            stack.agent.start()
            callers[2].finish()
            make(home, parts[4])
            began = time.monotonic()
            sure = {
                call.span_id for some in (parts[0], *(caller.made for caller in callers), parts[4]) for call in some
            }
            until(lambda: sure <= spans_of(stack).keys(), DRAIN_S)
            until(lambda: sure <= in_jaeger(stack, made), DRAIN_S)
            drained = time.monotonic() - began
            until(lambda: exported(home), DRAIN_S)
            end(engine)
            sent_again = forget_the_last(home)
            engine = spawn(home)
            until(lambda: exported(home), DRAIN_S)
            until(lambda: sum(len(texts) > 1 for texts in spans_of(stack).values()) >= sent_again, DRAIN_S)
            until(lambda: in_jaeger(stack, made) == spans_of(stack).keys(), DRAIN_S)
        finally:
            end(engine)
        came, shown = spans_of(stack), in_jaeger(stack, made)
    broken_off = [call for caller in callers for call in caller.broken_off]
    again = [texts for texts in came.values() if len(texts) > 1]
    with capsys.disabled():
        print(f"\n{CALLS} calls: backlog empty {drained:.1f} s after the last of them; ", end="")
        print(f"{len(again)} spans came more than once ({sum(map(len, again))} times in all); ", end="")
        print(f"{len(broken_off)} calls were cut off by the engine's end")
    assert len(broken_off) <= 2, "one for each time that the engine was killed"
    assert came.keys() - sure <= {call.span_id for call in broken_off}
    assert shown == came.keys()
    assert [texts for texts in again if len(set(texts)) > 1] == []


def forget_the_last(home: Home) -> int:
    """Set the cursors back, as where the exporter was killed after an answer came; how many calls are sent again."""
    with StoreReader(home) as reader:
        again = reader.records(reader.last_seq() - FORGOTTEN, kinds=[RecordKind.DECISION])
    with contextlib.closing(sqlite3.connect(home.export_db)) as database, database:
        database.execute("UPDATE cursors SET seq = ?, hash = ''", [again[0].seq])
    return len(again) - 2


def in_jaeger(stack: Stack, made: list[Call]) -> set[str]:
    """Ids of the tool calls' spans in the traces of these calls."""
    return {
        span_id
        for trace_id in dict.fromkeys(call.trace_id for call in made)
        for span_id, span in stack.trace(trace_id).items()
        if span["name"].startswith(names.EXECUTE_TOOL)
    }


PASSING_ON = """\
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%(port)d"}}}
exporters:
  otlp_grpc:
    endpoint: "%(backend)s"
    tls: {insecure: true}
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
extensions:
  health_check: {endpoint: "127.0.0.1:%(health)d"}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_grpc]}
    logs: {receivers: [otlp], exporters: [otlp_grpc]}
    metrics: {receivers: [otlp], exporters: [otlp_grpc]}
"""
"""A collector that keeps nothing, so that its sender is told what the backend said."""


def test_a_record_that_the_collector_refuses_for_good_holds_up_no_other(tmp_path: Path) -> None:
    made = list(calls("refused", 0, 60))
    bad = made[37]

    def behave(signal: str, request: Any) -> Refuse | None:
        if signal == "traces" and bad.use_id.encode() in request.SerializeToString():
            return Refuse(grpc.StatusCode.INVALID_ARGUMENT, 400, "one record is not to my liking")
        return None

    with OtlpReceiver("grpc") as backend:
        backend.behave(behave)
        port, health = free_port(), free_port()
        config = tmp_path / "collector.yaml"
        config.write_text(
            PASSING_ON % {"port": port, "health": health, "backend": backend.endpoint.removeprefix("http://")}
        )
        collector = Service(
            [str(stack_programs.collector()), "--config", str(config)],
            {},
            f"http://127.0.0.1:{health}/",
            tmp_path / "collector.log",
        )
        collector.start()
        settings = f"rules: {{default: false}}\nexport:\n  - name: local\n    OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:{port}\n"
        home = make_home(tmp_path / "home", RULES, settings)
        engine = spawn(home)
        try:
            make(home, made)
            expected = {call.use_id for call in made} - {bad.use_id}
            until(lambda: expected == {attributes(span).get(names.TOOL_CALL_ID) for span in backend.spans()} - {None})
        finally:
            end(engine)
            collector.end()
    dead = dead_letters(home)
    assert [(letter.signal, letter.items) for letter in dead] == [("traces", 1)]
    assert "INVALID_ARGUMENT" in dead[0].reason
