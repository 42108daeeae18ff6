"""What agents tell besides their calls, as spans and log events: sessions, prompts, subagents, late outcomes."""

from __future__ import annotations

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind

from prempti_otel.audit.lifecycle_records import LifecycleBody, OutcomeBody
from prempti_otel.audit.records import body_of
from prempti_otel.model.lifecycle import LifecycleEvent
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.telemetry import ids, names
from prempti_otel.telemetry.shape import (
    LONGEST_NAME,
    SCOPE,
    Attributes,
    context,
    cut,
    links,
    log,
    place,
    provider,
    some,
)


def spans(record: StoredRecord, resource: Resource) -> list[ReadableSpan]:
    """The span of an agent that is done with a prompt. Raises msgspec.ValidationError for a malformed body."""
    if record.kind is not RecordKind.LIFECYCLE:
        return []
    body = body_of(record, LifecycleBody)
    return [_invocation(record, body, resource)] if body.event == LifecycleEvent.INVOCATION_END else []


def lifecycle_logs(record: StoredRecord, *, prompts: bool = False) -> list[LogRecord]:
    """The beginning or end of a session, or a prompt; its text only with ``prompts``. Raises as :func:`spans`."""
    body = body_of(record, LifecycleBody)
    if body.event == LifecycleEvent.PROMPT:
        return [_prompt_log(record, body, body.prompt if prompts else "")]
    name = _SESSION_EVENTS.get(body.event)
    if name is None:
        return []
    attributes: Attributes = {
        names.AGENT_NAME: body.agent,
        names.SESSION_ID: body.session_id,
        names.SESSION_SOURCE: body.source,
        names.REASON: body.reason,
        **place(record),
    }
    how = body.source or body.reason
    return [log(name, record, f"{name}: {how}" if how else name, SeverityNumber.INFO, attributes)]


def _prompt_log(record: StoredRecord, body: LifecycleBody, text: str) -> LogRecord:
    attributes: Attributes = {
        names.AGENT_NAME: body.agent,
        names.SESSION_ID: body.session_id,
        names.PROMPT_ID: body.prompt_id,
        names.PROMPT_TEXT: text,
        **place(record),
    }
    span = context(
        ids.trace_id(body.session_id, body.prompt_id), ids.invocation_id(body.session_id, body.prompt_id, "")
    )
    return log(names.PROMPT_EVENT, record, text or "a prompt", SeverityNumber.INFO, attributes, span)


def outcome_logs(record: StoredRecord) -> list[LogRecord]:
    """An outcome that came when its call was not open (any more). Raises as :func:`spans`."""
    body = body_of(record, OutcomeBody)
    if body.decision:
        return []
    attributes: Attributes = {
        names.TOOL_NAME: body.tool,
        names.TOOL_CALL_ID: body.use_id,
        names.AGENT_NAME: body.agent,
        names.SESSION_ID: body.session_id,
        names.OUTCOME: body.outcome,
        names.OUTCOME_REASON: body.reason,
        names.TOOL_DURATION: body.duration or 0.0,
        names.ERROR_TYPE: body.error_type,
        **place(record),
    }
    text = f"{body.tool or 'a call'} ended ({body.outcome}), but was not open"
    return [log(names.OUTCOME_LATE_EVENT, record, text, SeverityNumber.WARN, attributes, call_context(body))]


def call_context(body: OutcomeBody) -> SpanContext | None:
    """The span of the call that ended; None where the agent gave it no id."""
    if not body.use_id:
        return None
    trace = ids.trace_id(body.session_id, body.prompt_id)
    return context(trace, ids.span_id(body.session_id, body.use_id, body.attempt))


_SESSION_EVENTS = {
    LifecycleEvent.SESSION_START.value: names.SESSION_START_EVENT,
    LifecycleEvent.SESSION_END.value: names.SESSION_END_EVENT,
}


def _invocation(record: StoredRecord, body: LifecycleBody, resource: Resource) -> ReadableSpan:
    trace = ids.trace_id(body.session_id, body.prompt_id)
    name = body.subagent_type or "subagent" if body.subagent_id else body.agent
    return ReadableSpan(
        name=f"{names.INVOKE_AGENT} {cut(name, LONGEST_NAME)}",
        context=context(trace, ids.invocation_id(body.session_id, body.prompt_id, body.subagent_id)),
        parent=_parent(trace, body),
        resource=resource,
        attributes=some(
            {
                names.OPERATION_NAME: names.INVOKE_AGENT,
                names.AGENT_NAME: body.agent,
                names.AGENT_ID: body.subagent_id,
                names.SUBAGENT_TYPE: body.subagent_type,
                names.CONVERSATION_ID: body.session_id,
                names.PROVIDER_NAME: provider(body.agent),
                names.SESSION_ID: body.session_id,
                names.PROMPT_ID: body.prompt_id,
                names.REASON: body.reason,
                **place(record),
            }
        ),
        links=links(body.traceparent),
        kind=SpanKind.INTERNAL,
        start_time=body.start_ns,
        end_time=max(body.start_ns, body.end_ns),
        instrumentation_scope=SCOPE,
    )


def _parent(trace: int, body: LifecycleBody) -> SpanContext | None:
    """A subagent's is the call that started it; the agent itself where that is not known."""
    if not body.subagent_id:
        return None
    if body.parent_use_id:
        return context(trace, ids.span_id(body.session_id, body.parent_use_id, body.parent_attempt))
    return context(trace, ids.invocation_id(body.session_id, body.prompt_id, ""))
