"""Trace and span ids, derived from what is recorded: the same record always has the same ids.

A trace is a prompt of a session, a span a call. Ids are the first bytes of the SHA-256 of a JSON array.
"""

from __future__ import annotations

import hashlib
import re

import msgspec
from opentelemetry.trace import SpanContext, TraceFlags

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
"""W3C Trace Context, level 1, section 3.2."""


def trace_id(session_id: str, prompt_id: str) -> int:
    """The trace of a prompt; of a whole session where the agent tells no prompts apart (``""``)."""
    return _number(16, session_id, prompt_id)


def span_id(session_id: str, call_id: str, attempt: int) -> int:
    """The span of a call; ``attempt`` counts how often the agent asked about it."""
    return _number(8, session_id, call_id, attempt)


def invocation_id(session_id: str, prompt_id: str, subagent_id: str) -> int:
    """The span of what an agent (``""``) or a subagent does for a prompt."""
    return _number(8, "invoke_agent", session_id, prompt_id, subagent_id)


def synthetic_call_id(session_id: str, tool: str, input_hash: str, correlation_id: int) -> str:
    """An id for a call that the agent gave none."""
    return f"prempti-{_number(8, session_id, tool, input_hash, correlation_id):016x}"


def parent_of_hook(traceparent: str) -> SpanContext | None:
    """The span that the hook was started in, or None where ``traceparent`` is absent or not a trace context."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    context = SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16) & 1)
    )
    return context if context.is_valid else None


def _number(size: int, *parts: str | int) -> int:
    digest = hashlib.sha256(msgspec.json.encode(parts)).digest()
    # All zeros would mean "no id" in OpenTelemetry.
    return int.from_bytes(digest[:size], "big") or 1
