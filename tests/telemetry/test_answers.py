"""What a receiver's answer over HTTP is taken for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from prempti_otel.settings.config import Destination
from prempti_otel.telemetry.otlp import Answer, Outcome, sender

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@contextmanager
def answering(status: int, headers: dict[str, str], content: bytes) -> Iterator[str]:
    """The URL of a server that says the same to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def answer_to(status: int, headers: dict[str, str], content: bytes = b"") -> Answer:
    """What is made of that answer to an empty request for traces."""
    with answering(status, headers, content) as url:
        return sender(Destination(name="test", endpoint=url, protocol="http/protobuf"), "traces")([])


def partial(rejected: int) -> bytes:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    return response.SerializeToString()


@pytest.mark.parametrize(
    ("status", "kind", "content", "outcome", "rejected"),
    [
        (200, PROTOBUF, b"", Outcome.TAKEN, 0),
        (200, PROTOBUF, partial(3), Outcome.TAKEN, 3),
        (202, PROTOBUF, b"", Outcome.TAKEN, 0),
        (204, "", b"", Outcome.TAKEN, 0),
        (202, JSON, b"{}", Outcome.TAKEN, 0),
        (200, f"{JSON}; charset=utf-8", b'{"status": "ok"}', Outcome.TAKEN, 0),
        (200, JSON, b'{"partialSuccess": {"rejectedSpans": "2"}}', Outcome.TAKEN, 2),
        (200, JSON, b"", Outcome.TAKEN, 0),
        (200, JSON, b"{", Outcome.FAILED, 0),
        (200, JSON, b"\xff", Outcome.FAILED, 0),
        (200, "text/html", b"<html>log in first</html>", Outcome.FAILED, 0),
    ],
)
def test_a_receiver_that_took_it_is_believed_in_any_of_its_forms(
    status: int, kind: str, content: bytes, outcome: Outcome, rejected: int
) -> None:
    answer = answer_to(status, {"Content-Type": kind} if kind else {}, content)
    assert (answer.outcome, answer.rejected) == (outcome, rejected)


def test_the_wait_that_a_receiver_asks_for_is_seconds_or_a_date() -> None:
    assert answer_to(503, {"Retry-After": "7"}).retry_after == 7
    later = formatdate(time.time() + 3600, usegmt=True)
    assert 3000 < answer_to(503, {"Retry-After": later}).retry_after <= 3600
    assert answer_to(503, {"Retry-After": formatdate(0, usegmt=True)}).retry_after == 0
    assert answer_to(503, {"Retry-After": "soon"}).retry_after == 0
