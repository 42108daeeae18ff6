"""Records as spans and log events of the OpenTelemetry SDK: functions of records.

The same records give the same ids, times and attributes whenever and wherever they are projected, so sending
one twice does no harm. Nothing here reads a clock or an environment variable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from prempti_otel.audit.lifecycle_records import OutcomeBody
from prempti_otel.audit.records import (
    AdminBody,
    CallBody,
    DecisionBody,
    FallbackBody,
    MatchBody,
    PolicyBody,
    body_of,
)
from prempti_otel.model.decision import Priority
from prempti_otel.model.lifecycle import Outcome
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.settings.config import Privacy
from prempti_otel.telemetry import ids, lifecycles, names
from prempti_otel.telemetry.shape import (
    LONGEST_NAME,
    SCOPE,
    Attributes,
    context,
    cut,
    host_of,
    links,
    log,
    place,
    provider,
    some,
)

LONGEST_EVIDENCE = 512
"""Bytes of what a rule matched."""
MOST_EVENTS = 100
"""Events on one span; the SDK's own bound is 128."""
_SEVERITY = {
    "deny": SeverityNumber.ERROR,
    "ask": SeverityNumber.WARN,
    "allow": SeverityNumber.DEBUG,
    "defer": SeverityNumber.DEBUG,
}
_RANK = {priority.value: priority.rank for priority in Priority}
_VERDICT_RANK = {"deny": 0, "ask": 1}
_MARKERS = ("coding_agent_", "mitre_", "maturity_")
"""Beginnings of tags that are keywords and not the rule's section."""


Find = Callable[[int], "StoredRecord | None"]
"""The record with a sequence number; None where retention took it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What leaves the machine besides what always does; the privacy settings."""

    arguments: bool = False
    results: bool = False
    prompts: bool = False


NO_CONTENT = Content()


def content_of(privacy: Privacy) -> Content:
    """What the settings let out."""
    return Content(arguments=privacy.arguments, results=privacy.results, prompts=privacy.prompts)


def spans(
    record: StoredRecord, resource: Resource, find: Find = lambda _: None, content: Content = NO_CONTENT
) -> list[ReadableSpan]:
    """The spans that ``record`` completes. Raises msgspec.ValidationError where a body is malformed.

    A denied call's by its decision, any other's by its outcome, an agent's by its end.
    """
    if record.kind is RecordKind.DECISION:
        body = body_of(record, DecisionBody)
        return [_tool_span(record, body, None, resource, content)] if body.call.tool and _denied(body) else []
    if record.kind is RecordKind.OUTCOME:
        outcome = body_of(record, OutcomeBody)
        decision = find(outcome.decision) if outcome.decision else None
        if decision is None:
            return []
        return [_tool_span(decision, body_of(decision, DecisionBody), outcome, resource, content)]
    return lifecycles.spans(record, resource)


def logs(record: StoredRecord, resource: Resource, content: Content = NO_CONTENT) -> list[ReadableLogRecord]:
    """The log events of ``record``. Raises msgspec.ValidationError where its body is malformed."""
    if record.kind is RecordKind.LIFECYCLE:
        made = lifecycles.lifecycle_logs(record, prompts=content.prompts)
    else:
        made = _LOGS_OF[record.kind](record)
    return [ReadableLogRecord(event, resource, SCOPE) for event in made]


def span_context(body: DecisionBody) -> SpanContext:
    """Where the span of a call is in its trace."""
    call = body.call
    return context(_trace(call), ids.span_id(call.session_id, call_id(body), body.attempt))


def call_id(body: DecisionBody) -> str:
    """The agent's id of the call, or one made up from the record."""
    call = body.call
    return call.use_id or ids.synthetic_call_id(call.session_id, call.tool, body.input_hash, call.correlation_id)


def _trace(call: CallBody) -> int:
    return ids.trace_id(call.session_id, call.prompt_id or call.turn_id)


def _denied(body: DecisionBody) -> bool:
    return body.decision.action == "deny"


def _tool_span(
    record: StoredRecord, body: DecisionBody, outcome: OutcomeBody | None, resource: Resource, content: Content
) -> ReadableSpan:
    """The span of the call that ``record`` decided on; without an ``outcome`` it was denied."""
    call = body.call
    matches = sorted(body.matches, key=_severity_rank)
    start = call.received_ns or record.time_ns
    decided = start + round(body.decision.duration * 1e9)
    attributes = some(
        {
            names.OPERATION_NAME: names.EXECUTE_TOOL,
            names.TOOL_TYPE: "extension" if call.mcp_server else "function",
            **_call_attributes(call),
            **_decision_attributes(record, body),
            names.REPOSITORY_URL: body.repository.url,
            names.REF_HEAD_NAME: body.repository.ref,
            names.REF_HEAD_REVISION: body.repository.revision,
            names.CALL_ID_SYNTHETIC: not call.use_id,
            names.ATTEMPT: body.attempt if body.attempt > 1 else 0,
            names.PERMISSION_MODE: call.permission_mode,
            names.INPUT_HASH: body.input_hash,
            names.MATCH_OMITTED: max(0, len(matches) - MOST_EVENTS),
            names.TOOL_ARGUMENTS: _json(call.input) if content.arguments else "",
            **_outcome_attributes(outcome, content),
        }
    )
    prompt = ids.invocation_id(call.session_id, call.prompt_id or call.turn_id, call.subagent_id)
    return ReadableSpan(
        name=f"{names.EXECUTE_TOOL} {cut(call.tool, LONGEST_NAME)}",
        context=span_context(body),
        parent=context(_trace(call), prompt),
        resource=resource,
        attributes=attributes,
        events=[
            Event(names.RULE_MATCH_EVENT, _match_attributes(body, match), timestamp=decided)
            for match in matches[:MOST_EVENTS]
        ],
        links=links(call.traceparent),
        kind=SpanKind.INTERNAL,
        start_time=start,
        end_time=max(start, outcome.end_ns) if outcome is not None else decided,
        status=_status(outcome),
        instrumentation_scope=SCOPE,
    )


def _status(outcome: OutcomeBody | None) -> Status:
    """An error only for a tool that failed: a denial is the guard working."""
    if outcome is None or outcome.outcome != Outcome.ERROR:
        return Status()
    return Status(StatusCode.ERROR, cut(outcome.error, LONGEST_EVIDENCE) or None)


def _outcome_attributes(outcome: OutcomeBody | None, content: Content) -> Attributes:
    if outcome is None:
        return {names.OUTCOME: "denied"}
    return {
        names.OUTCOME: outcome.outcome,
        names.OUTCOME_REASON: outcome.reason,
        names.TOOL_DURATION: outcome.duration or 0.0,
        names.ERROR_TYPE: outcome.error_type,
        names.TOOL_RESULT: _json(outcome.result) if content.results and outcome.result is not None else "",
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _call_attributes(call: CallBody) -> Attributes:
    attributes: Attributes = {
        names.AGENT_ID: call.subagent_id,
        names.CONVERSATION_ID: call.session_id,
        names.PROVIDER_NAME: provider(call.agent),
        names.REQUEST_MODEL: call.model,
        names.PROMPT_ID: call.prompt_id,
    }
    if call.command:
        attributes[names.COMMAND_LINE] = call.command
        attributes[names.WORKING_DIRECTORY] = call.real_cwd or call.cwd
    if call.file_path:
        attributes[names.FILE_PATH] = call.real_file_path or call.file_path
    url = call.input.get("url")
    if isinstance(url, str):
        attributes[names.URL_FULL] = url
        attributes[names.SERVER_ADDRESS] = host_of(url)
    if call.mcp_server:
        attributes[names.MCP_METHOD_NAME] = "tools/call"
        attributes[names.MCP_SERVER] = call.mcp_server
    return attributes


def _identity(body: DecisionBody) -> Attributes:
    """What every signal about a call carries, to find the others by."""
    return {
        names.TOOL_NAME: body.call.tool,
        names.TOOL_CALL_ID: call_id(body),
        names.AGENT_NAME: body.call.agent,
        names.SESSION_ID: body.call.session_id,
        names.CORRELATION_ID: body.call.correlation_id,
    }


def _decision_attributes(record: StoredRecord, body: DecisionBody) -> Attributes:
    decision = body.decision
    counted = {match.rule: match.count for match in reversed(body.matches)}
    return {
        **_identity(body),
        names.VERDICT: decision.verdict,
        names.ACTION: decision.action,
        names.DECISION_SOURCE: decision.source,
        names.APPROVAL_ID: decision.approval,
        names.REASON: decision.reason,
        names.MODE: decision.mode,
        names.RULESET_DIGEST: decision.ruleset_digest,
        names.RULE_NAMES: list(dict.fromkeys(match.rule for match in sorted(body.matches, key=_severity_rank))),
        names.MATCH_COUNT: sum(counted.values()),
        names.DECISION_DURATION: decision.duration,
        names.DEGRADED: body.degraded,
        **place(record),
    }


def _match_attributes(body: DecisionBody, match: MatchBody) -> Attributes:
    """One function for the span event and the log event of a match."""
    evidence = {key: cut(text, LONGEST_EVIDENCE) for key, text in match.evidence.items()}
    return some(
        {
            names.RULE_NAME: match.rule,
            names.RULE_CATEGORY: _section(match.tags),
            names.RULE_RULESET_NAME: names.SERVICE,
            names.RULE_VERSION: body.decision.ruleset_digest,
            names.RULE_DESCRIPTION: match.description,
            names.RULE_PRIORITY: match.priority,
            names.RULE_TAGS: match.tags,
            names.RULE_VERDICT: match.verdict,
            names.RULE_OUTPUT: match.output,
            names.RULE_COUNT: match.count,
            names.EVENT_LEVEL: match.level,
            names.COMMAND_LINE: evidence.get("proc.cmdline", ""),
            names.FILE_PATH: evidence.get("file.path", ""),
            names.FILE_OP: evidence.get("file.op", ""),
            names.SERVER_ADDRESS: evidence.get("net.host", ""),
        }
    )


def _decision_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, DecisionBody)
    decision = body.decision
    span = span_context(body)
    summary = decision.reason or f"{decision.verdict}: {body.call.tool or 'a call that could not be read'}"
    made = [
        log(
            names.DECISION_EVENT,
            record,
            summary,
            _SEVERITY.get(decision.verdict, SeverityNumber.INFO),
            {names.OPERATION_NAME: names.EXECUTE_TOOL, **_decision_attributes(record, body)},
            span,
        )
    ]
    for match in sorted(body.matches, key=_severity_rank)[:MOST_EVENTS]:
        severity = _SEVERITY[match.verdict] if match.verdict in _VERDICT_RANK else SeverityNumber.INFO
        attributes = {**_match_attributes(body, match), **_identity(body), **place(record)}
        text = match.output or match.rule
        made.append(log(names.RULE_MATCH_EVENT, record, text, severity, attributes, span))
    return made


def _fallback_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, FallbackBody)
    severity = SeverityNumber.ERROR if body.blocked else SeverityNumber.WARN
    attributes: Attributes = {
        names.AGENT_NAME: body.agent,
        names.REASON: body.reason,
        names.FALLBACK_BLOCKED: body.blocked,
        **place(record),
    }
    how = "blocked" if body.blocked else "passed"
    return [log(names.FALLBACK_EVENT, record, f"{how} without the engine: {body.reason}", severity, attributes)]


def _policy_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, PolicyBody)
    attributes: Attributes = {
        names.RULESET_DIGEST: body.digest,
        names.POLICY_RULES: body.rules,
        names.POLICY_ENABLED: body.enabled,
        names.POLICY_DIAGNOSTICS: body.diagnostics,
        **place(record),
    }
    if body.loaded:
        text = f"{body.enabled} rules in force of {body.rules}"
        return [log(names.POLICY_LOADED_EVENT, record, text, SeverityNumber.INFO, attributes)]
    text = body.diagnostics[0] if body.diagnostics else "a ruleset was rejected"
    return [log(names.POLICY_REJECTED_EVENT, record, text, SeverityNumber.ERROR, attributes)]


def _admin_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, AdminBody)
    if body.action != "degraded":
        return []
    detail = body.detail
    reason = str(detail.get("reason") or detail.get("error") or "")
    attributes: Attributes = {names.REASON: reason, **place(record)}
    return [log(names.DEGRADED_EVENT, record, reason or "degraded", SeverityNumber.WARN, attributes)]


_LOGS_OF = {
    RecordKind.DECISION: _decision_logs,
    RecordKind.FALLBACK: _fallback_logs,
    RecordKind.POLICY: _policy_logs,
    RecordKind.ADMIN: _admin_logs,
    RecordKind.OUTCOME: lifecycles.outcome_logs,
}


def _severity_rank(match: MatchBody) -> tuple[int, int]:
    return _VERDICT_RANK.get(match.verdict, 2), _RANK.get(match.priority, len(_RANK))


def _section(tags: Sequence[str]) -> str:
    return next((tag for tag in tags if not tag.startswith(_MARKERS) and not tag.startswith("T1")), "")
