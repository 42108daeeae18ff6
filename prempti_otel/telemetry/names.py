"""Every name that leaves the machine: declared once, with meaning, type and place.

``docs/telemetry.md`` is generated from here. Standard names come from OpenTelemetry's semantic conventions; those of
``gen_ai`` moved out of them to https://github.com/open-telemetry/semantic-conventions-genai and are spelled here.
``prempti.*`` is our own; nothing may be invented under ``otel.*``, ``gen_ai.*`` or ``process.*``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from opentelemetry.semconv._incubating.attributes import (
    event_attributes,
    file_attributes,
    host_attributes,
    mcp_attributes,
    os_attributes,
    process_attributes,
    security_rule_attributes,
    service_attributes,
    session_attributes,
    user_attributes,
    vcs_attributes,
)
from opentelemetry.semconv.attributes import (
    error_attributes,
    server_attributes,
    telemetry_attributes,
    url_attributes,
)


class Place(StrEnum):
    """Where an attribute is set."""

    RESOURCE = "resource"
    TOOL_SPAN = "`execute_tool` span"
    AGENT_SPAN = "`invoke_agent` span"
    MATCH = "`prempti.rule.match` event and log event"
    DECISION = "`prempti.decision` log event"
    FALLBACK = "`prempti.fallback` log event"
    POLICY = "`prempti.policy.*` log events"
    DEGRADED = "`prempti.guard.degraded` log event"
    SESSION = "`session.start` and `session.end` log events"
    PROMPT = "`prempti.prompt` log event"
    LATE = "`prempti.outcome.late` log event"
    METRIC = "metrics"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute."""

    name: str
    type: str
    """``string``, ``string[]``, ``int``, ``double`` or ``boolean``."""
    meaning: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One kind of log event (and span event, where it is one too)."""

    name: str
    meaning: str
    severity: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    instrument: str
    """``counter``, ``histogram`` or ``gauge``."""
    unit: str
    meaning: str
    attributes: tuple[str, ...]


ATTRIBUTES: dict[str, Attribute] = {}
LOG_EVENTS: dict[str, LogEvent] = {}
METRICS: dict[str, Metric] = {}

_RESOURCE, _SPAN, _MATCH, _DECISION = Place.RESOURCE, Place.TOOL_SPAN, Place.MATCH, Place.DECISION
_AGENT, _SESSION, _LATE = Place.AGENT_SPAN, Place.SESSION, Place.LATE
_LOGS = tuple(place for place in Place if place.value.endswith(("log event", "log events")))


def _attribute(name: str, type_: str, meaning: str, *places: Place) -> str:
    ATTRIBUTES[name] = Attribute(name, type_, meaning, places)
    return name


def _event(name: str, meaning: str, severity: str) -> str:
    LOG_EVENTS[name] = LogEvent(name, meaning, severity)
    return name


def _metric(name: str, instrument: str, unit: str, meaning: str, *attributes: str) -> str:
    METRICS[name] = Metric(name, instrument, unit, meaning, attributes)
    return name


SCOPE = "prempti_otel"
"""Name of the instrumentation scope."""
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions whose names these are; told with resource and scope."""
SERVICE = "prempti"
EXECUTE_TOOL = "execute_tool"
"""First word of a tool call's span name, and its operation."""
INVOKE_AGENT = "invoke_agent"
"""The same of what an agent does for a prompt."""

SERVICE_NAME = _attribute(service_attributes.SERVICE_NAME, "string", "Always `prempti`.", _RESOURCE)
SERVICE_VERSION = _attribute(service_attributes.SERVICE_VERSION, "string", "Version of prempti-otel.", _RESOURCE)
SERVICE_NAMESPACE = _attribute(service_attributes.SERVICE_NAMESPACE, "string", "Always `prempti`.", _RESOURCE)
SERVICE_INSTANCE_ID = _attribute(
    service_attributes.SERVICE_INSTANCE_ID, "string", "UUID of this installation; stays the same.", _RESOURCE
)
HOST_NAME = _attribute(host_attributes.HOST_NAME, "string", "Name of the machine, by `privacy.host_name`.", _RESOURCE)
USER_NAME = _attribute(
    user_attributes.USER_NAME, "string", "Who runs the agent; only with `privacy.user_name`.", _RESOURCE
)
OS_TYPE = _attribute(os_attributes.OS_TYPE, "string", "`linux` or `darwin`.", _RESOURCE)
SDK_NAME = _attribute(telemetry_attributes.TELEMETRY_SDK_NAME, "string", "Always `opentelemetry`.", _RESOURCE)
SDK_LANGUAGE = _attribute(telemetry_attributes.TELEMETRY_SDK_LANGUAGE, "string", "Always `python`.", _RESOURCE)
SDK_VERSION = _attribute(
    telemetry_attributes.TELEMETRY_SDK_VERSION, "string", "Version of the OpenTelemetry SDK that sends.", _RESOURCE
)

OPERATION_NAME = _attribute(
    "gen_ai.operation.name", "string", "`execute_tool` or `invoke_agent`.", _SPAN, _AGENT, _DECISION
)
TOOL_NAME = _attribute(
    "gen_ai.tool.name",
    "string",
    "The tool, as Claude Code spells it; in metrics `other` beyond the first 64 names.",
    _SPAN,
    _DECISION,
    _MATCH,
    _LATE,
    Place.METRIC,
)
TOOL_TYPE = _attribute(
    "gen_ai.tool.type", "string", "`function` for the agent's own tools, `extension` for MCP tools.", _SPAN
)
TOOL_CALL_ID = _attribute(
    "gen_ai.tool.call.id",
    "string",
    "The agent's id of the call (`tool_use_id`); made up where it gives none.",
    _SPAN,
    _DECISION,
    _MATCH,
    _LATE,
)
TOOL_ARGUMENTS = _attribute(
    "gen_ai.tool.call.arguments", "string", "The call's input as JSON, redacted; only with `privacy.arguments`.", _SPAN
)
TOOL_RESULT = _attribute(
    "gen_ai.tool.call.result", "string", "What the tool gave back, redacted; only with `privacy.results`.", _SPAN
)
TOOL_DURATION = _attribute(
    "prempti.tool.duration", "double", "Seconds that the tool took, by the agent's own clock.", _SPAN, _LATE
)
AGENT_NAME = _attribute(
    "gen_ai.agent.name",
    "string",
    "The coding agent: `claude_code`, `codex`, ...",
    _SPAN,
    _AGENT,
    _DECISION,
    _MATCH,
    _SESSION,
    _LATE,
    Place.PROMPT,
    Place.FALLBACK,
    Place.METRIC,
)
AGENT_ID = _attribute("gen_ai.agent.id", "string", "The subagent, where one makes the call.", _SPAN, _AGENT)
SUBAGENT_TYPE = _attribute("prempti.subagent.type", "string", "What kind of subagent it is.", _AGENT)
CONVERSATION_ID = _attribute("gen_ai.conversation.id", "string", "The agent's session.", _SPAN, _AGENT)
PROVIDER_NAME = _attribute(
    "gen_ai.provider.name",
    "string",
    "Who makes the agent's model; left out for agents that offer those of several (Copilot CLI, Cursor, OpenCode).",
    _SPAN,
    _AGENT,
)
REQUEST_MODEL = _attribute("gen_ai.request.model", "string", "The model, where the agent tells.", _SPAN)
SESSION_ID = _attribute(
    session_attributes.SESSION_ID,
    "string",
    "The agent's session.",
    _SPAN,
    _AGENT,
    _DECISION,
    _MATCH,
    _SESSION,
    _LATE,
    Place.PROMPT,
)
SESSION_SOURCE = _attribute(
    "prempti.session.source", "string", "How a session began: `startup`, `resume`, ...", _SESSION
)
PROMPT_ID = _attribute(
    "prompt.id",
    "string",
    "The prompt, as Claude Code names it; `#1`, `#2`, ... for an agent that does not name them.",
    _SPAN,
    _AGENT,
    Place.PROMPT,
)
PROMPT_TEXT = _attribute(
    "prempti.prompt.text", "string", "What was asked for, redacted; only with `privacy.prompts`.", Place.PROMPT
)
REPOSITORY_URL = _attribute(
    vcs_attributes.VCS_REPOSITORY_URL_FULL,
    "string",
    "The repository that the working directory is in: its remote `origin`, without user name and password.",
    _SPAN,
)
REF_HEAD_NAME = _attribute(
    vcs_attributes.VCS_REF_HEAD_NAME, "string", "The branch that was checked out when the call was asked about.", _SPAN
)
REF_HEAD_REVISION = _attribute(
    vcs_attributes.VCS_REF_HEAD_REVISION, "string", "The commit that was checked out then.", _SPAN
)
COMMAND_LINE = _attribute(
    process_attributes.PROCESS_COMMAND_LINE,
    "string",
    "Shell code of the call; of a match, the command that it is about. Redacted.",
    _SPAN,
    _MATCH,
)
WORKING_DIRECTORY = _attribute(
    process_attributes.PROCESS_WORKING_DIRECTORY, "string", "Working directory, for shell tools.", _SPAN
)
FILE_PATH = _attribute(
    file_attributes.FILE_PATH,
    "string",
    "The file that the tool names; of a match, the file that it is about.",
    _SPAN,
    _MATCH,
)
URL_FULL = _attribute(url_attributes.URL_FULL, "string", "The URL that the tool fetches, redacted.", _SPAN)
SERVER_ADDRESS = _attribute(
    server_attributes.SERVER_ADDRESS,
    "string",
    "The host that the tool talks to; of a match, the host that it is about.",
    _SPAN,
    _MATCH,
)
MCP_METHOD_NAME = _attribute(mcp_attributes.MCP_METHOD_NAME, "string", "`tools/call`, for MCP tools.", _SPAN)
MCP_SERVER = _attribute("prempti.mcp.server", "string", "Name of the MCP server.", _SPAN)

VERDICT = _attribute(
    "prempti.verdict", "string", "What was judged: `deny`, `ask`, `defer`, `allow`.", _SPAN, _DECISION, Place.METRIC
)
ACTION = _attribute(
    "prempti.action",
    "string",
    "What was enforced: mode and agent may change the verdict.",
    _SPAN,
    _DECISION,
    Place.METRIC,
)
DECISION_SOURCE = _attribute(
    "prempti.decision.source",
    "string",
    "`rule`, `default`, `error`, `fallback`, or `approval` where a person approved the call.",
    _SPAN,
    _DECISION,
)
APPROVAL_ID = _attribute(
    "prempti.approval.id",
    "string",
    "ID under which a person can approve the call (`prempti.action` is `deny` then), or did (`prempti.decision.source` "
    "is `approval`). The same for every try of a call.",
    _SPAN,
    _DECISION,
)
REASON = _attribute(
    "prempti.reason",
    "string",
    "Why: as the agent was told, or as the hook or the guard tells it; why a session or a prompt is over. Redacted.",
    _SPAN,
    _AGENT,
    _DECISION,
    Place.FALLBACK,
    Place.DEGRADED,
    _SESSION,
)
MODE = _attribute("prempti.mode", "string", "`guardrails` or `monitor`.", _SPAN, _DECISION, Place.METRIC)
RULESET_DIGEST = _attribute(
    "prempti.ruleset.digest", "string", "Digest of the rules in force.", _SPAN, _DECISION, Place.POLICY
)
RULE_NAMES = _attribute("prempti.rule.names", "string[]", "Rules that held, most severe first.", _SPAN, _DECISION)
MATCH_COUNT = _attribute("prempti.match.count", "int", "On how many events rules held, all told.", _SPAN, _DECISION)
MATCH_OMITTED = _attribute(
    "prempti.match.omitted", "int", "Recorded matches that are not among the events, for their number.", _SPAN
)
DECISION_DURATION = _attribute(
    "prempti.decision.duration", "double", "Seconds from payload to decision.", _SPAN, _DECISION
)
OUTCOME = _attribute(
    "prempti.outcome",
    "string",
    "How the call ended: `ok`, `error`, `refused`, `denied`; `unknown` where nobody told.",
    _SPAN,
    _LATE,
)
OUTCOME_REASON = _attribute(
    "prempti.outcome.reason",
    "string",
    "Why the call was refused, or why nothing is known of it; redacted.",
    _SPAN,
    _LATE,
)
ERROR_TYPE = _attribute(
    error_attributes.ERROR_TYPE,
    "string",
    "Of a call: `tool_error` or `interrupted`. In metrics a class of failure, from a short list.",
    _SPAN,
    _LATE,
    Place.METRIC,
)
PERMISSION_MODE = _attribute("prempti.permission_mode", "string", "The agent's own permission mode.", _SPAN)
CORRELATION_ID = _attribute(
    "prempti.correlation.id",
    "int",
    "Number of the call, as in the reason that the agent was given.",
    _SPAN,
    _DECISION,
    _MATCH,
)
INPUT_HASH = _attribute("prempti.input.hash", "string", "`hmac-sha256:` of the whole, unredacted input.", _SPAN)
CALL_ID_SYNTHETIC = _attribute("prempti.call.id.synthetic", "boolean", "True where the call's id was made up.", _SPAN)
ATTEMPT = _attribute("prempti.call.attempt", "int", "How often the agent asked about this call; from 2 on.", _SPAN)
DEGRADED = _attribute("prempti.degraded", "string[]", "What was wrong with the guard at the time.", _SPAN, _DECISION)
RECORD_SEQ = _attribute("prempti.record.seq", "int", "The record's place in the audit trail.", _SPAN, _AGENT, *_LOGS)
RECORD_HASH = _attribute("prempti.record.hash", "string", "The record's hash in the trail.", _SPAN, _AGENT, *_LOGS)

RULE_NAME = _attribute(security_rule_attributes.SECURITY_RULE_NAME, "string", "Name of the rule.", _MATCH, Place.METRIC)
RULE_CATEGORY = _attribute(
    security_rule_attributes.SECURITY_RULE_CATEGORY,
    "string",
    "The rule's section: its first tag that is no keyword.",
    _MATCH,
)
RULE_RULESET_NAME = _attribute(
    security_rule_attributes.SECURITY_RULE_RULESET_NAME, "string", "Always `prempti`.", _MATCH
)
RULE_VERSION = _attribute(
    security_rule_attributes.SECURITY_RULE_VERSION, "string", "Digest of the ruleset that the rule is part of.", _MATCH
)
RULE_DESCRIPTION = _attribute(
    security_rule_attributes.SECURITY_RULE_DESCRIPTION, "string", "What the rule says about itself.", _MATCH
)
RULE_PRIORITY = _attribute(
    "prempti.rule.priority", "string", "Falco's priority: `Critical`, `Warning`, ...", _MATCH, Place.METRIC
)
RULE_TAGS = _attribute("prempti.rule.tags", "string[]", "The rule's tags.", _MATCH)
RULE_VERDICT = _attribute("prempti.rule.verdict", "string", "What the rule asks for.", _MATCH, Place.METRIC)
RULE_OUTPUT = _attribute("prempti.rule.output", "string", "The rule's message, redacted.", _MATCH)
RULE_COUNT = _attribute("prempti.rule.count", "int", "On how many events of the call the rule held.", _MATCH)
EVENT_LEVEL = _attribute(
    "prempti.event.level", "string", "What the rule held for: `tool`, `process`, `file`, `network`.", _MATCH
)
FILE_OP = _attribute(
    "prempti.file.op", "string", "`read`, `write`, `delete`, `exec`, `chmod` or `link`, for a match on a file.", _MATCH
)
EVENT_NAME = _attribute(
    event_attributes.EVENT_NAME, "string", "The log event's name again, for stores that do not keep it.", *_LOGS
)
FALLBACK_BLOCKED = _attribute(
    "prempti.fallback.blocked", "boolean", "Whether the hook blocked the call.", Place.FALLBACK
)
POLICY_RULES = _attribute("prempti.policy.rules", "int", "Rules loaded.", Place.POLICY)
POLICY_ENABLED = _attribute("prempti.policy.rules.enabled", "int", "Rules in force.", Place.POLICY)
POLICY_DIAGNOSTICS = _attribute("prempti.policy.diagnostics", "string[]", "Errors and warnings.", Place.POLICY)

METRIC_KIND = _attribute("prempti.record.kind", "string", "Kind of record: `decision`, `policy`, ...", Place.METRIC)
METRIC_SIGNAL = _attribute("prempti.signal", "string", "`traces`, `logs` or `metrics`.", Place.METRIC)
METRIC_REASON = ERROR_TYPE
"""The same attribute, of what is no call."""

RULE_MATCH_EVENT = _event(
    "prempti.rule.match",
    "A rule held. Also an event on the call's span.",
    "INFO for rules that inform, WARN for ask, ERROR for deny",
)
DECISION_EVENT = _event(
    "prempti.decision", "A call was decided on.", "DEBUG for defer and allow, WARN for ask, ERROR for deny"
)
FALLBACK_EVENT = _event(
    "prempti.fallback", "A hook answered without the engine.", "ERROR where the call was blocked, else WARN"
)
POLICY_LOADED_EVENT = _event("prempti.policy.loaded", "A ruleset came into force.", "INFO")
POLICY_REJECTED_EVENT = _event("prempti.policy.rejected", "A ruleset did not load; the last good one stays.", "ERROR")
SESSION_START_EVENT = _event("session.start", "A session of an agent began.", "INFO")
SESSION_END_EVENT = _event("session.end", "A session ended, or said nothing for 24 hours.", "INFO")
PROMPT_EVENT = _event("prempti.prompt", "An agent was given something to do: a trace begins.", "INFO")
OUTCOME_LATE_EVENT = _event(
    "prempti.outcome.late", "A call ended that was not open: it was given up before, or never asked about.", "WARN"
)
DEGRADED_EVENT = _event("prempti.guard.degraded", "The guard works less well than it should.", "WARN")

DECISION_DURATION_METRIC = _metric(
    DECISION_DURATION,
    "histogram",
    "s",
    "Seconds from payload to decision, recording not included.",
    VERDICT,
    AGENT_NAME,
    TOOL_NAME,
)
DECISIONS_METRIC = _metric(
    "prempti.decisions", "counter", "{decision}", "Decisions.", VERDICT, ACTION, AGENT_NAME, TOOL_NAME, MODE
)
MATCHES_METRIC = _metric(
    "prempti.rule.matches", "counter", "{match}", "Matches.", RULE_NAME, RULE_VERDICT, RULE_PRIORITY
)
TOOL_DURATION_METRIC = _metric(
    "gen_ai.execute_tool.duration",
    "histogram",
    "s",
    "Seconds that tools took, by the agent's own clock.",
    TOOL_NAME,
    ERROR_TYPE,
)
SESSIONS_METRIC = _metric(
    "prempti.sessions.active",
    "gauge",
    "{session}",
    "Sessions that did something since the exporter's start and have not ended.",
    AGENT_NAME,
)
FALLBACKS_METRIC = _metric(
    "prempti.fallbacks", "counter", "{fallback}", "Calls that hooks answered without the engine.", METRIC_REASON
)
RECORDS_METRIC = _metric("prempti.records", "counter", "{record}", "Records of the audit trail.", METRIC_KIND)
BACKLOG_METRIC = _metric("prempti.export.backlog", "gauge", "{record}", "Records not yet sent.", METRIC_SIGNAL)
OLDEST_AGE_METRIC = _metric(
    "prempti.export.oldest.age", "gauge", "s", "Age of the oldest record not yet sent.", METRIC_SIGNAL
)
FAILURES_METRIC = _metric(
    "prempti.export.failures",
    "counter",
    "{request}",
    "Requests that failed and are tried again.",
    METRIC_SIGNAL,
    METRIC_REASON,
)
REJECTED_METRIC = _metric(
    "prempti.export.rejected", "counter", "{item}", "What the receiver refused for good.", METRIC_SIGNAL, METRIC_REASON
)
DURATION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds of the buckets of ``prempti.decision.duration``, in seconds."""
TOOL_DURATION_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The same of ``gen_ai.execute_tool.duration``: those that the conventions advise for durations of operations."""
