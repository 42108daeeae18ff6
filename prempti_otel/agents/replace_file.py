"""Gives a file another content, unless somebody else changes it at the same time: then theirs stays.

Whoever else edits the file knows no lock of ours, so the old file is kept for a moment and looked at again: what was
written into it, or over the new one, meanwhile would be lost otherwise.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from prempti_otel.settings.whole import prepared

SETTLE_SECONDS = 0.02
"""An editor that read the file just before it was replaced has written by then."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""Of renameat2(2)."""


def replaced(target: Path, before: bytes | None, after: bytes | None, mode: int) -> bool:
    """Change the content of ``target`` from ``before`` to ``after`` (None: no file); whether that was done.

    Where it was not, somebody else has changed the file, and it is as they left it. Raises OSError.
    """
    if before is None:
        return after is None or _created(target, after, mode)
    return _removed(target, before) if after is None else _exchanged(target, before, after, mode)


def _created(target: Path, content: bytes, mode: int) -> bool:
    new = prepared(target, content, mode)
    try:
        target.hardlink_to(new)  # unlike a rename, this fails where there is a file by now
    except FileExistsError:
        return False
    finally:
        new.unlink()
    return _stays(target, content)


def _removed(target: Path, before: bytes) -> bool:
    if _content(target) != before:
        return False
    aside = prepared(target, b"", 0o600)
    target.replace(aside)
    try:
        if _stays(aside, before):
            return not target.exists()
        if not target.exists():
            target.hardlink_to(aside)
        return False
    finally:
        aside.unlink()


def _exchanged(target: Path, before: bytes, after: bytes, mode: int) -> bool:
    new = prepared(target, after, mode)
    try:
        if _content(target) != before:
            return False
        if not _swapped(new, target):
            new.replace(target)
            return _stays(target, after)
        old, ours = _stays(new, before), _content(target) == after
        if ours and not old:
            _swapped(new, target)
        return ours and old
    finally:
        new.unlink(missing_ok=True)


def _swapped(one: Path, other: Path) -> bool:
    """Let two files change names, at once; whether this system and this file system can do that. Raises OSError."""
    if sys.platform != "linux":
        return False
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    exchange = getattr(library, "renameat2", None)
    if exchange is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(exchange(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)


def _stays(path: Path, content: bytes) -> bool:
    """Whether ``path`` still has ``content`` when an editor would be done; told at once where it has not."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while _content(path) == content:
        if time.monotonic() > deadline:
            return True
        time.sleep(SETTLE_SECONDS / 20)
    return False


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
