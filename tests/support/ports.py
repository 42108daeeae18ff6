"""Ports for servers that tests start: such as are given to no connection, which could take one before its server."""

from __future__ import annotations

import secrets
import socket

from prempti_otel.settings.http_hooks import ADDRESS, PORTS

_given: set[int] = set()


def free_port() -> int:
    """A port on loopback that nobody listens on now, another one at each call."""
    while True:
        port = secrets.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as listener:
            try:
                listener.bind((ADDRESS, port))
            except OSError:
                continue
        _given.add(port)
        return port
