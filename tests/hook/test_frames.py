"""The hook against servers that send whatever bytes they like."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.proto.prempti.v1.engine_pb2 import HookReply, HookRequest
from tests.support import http2
from tests.support.hook_modules import hook_grpc

OPEN = http2.settings() + http2.headers()
MESSAGE = http2.reply_message()


def exchange(answer: bytes, request: bytes = b"request") -> bytes:
    """The reply message that the hook makes of ``answer``, which the server sends unasked before it hangs up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        reply: bytes = hook_grpc.Call(ours).exchange(request)
        return reply


def padded(payload: bytes, padding: int, flags: int = 0) -> bytes:
    return http2.data(bytes([padding]) + payload + bytes(padding), flags | http2.PADDED)


COMPLETE = {
    "merged frames": http2.GOOD,
    "no trailers": OPEN + http2.data(MESSAGE),
    "END_STREAM on the data": OPEN + http2.data(MESSAGE, http2.END_STREAM),
    "one byte a frame": OPEN + b"".join(http2.data(bytes([byte])) for byte in MESSAGE),
    "empty data frames": OPEN + http2.data(b"") + http2.data(MESSAGE[:7]) + http2.data(b"") + http2.data(MESSAGE[7:]),
    "padding": OPEN + padded(MESSAGE[:3], 0) + padded(b"", 9) + padded(MESSAGE[3:], 255),
    "no SETTINGS": http2.headers() + http2.data(MESSAGE),
    "padded headers with priority": http2.settings()
    + http2.headers(0x2C, b"\x02" + bytes(5) + b"\x88" + bytes(2))
    + http2.data(MESSAGE),
    "CONTINUATION": http2.headers(0, b"")
    + http2.frame(http2.CONTINUATION, b"", 0, 1)
    + http2.frame(http2.CONTINUATION, b"\x88", http2.END_HEADERS, 1)
    + http2.data(MESSAGE),
    "unknown frames and flags": OPEN
    + http2.frame(0xFE, b"anything", 0xFF, 77)
    + http2.frame(0x0A)
    + http2.data(MESSAGE, 0xF6),
    "unknown settings": http2.settings((0xFFFF, 1), (3, 100), (5, 1 << 20), (6, 9))
    + http2.headers()
    + http2.data(MESSAGE),
    "PRIORITY": OPEN + http2.frame(http2.PRIORITY, bytes(5), 0, 1) + http2.data(MESSAGE),
    "PING": OPEN + http2.frame(http2.PING, b"12345678") + http2.data(MESSAGE),
    "PING acknowledged unasked": OPEN + http2.frame(http2.PING, b"12345678", http2.ACK) + http2.data(MESSAGE),
    "WINDOW_UPDATE": OPEN
    + http2.frame(http2.WINDOW_UPDATE, struct.pack(">I", 1000))
    + http2.frame(http2.WINDOW_UPDATE, struct.pack(">I", 1000), 0, 1)
    + http2.data(MESSAGE),
    "GOAWAY that spares the call": OPEN
    + http2.frame(http2.GOAWAY, struct.pack(">II", 2**31 - 1, 0))
    + http2.frame(http2.GOAWAY, struct.pack(">II", 1, 0) + b"bye")
    + http2.data(MESSAGE),
    "RST_STREAM of another stream": OPEN + http2.frame(http2.RST_STREAM, bytes(4), 0, 3) + http2.data(MESSAGE),
    "RST_STREAM after the message": OPEN + http2.data(MESSAGE) + http2.frame(http2.RST_STREAM, bytes(4), 0, 1),
    "reserved bit of the stream set": http2.headers() + http2.frame(http2.DATA, MESSAGE, 0, 0x80000001),
}

INCOMPLETE = {
    "nothing": b"",
    "HTTP/1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "text": b"220 mail.example.org ESMTP\r\n" * 50,
    "JSON": b'{"complete": true, "stdout": "{}", "exit_code": 0}',
    "zeros": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "only SETTINGS": http2.settings(),
    "only headers": OPEN,
    "only trailers": http2.settings() + http2.TRAILERS,
    "trailers before the message": OPEN + http2.data(MESSAGE[:-1]) + http2.TRAILERS,
    "data before headers": http2.settings() + http2.data(MESSAGE),
    "data on another stream": OPEN + http2.frame(http2.DATA, MESSAGE, 0, 3),
    "data on stream 0": OPEN + http2.frame(http2.DATA, MESSAGE, 0, 0),
    "headers on another stream": http2.frame(http2.HEADERS, b"\x88", http2.END_HEADERS, 3) + http2.data(MESSAGE),
    "a compressed message": OPEN + http2.data(http2.grpc_message(MESSAGE[5:], 1)),
    "two messages": OPEN + http2.data(MESSAGE * 2),
    "a byte too much": OPEN + http2.data(MESSAGE + b"x"),
    "a message that never ends": OPEN
    + http2.data(struct.pack(">BI", 0, 100) + b"x")
    + http2.data(b"", http2.END_STREAM),
    "a message over the limit": OPEN + http2.data(struct.pack(">BI", 0, 2**32 - 1)),
    "a frame over the limit": OPEN + http2.data(bytes(16_385)),
    "nothing but padding": OPEN + http2.data(b"\x01", http2.PADDED),
    "padding without its length": OPEN + http2.data(b"", http2.PADDED),
    "headers cut by data": http2.headers(0) + http2.data(MESSAGE),
    "CONTINUATION out of nowhere": OPEN + http2.frame(http2.CONTINUATION, b"", http2.END_HEADERS, 1),
    "CONTINUATION of another stream": http2.headers(0)
    + http2.frame(http2.CONTINUATION, b"", 4, 3)
    + http2.data(MESSAGE),
    "RST_STREAM": OPEN + http2.frame(http2.RST_STREAM, struct.pack(">I", 2), 0, 1) + http2.data(MESSAGE),
    "GOAWAY that drops the call": OPEN + http2.frame(http2.GOAWAY, bytes(8)) + http2.data(MESSAGE),
    "short GOAWAY": OPEN + http2.frame(http2.GOAWAY, bytes(7)) + http2.data(MESSAGE),
    "PUSH_PROMISE": OPEN + http2.frame(http2.PUSH_PROMISE, bytes(4), 4, 1) + http2.data(MESSAGE),
    "short PING": OPEN + http2.frame(http2.PING, b"1234567") + http2.data(MESSAGE),
    "PING on a stream": OPEN + http2.frame(http2.PING, b"12345678", 0, 1) + http2.data(MESSAGE),
    "odd SETTINGS": http2.frame(http2.SETTINGS, b"12345") + http2.headers() + http2.data(MESSAGE),
    "SETTINGS on a stream": http2.frame(http2.SETTINGS, b"", 0, 1) + http2.headers() + http2.data(MESSAGE),
    "acknowledged SETTINGS with a payload": http2.frame(http2.SETTINGS, bytes(6), 1)
    + http2.headers()
    + http2.data(MESSAGE),
    "window over the limit": http2.settings((4, 2**31)) + http2.headers() + http2.data(MESSAGE),
    "WINDOW_UPDATE of nothing": OPEN + http2.frame(http2.WINDOW_UPDATE, bytes(4)) + http2.data(MESSAGE),
    "short WINDOW_UPDATE": OPEN + http2.frame(http2.WINDOW_UPDATE, b"\0\0\1") + http2.data(MESSAGE),
    "WINDOW_UPDATE over the limit": OPEN + http2.frame(http2.WINDOW_UPDATE, b"\x7f\xff\xff\xff") + http2.data(MESSAGE),
}


@pytest.mark.parametrize("answer", COMPLETE.values(), ids=COMPLETE.keys())
def test_a_complete_message_is_a_reply(answer: bytes) -> None:
    assert exchange(answer) == MESSAGE[5:]


@pytest.mark.parametrize("answer", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_anything_else_is_none(answer: bytes) -> None:
    with pytest.raises(hook_grpc.Unanswered):
        exchange(answer)


@pytest.mark.parametrize("answer", COMPLETE.values(), ids=COMPLETE.keys())
def test_an_answer_cut_anywhere_before_the_message_ends_is_none(answer: bytes) -> None:
    needed = next(end for end in range(len(answer) + 1) if replies(answer[:end]))
    assert not any(replies(answer[:end]) for end in range(0, needed, 1 + needed // 300))
    assert replies(answer[:needed])


def replies(answer: bytes) -> bool:
    try:
        exchange(answer)
    except hook_grpc.Unanswered:
        return False
    return True


FRAMES = st.one_of(
    st.sampled_from([*COMPLETE.values(), *INCOMPLETE.values()]).filter(lambda answer: len(answer) < 2000),
    st.builds(
        http2.frame,
        st.integers(0, 12),
        st.binary(max_size=40),
        st.integers(0, 255),
        st.sampled_from([0, 1, 1, 1, 2, 3]),
    ),
    st.binary(max_size=30),
)


@given(st.lists(FRAMES, max_size=8).map(b"".join))
@settings(max_examples=400, deadline=None)
def test_whatever_a_server_sends_only_a_whole_message_is_a_reply(answer: bytes) -> None:
    try:
        message = exchange(answer)
    except hook_grpc.Unanswered:
        return
    body = http2.grpc_message(message)
    carried = b"".join(data_of_the_call(answer))
    assert carried.startswith(body)
    try:
        hook_grpc.decode_reply(message)
    except hook_grpc.Unanswered:
        return
    assert HookReply.FromString(message).complete


def data_of_the_call(answer: bytes) -> list[bytes]:
    """What the DATA frames of stream 1 hold, as a reader without any checks finds it."""
    found = []
    while len(answer) >= 9:
        size, kind, flags = int.from_bytes(answer[:3], "big"), answer[3], answer[4]
        stream, payload = int.from_bytes(answer[5:9], "big") & 0x7FFFFFFF, answer[9 : 9 + size]
        if kind == http2.DATA and stream == 1 and payload and len(payload) == size:
            found.append(payload[1 : size - payload[0]] if flags & http2.PADDED else payload)
        answer = answer[9 + size :]
    return found


def take_within_windows(connection: socket.socket, initial: int, step: int) -> tuple[bytes, list[str]]:
    """A server that grants DATA by ``step`` bytes and waits for its SETTINGS and PING to be acknowledged.

    Returns the request and what came beyond the windows.
    """
    peer = http2.Peer(connection)
    connection.sendall(http2.settings((4, initial)) + http2.frame(http2.PING, b"are you?"))
    # What a client may send before it has seen the SETTINGS.
    windows = {0: 65_535, 1: 65_535}
    request, overdrawn, acknowledged, ended = b"", [], 0, False
    while not ended or acknowledged < 2:
        kind, flags, _, payload = peer.next()
        if flags & http2.ACK and kind in (http2.SETTINGS, http2.PING):
            acknowledged += 1
            if kind == http2.SETTINGS:
                windows[1] += initial - 65_535
        if kind == http2.DATA:
            request += payload
            ended = bool(flags & http2.END_STREAM)
            windows = {stream: left - len(payload) for stream, left in windows.items()}
            if min(windows.values()) < 0 or len(payload) > 16_384:
                overdrawn.append(f"{windows} {len(payload)}")
        while acknowledged and not ended and min(windows.values()) <= 0:
            stream = min(windows, key=lambda number: windows[number])
            connection.sendall(http2.frame(http2.WINDOW_UPDATE, struct.pack(">I", step), 0, stream))
            windows[stream] += step
    connection.sendall(http2.headers() + http2.data(MESSAGE))
    return request, overdrawn


@pytest.mark.parametrize("initial", [0, 1, 1_000, 65_535, 65_536, 1_000_000, 2**31 - 1])
@pytest.mark.parametrize("step", [777, 16_384, 100_000])
def test_no_more_is_sent_than_the_windows_reach(initial: int, step: int) -> None:
    payload = bytes(range(256)) * 800
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        ours.settimeout(60)
        server = pool.submit(take_within_windows, theirs, initial, step)
        request = hook_grpc.encode_request(b"a", payload, b"", 1)
        assert hook_grpc.Call(ours).exchange(request) == MESSAGE[5:]
        taken, overdrawn = server.result()
    assert overdrawn == []
    assert HookRequest.FromString(taken[5:]).payload == payload
