"""What ``premptictl doctor`` looks at, and what it finds."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from prempti_otel.errors import PremptiError
    from prempti_otel.proto.prempti.v1.engine_pb2 import StatusReply
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home


NO_COMMAND = "no command: "
"""What a remedy begins with that is a sentence."""


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The guard works, but not as one may think."""
    FAIL = "fail"
    """Calls may go unjudged or unrecorded, or agents are blocked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    """What kind of thing; one word, for scripts."""
    state: State
    says: str
    """A sentence."""
    remedy: str = ""
    """A command that can be typed as it stands; where none helps, :data:`NO_COMMAND` and why. Empty: all is well."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    home: Home
    project: Path
    """Whose agents' settings count, too: the current folder."""
    config: Config
    status: StatusReply | None
    """None where no engine answers."""


def edit(place: str | Path) -> str:
    """The command that opens a file, at the line where ``place`` has one (``FILE:LINE`` or ``FILE:LINE:COLUMN``)."""
    file, _, line = str(place).rpartition(":")
    before, _, number = file.rpartition(":")
    if line.isdecimal() and number.isdecimal():
        file, line = before, number
    if not line.isdecimal():
        return f"${{EDITOR:-vi}} {shlex.quote(str(place))}"
    return f"${{EDITOR:-vi}} +{line} {shlex.quote(file)}"


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, says)


def warn(check: str, says: str, remedy: str) -> Finding:
    """See :attr:`State.WARN`."""
    return Finding(check, State.WARN, says, remedy)


def fail(check: str, says: str, remedy: str) -> Finding:
    """See :attr:`State.FAIL`."""
    return Finding(check, State.FAIL, says, remedy)


def failed(check: str, error: PremptiError, otherwise: str = "premptictl status") -> Finding:
    """A check that an error ended; ``otherwise`` is the command where the error names no remedy."""
    says = f"{error.where}: {error.message}" if error.where else error.message
    if not error.remedy:
        return fail(check, says, otherwise)
    return fail(check, says, error.remedy if error.remedy.startswith("premptictl ") else NO_COMMAND + error.remedy)
