"""Ports for servers that tests start."""

from __future__ import annotations

import random
import socket

_RANGE = range(20_000, 32_000)
"""Below the ports that Linux and macOS give to connections, so that none of those takes one before its server does."""
_given: set[int] = set()


def free_port() -> int:
    """A port on loopback that nobody listens on now, another one at each call."""
    while True:
        port = random.choice(_RANGE)
        if port in _given:
            continue
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
