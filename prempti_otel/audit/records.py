"""The body of each kind of record: its schema, and how it is made from the nouns.

A body is redacted when it leaves this module: it may go to disk and wire as it is. The schema only
ever grows: readers ignore what they do not know, and a missing key means the default given here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from prempti_otel import typed
from prempti_otel.audit.bounds import CALL_TEXT, EVENT_TEXT, EVIDENCE_TEXT, Alteration, Bounds
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Decision, DecisionSource, Match, Verdict
from prempti_otel.model.fields import Level
from prempti_otel.model.record import Record, RecordKind, StoredRecord
from prempti_otel.model.repository import NONE, Repository

if TYPE_CHECKING:
    from prempti_otel.audit.redaction import Redactor
    from prempti_otel.model.event import Event

MARK_TAG = "coding_agent_mark:"
"""Prefix of the tag by which a rule sets a session mark."""
PRUNE = "prune"
"""``action`` of the admin record that announces a pruning; its ``through`` is the last record that may go."""
MOST_EVENTS = 257
"""As many as a call can have: 256 and the dynamic one."""
EVENT_BUDGET = 512 * 1024
"""Characters of predicted events kept in one record; the rest is counted in ``events_omitted``."""


class CallBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The redacted ToolCall: keys and meanings of :class:`prempti_otel.model.call.ToolCall`, empty ones left out."""

    agent: str = ""
    hook_event: str = ""
    session_id: str = ""
    cwd: str = ""
    real_cwd: str = ""
    tool: str = ""
    input: dict[str, object] = {}
    use_id: str = ""
    prompt_id: str = ""
    turn_id: str = ""
    permission_mode: str = ""
    transcript_path: str = ""
    model: str = ""
    subagent_id: str = ""
    subagent_type: str = ""
    command: str = ""
    file_path: str = ""
    real_file_path: str = ""
    patch_op: str = ""
    mcp_server: str = ""
    mcp_tool: str = ""
    agent_pid: int = 0
    traceparent: str = ""
    correlation_id: int = 0
    received_ns: int = 0
    extra: dict[str, object] = {}


class EventBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One predicted event, without the fields of its base."""

    level: str
    """``tool``, ``process``, ``file`` or ``network``."""
    base: int = 0
    """Index of the event it rests on; 0 is the call's own."""
    fields: dict[str, object] = {}
    """Rule fields of its own level; on the tool level only what the call does not say. Texts at most 4 KiB."""


class MatchBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One rule that held."""

    rule: str
    priority: str
    """Falco's spelling: ``Critical``."""
    verdict: str
    output: str = ""
    tags: list[str] = []
    description: str = ""
    count: int = 1
    """On how many events the rule held; 1 on a rule's further matches."""
    event: int = 0
    """Index into ``events``; -1 where that event was omitted."""
    level: str = "tool"
    evidence: dict[str, str] = {}
    """``proc.cmdline``, ``file.path`` and ``file.op``, or ``net.host``: what matched, at most 512 bytes each."""
    file: str = ""
    """The project's rules file that the rule stands in; empty for installed rules."""


class RepositoryBody(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Keys and meanings of :class:`prempti_otel.model.repository.Repository`."""

    url: str = ""
    ref: str = ""
    revision: str = ""


class VerdictBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What was decided: keys and meanings of :class:`prempti_otel.model.decision.Decision`."""

    verdict: str
    action: str
    source: str
    reason: str = ""
    mode: str = ""
    ruleset_digest: str = ""
    duration: float = 0.0
    approval: str = ""
    call_hash: str = ""
    suspends: bool = False


class DecisionBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of a ``decision`` record."""

    call: CallBody
    decision: VerdictBody
    attempt: int = 1
    """How often the agent has asked about this call id in this session: resumed calls are asked about again."""
    input_hash: str = ""
    """``hmac-sha256:`` of the whole input as compact JSON, before redaction."""
    altered: dict[str, Alteration] = {}
    """By place in ``call`` (``input.command``): length and fingerprint of texts that were cut or redacted."""
    events: list[EventBody] = []
    events_omitted: int = 0
    matches: list[MatchBody] = []
    marks: list[str] = []
    """Session marks that this call set."""
    degraded: list[str] = []
    """What was wrong with the guard when it decided, a sentence each."""
    repository: RepositoryBody = RepositoryBody()
    """The git repository that the working directory is in."""


class PolicyBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of a ``policy`` record: a ruleset came into force or was rejected."""

    loaded: bool
    digest: str = ""
    """Of the ruleset in force from now on."""
    rules: int = 0
    enabled: int = 0
    files: list[str] = []
    diagnostics: list[str] = []
    """Errors of a rejected ruleset, warnings of a loaded one."""


class AdminBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of an ``admin`` record: the guard itself."""

    action: str
    """``start``, ``stop``, ``mode``, ``default-action``, ``degraded``, ``recovered``, ``prune``, ``approve``,
    ``open-calls``, ..."""
    detail: dict[str, object] = {}


class FallbackBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of a ``fallback`` record: a call that the hook answered without the engine."""

    agent: str = ""
    reason: str = ""
    blocked: bool = True
    log: str = ""
    """Name of the file that the line was taken from."""
    line: int = 0
    """The line's number in it."""


Body = TypeVar("Body", bound=msgspec.Struct)


def body_of(record: StoredRecord | Record, schema: type[Body]) -> Body:
    """The record's body by its schema. Raises msgspec.ValidationError where it does not fit."""
    return typed.convert(record.body, schema)


def decision_record(
    call: ToolCall,
    events: Sequence[Event],
    decision: Decision,
    *,
    redactor: Redactor,
    marks: Iterable[str] | None = None,
    attempt: int = 1,
    degraded: Sequence[str] = (),
    repository: Repository = NONE,
) -> Record:
    """The record of one judged call.

    ``events[0]`` is the call's own event. ``marks`` that are not given are read from the tags of the
    matches; a denied call sets none.
    """
    bounds = Bounds(redactor)
    if marks is None:
        marks = _marks(decision)
    recorded, omitted = _events(bounds, call, events)
    body = _some(
        call=_call(bounds, call),
        decision=_verdict(decision),
        attempt=attempt if attempt != 1 else None,
        input_hash=redactor.fingerprint(call.input_json),
        events=recorded,
        events_omitted=omitted,
        matches=_matches(bounds, decision.matches, events, len(recorded)),
        marks=sorted(marks),
        degraded=list(degraded),
        repository=_repository(bounds, repository),
    )
    return _record(RecordKind.DECISION, call.received_ns, bounds.finish(body))


def unjudged_record(
    agent: str,
    reason: str,
    *,
    action: Verdict,
    mode: str,
    received_ns: int,
    correlation_id: int,
    redactor: Redactor,
    payload: bytes = b"",
    ruleset_digest: str = "",
    duration: float = 0.0,
) -> Record:
    """The decision record of a payload that could not be judged; of the payload only its fingerprint is kept."""
    bounds = Bounds(redactor)
    body = _some(
        call=_some(agent=bounds.text(agent, EVENT_TEXT), correlation_id=correlation_id, received_ns=received_ns),
        decision=_some(
            verdict=Verdict.DENY.value,
            action=action.value,
            source=DecisionSource.ERROR.value,
            reason=bounds.text(reason, EVENT_TEXT),
            mode=mode,
            ruleset_digest=ruleset_digest,
            duration=duration,
        ),
        input_hash=redactor.fingerprint(payload.decode("utf-8", "surrogateescape")) if payload else None,
    )
    return _record(RecordKind.DECISION, received_ns, bounds.finish(body))


def policy_record(
    *,
    loaded: bool,
    time_ns: int,
    redactor: Redactor,
    digest: str = "",
    rules: int = 0,
    enabled: int = 0,
    files: Sequence[str] = (),
    diagnostics: Sequence[str] = (),
) -> Record:
    """A ruleset came into force, or was rejected and ``digest`` stays in force."""
    bounds = Bounds(redactor)
    body = _some(
        digest=digest,
        rules=rules,
        enabled=enabled,
        files=[bounds.text(file, EVENT_TEXT) for file in files[:256]],
        diagnostics=[bounds.text(line, EVENT_TEXT) for line in diagnostics[:64]],
    )
    return _record(RecordKind.POLICY, time_ns, bounds.finish({"loaded": loaded, **body}))


def admin_record(action: str, *, time_ns: int, redactor: Redactor, **detail: object) -> Record:
    """The guard started, stopped, changed mode, was degraded, pruned; ``detail`` holds JSON values."""
    bounds = Bounds(redactor)
    body = _some(action=action, detail=bounds.value(detail, "detail", EVENT_TEXT))
    return _record(RecordKind.ADMIN, time_ns, bounds.finish(body))


def fallback_record(
    agent: str, reason: str, *, time_ns: int, blocked: bool, redactor: Redactor, log: str = "", line: int = 0
) -> Record:
    """One line of the hooks' own log."""
    bounds = Bounds(redactor)
    body = _some(agent=bounds.text(agent, EVENT_TEXT), reason=bounds.text(reason, EVENT_TEXT), log=log, line=line)
    return _record(RecordKind.FALLBACK, time_ns, bounds.finish(body if blocked else {**body, "blocked": False}))


def _record(kind: RecordKind, time_ns: int, body: dict[str, Any]) -> Record:
    session = body.get("call", {}).get("session_id", "")
    assert isinstance(session, str)
    return Record(kind=kind, time_ns=time_ns, body=body, session_id=session)


def _some(**values: Any) -> dict[str, Any]:
    """Without what is empty: the schema's defaults."""
    return {name: value for name, value in values.items() if value}


_CALL_TEXTS = tuple(name for name, kind in ToolCall.__annotations__.items() if kind == "str" and name != "input_json")


def _call(bounds: Bounds, call: ToolCall) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in _CALL_TEXTS:
        text = getattr(call, name)
        if text:
            body[name] = bounds.text(text, CALL_TEXT, name)
    if call.input:
        body["input"] = bounds.value(call.input, "input", CALL_TEXT)
    if call.extra:
        body["extra"] = bounds.value(call.extra, "extra", CALL_TEXT)
    if call.agent_pid:
        body["agent_pid"] = call.agent_pid
    body["correlation_id"] = call.correlation_id
    body["received_ns"] = call.received_ns
    return body


def _repository(bounds: Bounds, repository: Repository) -> dict[str, Any]:
    if repository is NONE:
        return {}
    return _some(
        url=bounds.text(repository.url, EVENT_TEXT),
        ref=bounds.text(repository.ref, EVENT_TEXT),
        revision=repository.revision,
    )


def _verdict(decision: Decision) -> dict[str, Any]:
    return _some(
        verdict=decision.verdict.value,
        action=decision.action.value,
        source=decision.source.value,
        reason=decision.reason,
        mode=decision.mode.value,
        ruleset_digest=decision.ruleset_digest,
        duration=decision.duration,
        approval=decision.approval,
        call_hash=decision.call_hash,
        suspends=decision.suspends,
    )


def _events(bounds: Bounds, call: ToolCall, events: Sequence[Event]) -> tuple[list[dict[str, Any]], int]:
    index = {id(event): place for place, event in enumerate(events)}
    recorded: list[dict[str, Any]] = []
    budget = EVENT_BUDGET
    for event in events[:MOST_EVENTS]:
        values = event.values
        own = _tool_fields(call, values) if event.level is Level.TOOL else _without_environment(values)
        body: dict[str, Any] = {"level": event.level.label}
        base = index.get(id(event.base), 0)
        if base:
            body["base"] = base
        if own:
            before = bounds.spent
            body["fields"] = bounds.value(own, "", EVENT_TEXT)
            budget -= bounds.spent - before
            if budget < 0:
                break
        recorded.append(body)
    return recorded, len(events) - len(recorded)


_CALL_FIELDS = {
    "tool.file_path": "file_path",
    "tool.real_file_path": "real_file_path",
    "tool.patch_op": "patch_op",
}


_SESSION_FIELDS = ("session.mark_age_ms", "session.mark_count")


def _tool_fields(call: ToolCall, values: Mapping[str, object]) -> dict[str, object]:
    """What the call does not say: session marks, and the file of each event of a patch."""
    own = {name: values[name] for name in _SESSION_FIELDS if name in values}
    for name, attribute in _CALL_FIELDS.items():
        value = values.get(name, "")
        if value != getattr(call, attribute):
            own[name] = value
    return own


def _without_environment(values: Mapping[str, object]) -> Mapping[str, object]:
    """What is recorded of a process: not its variables, which the call's command says once."""
    if "proc.env" not in values:
        return values
    return {name: value for name, value in values.items() if name != "proc.env"}


def _matches(bounds: Bounds, matches: Sequence[Match], events: Sequence[Event], recorded: int) -> list[dict[str, Any]]:
    if not matches:
        return []
    index = {id(event): place for place, event in enumerate(events[:recorded])}
    return [
        _some(
            rule=match.rule,
            priority=match.priority.value,
            verdict=match.verdict.value,
            output=bounds.text(match.output, EVENT_TEXT),
            tags=list(match.tags),
            description=bounds.text(match.description, EVENT_TEXT),
            count=match.count if match.count != 1 else None,
            event=index.get(id(match.event), -1),
            level=match.event.level.label,
            evidence=_evidence(bounds, match.event),
            file=bounds.text(match.file, EVENT_TEXT) if match.file else "",
        )
        for match in matches
    ]


_EVIDENCE = {
    Level.TOOL: (),
    Level.PROCESS: ("proc.cmdline",),
    Level.FILE: ("file.path", "file.op", "proc.cmdline"),
    Level.NETWORK: ("net.host", "net.op", "proc.cmdline"),
}


def _evidence(bounds: Bounds, event: Event) -> dict[str, str]:
    evidence: dict[str, str] = {}
    for name in _EVIDENCE[event.level]:
        value = event.get(name)
        if isinstance(value, str) and value:
            evidence[name] = bounds.text(value, EVIDENCE_TEXT)
    return evidence


def _marks(decision: Decision) -> set[str]:
    if decision.action is Verdict.DENY:
        return set()
    return {tag[len(MARK_TAG) :] for match in decision.matches for tag in match.tags if tag.startswith(MARK_TAG)}
