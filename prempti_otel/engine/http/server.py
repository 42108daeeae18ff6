"""The HTTP server for hooks: who may ask, and what those get who may not.

An answer with status 2xx is always one JSON object; everything else is a refusal, which no agent takes for consent.
A request is judged by its head before its body is read, so that nobody without the token can fill the memory.
Nothing of a request is ever written to disk or to a log. Only loaded where HTTP hooks are set up.
"""

from __future__ import annotations

import hmac
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.utilities import Error

from prempti_otel.engine.health import describe
from prempti_otel.settings.http_hooks import ADDRESS, PATH, HttpHooks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from prempti_otel.agents.interface import Reply

log = logging.getLogger("prempti.engine")

BODY_BYTES = 4 << 20
"""The same that the hook passes on."""
HEAD_BYTES = 16 << 10
CONNECTIONS = 128
IDLE_S = 120
"""A connection on which nothing happens is closed. Claude Code 2.1.330 keeps its own open between calls."""
READ_S = 10.0
"""A request that is not whole by then is refused when the next part of it comes."""
LOOP_S = 1
GRACE_S = 5
"""How long calls in flight have at the end."""

_json = msgspec.json.Decoder()
_FAILED = b'{"error":"the engine failed on this call; its log has more"}'


class CannotListenError(Exception):
    """The port cannot be had; the message is the system's reason."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: HTTPStatus
    why: str
    """Said to the client, and counted by."""


WRONG_PATH = Refusal(HTTPStatus.NOT_FOUND, "unknown path")
WRONG_METHOD = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is answered")
WRONG_HOST = Refusal(HTTPStatus.MISDIRECTED_REQUEST, "foreign Host")
FROM_PAGE = Refusal(HTTPStatus.FORBIDDEN, "request of a web page (Origin)")
WRONG_TYPE = Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no application/json")
WRONG_TOKEN = Refusal(HTTPStatus.UNAUTHORIZED, "wrong or missing token")
NO_BODY = Refusal(HTTPStatus.LENGTH_REQUIRED, "empty body")
TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, "request not complete in time")


class Gate:
    """Who may ask. Shared by all connections."""

    def __init__(self, hooks: HttpHooks, refused: Callable[[str], None]) -> None:
        self._host = f"{ADDRESS}:{hooks.port}"
        self._authorization = hooks.authorization.encode()
        self.refused = refused
        """Told of each refusal, in a few words."""

    def refusal(self, request: HTTPRequestParser) -> Refusal | None:
        """Why the request with this head is not answered; None where it is.

        A page in a browser, also one whose own name now resolves to this machine, fails at Host and Origin even with
        the token, and so does a request that was meant for somebody else's server.
        """
        headers = request.headers
        if getattr(request, "request_uri", "") != PATH:
            return WRONG_PATH
        if headers.get("HOST", "") != self._host:
            return WRONG_HOST
        if "ORIGIN" in headers:
            return FROM_PAGE
        if str(request.command) != "POST":
            return WRONG_METHOD
        if not hmac.compare_digest(headers.get("AUTHORIZATION", "").encode("latin-1"), self._authorization):
            return WRONG_TOKEN
        if headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
            return WRONG_TYPE
        if not request.chunked and not request.content_length:
            return NO_BODY
        return None


class _RefusedError(Error):
    """A refusal as waitress answers it: text, and the connection is closed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.code = refusal.status.value
        self.reason = refusal.status.phrase


class _Request(HTTPRequestParser):
    """Reads one request, and stops reading where the gate refuses it."""

    def __init__(self, adj: Adjustments, gate: Gate) -> None:
        super().__init__(adj)
        self._gate = gate
        self._began = time.monotonic()
        self._head_seen = False

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.empty:
            return consumed
        if self.error is None:
            self._examine()
        if self.error is None:
            return consumed
        self._gate.refused(self.error.body)
        # Else waitress would ask for the body, and take what is left of this request for the next one.
        self.expect_continue = False
        self.completed = True
        return len(data)

    def _examine(self) -> None:
        refusal = None
        if self.headers_finished and not self._head_seen:
            self._head_seen = True
            refusal = self._gate.refusal(self)
        if refusal is None and not self.completed and time.monotonic() - self._began > READ_S:
            refusal = TOO_SLOW
        if refusal is not None:
            self.error = _RefusedError(refusal)


class _Channel(HTTPChannel):
    """A connection whose requests go through the gate of its server."""

    def parser_class(self, adj: Adjustments) -> _Request:  # type: ignore[override]
        assert isinstance(self.server, _Listener)
        return _Request(adj, self.server.gate)


class _Listener(TcpWSGIServer):
    channel_class = _Channel
    gate: Gate


class HttpServer:
    """One open port, from construction to :meth:`close`.

    ``ask`` gives the agent's reply to a payload; it is called by many threads at once.
    """

    def __init__(self, hooks: HttpHooks, ask: Callable[[bytes], Reply], refused: Callable[[str], None], threads: int):
        """Listens. Raises CannotListenError."""
        logging.getLogger("waitress").setLevel(logging.ERROR)  # it warns of each call that waits for a thread
        self._ask = ask
        self._map: wasyncore._SocketMap = {}
        sock = _listening(hooks.port)
        adjustments = _adjustments(hooks.port, threads)
        self._listener = _Listener(self._answer, self._map, False, sock, adj=adjustments, bind_socket=False)
        self._listener.gate = Gate(hooks, refused)
        self._listener.accept_connections()
        self._thread = threading.Thread(target=self._listener.run, name="http", daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether the port is still listened on."""
        return self._thread.is_alive() and bool(self._listener.accepting)

    @property
    def crowded(self) -> bool:
        """Whether there are so many connections that no more are taken."""
        return self._listener.in_connection_overflow

    def close(self) -> None:
        """Take no more requests, and end when those in flight are answered."""
        if self._thread.is_alive():
            self._in_loop(lambda *_: wasyncore.dispatcher.close(self._listener))
            self._listener.task_dispatcher.shutdown(cancel_pending=False, timeout=GRACE_S)
            self._in_loop(lambda *_: wasyncore.close_all(self._map, ignore_all=True))
            self._thread.join(GRACE_S)
        wasyncore.close_all(self._map, ignore_all=True)

    def _in_loop(self, step: Callable[..., None]) -> None:
        """Have the loop's own thread do it: a socket must not be closed while the loop waits for it."""
        self._listener.trigger.pull_trigger(step)  # type: ignore[attr-defined] # the stub has a number here

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, body = self._reply(environ["wsgi.input"].read())
        start_response(
            f"{status.value} {status.phrase}",
            [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
        )
        return [body]

    def _reply(self, payload: bytes) -> tuple[HTTPStatus, bytes]:
        try:
            reply = self._ask(payload)
        except Exception as error:  # noqa: BLE001 - the boundary of one request; no agent takes 500 for consent
            describe(error)
            return HTTPStatus.INTERNAL_SERVER_ERROR, _FAILED
        if reply.exit_code or not _is_object(reply.stdout):
            return HTTPStatus.INTERNAL_SERVER_ERROR, _FAILED
        return HTTPStatus.OK, reply.stdout


def _listening(port: int) -> socket.socket:
    """A socket that listens. Raises CannotListenError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or else an engine could not follow on another
        sock.bind((ADDRESS, port))
        sock.listen(CONNECTIONS)
    except OSError as error:
        sock.close()
        raise CannotListenError(error.strerror or str(error)) from error
    return sock


def _is_object(body: bytes) -> bool:
    """Whether ``body`` is one JSON object: Claude Code takes an empty answer for no opinion."""
    try:
        return type(_json.decode(body)) is dict
    except msgspec.DecodeError:
        return False


def _adjustments(port: int, threads: int) -> Adjustments:
    settings: dict[str, Any] = {
        "host": ADDRESS,
        "port": port,
        "threads": threads,
        "ident": None,
        "connection_limit": CONNECTIONS,
        "backlog": CONNECTIONS,
        "recv_bytes": 65536,
        "channel_timeout": IDLE_S,
        "cleanup_interval": 15,
        "asyncore_loop_timeout": LOOP_S,
        "asyncore_use_poll": True,
        "max_request_header_size": HEAD_BYTES,
        "max_request_body_size": BODY_BYTES + 1,  # the first size that is refused
        # More than a whole request: a body of this size would go to a temporary file, secrets and all.
        "inbuf_overflow": 2 * BODY_BYTES,
        "outbuf_overflow": 2 * BODY_BYTES,
        "expose_tracebacks": False,
        "log_socket_errors": False,
    }
    return Adjustments(**settings)
