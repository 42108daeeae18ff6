"""Writes files of the installation: each replaced as a whole, 0600, so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.settings import whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prempti_otel.settings.home import Home


def write_private(path: Path, content: bytes) -> None:
    """Write ``path`` anew, 0600. Raises PremptiError."""
    try:
        whole.replace(path, content)
    except OSError as error:
        raise PremptiError(
            f"this file cannot be written: {error.strerror}",
            where=str(path),
            remedy="correct permissions or free space",
        ) from error


@contextlib.contextmanager
def locked(home: Home) -> Iterator[None]:
    """Holds a lock on the home's folder, against other premptictl; nothing is locked where there is no home."""
    if not home.root.is_dir():
        yield
        return
    descriptor = os.open(home.root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
