"""How a process that only waits learns that it is to end: by SIGTERM or SIGINT, without a moment that misses one.

The interpreter runs a signal's handler when the main thread gets to it. A signal that comes just before this thread
begins to wait, or that the system gives to another thread, does not wake it, so that its handler would not run before
something else does. What the interpreter writes to a descriptor the moment a signal comes is never lost.
"""

from __future__ import annotations

import os
import signal


def told_to_end() -> int:
    """A descriptor that can be read once one of these signals has come. For the main thread, and to be called once."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _noted)
    return told


def _noted(*_: object) -> None:
    """The descriptor tells of it."""
