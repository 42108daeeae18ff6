"""One line of the audit trail, before and after it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue


class RecordKind(StrEnum):
    """What a record tells."""

    DECISION = "decision"
    """A call and what was decided on it: one per call."""
    OUTCOME = "outcome"
    """How a call ended."""
    LIFECYCLE = "lifecycle"
    """A session, prompt or subagent begins or ends."""
    POLICY = "policy"
    """A ruleset came into force or was rejected."""
    ADMIN = "admin"
    """The guard itself: start, stop, mode, retention, degradation."""
    FALLBACK = "fallback"
    """A call that the hook answered without the engine."""


class Record(msgspec.Struct, frozen=True):
    """What is to be recorded. ``body`` is redacted and holds JSON values only."""

    kind: RecordKind
    time_ns: int
    """Unix time in nanoseconds."""
    body: Mapping[str, JsonValue]
    session_id: str = ""


class StoredRecord(msgspec.Struct, frozen=True):
    """A record with its place in the hash chain."""

    seq: int
    """1 for the first record; no gaps."""
    kind: RecordKind
    time_ns: int
    session_id: str
    body: Mapping[str, JsonValue]
    prev_hash: str
    """Lower-case hexadecimal SHA-256; 64 zeros before the first record."""
    hash: str
