"""Writes files of the installation: each replaced as a whole, 0600, so that a reader never sees half of one."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write ``path`` anew, 0600. Raises PremptiError."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.rename(name, path)  # noqa: PTH104 - a name of our own, not a path of somebody's
        except BaseException:
            os.unlink(name)  # noqa: PTH108
            raise
    except OSError as error:
        raise PremptiError(
            f"this file cannot be written: {error.strerror}",
            where=str(path),
            remedy="correct permissions or free space",
        ) from error
