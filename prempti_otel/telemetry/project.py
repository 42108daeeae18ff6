"""Records as spans and log events of the OpenTelemetry SDK: pure functions of the record.

The same record gives the same ids, times and attributes whenever and wherever it is projected, so sending
one twice does no harm. Nothing here reads a clock, an environment variable or another record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from prempti_otel import __version__
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
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.telemetry import ids, names

LONGEST_ATTRIBUTE = 2048
"""Bytes; Tempo cuts longer ones."""
LONGEST_EVIDENCE = 512
"""Bytes of what a rule matched."""
MOST_EVENTS = 100
"""Events on one span; the SDK's own bound is 128."""
MOST_ITEMS = 64
"""Items of a list."""
LONGEST_NAME = 128
"""Bytes of a tool's name in a span's name."""
SCOPE = InstrumentationScope(names.SCOPE, __version__)

Value: TypeAlias = "str | int | float | bool | Sequence[str]"
Attributes: TypeAlias = "dict[str, Value]"

_PROVIDERS = {"claude_code": "anthropic", "codex": "openai", "gemini": "gcp.gemini"}
"""``gen_ai.provider.name`` of agents that talk to one provider."""
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


def spans(record: StoredRecord, resource: Resource) -> list[ReadableSpan]:
    """The spans that ``record`` completes. Raises msgspec.ValidationError where its body is malformed."""
    if record.kind is not RecordKind.DECISION:
        return []
    body = body_of(record, DecisionBody)
    if not body.call.tool:
        return []
    return [_tool_span(record, body, resource)]


def logs(record: StoredRecord, resource: Resource) -> list[ReadableLogRecord]:
    """The log events of ``record``. Raises msgspec.ValidationError where its body is malformed."""
    made = _LOGS_OF[record.kind](record) if record.kind in _LOGS_OF else []
    return [ReadableLogRecord(log, resource, SCOPE) for log in made]


def cut(text: str, longest: int = LONGEST_ATTRIBUTE) -> str:
    """At most ``longest`` bytes; what was cut ends in how long it was."""
    if len(text) * 4 <= longest:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= longest:
        return text
    mark = f"…[cut, {len(encoded)} bytes]"
    return encoded[: longest - len(mark.encode())].decode("utf-8", "ignore") + mark


def span_context(body: DecisionBody) -> SpanContext:
    """Where the span of a call is in its trace."""
    call = body.call
    return SpanContext(
        ids.trace_id(call.session_id, call.prompt_id or call.turn_id),
        ids.span_id(call.session_id, call_id(body), body.attempt),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def call_id(body: DecisionBody) -> str:
    """The agent's id of the call, or one made up from the record."""
    call = body.call
    return call.use_id or ids.synthetic_call_id(call.session_id, call.tool, body.input_hash, call.correlation_id)


def _tool_span(record: StoredRecord, body: DecisionBody, resource: Resource) -> ReadableSpan:
    matches = sorted(body.matches, key=_severity_rank)
    hook_parent = ids.parent_of_hook(body.call.traceparent)
    start = body.call.received_ns or record.time_ns
    attributes = _some(
        {
            names.OPERATION_NAME: names.EXECUTE_TOOL,
            names.TOOL_TYPE: "extension" if body.call.mcp_server else "function",
            **_call_attributes(body.call),
            **_decision_attributes(record, body),
            names.CALL_ID_SYNTHETIC: not body.call.use_id,
            names.ATTEMPT: body.attempt if body.attempt > 1 else 0,
            names.OUTCOME: "denied" if body.decision.action == "deny" else "unknown",
            names.PERMISSION_MODE: body.call.permission_mode,
            names.INPUT_HASH: body.input_hash,
            names.MATCH_OMITTED: max(0, len(matches) - MOST_EVENTS),
        }
    )
    end = start + round(body.decision.duration * 1e9)
    return ReadableSpan(
        name=f"{names.EXECUTE_TOOL} {cut(body.call.tool, LONGEST_NAME)}",
        context=span_context(body),
        resource=resource,
        attributes=attributes,
        events=[
            Event(names.RULE_MATCH_EVENT, _match_attributes(body, match), timestamp=end)
            for match in matches[:MOST_EVENTS]
        ],
        links=[Link(hook_parent)] if hook_parent is not None else [],
        kind=SpanKind.INTERNAL,
        start_time=start,
        end_time=end,
        instrumentation_scope=SCOPE,
    )


def _call_attributes(call: CallBody) -> Attributes:
    attributes: Attributes = {
        names.AGENT_ID: call.subagent_id,
        names.CONVERSATION_ID: call.session_id,
        names.PROVIDER_NAME: _PROVIDERS.get(call.agent, ""),
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
        attributes[names.SERVER_ADDRESS] = _host(url)
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
        names.REASON: decision.reason,
        names.MODE: decision.mode,
        names.RULESET_DIGEST: decision.ruleset_digest,
        names.RULE_NAMES: list(dict.fromkeys(match.rule for match in sorted(body.matches, key=_severity_rank))),
        names.MATCH_COUNT: sum(counted.values()),
        names.DECISION_DURATION: decision.duration,
        names.DEGRADED: body.degraded,
        **_place(record),
    }


def _match_attributes(body: DecisionBody, match: MatchBody) -> Attributes:
    """One function for the span event and the log event of a match."""
    evidence = {key: cut(text, LONGEST_EVIDENCE) for key, text in match.evidence.items()}
    return _some(
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


def _place(record: StoredRecord) -> Attributes:
    return {names.RECORD_SEQ: record.seq, names.RECORD_HASH: record.hash}


def _decision_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, DecisionBody)
    decision = body.decision
    context = span_context(body)
    summary = decision.reason or f"{decision.verdict}: {body.call.tool or 'a call that could not be read'}"
    made = [
        _log(
            names.DECISION_EVENT,
            record,
            summary,
            _SEVERITY.get(decision.verdict, SeverityNumber.INFO),
            {names.OPERATION_NAME: names.EXECUTE_TOOL, **_decision_attributes(record, body)},
            context,
        )
    ]
    for match in sorted(body.matches, key=_severity_rank)[:MOST_EVENTS]:
        severity = _SEVERITY[match.verdict] if match.verdict in _VERDICT_RANK else SeverityNumber.INFO
        attributes = {**_match_attributes(body, match), **_identity(body), **_place(record)}
        text = match.output or match.rule
        made.append(_log(names.RULE_MATCH_EVENT, record, text, severity, attributes, context))
    return made


def _fallback_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, FallbackBody)
    severity = SeverityNumber.ERROR if body.blocked else SeverityNumber.WARN
    attributes: Attributes = {
        names.AGENT_NAME: body.agent,
        names.REASON: body.reason,
        names.FALLBACK_BLOCKED: body.blocked,
        **_place(record),
    }
    how = "blocked" if body.blocked else "passed"
    return [_log(names.FALLBACK_EVENT, record, f"{how} without the engine: {body.reason}", severity, attributes)]


def _policy_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, PolicyBody)
    attributes: Attributes = {
        names.RULESET_DIGEST: body.digest,
        names.POLICY_RULES: body.rules,
        names.POLICY_ENABLED: body.enabled,
        names.POLICY_DIAGNOSTICS: body.diagnostics,
        **_place(record),
    }
    if body.loaded:
        text = f"{body.enabled} rules in force of {body.rules}"
        return [_log(names.POLICY_LOADED_EVENT, record, text, SeverityNumber.INFO, attributes)]
    text = body.diagnostics[0] if body.diagnostics else "a ruleset was rejected"
    return [_log(names.POLICY_REJECTED_EVENT, record, text, SeverityNumber.ERROR, attributes)]


def _admin_logs(record: StoredRecord) -> list[LogRecord]:
    body = body_of(record, AdminBody)
    if body.action != "degraded":
        return []
    detail = body.detail
    reason = str(detail.get("reason") or detail.get("error") or "")
    attributes: Attributes = {names.REASON: reason, **_place(record)}
    return [_log(names.DEGRADED_EVENT, record, reason or "degraded", SeverityNumber.WARN, attributes)]


_LOGS_OF = {
    RecordKind.DECISION: _decision_logs,
    RecordKind.FALLBACK: _fallback_logs,
    RecordKind.POLICY: _policy_logs,
    RecordKind.ADMIN: _admin_logs,
}


def _log(
    name: str,
    record: StoredRecord,
    text: str,
    severity: SeverityNumber,
    attributes: Attributes,
    context: SpanContext | None = None,
) -> LogRecord:
    span = NonRecordingSpan(context) if context is not None else NonRecordingSpan(_NO_SPAN)
    return LogRecord(
        timestamp=record.time_ns,
        observed_timestamp=record.time_ns,
        context=set_span_in_context(span),
        severity_text=severity.name,
        severity_number=severity,
        body=cut(text),
        attributes=_some({names.EVENT_NAME: name, **attributes}),
        event_name=name,
    )


_NO_SPAN = SpanContext(0, 0, is_remote=False)


def _some(attributes: Mapping[str, Value]) -> Attributes:
    """Without what is empty or false, texts cut. Zero is left out too: each number here is a count or an id."""
    kept: Attributes = {}
    for name, value in attributes.items():
        if not value:
            continue
        if isinstance(value, str):
            kept[name] = cut(value)
        elif isinstance(value, Sequence):
            kept[name] = _cut_list(value)
        else:
            kept[name] = value
    return kept


def _cut_list(items: Sequence[str]) -> list[str]:
    """Tempo's bound holds for the list as a whole."""
    kept: list[str] = []
    left = LONGEST_ATTRIBUTE
    for number, item in enumerate(items):
        left -= len(item.encode("utf-8", "replace"))
        if left < 0 or number >= MOST_ITEMS:
            return [*kept, f"…[{len(items) - number} more]"]
        kept.append(item)
    return kept


def _severity_rank(match: MatchBody) -> tuple[int, int]:
    return _VERDICT_RANK.get(match.verdict, 2), _RANK.get(match.priority, len(_RANK))


def _section(tags: Sequence[str]) -> str:
    return next((tag for tag in tags if not tag.startswith(_MARKERS) and not tag.startswith("T1")), "")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
