"""What ``premptictl doctor`` looks at, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from prempti_otel.proto.prempti.v1.engine_pb2 import StatusReply
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home


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
    """A command or a sentence; empty where all is well."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    home: Home
    project: Path
    """Whose agents' settings count, too: the current folder."""
    config: Config
    status: StatusReply | None
    """None where no engine answers."""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, says)


def warn(check: str, says: str, remedy: str) -> Finding:
    """See :attr:`State.WARN`."""
    return Finding(check, State.WARN, says, remedy)


def fail(check: str, says: str, remedy: str) -> Finding:
    """See :attr:`State.FAIL`."""
    return Finding(check, State.FAIL, says, remedy)
