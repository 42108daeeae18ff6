"""Where approvals are given: a socket of their own, for on it the kernel tells which process asks.

gRPC in Python does not tell that, so nothing there can approve a call. One request and one reply, a line of JSON
each, and no answer without a look at who asks. Every refusal is recorded.
"""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from prempti_otel import typed
from prempti_otel.engine.approvals.approvers import Agents, NotAPersonError, approver
from prempti_otel.engine.health import describe
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.engine.approvals.calls import Approvals
    from prempti_otel.engine.trail import Trail
    from prempti_otel.settings.home import Home

LONGEST_LINE = 4096
PATIENCE_S = 2.0
"""A client that takes longer to ask is left alone, so that it holds up no other."""
ANSWER_S = 10.0
_SOL_LOCAL, _LOCAL_PEERPID = 0, 2
"""From ``<sys/un.h>`` of macOS."""


class Request(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What premptictl asks."""

    id: str
    seq: int = 0
    """The record that was shown; 0 before that."""
    seconds: int = 0
    """0: for one call."""
    give: bool = False
    """Approve it; else only tell what waits, and whether this process may."""


class Answer(msgspec.Struct, omit_defaults=True):
    """What the engine says."""

    error: str = ""
    """A sentence; nothing was approved then."""
    where: str = ""
    remedy: str = ""
    id: str = ""
    seq: int = 0
    seconds: int = 0
    """For how long the approval is in force."""


class ApprovalServer:
    """Answers premptictl, one request after the other, in a thread of its own."""

    def __init__(self, home: Home, approvals: Approvals, agents: Agents, trail: Trail) -> None:
        self._path = home.approval_socket
        self._approvals = approvals
        self._agents = agents
        self._trail = trail
        self._server: socketserver.UnixStreamServer | None = None

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self._server = _Listener(str(self._path), self._serve)
        self._path.chmod(0o600)
        threading.Thread(target=self._server.serve_forever, name="approvals", daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._path.unlink(missing_ok=True)

    def answer(self, request: Request, pid: int) -> Answer:
        """What process ``pid`` is told. Raises PremptiError."""
        try:
            who = approver(pid, self._agents)
        except NotAPersonError as error:
            self._trail.approval("approve-refused", id=request.id[:40], reason=error.message, where=error.where)
            raise
        asked = self._approvals.find(request.id, request.seq)
        if not request.give:
            return Answer(id=asked.id, seq=asked.seq)
        by = f"{who.user} at {who.terminal}"
        grant = self._approvals.give(asked, request.seconds, by, who.as_record())
        return Answer(id=asked.id, seq=asked.seq, seconds=(grant.expires_ns - grant.given_ns) // 1_000_000_000)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        try:
            answer = self.answer(typed.decode(_line(connection), Request), peer(connection))
        except PremptiError as error:
            answer = Answer(error=error.message, where=error.where or "", remedy=error.remedy or "")
        except msgspec.MsgspecError:
            answer = Answer(error="what was asked is not understood", remedy="premptictl restart, after an update")
        except Exception as error:  # noqa: BLE001 - the boundary of one request
            answer = Answer(error=f"the engine failed: {describe(error)}")
        with contextlib.suppress(OSError):  # who asked does not listen any more
            connection.sendall(msgspec.json.encode(answer) + b"\n")


class _Listener(socketserver.UnixStreamServer):
    request_queue_size = 16

    def __init__(self, path: str, serve: Callable[[socket.socket], None]) -> None:
        super().__init__(path, _Handler)
        self.serve = serve


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """One connection."""
        assert isinstance(self.server, _Listener)
        self.server.serve(self.request)


def peer(connection: socket.socket) -> int:
    """The process at the other end when it connected, by the kernel. Raises OSError."""
    if sys.platform == "linux":
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", found)[0])
    else:  # noqa: RET505 - so that a type checker skips what is another system's
        return connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)


def ask(home: Home, request: Request) -> Answer:
    """The engine's answer. Raises EngineUnavailable, and PremptiError with what the engine refused and why."""
    from prempti_otel.engine.client import EngineUnavailable

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(os.fspath(home.approval_socket))
            connection.sendall(msgspec.json.encode(request) + b"\n")
            answer = typed.decode(_line(connection), Answer)
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineUnavailable("no engine takes approvals", where=str(home.root), remedy="premptictl start") from error
    if answer.error:
        raise PremptiError(answer.error, where=answer.where or None, remedy=answer.remedy or None)
    return answer


def _line(connection: socket.socket) -> bytes:
    """One line, at most ``LONGEST_LINE`` bytes of it. Raises OSError."""
    read = b""
    while not read.endswith(b"\n") and len(read) < LONGEST_LINE:
        more = connection.recv(LONGEST_LINE)
        if not more:
            break
        read += more
    return read
