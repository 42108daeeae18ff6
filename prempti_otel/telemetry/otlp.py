"""The official OTLP exporters, gRPC and HTTP, made to tell what the receiver answered.

Both throw the answer away: ``export()`` gives success or failure, and a partial success counts as success
(read in opentelemetry-exporter-otlp 1.45). The gRPC exporters' stub is therefore wrapped, and the HTTP exporters
are given a ``requests.Session`` with a response hook. What is right to do then follows the OTLP specification
(https://opentelemetry.io/docs/specs/otlp/, "Failures"). Must never decide what to send.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import grpc
import requests
from google.protobuf import json_format
from google.protobuf.json_format import ParseError
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.util.re import parse_env_headers

from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.settings.config import Destination


class Outcome(Enum):
    """What became of one request."""

    TAKEN = "taken"
    """By the receiver, but for ``Answer.rejected`` items."""
    REFUSED = "refused"
    """For good, for what it holds: sending the same again is pointless."""
    DOUBTFUL = "doubtful"
    """Not to be sent again, by the specification; but whether it is what it holds, or the receiver, it does not say."""
    UNSUPPORTED = "unsupported"
    """The receiver does not take this signal, as it is."""
    FAILED = "failed"
    """For now: to be tried again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver made of one request."""

    outcome: Outcome
    code: str = ""
    """A word from a short list: a gRPC status, ``http_503``, ``unreachable``."""
    message: str = ""
    """For a person."""
    rejected: int = 0
    """Items of a request that was taken otherwise (OTLP's partial success)."""
    retry_after: float = 0.0
    """Seconds that the receiver wants to be left alone."""


Batch: TypeAlias = Any
"""What the exporter of the signal takes: a sequence of spans, of log records, or MetricsData."""
Sender: TypeAlias = Callable[[Batch], Answer]

_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: Outcome.REFUSED,
    grpc.StatusCode.UNIMPLEMENTED: Outcome.UNSUPPORTED,
    # "Retryable" in the specification's table.
    grpc.StatusCode.CANCELLED: Outcome.FAILED,
    grpc.StatusCode.DEADLINE_EXCEEDED: Outcome.FAILED,
    grpc.StatusCode.ABORTED: Outcome.FAILED,
    grpc.StatusCode.OUT_OF_RANGE: Outcome.FAILED,
    grpc.StatusCode.UNAVAILABLE: Outcome.FAILED,
    grpc.StatusCode.DATA_LOSS: Outcome.FAILED,
    # Not retryable there; but it is about who sends, not about what is sent: a person has to see to it.
    grpc.StatusCode.UNAUTHENTICATED: Outcome.FAILED,
    grpc.StatusCode.PERMISSION_DENIED: Outcome.FAILED,
}
"""All others (INTERNAL, UNKNOWN, FAILED_PRECONDITION, ...) are doubtful."""
_STATUS = {
    **dict.fromkeys((400, 413, 415, 422), Outcome.REFUSED),
    **dict.fromkeys((404, 405, 501), Outcome.UNSUPPORTED),
    **dict.fromkeys((429, 502, 503, 504), Outcome.FAILED),
    **dict.fromkeys((401, 403, 407), Outcome.FAILED),
}
"""The same of HTTP: other 4xx and 5xx are doubtful."""
_TOO_LARGE = ("larger than", "too large", "exceeds max")
"""What gRPC implementations say of a message beyond their limit, with RESOURCE_EXHAUSTED or OUT_OF_RANGE."""
_RESPONSES: dict[str, type[Message]] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_REJECTED_FIELD = {"traces": "rejected_spans", "logs": "rejected_log_records", "metrics": "rejected_data_points"}
_NEVER_RETRIED = (grpc.StatusCode.OK,)
"""Given as the exporter's retryable codes: waiting is the caller's business, so it must not wait by itself."""
_CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 5000),
)
_NO_ANSWER = Answer(Outcome.FAILED, "unreachable", "the receiver did not answer")


def sender(destination: Destination, signal: str) -> Sender:
    """How ``signal`` goes to ``destination``. Raises PremptiError where its files cannot be read."""
    if destination.protocol == "grpc":
        return _GrpcSender(destination, signal)
    return _HttpSender(destination, signal)


class _Watched:
    """A gRPC stub that tells what the receiver answers."""

    def __init__(self, stub: Any, hear: Callable[[Answer], None], signal: str) -> None:
        self._stub = stub
        self._hear = hear
        self._signal = signal

    def Export(self, **arguments: Any) -> Any:  # noqa: N802 - the service's own name
        try:
            response = self._stub.Export(**arguments)
        except grpc.RpcError as error:
            self._hear(_answer_to_error(error))
            raise
        self._hear(_taken(response, self._signal))
        return response


class _GrpcSender:
    def __init__(self, destination: Destination, signal: str) -> None:
        self._answer = _NO_ANSWER
        base: type[Any] = {"traces": GrpcSpans, "logs": GrpcLogs, "metrics": GrpcMetrics}[signal]
        exporter = base(
            endpoint=destination.endpoint,
            insecure=destination.endpoint.startswith("http:"),
            credentials=_credentials(destination),
            headers=_headers(destination) or None,
            timeout=destination.timeout / 1000,
            compression=grpc.Compression.Gzip if destination.compression == "gzip" else grpc.Compression.NoCompression,
            channel_options=_CHANNEL_OPTIONS,
            retryable_error_codes=_NEVER_RETRIED,
        )
        # The exporter makes its stub anew whenever it opens another channel.
        stub = exporter._stub
        exporter._stub = lambda channel: _Watched(stub(channel), self._hear, signal)
        exporter._client = exporter._stub(exporter._channel)
        self._exporter = exporter

    def __call__(self, batch: Batch) -> Answer:
        self._answer = _NO_ANSWER
        self._exporter.export(batch)
        return self._answer

    def _hear(self, answer: Answer) -> None:
        self._answer = answer


class _HttpSender:
    def __init__(self, destination: Destination, signal: str) -> None:
        self._signal = signal
        self._answer = _NO_ANSWER
        session = requests.Session()
        session.hooks["response"].append(self._hear)
        base: type[Any] = {"traces": HttpSpans, "logs": HttpLogs, "metrics": HttpMetrics}[signal]
        self._exporter = base(
            endpoint=f"{destination.endpoint.rstrip('/')}/v1/{signal}",
            certificate_file=_readable(destination, destination.certificate),
            client_key_file=_readable(destination, destination.client_key),
            client_certificate_file=_readable(destination, destination.client_certificate),
            headers=_headers(destination),
            timeout=destination.timeout / 1000,
            compression=HttpCompression.Gzip if destination.compression == "gzip" else HttpCompression.NoCompression,
            session=session,
        )

    def __call__(self, batch: Batch) -> Answer:
        self._answer = _NO_ANSWER
        self._exporter.export(batch)
        return self._answer

    def _hear(self, response: requests.Response, *_: object, **__: object) -> None:
        self._answer = _answer_to_response(response, self._signal)


def _answer_to_error(error: grpc.RpcError) -> Answer:
    assert isinstance(error, grpc.Call)
    code = error.code()
    message = f"{code.name}: {error.details() or ''}"[:500]
    wait = _retry_delay(error)
    outcome = _CODES.get(code, Outcome.DOUBTFUL)
    if code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE) and any(
        words in message for words in _TOO_LARGE
    ):
        return Answer(Outcome.REFUSED, "too_large", message)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and wait is not None:
        outcome = Outcome.FAILED
    return Answer(outcome, code.name.lower(), message, retry_after=wait or 0.0)


def _retry_delay(error: grpc.Call) -> float | None:
    """Seconds, as the receiver says in ``google.rpc.RetryInfo`` in its status details; None where it does not."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status, info = Status(), RetryInfo()
            try:
                status.ParseFromString(value)
                for detail in status.details:
                    if detail.Unpack(info):
                        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
            except DecodeError:
                return None
    return None


def _answer_to_response(response: requests.Response, signal: str) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        try:
            return _taken(_said(response, signal), signal)
        except (DecodeError, ParseError, UnicodeDecodeError):
            return Answer(Outcome.FAILED, "not_otlp", "what answers there does not speak OTLP")
    message = f"HTTP {status} {response.reason}{_told(response)}"[:500]
    outcome = _STATUS.get(status, Outcome.DOUBTFUL if status >= 400 else Outcome.FAILED)
    return Answer(outcome, f"http_{status}", message, retry_after=_retry_after(response))


def _said(response: requests.Response, signal: str) -> Message:
    """What the receiver says of a request that it took. Raises DecodeError, ParseError, UnicodeDecodeError.

    The specification asks for status 200 and the request's own format. Receivers that say 202 or 204, or answer in
    JSON, took it all the same, as the Collector's exporter has it; a web page is not taken for an answer.
    """
    parsed = _RESPONSES[signal]()
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and response.content:
        json_format.Parse(response.content, parsed, ignore_unknown_fields=True)
    else:
        parsed.ParseFromString(response.content)
    return parsed


def _retry_after(response: requests.Response) -> float:
    """Seconds, by the header of RFC 9110, 10.2.3: so many, or until a date. 0: it does not say."""
    wait = response.headers.get("retry-after", "").strip()
    if wait.isdecimal():
        return float(wait)
    try:
        until = parsedate_to_datetime(wait)
    except ValueError:
        return 0.0
    return max(0.0, until.timestamp() - time.time())


def _told(response: requests.Response) -> str:
    """What the receiver says itself, in the ``google.rpc.Status`` that OTLP asks for."""
    if response.headers.get("content-type", "") != "application/x-protobuf":
        return ""
    try:
        return f": {Status.FromString(response.content).message}".rstrip(": ")
    except DecodeError:
        return ""


def _taken(response: Any, signal: str) -> Answer:
    partial = response.partial_success
    rejected = int(getattr(partial, _REJECTED_FIELD[signal]))
    return Answer(Outcome.TAKEN, "partial_success" if rejected else "", partial.error_message, rejected=rejected)


def _headers(destination: Destination) -> dict[str, str]:
    return dict(parse_env_headers(destination.headers, liberal=True))


def _credentials(destination: Destination) -> grpc.ChannelCredentials | None:
    if destination.endpoint.startswith("http:"):
        return None

    def content(name: str) -> bytes | None:
        readable = _readable(destination, name)
        return Path(readable).read_bytes() if readable else None

    return grpc.ssl_channel_credentials(
        root_certificates=content(destination.certificate),
        private_key=content(destination.client_key),
        certificate_chain=content(destination.client_certificate),
    )


def _readable(destination: Destination, name: str) -> str | None:
    if not name:
        return None
    try:
        with Path(name).open("rb"):
            return name
    except OSError as error:
        raise PremptiError(
            f"destination {destination.name!r}: {error.strerror}", where=name, remedy="correct the path in config.yaml"
        ) from error


def shown_endpoint(destination: Destination) -> str:
    """The endpoint without user name and password."""
    parts = urlsplit(destination.endpoint)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"
