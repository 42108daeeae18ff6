"""Which attribute of an OCSF event says what: one table for each kind of event.

The page ``docs/audit-export.md`` is generated from these tables, and they are what events are made by. Numbers are
those of OCSF's own enumerations, https://schema.ocsf.io/1.8.0. What has no attribute there is under ``unmapped``, by
the names of :mod:`prempti_otel.telemetry.names`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prempti_otel import __version__
from prempti_otel.model.lifecycle import Outcome
from prempti_otel.telemetry import names
from prempti_otel.telemetry.project import call_id, span_context
from prempti_otel.telemetry.shape import cut, host_of, provider

if TYPE_CHECKING:
    from prempti_otel.audit.lifecycle_records import OutcomeBody
    from prempti_otel.audit.records import CallBody, DecisionBody, FallbackBody, MatchBody
    from prempti_otel.model.record import StoredRecord
    from prempti_otel.telemetry.project import Content

VERSION = "1.8.0"
"""Of the schema."""
_API_ACTIVITY, _DETECTION_FINDING = 6003, 2004
_ALLOWED, _DENIED = (1, "Allowed"), (2, "Denied")
_OTHER_ACTIVITY = 99, "Execute"
_ACTIVITIES = {
    **dict.fromkeys(("Write",), (1, "Create")),
    **dict.fromkeys(("Read", "Glob", "Grep", "LS", "WebFetch", "WebSearch"), (2, "Read")),
    **dict.fromkeys(("Edit", "MultiEdit", "NotebookEdit", "apply_patch"), (3, "Update")),
}
"""``activity_id`` by tool; all others execute something."""
_STATUS = {
    Outcome.OK.value: (1, "Success"),
    Outcome.ERROR.value: (2, "Failure"),
    Outcome.REFUSED.value: (2, "Failure"),
    "denied": (2, "Failure"),
}
_SEVERITIES = {
    "Emergency": (6, "Fatal"),
    "Alert": (5, "Critical"),
    "Critical": (5, "Critical"),
    "Error": (4, "High"),
    "Warning": (3, "Medium"),
    "Notice": (2, "Low"),
}
"""``severity_id`` by Falco's priority; all others are informational."""
_INFORMATIONAL = 1, "Informational"
_TECHNIQUE = re.compile(r"T[0-9]{4}(\.[0-9]{3})?", re.ASCII)
"""Tags that name a technique of MITRE ATT&CK."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one event is about."""

    record: StoredRecord
    """The decision or fallback record."""
    sender: Mapping[str, Any]
    """The resource's attributes: this installation."""
    content: Content
    body: DecisionBody | None = None
    outcome: OutcomeBody | None = None
    match: MatchBody | None = None
    number: int = 0
    """Of the match in its record."""
    fallback: FallbackBody | None = None

    @property
    def decision(self) -> DecisionBody:
        """Its body, for events about calls."""
        assert self.body is not None
        return self.body

    @property
    def call(self) -> CallBody:
        """The redacted call."""
        return self.decision.call

    @property
    def rule(self) -> MatchBody:
        """What held, for findings."""
        assert self.match is not None
        return self.match

    @property
    def lost(self) -> FallbackBody:
        """What the hook noted, for calls that the engine did not see."""
        assert self.fallback is not None
        return self.fallback


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute of one kind of event."""

    path: str
    """OCSF's names, from the event down, with ``/`` between them."""
    meaning: str
    value: Callable[[Subject], Any]
    """Nothing (None, ``""``, ``[]``, ``{}``) is left out."""


def _constant(path: str, value: Any) -> Row:
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Row(path, f"Always `{shown}`.", lambda _: value)


def _pair(path: str, meaning: str, choose: Callable[[Subject], tuple[int, str]]) -> tuple[Row, Row]:
    """OCSF's number and its caption."""
    return Row(f"{path}_id", meaning, lambda s: choose(s)[0]), Row(
        f"{path}_name" if path == "activity" else path, f"Caption of `{path}_id`.", lambda s: choose(s)[1]
    )


def _milliseconds(time_ns: int) -> int | None:
    return time_ns // 1_000_000 if time_ns else None


def _start(subject: Subject) -> int:
    return subject.call.received_ns or subject.record.time_ns


def _end(subject: Subject) -> int:
    if subject.outcome is not None:
        return max(_start(subject), subject.outcome.end_ns)
    return _start(subject) + round(subject.decision.decision.duration * 1e9)


def _outcome(subject: Subject) -> str:
    return subject.outcome.outcome if subject.outcome is not None else "denied"


def _activity(subject: Subject) -> tuple[int, str]:
    return _ACTIVITIES.get(subject.call.tool, _OTHER_ACTIVITY)


def _action(subject: Subject) -> tuple[int, str]:
    return _DENIED if subject.decision.decision.action == "deny" else _ALLOWED


def _disposition(subject: Subject) -> tuple[int, str]:
    action = subject.decision.decision.action
    if action == "deny":
        return 2, "Blocked"
    return (23, "Challenge") if action == "ask" else _ALLOWED


def _severity(subject: Subject) -> tuple[int, str]:
    return _SEVERITIES.get(subject.rule.priority, _INFORMATIONAL)


def _severity_of_call(subject: Subject) -> tuple[int, str]:
    known = [_SEVERITIES.get(match.priority, _INFORMATIONAL) for match in subject.decision.matches]
    return max(known, default=_INFORMATIONAL)


def _data(subject: Subject) -> dict[str, Any]:
    """What the call names, as on its span; all of its arguments only where they may leave the machine."""
    call = subject.call
    if subject.content.arguments:
        return dict(call.input)
    url = call.input.get("url")
    shown = {
        names.COMMAND_LINE: call.command,
        names.FILE_PATH: call.real_file_path or call.file_path,
        names.URL_FULL: url if isinstance(url, str) else "",
    }
    return {name: cut(text) for name, text in shown.items() if text}


def _host(subject: Subject) -> str:
    url = subject.call.input.get("url")
    return host_of(url) if isinstance(url, str) else ""


def _resources(subject: Subject) -> list[dict[str, Any]]:
    path = subject.call.real_file_path or subject.call.file_path
    return [{"type": "file", "name": path}] if path else []


def _span(subject: Subject) -> dict[str, Any]:
    return {
        "uid": f"{span_context(subject.decision).span_id:016x}",
        "operation": f"{names.EXECUTE_TOOL} {subject.call.tool}",
        "start_time": _milliseconds(_start(subject)),
        "end_time": _milliseconds(_end(subject)),
    }


def _attacks(subject: Subject) -> list[dict[str, Any]]:
    found = [tag for tag in subject.rule.tags if _TECHNIQUE.fullmatch(tag)]
    return [{"sub_technique" if "." in tag else "technique": {"uid": tag}} for tag in found]


def _evidences(subject: Subject) -> list[dict[str, Any]]:
    seen = subject.rule.evidence
    evidence: dict[str, Any] = {"data": dict(seen)} if seen else {}
    command, path, host = (seen.get(key, "") for key in ("proc.cmdline", "file.path", "net.host"))
    if command:
        uid = f"{subject.record.seq}.{max(0, subject.rule.event)}"
        evidence["process"] = {"uid": uid, "cmd_line": command}
    if path:
        evidence["file"] = {"name": posixpath.basename(path) or path, "path": path, "type_id": 0}
    if host:
        evidence["dst_endpoint"] = {"name": host}
    return [evidence] if evidence else []


def _unmapped(subject: Subject) -> dict[str, Any]:
    decision = subject.decision.decision
    told = {
        names.VERDICT: decision.verdict,
        names.ACTION: decision.action,
        names.DECISION_SOURCE: decision.source,
        names.MODE: decision.mode,
        names.CORRELATION_ID: subject.call.correlation_id,
        names.INPUT_HASH: subject.decision.input_hash,
        names.PROMPT_ID: subject.call.prompt_id,
        names.PROVIDER_NAME: provider(subject.call.agent),
        names.RECORD_HASH: subject.record.hash,
    }
    return {name: value for name, value in told.items() if value}


def _sender(name: str) -> Callable[[Subject], Any]:
    return lambda subject: subject.sender.get(name, "")


_EVERY = (
    _constant("metadata/version", VERSION),
    _constant("metadata/product/name", "prempti-otel"),
    _constant("metadata/product/vendor_name", "prempti-otel"),
    Row("metadata/product/version", "Version of prempti-otel.", lambda _: __version__),
    Row("metadata/product/uid", "UUID of this installation.", _sender(names.SERVICE_INSTANCE_ID)),
    Row("metadata/sequence", "The record's place in the audit trail.", lambda s: s.record.seq),
    Row("device/uid", "UUID of this installation.", _sender(names.SERVICE_INSTANCE_ID)),
    Row("device/hostname", "Name of the machine, by `privacy.host_name`.", _sender(names.HOST_NAME)),
    _constant("device/type_id", 0),
    Row("actor/user/name", "Who runs the agent; only with `privacy.user_name`.", _sender(names.USER_NAME)),
)
_ABOUT_CALL = (
    Row("metadata/correlation_uid", "The call's trace id.", lambda s: f"{span_context(s.decision).trace_id:032x}"),
    Row("actor/app_name", "The coding agent.", lambda s: cut(s.call.agent)),
    Row("actor/session/uid", "The agent's session.", lambda s: cut(s.call.session_id)),
    *_pair("action", "2 where the call was denied, else 1.", _action),
    *_pair("disposition", "2 where it was denied, 23 where the user was asked, else 1.", _disposition),
    _constant("policy/name", names.SERVICE),
    Row("policy/uid", "Digest of the rules in force.", lambda s: s.decision.decision.ruleset_digest),
    Row("policy/is_applied", "False in monitor mode.", lambda s: s.decision.decision.mode != "monitor"),
    Row("unmapped", "Names as in the telemetry: verdict, mode, hashes and the like.", _unmapped),
)
CALL = (
    _constant("class_uid", _API_ACTIVITY),
    _constant("class_name", "API Activity"),
    _constant("category_uid", 6),
    _constant("category_name", "Application Activity"),
    *_pair("activity", "1 to 3 for tools that write, read and edit; 99 for all others.", _activity),
    Row("type_uid", "By `activity_id`.", lambda s: _API_ACTIVITY * 100 + _activity(s)[0]),
    *_EVERY,
    _constant("metadata/profiles", ["security_control", "trace", "host"]),
    Row("metadata/uid", "The decision record's hash.", lambda s: s.record.hash),
    *_ABOUT_CALL,
    Row("time", "When the engine had the call.", lambda s: _milliseconds(_start(s))),
    Row("start_time", "The same.", lambda s: _milliseconds(_start(s))),
    Row("end_time", "When it was over, or denied.", lambda s: _milliseconds(_end(s))),
    Row("duration", "Milliseconds between them.", lambda s: (_end(s) - _start(s)) // 1_000_000),
    *_pair("severity", "The highest among the rules that held.", _severity_of_call),
    *_pair(
        "status",
        "1 for `ok`, 2 for `error`, `refused` and `denied`.",
        lambda s: _STATUS.get(_outcome(s), (0, "Unknown")),
    ),
    Row("status_code", "The outcome.", _outcome),
    Row(
        "status_detail",
        "Why it was stopped or refused; redacted.",
        lambda s: cut((s.outcome.reason if s.outcome is not None else "") or s.decision.decision.reason),
    ),
    Row(
        "message",
        "The tool, and what became of the call.",
        lambda s: cut(f"{s.call.tool or 'unreadable call'}: {_outcome(s)}"),
    ),
    Row("api/operation", "The tool.", lambda s: cut(s.call.tool) or "unreadable"),
    Row(
        "api/service/name",
        "The MCP server, or the agent.",
        lambda s: cut(s.call.mcp_server or s.call.agent) or "unknown",
    ),
    Row(
        "api/request/uid",
        "The agent's id of the call; made up where it gives none.",
        lambda s: cut(call_id(s.decision)),
    ),
    Row("api/request/data", "Command, file and URL; with `privacy.arguments` the whole input. Redacted.", _data),
    Row("api/response/error", "Of a failed call: its class.", lambda s: s.outcome.error_type if s.outcome else ""),
    Row(
        "api/response/error_message",
        "What the tool said when it failed; redacted.",
        lambda s: cut(s.outcome.error) if s.outcome else "",
    ),
    Row("src_endpoint/uid", "UUID of this installation.", _sender(names.SERVICE_INSTANCE_ID)),
    Row("dst_endpoint/name", "The host that the tool talks to.", _host),
    Row("resources", "The file that the tool names.", _resources),
    Row("trace/uid", "The trace id.", lambda s: f"{span_context(s.decision).trace_id:032x}"),
    Row("trace/span", "The call's span: `uid`, `operation`, `start_time`, `end_time`.", _span),
)
"""A call that is over."""
FINDING = (
    _constant("class_uid", _DETECTION_FINDING),
    _constant("class_name", "Detection Finding"),
    _constant("category_uid", 2),
    _constant("category_name", "Findings"),
    _constant("activity_id", 1),
    _constant("activity_name", "Create"),
    _constant("type_uid", _DETECTION_FINDING * 100 + 1),
    *_EVERY,
    _constant("metadata/profiles", ["security_control", "host"]),
    Row(
        "metadata/uid",
        "The decision record's hash, and the number of the match.",
        lambda s: f"{s.record.hash}:{s.number}",
    ),
    *_ABOUT_CALL,
    Row("time", "When the call was decided on.", lambda s: _milliseconds(s.record.time_ns)),
    *_pair("severity", "By the rule's priority.", _severity),
    _constant("status_id", 1),
    _constant("status", "New"),
    Row("is_alert", "True for rules that ask or deny.", lambda s: s.rule.verdict in ("ask", "deny")),
    Row("count", "On how many events of the call the rule held.", lambda s: s.rule.count),
    Row("message", "The rule's output, redacted.", lambda s: cut(s.rule.output or s.rule.rule)),
    Row("finding_info/uid", "As `metadata.uid`.", lambda s: f"{s.record.hash}:{s.number}"),
    Row("finding_info/title", "The rule's name.", lambda s: cut(s.rule.rule)),
    Row("finding_info/desc", "The rule's description.", lambda s: cut(s.rule.description)),
    Row("finding_info/created_time", "As `time`.", lambda s: _milliseconds(s.record.time_ns)),
    Row("finding_info/types", "The rule's tags.", lambda s: list(s.rule.tags)),
    Row("finding_info/attacks", "Techniques of MITRE ATT&CK among the tags.", _attacks),
    _constant("finding_info/analytic/type_id", 1),
    _constant("finding_info/analytic/type", "Rule"),
    Row("finding_info/analytic/name", "The rule's name.", lambda s: cut(s.rule.rule)),
    Row(
        "finding_info/analytic/version",
        "Digest of the ruleset that it is part of.",
        lambda s: s.decision.decision.ruleset_digest,
    ),
    Row("evidences", "What matched: process, file or host, predicted and redacted.", _evidences),
)
"""A rule that held."""
FALLBACK = (
    _constant("class_uid", _API_ACTIVITY),
    _constant("class_name", "API Activity"),
    _constant("category_uid", 6),
    _constant("category_name", "Application Activity"),
    _constant("activity_id", 0),
    _constant("activity_name", "Unknown"),
    _constant("type_uid", _API_ACTIVITY * 100),
    *_EVERY,
    _constant("metadata/profiles", ["security_control", "host"]),
    Row("metadata/uid", "The record's hash.", lambda s: s.record.hash),
    Row("actor/app_name", "The coding agent.", lambda s: cut(s.lost.agent) or "unknown"),
    Row("time", "When the hook answered.", lambda s: _milliseconds(s.record.time_ns)),
    *_pair("severity", "4: the guard was not there.", lambda _: (4, "High")),
    *_pair("action", "2 where the hook blocked the call, else 1.", lambda s: _DENIED if s.lost.blocked else _ALLOWED),
    *_pair(
        "disposition",
        "2 where the hook blocked the call, else 1.",
        lambda s: (2, "Blocked") if s.lost.blocked else _ALLOWED,
    ),
    *_pair("status", "Always 0: nobody knows.", lambda _: (0, "Unknown")),
    Row("status_detail", "Why the engine did not answer.", lambda s: cut(s.lost.reason)),
    _constant("message", "answered without the engine"),
    _constant("api/operation", "unknown"),
    Row("src_endpoint/uid", "UUID of this installation.", _sender(names.SERVICE_INSTANCE_ID)),
)
"""A call that a hook answered without the engine."""
