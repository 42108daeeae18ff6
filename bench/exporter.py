"""The exporter: calls projected and sent to a receiver on loopback, and what a backlog costs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource

from bench.rows import Row
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.store import Store
from prempti_otel.settings.home import Home
from prempti_otel.telemetry import names, project
from tests.support.otlp import OtlpReceiver
from tests.support.records import a_denied_record, announce, append_call

NAME = "bench"


def run(quick: bool) -> list[Row]:
    """Ratios against reading the same records from the store."""
    calls = 2_000 if quick else 52_632
    with tempfile.TemporaryDirectory(prefix="prempti-bench-") as folder:
        home = Home(Path(folder))
        home.create()
        with Store.open(home, retention_days=36_500) as store:
            announce(store, NAME)
            for number in range(calls):
                store.append(a_denied_record(number)) if number % 10 == 0 else append_call(store, number)
            records = store.last_seq
        size = home.audit_db.stat().st_size
        read = _rate(records, lambda: _read(home))
        projected = _rate(records, lambda: _project(home))
        rows = [
            Row("records read (floor)", read, "1/s", 1.0, f"{records:,} records of {calls:,} calls"),
            Row("records projected to spans and logs", projected, "1/s", projected / read),
            Row("on disk per call", size / calls, "bytes", note="decision and outcome, short commands"),
        ]
        for protocol in ("grpc", "http/protobuf"):
            rows += _drain(home, protocol, calls, records, read)
        return rows


def _rate(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _read(home: Home) -> None:
    after = 0
    with StoreReader(home) as reader:
        while records := reader.records(after, 512):
            after = records[-1].seq


def _project(home: Home) -> None:
    after, resource = 0, Resource({})
    with StoreReader(home) as reader:
        while records := reader.records(after, 512):
            after = records[-1].seq
            for record in records:
                project.spans(record, resource, reader.get)
                project.logs(record, resource)


def _drain(home: Home, protocol: str, calls: int, records: int, floor: float) -> list[Row]:
    """A backlog through the real process, from its first request until the last span and log event are there."""
    for path in home.root.glob("export.db*"):
        path.unlink()
    with OtlpReceiver(protocol) as receiver:
        home.config.write_text(
            f"export:\n  - name: {NAME}\n    OTEL_EXPORTER_OTLP_ENDPOINT: {receiver.endpoint}\n"
            f"    OTEL_EXPORTER_OTLP_PROTOCOL: {protocol}\n"
        )
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "prempti_otel.telemetry", "--home", str(home.root)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        while not receiver.requests:
            time.sleep(0.005)
        started = time.perf_counter()
        counted = spans = logs = 0
        memory = 0.0
        while spans < calls or logs < calls:
            time.sleep(0.1)
            waiting = receiver.requests[counted:]
            counted += len(waiting)
            spans += sum(_items(request) for signal, request in waiting if signal == "traces")
            logs += sum(_items(request) for signal, request in waiting if signal == "logs")
            memory = max(memory, _resident(process.pid))
        ended = time.perf_counter()
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    rate = records / (ended - started)
    return [
        Row(f"backlog sent by {protocol}", rate, "1/s", rate / floor, "records, as spans and logs"),
        Row(f"time for all of it, {protocol}", ended - began, "s", note="from the start of the process"),
        Row(f"most memory meanwhile, {protocol}", memory, "MiB", note="resident, the exporter process"),
    ]


def _items(request: Any) -> int:
    """Spans, or log events that are decisions: one for each call."""
    if hasattr(request, "resource_spans"):
        return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    return sum(
        log.event_name == names.DECISION_EVENT
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for log in scope.log_records
    )


def _resident(pid: int) -> float:
    """MiB, by ``ps``, which Linux and macOS both have."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(done.stdout or 0) / 1024
