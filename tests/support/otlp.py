"""A real OTLP receiver on loopback, gRPC or HTTP, that keeps what it took and misbehaves as told.

with OtlpReceiver(protocol="grpc") as receiver:
    ...                       # export to receiver.endpoint
    receiver.spans()          # protobuf Span messages, in the order they came, duplicates included
    receiver.behave(lambda signal, request: Refuse(grpc.StatusCode.UNAVAILABLE, 503))
    receiver.stop(); receiver.start()    # dies, and comes back on the same port
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.ports import free_port


@dataclass(frozen=True)
class Refuse:
    """The request is not taken."""

    code: grpc.StatusCode
    status: int
    """The same, over HTTP."""
    message: str = "refused by the test"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Partial:
    """The request is taken but for some items."""

    rejected: int
    message: str = "some were refused by the test"


Behaviour = Callable[[str, Any], Refuse | Partial | None]
_REJECTED = {"traces": "rejected_spans", "logs": "rejected_log_records", "metrics": "rejected_data_points"}
_MESSAGES: dict[str, tuple[Any, Any]] = {
    "traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
    "logs": (logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse),
    "metrics": (metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse),
}


def accept(signal: str, request: Any) -> None:
    """Take everything."""


class OtlpReceiver:
    """Listens from ``with`` on. What was taken stays over stop and start."""

    def __init__(self, protocol: str = "grpc") -> None:
        assert protocol in ("grpc", "http/protobuf")
        self.protocol = protocol
        self.requests: list[tuple[str, Any]] = []
        """(signal, request) of all that was taken, oldest first."""
        self.metadata: list[dict[str, str]] = []
        """Headers of each request that came, taken or not."""
        self._behaviour: Behaviour = accept
        self._lock = threading.Lock()
        self._port = free_port()  # while it is stopped nobody else gets it
        self._server: _GrpcServer | _HttpServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        kind = _GrpcServer if self.protocol == "grpc" else _HttpServer
        self._server = kind(self, self._port)

    def stop(self) -> None:
        """Die at once: requests under way are cut off."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def behave(self, behaviour: Behaviour) -> None:
        """What to do with requests from now on; runs in the request's thread, so it may also wait or kill."""
        self._behaviour = behaviour

    def take(self, signal: str, request: Any, metadata: dict[str, str]) -> Refuse | Any:
        """The response to ``request``, or why there is none."""
        with self._lock:
            self.metadata.append(metadata)
        told = self._behaviour(signal, request)
        if isinstance(told, Refuse):
            return told
        with self._lock:
            self.requests.append((signal, request))
        response = _MESSAGES[signal][1]()
        if isinstance(told, Partial):
            setattr(response.partial_success, _REJECTED[signal], told.rejected)
            response.partial_success.error_message = told.message
        return response

    def taken(self, signal: str) -> list[Any]:
        with self._lock:
            return [request for kind, request in self.requests if kind == signal]

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.taken("traces")
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[Any]:
        return [
            record
            for request in self.taken("logs")
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def metrics(self) -> dict[str, Any]:
        """The newest state of each metric, by name."""
        return {
            metric.name: metric
            for request in self.taken("metrics")
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def attributes(message: Any) -> dict[str, Any]:
    """The attributes of a span, event, log record, data point or resource as Python values."""
    return {item.key: _value(item.value) for item in message.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


class _GrpcServer:
    def __init__(self, receiver: OtlpReceiver, port: int) -> None:
        self._pool = futures.ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Servicer(receiver, "traces"), self._server)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Servicer(receiver, "logs"), self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Servicer(receiver, "metrics"), self._server)
        self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()
        self._pool.shutdown(wait=False)


class _Servicer:
    def __init__(self, receiver: OtlpReceiver, signal: str) -> None:
        self._receiver = receiver
        self._signal = signal

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name in the protocol
        metadata = {item.key: str(item.value) for item in context.invocation_metadata()}
        told = self._receiver.take(self._signal, request, metadata)
        if isinstance(told, Refuse):
            context.abort(told.code, told.message)
        return told


class _HttpServer:
    def __init__(self, receiver: OtlpReceiver, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one segment: apart, each answer waits for an acknowledgement

            def do_POST(self) -> None:
                signal = self.path.rpartition("/")[2]
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = _MESSAGES[signal][0].FromString(body)
                told = receiver.take(signal, request, {key.lower(): value for key, value in self.headers.items()})
                refused = isinstance(told, Refuse)
                content = (Status(message=told.message) if refused else told).SerializeToString()
                self.send_response(told.status if refused else 200)
                for key, value in told.headers if refused else ():
                    self.send_header(key, value)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = _Reusing(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_off()
        self._thread.join()


class _Reusing(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def cut_off(self) -> None:
        """End the connections that clients keep open."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""
