"""A record tells what was called and decided, within bounds and without secrets."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.audit.bounds import CALL_TEXT, DEEPEST, EVENT_TEXT, TOO_DEEP
from prempti_otel.audit.records import (
    AdminBody,
    DecisionBody,
    FallbackBody,
    PolicyBody,
    admin_record,
    body_of,
    decision_record,
    fallback_record,
    policy_record,
    unjudged_record,
)
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Priority, Verdict
from prempti_otel.model.event import Event, tool_event
from prempti_otel.model.fields import Level
from prempti_otel.model.record import Record, RecordKind
from tests.support.records import KEY, NOW_NS, REDACTOR, a_call, a_decision, a_match, some_events

TOKEN = "ghp_" + "a1B2" * 9


def decided(call: ToolCall, verdict: Verdict = Verdict.DEFER, **changes: Any) -> DecisionBody:
    events = some_events(call)
    return body_of(decision_record(call, events, a_decision(verdict), redactor=REDACTOR, **changes), DecisionBody)


def test_a_decision_record_holds_call_events_matches_and_verdict() -> None:
    call = a_call(7, "git push", permission_mode="default", subagent_id="a1")
    events = some_events(call)
    decision = a_decision(
        Verdict.ASK,
        a_match(events[2], "Reads passwords", Verdict.ASK, priority=Priority.CRITICAL, count=3),
        a_match(events[0], "Mark it", Verdict.DEFER, tags=("coding_agent_mark:secret",)),
    )
    record = decision_record(call, events, decision, redactor=REDACTOR, attempt=2, degraded=["rules are old"])
    body = body_of(record, DecisionBody)
    assert (record.kind, record.time_ns, record.session_id) == (RecordKind.DECISION, call.received_ns, "session-1")
    assert (body.call.tool, body.call.command, body.call.input) == ("Bash", "git push", {"command": "git push"})
    assert (body.call.correlation_id, body.call.use_id, body.call.subagent_id) == (7, "toolu_7", "a1")
    assert [event.level for event in body.events] == ["tool", "process", "file", "network"]
    assert [event.base for event in body.events] == [0, 0, 1, 1]
    assert body.events[0].fields == {}
    assert body.events[2].fields == {"file.path": "/etc/passwd", "file.op": "read"}
    first, second = body.matches
    assert (first.rule, first.priority, first.verdict, first.count) == ("Reads passwords", "Critical", "ask", 3)
    assert (first.event, first.level) == (2, "file")
    assert first.evidence == {"file.path": "/etc/passwd", "file.op": "read", "proc.cmdline": "git push"}
    assert (second.event, second.level, second.evidence) == (0, "tool", {})
    assert (body.decision.verdict, body.decision.mode, body.decision.duration) == ("ask", "guardrails", 0.0004)
    assert (body.marks, body.attempt, body.degraded) == (["secret"], 2, ["rules are old"])
    assert body.altered == {}


def test_the_input_hash_is_that_of_the_whole_input() -> None:
    call = a_call(command=f"echo {TOKEN}")
    expected = hmac.new(KEY, call.input_json.encode(), hashlib.sha256).hexdigest()
    assert decided(call).input_hash == f"hmac-sha256:{expected}"


def test_a_denied_call_sets_no_mark_and_given_marks_are_kept() -> None:
    call = a_call()
    events = some_events(call)
    match = a_match(events[0], tags=("coding_agent_mark:secret",))
    denied = decision_record(call, events, a_decision(Verdict.DENY, match), redactor=REDACTOR)
    assert body_of(denied, DecisionBody).marks == []
    assert decided(call, marks=["b", "a"]).marks == ["a", "b"]


def test_a_patch_has_the_file_of_each_of_its_events() -> None:
    call = a_call(tool="apply_patch", file_path="a.py", real_file_path="/p/a.py", patch_op="Add")
    other = tool_event(call)
    other.set("tool.file_path", "b.py")
    other.set("tool.real_file_path", "/p/b.py")
    body = body_of(decision_record(call, [tool_event(call), other], a_decision(), redactor=REDACTOR), DecisionBody)
    assert [event.fields for event in body.events] == [
        {},
        {"tool.file_path": "b.py", "tool.real_file_path": "/p/b.py"},
    ]


def test_the_variables_of_a_process_are_said_by_the_command_alone() -> None:
    call = a_call(1, "A=1 make")
    tool = tool_event(call)
    process = Event(Level.PROCESS, {"proc.name": "make", "proc.env": {"A": ("1",)}}, tool)
    body = body_of(decision_record(call, [tool, process], a_decision(), redactor=REDACTOR), DecisionBody)
    assert body.events[1].fields == {"proc.name": "make"}
    assert process.get("proc.env") == {"A": ("1",)}


def test_session_marks_of_the_time_are_kept_as_evidence() -> None:
    call = a_call()
    event = tool_event(call)
    event.set("session.mark_count", {"secret": 2})
    body = body_of(decision_record(call, [event], a_decision(), redactor=REDACTOR), DecisionBody)
    assert body.events[0].fields == {"session.mark_count": {"secret": 2}}


def test_a_secret_is_nowhere_in_the_record_and_its_text_is_fingerprinted() -> None:
    command = f"curl -H 'Authorization: Bearer {TOKEN}' https://u:hunter2secret@example.com"
    call = a_call(command=command)
    events = some_events(call)
    match = a_match(events[1], output=f"blocked: {command}")
    decision = a_decision(Verdict.DENY, match, reason=f"A rule: {command}")
    record = decision_record(call, events, decision, redactor=REDACTOR)
    text = msgspec.json.encode(record.body).decode()
    assert TOKEN not in text
    assert "hunter2secret" not in text
    body = body_of(record, DecisionBody)
    assert "REDACTED_" in body.decision.reason
    assert "REDACTED_" in body.matches[0].output
    expected = "hmac-sha256:" + hmac.new(KEY, command.encode(), hashlib.sha256).hexdigest()
    assert body.altered["command"].hmac == expected
    assert body.altered["input.command"].length == len(command)


@pytest.mark.parametrize("size", [CALL_TEXT, CALL_TEXT + 1, 3_000_000])
def test_a_long_text_is_cut_and_its_length_and_fingerprint_kept(size: int) -> None:
    command = "x" * size
    body = decided(a_call(command=command))
    assert body.call.command == "x" * min(size, CALL_TEXT)
    assert ("command" in body.altered) == (size > CALL_TEXT)
    if size > CALL_TEXT:
        assert body.altered["command"].length == size
        assert body.altered["command"].hmac == "hmac-sha256:" + hmac.new(KEY, command.encode(), "sha256").hexdigest()
    assert all(len(str(event.fields.get("proc.cmdline", ""))) <= EVENT_TEXT for event in body.events)


@pytest.mark.parametrize("offset", range(-45, 10, 5))
def test_a_secret_across_the_cut_leaves_no_part_of_itself(offset: int) -> None:
    command = "x" * (CALL_TEXT + offset - 1) + " " + TOKEN + " " + "y " * 5000
    text = msgspec.json.encode(decision_record(a_call(command=command), [], a_decision(), redactor=REDACTOR).body)
    assert TOKEN[:12].encode() not in text


def test_nothing_that_a_call_holds_makes_a_record_larger_than_its_bounds_allow() -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = {"deeper": [deep]}
    call = a_call(input={"deep": deep, "many": list(range(100_000)), "text": "é" * 200_000})
    tool = tool_event(call)
    events = [tool] + [Event(Level.PROCESS, {"proc.argv": ("word " * 2000,) * 50}, tool) for _ in range(256)]
    record = decision_record(call, events, a_decision(), redactor=REDACTOR)
    body = body_of(record, DecisionBody)
    encoded = msgspec.json.encode(record.body)
    assert len(encoded) < 2_000_000
    assert TOO_DEEP.encode() in encoded
    assert encoded.count(b"deeper") <= DEEPEST
    assert body.events_omitted > 0
    assert len(body.events) + body.events_omitted == len(events)
    text = body.call.input["text"]
    assert isinstance(text, str)
    assert len(text.encode()) <= CALL_TEXT


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)
any_text = st.text(st.characters(codec=None), max_size=60)
"""Lone surrogates included: JSON may hold them."""


@given(st.dictionaries(any_text, json_values | any_text, max_size=5), any_text, any_text)
def test_any_call_can_be_recorded_and_read_back(arguments: dict[str, Any], command: str, session: str) -> None:
    call = a_call(command=command, input=arguments, session_id=session, input_json=json.dumps(arguments))
    record = decision_record(call, some_events(call), a_decision(), redactor=REDACTOR)
    decoded = msgspec.json.decode(msgspec.json.encode(record.body))
    assert msgspec.convert(decoded, DecisionBody) == body_of(record, DecisionBody)
    assert isinstance(record.session_id, str)


def test_a_payload_that_could_not_be_judged_is_recorded_by_its_fingerprint_only() -> None:
    record = unjudged_record(
        "claude_code",
        f"not JSON: password={TOKEN}",
        action=Verdict.DENY,
        mode="guardrails",
        received_ns=NOW_NS,
        correlation_id=3,
        redactor=REDACTOR,
        payload=b"\xff secret payload",
    )
    body = body_of(record, DecisionBody)
    assert (body.decision.verdict, body.decision.source, body.call.agent) == ("deny", "error", "claude_code")
    assert body.input_hash.startswith("hmac-sha256:")
    assert TOKEN.encode() not in msgspec.json.encode(record.body)
    assert b"payload" not in msgspec.json.encode(record.body)


OTHERS: list[tuple[Record, Any]] = [
    (
        policy_record(loaded=True, time_ns=1, redactor=REDACTOR, digest="abc", rules=3, enabled=2, files=["a.yaml"]),
        PolicyBody(loaded=True, digest="abc", rules=3, enabled=2, files=["a.yaml"]),
    ),
    (
        policy_record(loaded=False, time_ns=1, redactor=REDACTOR, diagnostics=["a.yaml:1:2: no"]),
        PolicyBody(loaded=False, diagnostics=["a.yaml:1:2: no"]),
    ),
    (
        admin_record("mode", time_ns=1, redactor=REDACTOR, mode="monitor"),
        AdminBody(action="mode", detail={"mode": "monitor"}),
    ),
    (
        fallback_record("codex", "no engine", time_ns=1, blocked=False, redactor=REDACTOR, log="f.1", line=2),
        FallbackBody(agent="codex", reason="no engine", blocked=False, log="f.1", line=2),
    ),
]


@pytest.mark.parametrize(("record", "body"), OTHERS, ids=[record.kind.value for record, _ in OTHERS])
def test_other_records_are_read_back_by_their_schema(record: Record, body: Any) -> None:
    assert body_of(record, type(body)) == body
