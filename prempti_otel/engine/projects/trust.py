"""``PREMPTI_HOME/trusted.json``: which rules files of projects the user has looked at, by path and content.

Read by the engine, written by premptictl. A file counts only where it is the user's own and nobody else may write it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from prempti_otel import typed
from prempti_otel.engine.projects.files import root_and_name
from prempti_otel.errors import PremptiError
from prempti_otel.settings.regular import read_regular

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

MAX_FILES = 1000
"""Files that can be trusted at a time."""
_MAX_BYTES = 4 * 1024 * 1024


class TrustedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was trusted."""

    path: str
    """Absolute and real: ``ROOT/.prempti/rules/NAME.yaml``."""
    sha256: str
    """Of its content then: lower-case hexadecimal."""
    time_ns: int = 0
    """When, as Unix time in nanoseconds."""
    by: str = ""
    """Who: the user's name."""
    processes: list[str] = []
    """``PID NAME`` of the process that wrote this and of all that started it, in that order."""


class TrustList(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content."""

    files: list[TrustedFile] = []


def fingerprint(content: bytes) -> str:
    """What a content is trusted by."""
    return hashlib.sha256(content).hexdigest()


def read_trust(home: Home) -> tuple[TrustedFile, ...]:
    """What is trusted, nothing where there is no file. Raises PremptiError: then nothing is to be trusted by it."""
    path = home.trusted
    try:
        status = path.stat()
        data = read_regular(path, _MAX_BYTES)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(home, f"it cannot be read: {error.strerror}") from error
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise _unusable(home, "others may write it")
    try:
        files = typed.decode(data, TrustList).files
    except msgspec.DecodeError as error:
        raise _unusable(home, "it is damaged") from error
    if len(files) > MAX_FILES:
        raise _unusable(home, f"it names more than {MAX_FILES} files")
    return tuple(files)


def by_project(files: Iterable[TrustedFile]) -> Mapping[str, Mapping[str, str]]:
    """Root of the project → name of the file → hash of its content; what is no project's file is left out."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(files, key=lambda file: file.path):
        where = root_and_name(file.path)
        if where is not None:
            found.setdefault(where[0], {})[where[1]] = file.sha256
    return found


def _unusable(home: Home, why: str) -> PremptiError:
    return PremptiError(
        f"no rules of projects are trusted by this file: {why}",
        where=str(home.trusted),
        remedy="remove the file, then run premptictl rules trust again in each project",
    )
