"""Every event that is written validates against OCSF's own schema, and says what the record says."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchema, OcsfJsonSchemaEmbedded, get_ocsf_schema
from opentelemetry.sdk.resources import Resource

from prempti_otel.audit.records import decision_record, fallback_record, unjudged_record
from prempti_otel.model.decision import Priority, Verdict
from prempti_otel.model.lifecycle import LifecycleEvent, Outcome
from prempti_otel.model.record import Record, StoredRecord
from prempti_otel.telemetry import names, ocsf, ocsf_fields
from prempti_otel.telemetry.project import Content, spans
from tests.support.records import (
    REDACTOR,
    a_call,
    a_decision,
    a_lifecycle,
    a_match,
    an_outcome,
    some_events,
)

SENDER = Resource(
    {
        names.SERVICE_INSTANCE_ID: "6f0d2c7e-0000-4000-8000-000000000000",
        names.HOST_NAME: "machine",
        names.USER_NAME: "dev",
    }
)


@cache
def validator(class_uid: int, profiles: tuple[str, ...]) -> Draft202012Validator:
    schema = OcsfJsonSchema(get_ocsf_schema(ocsf_fields.VERSION))
    name = schema.lookup_class_name_from_uid(class_uid)
    return Draft202012Validator(OcsfJsonSchemaEmbedded(schema).get_class_schema(name, list(profiles)))


def assert_valid(event: dict[str, Any]) -> None:
    found = validator(event["class_uid"], tuple(event["metadata"]["profiles"])).iter_errors(event)
    assert [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found] == []


def kept(record: Record, seq: int = 1) -> StoredRecord:
    return StoredRecord(seq, record.kind, record.time_ns, record.session_id, record.body, "0" * 64, "ab" * 32)


def denied(**changes: Any) -> StoredRecord:
    call = a_call(**changes)
    found = [
        a_match(event, f"Rule {event.level.label}", priority=Priority.CRITICAL, tags=("T1059.004", "T1003", "threats"))
        for event in some_events(call)
    ]
    return kept(decision_record(call, some_events(call), a_decision(Verdict.DENY, *found), redactor=REDACTOR))


CALLS: list[dict[str, Any]] = [
    {},
    {"tool": "Read", "command": "", "file_path": "a", "real_file_path": "/p/a"},
    {"tool": "WebFetch", "command": "", "input": {"url": "https://example.com:8080/x"}},
    {"tool": "mcp__db__query", "command": "", "mcp_server": "db", "use_id": ""},
    {"session_id": "", "agent": ""},
]


@pytest.mark.parametrize("changes", CALLS)
def test_a_denied_call_is_an_activity_and_its_rules_are_findings(changes: dict[str, Any]) -> None:
    *findings, call = ocsf.events(denied(**changes), SENDER)
    for event in (*findings, call):
        assert_valid(event)
    assert [event["class_uid"] for event in findings] == [2004] * 4
    assert (call["class_uid"], call["action"], call["disposition"], call["status"]) == (
        6003,
        "Denied",
        "Blocked",
        "Failure",
    )
    assert len({event["metadata"]["uid"] for event in (*findings, call)}) == 5
    assert {event["metadata"]["correlation_uid"] for event in findings} == {call["trace"]["uid"]}


def test_ids_are_those_of_the_span() -> None:
    (span,) = spans(denied(), SENDER)
    call = ocsf.events(denied(), SENDER)[-1]
    assert call["trace"]["uid"] == f"{span.context.trace_id:032x}"
    assert call["trace"]["span"]["uid"] == f"{span.context.span_id:016x}"
    assert (call["start_time"], call["end_time"]) == (span.start_time // 10**6, span.end_time // 10**6)


def test_a_finding_says_what_matched_where_and_how_grave_it_is() -> None:
    process, file = ocsf.events(denied(command="rm -rf /"), SENDER)[1:3]
    assert process["finding_info"]["analytic"]["name"] == "Rule process"
    assert process["finding_info"]["attacks"] == [
        {"sub_technique": {"uid": "T1059.004"}},
        {"technique": {"uid": "T1003"}},
    ]
    assert process["evidences"][0]["process"]["cmd_line"] == "rm -rf /"
    assert (file["evidences"][0]["file"]["path"], file["severity"]) == ("/etc/passwd", "Critical")
    assert (process["is_alert"], process["actor"]["user"]["name"]) == (True, "dev")


OUTCOMES = [
    (Outcome.OK, "Success"),
    (Outcome.ERROR, "Failure"),
    (Outcome.REFUSED, "Failure"),
    (Outcome.UNKNOWN, "Unknown"),
]


@pytest.mark.parametrize(("outcome", "status"), OUTCOMES)
def test_a_call_that_ran_is_told_when_it_is_over(outcome: Outcome, status: str) -> None:
    call = a_call()
    decision = kept(decision_record(call, some_events(call), a_decision(), redactor=REDACTOR), 7)
    told = a_lifecycle(LifecycleEvent.CALL_END, outcome=outcome, error="boom", reason="why")
    over = kept(an_outcome(decision, outcome, told=told), 8)
    assert ocsf.events(decision, SENDER) == []
    (event,) = ocsf.events(over, SENDER, lambda seq: decision if seq == 7 else None)
    assert_valid(event)
    assert (event["status"], event["status_code"], event["duration"], event["action"]) == (
        status,
        outcome.value,
        1000,
        "Allowed",
    )
    assert ocsf.events(over, SENDER) == []


@pytest.mark.parametrize(("blocked", "action"), [(True, "Denied"), (False, "Allowed")])
def test_a_call_without_the_engine_is_told_too(blocked: bool, action: str) -> None:
    (event,) = ocsf.events(
        kept(fallback_record("", "no engine", time_ns=10**18, blocked=blocked, redactor=REDACTOR)), SENDER
    )
    assert_valid(event)
    assert (event["action"], event["status_detail"]) == (action, "no engine")


def test_a_payload_that_was_no_call_is_told_too() -> None:
    record = unjudged_record(
        "codex",
        "not JSON",
        action=Verdict.DENY,
        mode="monitor",
        received_ns=10**18,
        correlation_id=1,
        redactor=REDACTOR,
    )
    (event,) = ocsf.events(kept(record), Resource({names.SERVICE_INSTANCE_ID: "x"}))
    assert_valid(event)
    assert event["policy"]["is_applied"] is False


@given(st.text(st.characters(codec=None), min_size=1, max_size=100), st.sampled_from(["", "https://[", "http://💥/"]))
def test_whatever_a_call_holds_the_events_are_valid(text: str, url: str) -> None:
    values = dict.fromkeys(("command", "session_id", "tool", "use_id", "file_path", "mcp_server", "agent"), text)
    for event in ocsf.events(denied(**values, input={"url": url + text}), SENDER, content=Content(arguments=True)):
        assert_valid(event)


def test_arguments_leave_only_where_they_may() -> None:
    record = denied(input={"command": "ls", "description": "private"})
    closed = ocsf.events(record, SENDER)[-1]
    opened = ocsf.events(record, SENDER, content=Content(arguments=True))[-1]
    assert closed["api"]["request"]["data"] == {names.COMMAND_LINE: "git status"}
    assert opened["api"]["request"]["data"] == {"command": "ls", "description": "private"}


@pytest.mark.parametrize("rows", [ocsf_fields.CALL, ocsf_fields.FINDING, ocsf_fields.FALLBACK])
def test_no_attribute_is_declared_twice_or_below_another(rows: tuple[ocsf_fields.Row, ...]) -> None:
    paths = [row.path for row in rows]
    assert len(set(paths)) == len(paths)
    assert not [path for path in paths for other in paths if path.startswith(f"{other}/")]


@pytest.mark.parametrize("change", [{"severity_id": 17}, {"time": "today"}, {"api": {}}, {"nonsense": 1}])
def test_the_schema_that_events_are_held_against_refuses_others(change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_valid({**ocsf.events(denied(), SENDER)[-1], **change})
