"""The records of what is told besides the calls: how calls ended, and when sessions, prompts and agents do.

As in :mod:`prempti_otel.audit.records` a body is redacted and bounded when it leaves this module, and the schema
only ever grows. What a user typed and what a tool gave back are kept only where the privacy settings say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from prempti_otel.audit.bounds import CALL_TEXT, EVENT_TEXT, Bounds
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent, Outcome
from prempti_otel.model.record import Record, RecordKind

if TYPE_CHECKING:
    from prempti_otel.audit.redaction import Redactor

TOOL_FAILED = "tool_error"
INTERRUPTED = "interrupted"
"""``error_type`` of a call that the user broke off."""


class OutcomeBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of an ``outcome`` record: how one call ended."""

    outcome: str
    """A word of :class:`prempti_otel.model.lifecycle.Outcome`."""
    decision: int = 0
    """Sequence number of the call's decision record; 0 where no such call was open (any more): the outcome is late."""
    agent: str = ""
    session_id: str = ""
    prompt_id: str = ""
    tool: str = ""
    use_id: str = ""
    attempt: int = 1
    hook_event: str = ""
    """The agent's own event that told it; empty where the engine concluded it."""
    end_ns: int = 0
    """Unix time in nanoseconds at which the call was over, as far as known."""
    duration: float | None = None
    """Seconds that the tool took, by the agent's own clock."""
    error: str = ""
    error_type: str = ""
    """``tool_error`` or ``interrupted``; empty for other outcomes."""
    reason: str = ""
    """Why it was refused, or why nothing is known of it."""
    started_subagent: str = ""
    result: object = None
    """What the tool gave back, where the privacy settings keep it."""


class LifecycleBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of a ``lifecycle`` record: keys and meanings of :class:`prempti_otel.model.lifecycle.Lifecycle`."""

    event: str
    agent: str = ""
    hook_event: str = ""
    session_id: str = ""
    prompt_id: str = ""
    cwd: str = ""
    model: str = ""
    permission_mode: str = ""
    subagent_id: str = ""
    subagent_type: str = ""
    source: str = ""
    reason: str = ""
    error: str = ""
    prompt: str = ""
    traceparent: str = ""
    start_ns: int = 0
    """For ``invocation.end``: when it began; Unix time in nanoseconds."""
    end_ns: int = 0
    """And when it was over."""
    parent_use_id: str = ""
    """For ``invocation.end`` of a subagent: the call that started it, of the same prompt."""
    parent_attempt: int = 1


_LIFECYCLE_TEXTS = (
    "agent",
    "hook_event",
    "session_id",
    "prompt_id",
    "cwd",
    "model",
    "permission_mode",
    "subagent_id",
    "subagent_type",
    "source",
    "reason",
    "error",
    "traceparent",
)


def lifecycle_record(
    event: Lifecycle,
    *,
    redactor: Redactor,
    keep_prompt: bool = False,
    start_ns: int = 0,
    end_ns: int = 0,
    parent_use_id: str = "",
    parent_attempt: int = 1,
) -> Record:
    """A session, prompt or subagent began or ended, or something else happened that an agent tells of."""
    bounds = Bounds(redactor)
    body: dict[str, Any] = {"event": event.event.value}
    for name in _LIFECYCLE_TEXTS:
        text = getattr(event, name)
        if text:
            body[name] = bounds.text(text, EVENT_TEXT)
    if keep_prompt and event.prompt:
        body["prompt"] = bounds.text(event.prompt, CALL_TEXT)
    if event.event is LifecycleEvent.INVOCATION_END:
        body |= {"start_ns": start_ns, "end_ns": end_ns}
        if parent_use_id:
            body |= {"parent_use_id": bounds.text(parent_use_id, EVENT_TEXT), "parent_attempt": parent_attempt}
    return Record(RecordKind.LIFECYCLE, event.received_ns, bounds.finish(body), event.session_id)


def outcome_record(
    *,
    outcome: Outcome,
    time_ns: int,
    redactor: Redactor,
    session_id: str,
    agent: str,
    tool: str,
    decision: int = 0,
    prompt_id: str = "",
    use_id: str = "",
    attempt: int = 1,
    end_ns: int = 0,
    reason: str = "",
    told: Lifecycle | None = None,
    keep_result: bool = False,
) -> Record:
    """How a call ended. ``told`` is the agent's own event, None where the engine concluded it."""
    bounds = Bounds(redactor)
    body: dict[str, Any] = {"outcome": outcome.value, "end_ns": end_ns or time_ns}
    texts = {
        "agent": agent,
        "session_id": session_id,
        "prompt_id": prompt_id,
        "tool": tool,
        "use_id": use_id,
        "reason": reason,
    }
    if told is not None:
        texts |= {
            "hook_event": told.hook_event,
            "error": told.error,
            "reason": told.reason,
            "started_subagent": told.started_subagent,
        }
        if told.duration is not None:
            body["duration"] = told.duration
        if outcome is Outcome.ERROR:
            body["error_type"] = INTERRUPTED if told.interrupted else TOOL_FAILED
        if keep_result and told.result is not None:
            body["result"] = bounds.value(told.result, "result", CALL_TEXT)
    body |= {name: bounds.text(text, EVENT_TEXT) for name, text in texts.items() if text}
    if decision:
        body["decision"] = decision
    if attempt != 1:
        body["attempt"] = attempt
    return Record(RecordKind.OUTCOME, time_ns, bounds.finish(body), session_id)
