"""HTTP/2 frames as a server sends them, written independently of the hook's own code (RFC 9113)."""

from __future__ import annotations

import socket
import struct

from prempti_otel.proto.prempti.v1 import engine_pb2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITISED = 0x20
STATUS_200 = b"\x88"


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def headers(flags: int = END_HEADERS, payload: bytes = STATUS_200) -> bytes:
    return frame(HEADERS, payload, flags, 1)


def data(payload: bytes, flags: int = 0) -> bytes:
    return frame(DATA, payload, flags, 1)


def grpc_message(body: bytes, compressed: int = 0) -> bytes:
    return struct.pack(">BI", compressed, len(body)) + body


def reply_message(stdout: bytes = b'{"ok":1}', **fields: object) -> bytes:
    values: dict[str, object] = {"stdout": stdout, "complete": True} | fields
    return grpc_message(engine_pb2.HookReply(**values).SerializeToString())  # type: ignore[arg-type]


TRAILERS = frame(HEADERS, b"\x00\x0bgrpc-status\x010", END_STREAM | END_HEADERS, 1)
"""grpc-status: 0, as a literal."""
GOOD = settings() + headers() + data(reply_message()) + TRAILERS


class Peer:
    """The server's side of a connection, frame by frame."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(60)
        assert self.exactly(len(PREFACE)) == PREFACE

    def exactly(self, count: int) -> bytes:
        out = b""
        while len(out) < count:
            chunk = self.connection.recv(count - len(out))
            if not chunk:
                raise ConnectionResetError
            out += chunk
        return out

    def next(self) -> tuple[int, int, int, bytes]:
        """Kind, flags, stream and payload."""
        head = self.exactly(9)
        size = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:], "big"), self.exactly(size)

    def request(self) -> bytes:
        """All DATA up to the end of the request; needs no more than the initial window."""
        out = b""
        while True:
            kind, flags, _, payload = self.next()
            if kind == DATA:
                out += payload
                if flags & END_STREAM:
                    return out
