"""One unary gRPC call over a connected unix socket, without grpcio, whose import would cost every tool call 100 ms.

As much of protobuf (https://protobuf.dev/programming-guides/encoding), HTTP/2 (RFC 9113) and gRPC's mapping onto it as
``prempti.v1.Engine/Hook`` needs. It must never return a reply that is not complete, whatever the other side sends.
"""

import _socket

REPLY_LIMIT = 8 << 20
"""Bytes of one reply, and the flow-control window granted for it at once."""


class Unanswered(Exception):  # noqa: N818 - the word for what happened
    """Why there is no reply (``problem``, no full stop) and the next step (``remedy``)."""

    def __init__(self, problem: str, remedy: str = "run premptictl status") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy


class NotTaken(Unanswered):
    """The engine did nothing with the call and says so; it may be asked again."""


def varint(number: int) -> bytes:
    """``number`` (not negative) as a base 128 varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_request(agent: bytes, payload: bytes, traceparent: bytes, parent_pid: int) -> bytes:
    """A HookRequest; ``agent`` and ``traceparent`` must be UTF-8."""
    parts = [b"\x0a", varint(len(agent)), agent, b"\x12", varint(len(payload)), payload]
    if traceparent:
        parts += (b"\x1a", varint(len(traceparent)), traceparent)
    parts += (b"\x20", varint(parent_pid))
    return b"".join(parts)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at ``at`` and the offset after it. Raises Unanswered if it is cut or over 64 bits."""
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64:
                break
            return number, at
        shift += 7
    raise Unanswered("the engine's reply is malformed")


def decode_reply(data: bytes) -> tuple[bytes, bytes, int]:
    """stdout, stderr and exit code of a HookReply.

    Raises Unanswered unless it is well formed, marked complete and something that an agent can be given.
    """
    texts = {1: b"", 2: b""}
    numbers = {3: 0, 4: 0}
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at)
        field, kind = key >> 3, key & 7
        if not field or key >> 32:
            raise Unanswered("the engine's reply is malformed")
        if kind == 0:
            number, at = read_varint(data, at)
            if field in numbers:
                numbers[field] = number
            continue
        if kind == 2:
            size, at = read_varint(data, at)
            if field in texts:
                texts[field] = data[at : at + size]
        elif kind == 1:
            size = 8
        elif kind == 5:
            size = 4
        else:
            raise Unanswered("the engine's reply is malformed")
        at += size
    if at != end:
        raise Unanswered("the engine's reply is malformed")
    return check_reply(texts[1], texts[2], numbers[3] & 0xFFFFFFFF, bool(numbers[4]))


def check_reply(stdout: bytes, stderr: bytes, exit_code: int, complete: bool) -> tuple[bytes, bytes, int]:
    """The reply, if agents cannot take it for something else. Raises Unanswered."""
    if not complete:
        raise Unanswered("the engine's reply is not complete")
    if exit_code > 255:
        raise Unanswered("the engine's reply has an exit code that no process can have")
    if not exit_code and not stdout.strip():
        raise Unanswered("the engine's reply is empty")
    if exit_code and not stderr.strip():
        stderr = b"prempti: call blocked: the engine gave no reason (run premptictl logs)\n"
    return stdout, stderr, exit_code


DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
FRAME_LIMIT = 16384
"""The largest payload of a frame that either side may send: SETTINGS_MAX_FRAME_SIZE is left at its initial value."""
WINDOW = 65535
"""Initial flow-control window of the connection and of a stream."""
WINDOW_LIMIT = (1 << 31) - 1
REFUSED_STREAM = 7
"""Error code."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


# SETTINGS: HEADER_TABLE_SIZE 0, ENABLE_PUSH 0, INITIAL_WINDOW_SIZE REPLY_LIMIT; then the same for the connection,
# so that no WINDOW_UPDATE is needed later. The header block names fields of HPACK's static table (RFC 7541,
# appendix A) or spells them out, never indexed: :method POST, :scheme http, :path, :authority, content-type, te.
OPENING = b"".join(
    (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0\0\2\0\0\0\0\0\4" + REPLY_LIMIT.to_bytes(4, "big")),
        frame(WINDOW_UPDATE, 0, 0, REPLY_LIMIT.to_bytes(4, "big")),
        frame(
            HEADERS,
            END_HEADERS,
            1,
            b"\x83\x86\x04\x17/prempti.v1.Engine/Hook\x01\x09localhost\x0f\x10\x10application/grpc\x00\x02te\x08trailers",
        ),
    )
)


class Call:
    """One unary call on a fresh connection."""

    __slots__ = ("answer", "connection_window", "headers_open", "incoming", "owed", "sock", "stage", "stream_initial",
                 "stream_window")  # fmt: skip

    def __init__(self, sock: _socket.socket) -> None:
        self.sock = sock
        self.incoming = bytearray()
        self.owed = bytearray()
        self.answer = bytearray()
        self.connection_window = self.stream_window = self.stream_initial = WINDOW
        self.stage = HEADERS
        self.headers_open = False

    def exchange(self, request: bytes) -> bytes:
        """Sends the request message and returns the reply message. Raises Unanswered."""
        message = b"\0" + len(request).to_bytes(4, "big") + request
        sent, size = 0, len(message)
        outgoing = [OPENING]
        while sent < size:
            room = min(FRAME_LIMIT, size - sent, self.connection_window, self.stream_window)
            if room > 0:
                outgoing.append(frame(DATA, END_STREAM if sent + room == size else 0, 1, message[sent : sent + room]))
                sent += room
                self.connection_window -= room
                self.stream_window -= room
                continue
            self.send(b"".join(outgoing))
            outgoing.clear()
            if (reply := self.next_frame()) is not None:
                return reply
        self.send(b"".join(outgoing))
        while (reply := self.next_frame()) is None:
            pass
        return reply

    def send(self, data: bytes) -> None:
        """Writes what is owed, then ``data``: a server may hold DATA that relies on its settings against a client
        that has not acknowledged them. Raises Unanswered.
        """
        try:
            self.sock.sendall(self.owed + data)
        except OSError as error:
            raise Unanswered(f"the engine stopped listening: {error.strerror}") from None
        self.owed.clear()

    def read(self, count: int) -> bytes:
        """The next ``count`` bytes; answers what is owed before it waits. Raises Unanswered at the end."""
        while len(self.incoming) < count:
            try:
                if self.owed:
                    self.sock.sendall(self.owed)
                    self.owed.clear()
            except OSError:
                # The other side no longer reads; what it wrote before may still hold the reply.
                self.owed.clear()
            try:
                chunk = self.sock.recv(65536)
            except OSError as error:
                raise Unanswered(f"the engine broke the connection: {error.strerror}") from None
            if not chunk:
                raise Unanswered("the engine closed the connection without a complete reply")
            self.incoming += chunk
        taken = bytes(self.incoming[:count])
        del self.incoming[:count]
        return taken

    def next_frame(self) -> bytes | None:
        """Reads one frame; the reply message where that completes it. Raises Unanswered."""
        head = self.read(9)
        size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        stream = int.from_bytes(head[5:], "big") & WINDOW_LIMIT
        if size > FRAME_LIMIT:
            raise foreign("a frame that is too large")
        payload = self.read(size)
        if self.headers_open != (kind == CONTINUATION):
            raise foreign("header blocks out of order")
        if kind in (DATA, HEADERS, CONTINUATION):
            if stream != 1:
                raise foreign("an answer to a call that was not made")
            return self.on_stream(kind, flags, payload)
        if kind == SETTINGS:
            self.on_settings(flags, stream, payload)
        elif kind == WINDOW_UPDATE:
            self.on_window_update(stream, payload)
        elif kind == PING:
            if size != 8 or stream:
                raise foreign("a malformed PING")
            if not flags & ACK:
                self.owed += frame(PING, ACK, 0, payload)
        elif kind == RST_STREAM and stream == 1:
            raise broken_off(payload)
        elif kind == GOAWAY:
            if size < 8 or stream:
                raise foreign("a malformed GOAWAY")
            if not int.from_bytes(payload[:4], "big") & WINDOW_LIMIT:
                raise NotTaken("the engine is stopping", "run premptictl start")
        elif kind == PUSH_PROMISE:
            raise foreign("a PUSH_PROMISE")
        return None

    def on_stream(self, kind: int, flags: int, payload: bytes) -> bytes | None:
        """DATA, HEADERS or CONTINUATION of the call; the reply message where that completes it."""
        if kind != CONTINUATION and flags & PADDED:
            padding = payload[0] + 1 if payload else 1
            if padding > len(payload):
                raise foreign("a frame that is all padding")
            payload = payload[1 : len(payload) - padding + 1]
        if kind == DATA:
            if self.stage != DATA:
                raise foreign("data without headers")
            self.answer += payload
            if (reply := self.whole_message()) is not None:
                return reply
        else:
            self.headers_open = not flags & END_HEADERS
            self.stage = DATA
        if kind != CONTINUATION and flags & END_STREAM:
            raise Unanswered("the engine ended the call without a complete reply")
        return None

    def whole_message(self) -> bytes | None:
        """The one message in the answer so far, if it is whole."""
        answer = self.answer
        if len(answer) < 5:
            return None
        if answer[0]:
            raise foreign("a compressed message")
        size = int.from_bytes(answer[1:5], "big")
        if size > REPLY_LIMIT or len(answer) > 5 + size:
            raise foreign("a message of the wrong length")
        return bytes(answer[5:]) if len(answer) == 5 + size else None

    def on_settings(self, flags: int, stream: int, payload: bytes) -> None:
        """Applies the server's settings and owes it the acknowledgement."""
        if stream or len(payload) % 6 or (flags & ACK and payload):
            raise foreign("malformed SETTINGS")
        if flags & ACK:
            return
        for at in range(0, len(payload), 6):
            value = int.from_bytes(payload[at + 2 : at + 6], "big")
            if payload[at : at + 2] == b"\0\4":
                self.stream_window += value - self.stream_initial
                self.stream_initial = value
                if value > WINDOW_LIMIT or self.stream_window > WINDOW_LIMIT:
                    raise foreign("a flow-control window that is too large")
        self.owed += frame(SETTINGS, ACK, 0)

    def on_window_update(self, stream: int, payload: bytes) -> None:
        """Widens a window."""
        more = int.from_bytes(payload, "big") & WINDOW_LIMIT
        if len(payload) != 4 or not more:
            raise foreign("a malformed WINDOW_UPDATE")
        if not stream:
            self.connection_window += more
        elif stream == 1:
            self.stream_window += more
        if max(self.connection_window, self.stream_window) > WINDOW_LIMIT:
            raise foreign("a flow-control window that is too large")


def foreign(what: str) -> Unanswered:
    """For an answer that the engine would not give."""
    return Unanswered(f"what answers on the engine's socket is not the engine ({what})", "run premptictl restart")


def broken_off(payload: bytes) -> Unanswered:
    """For RST_STREAM; REFUSED_STREAM promises that the call was not looked at (RFC 9113, 8.7)."""
    code = int.from_bytes(payload, "big")
    kind = NotTaken if code == REFUSED_STREAM and len(payload) == 4 else Unanswered
    return kind(f"the engine broke off the call (HTTP/2 error {code})")
