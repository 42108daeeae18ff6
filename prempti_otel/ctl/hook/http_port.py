"""The port of HTTP hooks, seen from premptictl: set up, changed and given up. The engine follows by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from prempti_otel.ctl.files import write_private
from prempti_otel.errors import PremptiError
from prempti_otel.settings.http_hooks import ADDRESS, PORTS, HttpHooks, new_token, read_http_hooks

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

OPEN_SECONDS = 30.0
"""What a running engine may take to listen on a port that was set up: it may be compiling rules on a busy machine."""
TOLD_SECONDS = 2.0
"""After so long what it tells of the port is no old story."""
ATTEMPTS = 100
_ROTATE = "premptictl hook add claude_code --transport http --rotate"


def ensure(home: Home) -> None:
    """Have the engine listen for HTTP hooks, with the port and token that there are or with new ones.

    Raises PremptiError where it does not: an agent that is told of the port would then be blocked, or worse.
    """
    from prempti_otel.ctl.lifecycle import process  # `hook status` starts without it

    hooks = read_http_hooks(home.http_hooks)
    if hooks is None:
        hooks = rotate(home)
    status = process.start_engine(home)
    began = time.monotonic()
    while _listening(home) != str(hooks.port):
        told = [sentence for sentence in status.degraded if "HTTP" in sentence and f" {hooks.port} " in sentence]
        if time.monotonic() - began > (TOLD_SECONDS if told else OPEN_SECONDS):
            raise PremptiError(
                told[0] if told else f"the engine does not listen on port {hooks.port}",
                remedy=f"see premptictl status; for another port run {_ROTATE}",
            )
        time.sleep(0.05)
        status = process.running(home) or status


def rotate(home: Home) -> HttpHooks:
    """Another port and another token from now on. Raises PremptiError."""
    hooks = HttpHooks(port=_free_port(), token=new_token())
    home.create()
    write_private(home.http_hooks, msgspec.json.encode(hooks) + b"\n")
    return hooks


def close(home: Home) -> None:
    """No HTTP hooks any more. Raises PremptiError."""
    try:
        home.http_hooks.unlink(missing_ok=True)
    except OSError as error:
        raise PremptiError(f"this cannot be removed: {error.strerror}", where=str(home.http_hooks)) from error


def _listening(home: Home) -> str:
    try:
        return home.http_port.read_text().strip()
    except FileNotFoundError:
        return ""


def _free_port() -> int:
    """One that nobody has, at random, so that installations of several users rarely meet. Raises PremptiError."""
    import secrets
    import socket

    for _ in range(ATTEMPTS):
        port = secrets.choice(PORTS)
        with socket.socket() as sock:
            try:
                sock.bind((ADDRESS, port))
            except OSError:
                continue
        return port
    raise PremptiError("no free port is found for HTTP hooks", remedy="use --transport command")
