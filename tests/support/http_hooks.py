"""A client of the engine's HTTP port, and homes that have one."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from prempti_otel.settings.home import Home
from prempti_otel.settings.http_hooks import ADDRESS, PATH, HttpHooks, new_token
from tests.support.ports import free_port

SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What a server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def could_be_consent(self) -> bool:
        """Whether Claude Code could take it for anything but a failure: any status 2xx that it can read."""
        if not 200 <= self.status < 300:
            return False
        try:
            return bool(not self.body or json.loads(self.body) is not None)
        except ValueError:
            return False


def set_up(home: Home, port: int = 0) -> HttpHooks:
    """Write ``http.json`` as premptictl does."""
    hooks = HttpHooks(port=port or free_port(), token=new_token())
    home.http_hooks.write_text(json.dumps({"port": hooks.port, "token": hooks.token}))
    return hooks


def post(
    hooks: HttpHooks,
    body: bytes,
    *,
    method: str = "POST",
    path: str = PATH,
    headers: Mapping[str, str | None] | None = None,
    connection: http.client.HTTPConnection | None = None,
) -> Said:
    """One request as Claude Code makes it, but for what is given; None leaves a header out."""
    sent: dict[str, str | None] = {
        "Host": f"{ADDRESS}:{hooks.port}",
        "Accept": "application/json, text/plain, */*",
        "Content-Type": "application/json",
        "Authorization": hooks.authorization,
    }
    sent |= dict(headers or {})
    own = connection or http.client.HTTPConnection(ADDRESS, hooks.port, timeout=SECONDS)
    own.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.items():
        if value is not None:
            own.putheader(name, value)
    if not any(name.lower() in ("content-length", "transfer-encoding") for name in sent):
        own.putheader("Content-Length", str(len(body)))
    own.endheaders(body)
    answer = own.getresponse()
    said = Said(answer.status, answer.read(), dict(answer.getheaders()))
    if connection is None:
        own.close()
    return said


def raw(hooks: HttpHooks, data: bytes) -> bytes:
    """All that the server says to these bytes, to the end of the connection; it may hang up before it has read all."""
    parts = []
    with socket.create_connection((ADDRESS, hooks.port), timeout=SECONDS) as sock, contextlib.suppress(OSError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)
