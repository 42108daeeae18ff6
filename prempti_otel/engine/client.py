"""A client of the running engine, for premptictl, tests and benchmarks. Never waits without a limit."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

    from prempti_otel.proto.prempti.v1 import engine_pb2 as pb
    from prempti_otel.settings.home import Home

_Reply = TypeVar("_Reply", bound="Message")
DEADLINE_S = 5.0
RELOAD_DEADLINE_S = 60.0
"""Thousands of rules may have to be compiled."""
MAX_MESSAGE_BYTES = 4 * 1024 * 1024 + 64 * 1024
"""The hook's cap on standard input, and room for the rest of the message."""


class EngineUnavailable(PremptiError):  # noqa: N818 - the state, not a fault
    """No engine answers on the socket."""


class EngineClient:
    """One connection to the engine of ``home``; a context manager. Every call raises EngineUnavailable."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._channel: grpc.Channel | None = None

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a later call makes another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def hook(
        self,
        agent: str,
        payload: bytes,
        traceparent: str = "",
        parent_pid: int = 0,
        *,
        timeout: float = DEADLINE_S,
    ) -> pb.HookReply:
        """What the hook would be told."""
        from prempti_otel.proto.prempti.v1 import engine_pb2

        request = engine_pb2.HookRequest(agent=agent, payload=payload, traceparent=traceparent, parent_pid=parent_pid)
        return self._call("Hook", request, engine_pb2.HookReply, timeout)

    def evaluate(self, request: pb.EvaluateRequest, *, timeout: float = DEADLINE_S) -> pb.EvaluateReply:
        """Judge a call in structured form."""
        from prempti_otel.proto.prempti.v1 import engine_pb2

        return self._call("Evaluate", request, engine_pb2.EvaluateReply, timeout)

    def status(self, *, timeout: float = DEADLINE_S) -> pb.StatusReply:
        """How the engine is."""
        from prempti_otel.proto.prempti.v1 import engine_pb2

        return self._call("Status", engine_pb2.StatusRequest(), engine_pb2.StatusReply, timeout)

    def set_mode(self, mode: str = "", default_action: str = "", *, timeout: float = DEADLINE_S) -> pb.SetModeReply:
        """Switch mode or default action; empty means unchanged. ``error`` in the reply says why nothing changed."""
        from prempti_otel.proto.prempti.v1 import engine_pb2

        request = engine_pb2.SetModeRequest(mode=mode, default_action=default_action)
        return self._call("SetMode", request, engine_pb2.SetModeReply, timeout)

    def reload(self, *, timeout: float = RELOAD_DEADLINE_S) -> pb.ReloadReply:
        """Load rules and settings again; ``error`` in the reply holds the diagnostics of what did not load."""
        from prempti_otel.proto.prempti.v1 import engine_pb2

        return self._call("Reload", engine_pb2.ReloadRequest(), engine_pb2.ReloadReply, timeout)

    def approvals(self, *, timeout: float = DEADLINE_S) -> pb.ApprovalsReply:
        """Which calls wait for approval, and which have it."""
        from prempti_otel.proto.prempti.v1 import engine_pb2

        return self._call("Approvals", engine_pb2.ApprovalsRequest(), engine_pb2.ApprovalsReply, timeout)

    def wait_ready(self, timeout: float) -> pb.StatusReply:
        """Wait at most ``timeout`` seconds for an engine that answers."""
        ends = time.monotonic() + timeout
        while True:
            left = ends - time.monotonic()
            try:
                if self._home.socket.exists() or left <= 0.05:
                    return self.status(timeout=max(0.05, min(left, DEADLINE_S)))
            except EngineUnavailable:
                if left <= 0.05:
                    raise
                self.close()
            time.sleep(0.02)

    def _call(self, method: str, request: Message, reply: type[_Reply], timeout: float) -> _Reply:
        import grpc

        if self._channel is None:
            self._channel = _channel(self._home)
        call = self._channel.unary_unary(
            f"/prempti.v1.Engine/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        try:
            answer: _Reply = call(request, timeout=timeout)
        except grpc.RpcError as error:
            raise self._unavailable(error) from error
        return answer

    def _unavailable(self, error: grpc.RpcError) -> EngineUnavailable:
        import grpc

        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return EngineUnavailable(
                "the engine does not answer in time", where=str(self._home.socket), remedy="premptictl restart"
            )
        return EngineUnavailable(
            "no engine is running", where=str(self._home.socket), remedy="start it with: premptictl start"
        )


def _channel(home: Home) -> grpc.Channel:
    import grpc

    return grpc.insecure_channel(
        f"unix:{home.socket}",
        options=[
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ],
    )
