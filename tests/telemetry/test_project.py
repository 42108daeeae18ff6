"""Records as spans and log events: a function of the record, under declared names, within bounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import StatusCode

from prempti_otel.audit.lifecycle_records import lifecycle_record
from prempti_otel.audit.records import admin_record, decision_record, fallback_record, policy_record, unjudged_record
from prempti_otel.model.decision import DecisionSource, Priority, Verdict
from prempti_otel.model.lifecycle import LifecycleEvent, Outcome
from prempti_otel.model.record import Record, StoredRecord
from prempti_otel.model.repository import Repository
from prempti_otel.telemetry import names, project, shape
from prempti_otel.telemetry.names import Place
from tests.support.records import (
    NOW_NS,
    REDACTOR,
    a_call,
    a_decision,
    a_lifecycle,
    a_match,
    an_outcome,
    some_events,
)

RESOURCE = Resource({names.SERVICE_NAME: "prempti"})


def kept(record: Record, seq: int = 1) -> StoredRecord:
    return StoredRecord(seq, record.kind, record.time_ns, record.session_id, record.body, "0" * 64, "ab" * 32)


def denied(number: int = 1, matches: int = 1, **changes: Any) -> StoredRecord:
    call = a_call(number, **{"command": "rm -rf /", **changes})
    events = some_events(call)
    found = [a_match(events[index % 4], f"Rule {index}") for index in range(matches)]
    return kept(decision_record(call, events, a_decision(Verdict.DENY, *found), redactor=REDACTOR), number)


def span_of(record: StoredRecord) -> Any:
    (span,) = project.spans(record, RESOURCE)
    return span


def logs_of(record: StoredRecord, content: project.Content = project.NO_CONTENT) -> list[Any]:
    return [log.log_record for log in project.logs(record, RESOURCE, content)]


def test_a_call_is_a_span_from_its_arrival_to_its_decision() -> None:
    span = span_of(denied())
    assert span.name == "execute_tool Bash"
    assert (span.start_time, span.end_time) == (NOW_NS + 1, NOW_NS + 1 + 400_000)
    assert span.status.status_code is StatusCode.UNSET
    expected = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Bash",
        "gen_ai.tool.call.id": "toolu_1",
        "gen_ai.agent.name": "claude_code",
        "gen_ai.provider.name": "anthropic",
        "session.id": "session-1",
        "prompt.id": "prompt-1",
        "process.command_line": "rm -rf /",
        "process.working_directory": "/home/u/project",
        "prempti.verdict": "deny",
        "prempti.action": "deny",
        "prempti.outcome": "denied",
        "prempti.rule.names": ["Rule 0"],
        "prempti.match.count": 1,
        "prempti.record.seq": 1,
        "prempti.record.hash": "ab" * 32,
    }
    assert expected.items() <= dict(span.attributes).items()


def test_ids_are_those_of_the_documentation() -> None:
    context = span_of(denied()).get_span_context()
    trace = hashlib.sha256(json.dumps(["session-1", "prompt-1"], separators=(",", ":")).encode()).digest()[:16]
    span = hashlib.sha256(json.dumps(["session-1", "toolu_1", 1], separators=(",", ":")).encode()).digest()[:8]
    assert context.trace_id.to_bytes(16, "big") == trace
    assert context.span_id.to_bytes(8, "big") == span


def ids_of(**changes: Any) -> tuple[int, int]:
    context = span_of(denied(**changes)).get_span_context()
    return context.trace_id, context.span_id


def test_calls_of_one_prompt_share_a_trace_and_each_has_its_span() -> None:
    assert ids_of()[0] == ids_of(use_id="other")[0]
    assert ids_of()[1] != ids_of(use_id="other")[1]
    assert ids_of()[0] != ids_of(prompt_id="other")[0]
    assert ids_of(prompt_id="", turn_id="t1") == ids_of(prompt_id="t1")
    assert ids_of(prompt_id="")[0] == ids_of(prompt_id="", use_id="other")[0]


def test_a_call_that_is_asked_about_again_has_a_span_of_its_own() -> None:
    call = a_call()
    first, second = (
        span_of(
            kept(decision_record(call, some_events(call), a_decision(Verdict.DENY), redactor=REDACTOR, attempt=attempt))
        )
        for attempt in (1, 2)
    )
    assert first.get_span_context().span_id != second.get_span_context().span_id
    assert first.get_span_context().trace_id == second.get_span_context().trace_id
    assert second.attributes["prempti.call.attempt"] == 2


def test_calls_without_an_id_get_one_each_that_says_so() -> None:
    one, two = span_of(denied(use_id="", number=1)), span_of(denied(use_id="", number=2))
    assert one.get_span_context().span_id != two.get_span_context().span_id
    assert one.attributes["prempti.call.id.synthetic"] is True
    assert (
        one.attributes["gen_ai.tool.call.id"] == span_of(denied(use_id="", number=1)).attributes["gen_ai.tool.call.id"]
    )


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        PARENT.upper(),
        PARENT + "-x",
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        PARENT.replace("-01", "-zz"),
    ],
)
def test_what_is_no_trace_context_is_no_link(traceparent: str) -> None:
    assert span_of(denied(traceparent=traceparent)).links == ()


def test_the_span_that_the_hook_ran_in_is_a_link_and_no_parent() -> None:
    span = span_of(denied(traceparent=PARENT))
    assert span.parent.trace_id == span.context.trace_id
    assert span.links[0].context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C


def test_a_match_is_a_span_event_and_a_log_event_of_the_same_content() -> None:
    record = denied(matches=4)
    span, logs = span_of(record), logs_of(record)
    assert [log.event_name for log in logs] == ["prempti.decision"] + ["prempti.rule.match"] * 4
    for event, log in zip(span.events, logs[1:], strict=True):
        assert event.name == log.event_name == log.attributes["event.name"]
        assert dict(event.attributes).items() <= log.attributes.items()
        assert (log.trace_id, log.span_id) == (span.context.trace_id, span.context.span_id)
    levels = {event.attributes["prempti.event.level"]: event.attributes for event in span.events}
    assert levels["process"]["process.command_line"] == "rm -rf /"
    assert (levels["file"]["file.path"], levels["file"]["prempti.file.op"]) == ("/etc/passwd", "read")
    assert levels["network"]["server.address"] == "example.com"


def test_the_most_severe_matches_come_first_and_the_rest_is_counted() -> None:
    call = a_call()
    events = some_events(call)
    matches = [a_match(events[1], f"inform {n}", Verdict.DEFER, priority=Priority.CRITICAL) for n in range(120)]
    matches += [a_match(events[1], "asks", Verdict.ASK), a_match(events[1], "denies", Verdict.DENY, count=7)]
    matches.append(a_match(events[1], "denies gravely", Verdict.DENY, priority=Priority.EMERGENCY))
    span = span_of(kept(decision_record(call, events, a_decision(Verdict.DENY, *matches), redactor=REDACTOR)))
    shown = [event.attributes["security_rule.name"] for event in span.events]
    assert len(shown) == project.MOST_EVENTS
    assert shown[:3] == ["denies gravely", "denies", "asks"]
    assert span.attributes["prempti.match.omitted"] == 23
    assert span.attributes["prempti.match.count"] == 122 + 7


SEVERITIES = [
    (Verdict.DENY, SeverityNumber.ERROR, SeverityNumber.ERROR),
    (Verdict.ASK, SeverityNumber.WARN, SeverityNumber.WARN),
    (Verdict.DEFER, SeverityNumber.DEBUG, SeverityNumber.INFO),
]


@pytest.mark.parametrize(("verdict", "decision", "match"), SEVERITIES)
def test_severity_follows_the_verdict(verdict: Verdict, decision: SeverityNumber, match: SeverityNumber) -> None:
    call = a_call()
    events = some_events(call)
    record = decision_record(call, events, a_decision(verdict, a_match(events[1], "r", verdict)), redactor=REDACTOR)
    assert [log.severity_number for log in logs_of(kept(record))] == [decision, match]


OTHERS: list[tuple[Record, str, SeverityNumber]] = [
    (
        fallback_record("codex", "no engine", time_ns=1, blocked=True, redactor=REDACTOR),
        "prempti.fallback",
        SeverityNumber.ERROR,
    ),
    (
        fallback_record("codex", "no engine", time_ns=1, blocked=False, redactor=REDACTOR),
        "prempti.fallback",
        SeverityNumber.WARN,
    ),
    (
        policy_record(loaded=True, time_ns=1, redactor=REDACTOR, digest="d", rules=2, enabled=1),
        "prempti.policy.loaded",
        SeverityNumber.INFO,
    ),
    (
        policy_record(loaded=False, time_ns=1, redactor=REDACTOR, diagnostics=["a.yaml:1:1: no"]),
        "prempti.policy.rejected",
        SeverityNumber.ERROR,
    ),
    (
        admin_record("degraded", time_ns=1, redactor=REDACTOR, reason="why"),
        "prempti.guard.degraded",
        SeverityNumber.WARN,
    ),
]


@pytest.mark.parametrize(("record", "event", "severity"), OTHERS, ids=[row[1] for row in OTHERS])
def test_records_that_are_no_calls_are_log_events(record: Record, event: str, severity: SeverityNumber) -> None:
    (log,) = logs_of(kept(record))
    assert (log.event_name, log.severity_number, log.trace_id) == (event, severity, 0)
    assert project.spans(kept(record), RESOURCE) == []


def test_a_payload_that_was_no_call_is_a_log_event_and_no_span() -> None:
    record = kept(
        unjudged_record(
            "codex",
            "not JSON",
            action=Verdict.DENY,
            mode="guardrails",
            received_ns=1,
            correlation_id=1,
            redactor=REDACTOR,
        )
    )
    assert project.spans(record, RESOURCE) == []
    assert [log.event_name for log in logs_of(record)] == ["prempti.decision"]


KEPT_AND_LET_OUT = [(True, True, "fix the tests"), (True, False, ""), (False, True, "")]


@pytest.mark.parametrize(("kept_on_disk", "let_out", "text"), KEPT_AND_LET_OUT)
def test_the_text_of_a_prompt_leaves_only_where_it_may(kept_on_disk: bool, let_out: bool, text: str) -> None:
    event = a_lifecycle(LifecycleEvent.PROMPT, prompt="fix the tests")
    record = kept(lifecycle_record(event, redactor=REDACTOR, keep_prompt=kept_on_disk))
    (log,) = logs_of(record, project.Content(prompts=let_out))
    assert (log.event_name, log.attributes.get("prempti.prompt.text", "")) == ("prempti.prompt", text)
    assert log.body == (text or "a prompt")
    assert log.trace_id == span_of(denied()).context.trace_id
    assert log.span_id == span_of(denied()).parent.span_id


PROVIDERS = [("claude_code", "anthropic"), ("codex", "openai"), ("gemini", "gcp.gemini"), ("copilot", None)]


@pytest.mark.parametrize(("agent", "provider"), PROVIDERS)
def test_a_provider_is_told_only_where_there_is_one(agent: str, provider: str | None) -> None:
    assert span_of(denied(agent=agent)).attributes.get("gen_ai.provider.name") == provider


TOOLS: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        {"tool": "Read", "command": "", "file_path": "a", "real_file_path": "/p/a"},
        {"file.path": "/p/a", "gen_ai.tool.type": "function"},
    ),
    (
        {"tool": "WebFetch", "command": "", "input": {"url": "https://example.com:8080/x"}},
        {"url.full": "https://example.com:8080/x", "server.address": "example.com"},
    ),
    (
        {"tool": "mcp__db__query", "command": "", "mcp_server": "db", "mcp_tool": "query"},
        {"mcp.method.name": "tools/call", "prempti.mcp.server": "db", "gen_ai.tool.type": "extension"},
    ),
    ({"subagent_id": "sub-1"}, {"gen_ai.agent.id": "sub-1"}),
]


@pytest.mark.parametrize(("changes", "expected"), TOOLS)
def test_what_a_tool_works_on_is_told(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert expected.items() <= dict(span_of(denied(**changes)).attributes).items()


def all_texts(span: Any, logs: list[Any]) -> Iterator[str | list[str]]:
    for attributes in (
        span.attributes,
        *(event.attributes for event in span.events),
        *(log.attributes for log in logs),
    ):
        for value in attributes.values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, list | tuple):
                yield " ".join(value)
    yield span.name


def test_a_long_text_is_cut_where_one_can_see_it() -> None:
    span = span_of(denied(command="x" * 10_000))
    command = span.attributes["process.command_line"]
    assert len(command.encode()) <= shape.LONGEST_ATTRIBUTE
    assert command.endswith("…[cut, 10000 bytes]")


@settings(deadline=None)
@given(
    st.text(st.characters(codec=None), min_size=1, max_size=200),
    st.integers(1, 1000),
    st.sampled_from(["", "https://[", "http://💥/", "\x00"]),
)
def test_any_text_becomes_spans_and_logs_that_can_be_sent(piece: str, times: int, url: str) -> None:
    text = (piece * times)[:131_072]
    record = denied(command=text, session_id=text, tool=text, cwd=text, use_id=text, input={"url": url + text})
    span, logs = span_of(record), logs_of(record)
    for found in all_texts(span, logs):
        assert len(found.encode()) <= shape.LONGEST_ATTRIBUTE + shape.MOST_ITEMS
    for event in span.events:
        assert len(event.attributes.get("process.command_line", "").encode()) <= project.LONGEST_EVIDENCE
    sent = encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]
    assert len(sent.attributes) == len(span.attributes)
    sent_logs = encode_logs(project.logs(record, RESOURCE)).resource_logs[0].scope_logs[0].log_records
    assert [len(log.attributes) for log in sent_logs] == [len(log.attributes) for log in logs]


def test_projecting_twice_gives_the_same_bytes() -> None:
    one, two = denied(matches=3), denied(matches=3)
    assert encode_spans(project.spans(one, RESOURCE)) == encode_spans(project.spans(two, RESOURCE))
    assert encode_logs(project.logs(one, RESOURCE)) == encode_logs(project.logs(two, RESOURCE))


def every_record() -> Iterator[StoredRecord]:
    call = a_call(
        traceparent=PARENT, permission_mode="default", subagent_id="a", file_path="f", mcp_server="m", use_id=""
    )
    full = a_call(
        input={"url": "https://example.com"},
        file_path="f",
        mcp_server="m",
        permission_mode="default",
        model="claude-1",
    )
    for one in (call, full):
        events = some_events(one)
        matches = [a_match(event, f"{event.level.label} {n}") for event in events for n in range(30)]
        decision = a_decision(Verdict.DENY, *matches)
        yield kept(
            decision_record(one, events, decision, redactor=REDACTOR, attempt=2, degraded=["x"], repository=REPOSITORY)
        )
    yield kept(fallback_record("codex", "no engine", time_ns=1, blocked=True, redactor=REDACTOR))
    yield kept(
        policy_record(
            loaded=True, time_ns=1, redactor=REDACTOR, digest="d", rules=2, enabled=1, diagnostics=["warning"]
        )
    )
    yield kept(admin_record("degraded", time_ns=1, redactor=REDACTOR, reason="why"))
    yield an_asked_call()
    yield from endings()


def an_asked_call(**changes: Any) -> StoredRecord:
    """A call that a rule asks about and nobody can be asked about."""
    call = a_call(9)
    events = some_events(call)
    decision = a_decision(
        Verdict.ASK,
        a_match(events[1], verdict=Verdict.ASK),
        **{"action": Verdict.DENY, "approval": "7KQ2-M4XP", "call_hash": "hmac-sha256:00"} | changes,
    )
    return kept(decision_record(call, events, decision, redactor=REDACTOR), 10)


def test_an_approved_call_says_so_and_keeps_its_matches() -> None:
    call = an_asked_call(action=Verdict.DEFER, source=DecisionSource.APPROVAL)
    (span,) = project.spans(kept(an_outcome(call), 11), RESOURCE, lambda seq: call if seq == call.seq else None)
    attributes = dict(span.attributes or {})
    told = [attributes[name] for name in (names.VERDICT, names.ACTION, names.DECISION_SOURCE, names.APPROVAL_ID)]
    assert told == ["ask", "defer", "approval", "7KQ2-M4XP"]
    assert [event.name for event in span.events] == [names.RULE_MATCH_EVENT]


def endings() -> Iterator[StoredRecord]:
    """What comes after decisions: an outcome, a late one, a session and what an agent did for a prompt."""
    failure = a_lifecycle(
        LifecycleEvent.CALL_END,
        hook_event="PostToolUseFailure",
        outcome=Outcome.ERROR,
        duration=0.5,
        error="Exit code 3",
        reason="why",
        result={"stdout": "out"},
    )
    yield kept(an_outcome(DECIDED, Outcome.ERROR, told=failure, keep_result=True), 8)
    yield kept(an_outcome(DECIDED, Outcome.ERROR, told=failure, decision=0), 9)
    for event in (LifecycleEvent.SESSION_START, LifecycleEvent.SESSION_END):
        yield kept(lifecycle_record(a_lifecycle(event, source="startup", reason="other"), redactor=REDACTOR))
    prompt = a_lifecycle(LifecycleEvent.PROMPT, prompt="fix the tests")
    yield kept(lifecycle_record(prompt, redactor=REDACTOR, keep_prompt=True))
    yield kept(
        lifecycle_record(
            a_lifecycle(LifecycleEvent.INVOCATION_END, subagent_id="a1", subagent_type="reviewer", reason="stop"),
            redactor=REDACTOR,
            start_ns=NOW_NS,
            end_ns=NOW_NS + 5,
        )
    )


DECIDED = kept(decision_record(a_call(7), some_events(a_call(7)), a_decision(), redactor=REDACTOR), 7)
REPOSITORY = Repository("https://example.com/owner/name", "main", "a" * 40)
EVERYTHING = project.Content(arguments=True, results=True, prompts=True)


def find(seq: int) -> StoredRecord | None:
    return DECIDED if seq == DECIDED.seq else None


PLACE_OF = {
    names.RULE_MATCH_EVENT: Place.MATCH,
    names.DECISION_EVENT: Place.DECISION,
    names.FALLBACK_EVENT: Place.FALLBACK,
    names.POLICY_LOADED_EVENT: Place.POLICY,
    names.POLICY_REJECTED_EVENT: Place.POLICY,
    names.DEGRADED_EVENT: Place.DEGRADED,
    names.SESSION_START_EVENT: Place.SESSION,
    names.SESSION_END_EVENT: Place.SESSION,
    names.OUTCOME_LATE_EVENT: Place.LATE,
    names.PROMPT_EVENT: Place.PROMPT,
}


def used() -> dict[Place, dict[str, Any]]:
    found: dict[Place, dict[str, Any]] = {place: {} for place in Place}
    for record in every_record():
        for span in project.spans(record, RESOURCE, find, EVERYTHING):
            found[Place.AGENT_SPAN if span.name.startswith("invoke") else Place.TOOL_SPAN] |= dict(
                span.attributes or {}
            )
            for event in span.events:
                found[Place.MATCH] |= dict(event.attributes or {})
        for log in logs_of(record, EVERYTHING):
            found[PLACE_OF[log.event_name]] |= log.attributes
    return found


@pytest.mark.parametrize("place", sorted(set(PLACE_OF.values()) | {Place.TOOL_SPAN, Place.AGENT_SPAN}))
def test_every_attribute_is_declared_for_its_place_and_every_declared_one_is_used(place: Place) -> None:
    declared = {attribute.name for attribute in names.ATTRIBUTES.values() if place in attribute.places}
    assert set(used()[place]) == declared


TYPES = {"string": str, "string[]": list, "int": int, "double": float, "boolean": bool}


def test_every_attribute_has_its_declared_type() -> None:
    for place in used().values():
        for name, value in place.items():
            assert type(value) is TYPES[names.ATTRIBUTES[name].type], name
