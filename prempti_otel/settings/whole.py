"""Writes files as a whole: a reader sees the old one or the new one, and never half of either."""

from __future__ import annotations

import os
from pathlib import Path


def prepared(target: Path, content: bytes, mode: int = 0o600) -> Path:
    """A new file beside ``target``, to be renamed or linked into its place. Raises OSError; there is none then.

    No other user can read it before it has its ``mode``.
    """
    fresh = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def replace(target: Path, content: bytes, mode: int = 0o600) -> None:
    """Give ``target`` this content. A link of that name is replaced, not followed. Raises OSError."""
    fresh = prepared(target, content, mode)
    try:
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
