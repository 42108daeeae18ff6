"""What Claude Code tells besides the calls that it asks about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.agents import get
from prempti_otel.agents.errors import PayloadError, UnreadableLifecycleError
from prempti_otel.agents.interface import Arrival
from prempti_otel.model.call import ToolCall
from prempti_otel.model.lifecycle import Answered, Lifecycle, LifecycleEvent, Outcome
from tests.support.claude_payloads import fields

AGENT = get("claude_code")
ARRIVAL = Arrival(7, 1_760_000_000_000_000_000, traceparent="00-a-b-01")
COMMON = {"session_id": "s1", "transcript_path": "/t", "cwd": "/home/ada/engine", "prompt_id": "p1"}


def told(event: str, **more: Any) -> Lifecycle:
    found = AGENT.read(json.dumps(COMMON | {"hook_event_name": event} | more).encode(), ARRIVAL)
    assert isinstance(found, Lifecycle)
    return found


CALL = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "toolu_1"}
EVENTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("SessionStart", {"source": "startup"}, {"event": LifecycleEvent.SESSION_START, "source": "startup"}),
    ("UserPromptSubmit", {"prompt": "do it"}, {"event": LifecycleEvent.PROMPT, "prompt": "do it"}),
    (
        "PostToolUse",
        CALL | {"tool_response": {"stdout": "x"}, "duration_ms": 21},
        {"outcome": Outcome.OK, "duration": 0.021, "use_id": "toolu_1", "tool": "Bash", "result": {"stdout": "x"}},
    ),
    (
        "PostToolUse",
        CALL | {"tool_name": "Agent", "tool_response": {"isAsync": True, "agentId": "a1"}},
        {"outcome": Outcome.OK, "duration": None, "started_subagent": "a1"},
    ),
    (
        "PostToolUseFailure",
        CALL | {"error": "Exit code 3", "is_interrupt": False, "duration_ms": 30},
        {"outcome": Outcome.ERROR, "error": "Exit code 3", "interrupted": False, "duration": 0.03},
    ),
    ("PostToolUseFailure", CALL | {"is_interrupt": True}, {"outcome": Outcome.ERROR, "interrupted": True}),
    ("PermissionDenied", CALL | {"reason": "not now"}, {"outcome": Outcome.REFUSED, "reason": "not now"}),
    (
        "SubagentStart",
        {"agent_id": "a1", "agent_type": "general-purpose"},
        {"event": LifecycleEvent.SUBAGENT_START, "subagent_id": "a1", "subagent_type": "general-purpose"},
    ),
    ("SubagentStop", {"agent_id": "a1"}, {"event": LifecycleEvent.SUBAGENT_STOP, "subagent_id": "a1"}),
    ("Stop", {"stop_hook_active": False, "background_tasks": []}, {"event": LifecycleEvent.STOP}),
    ("StopFailure", {"error": "unknown"}, {"event": LifecycleEvent.STOP, "error": "unknown"}),
    ("SessionEnd", {"reason": "other"}, {"event": LifecycleEvent.SESSION_END, "reason": "other"}),
    (
        "PostToolBatch",
        {
            "tool_calls": [
                {"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_response": "not allowed"},
                {"tool_use_id": "toolu_2", "tool_response": [{"type": "text"}]},
                {"tool_use_id": 3},
                1,
            ]
        },
        {
            "event": LifecycleEvent.BATCH_END,
            "answered": (Answered("toolu_1", "not allowed"), Answered("toolu_2")),
        },
    ),
    ("PostToolBatch", {"tool_calls": "none"}, {"event": LifecycleEvent.BATCH_END, "answered": ()}),
    ("PreCompact", {"trigger": "auto"}, {"event": LifecycleEvent.OTHER, "hook_event": "PreCompact"}),
]


@pytest.mark.parametrize(("event", "more", "expected"), EVENTS)
def test_each_event_is_read_as_what_it_is(event: str, more: dict[str, Any], expected: dict[str, Any]) -> None:
    found = told(event, **more)
    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.session_id, found.prompt_id, found.hook_event) == ("s1", "p1", event)
    assert (found.received_ns, found.traceparent) == (ARRIVAL.received_ns, ARRIVAL.traceparent)
    assert (found.outcome is not None) == (found.event is LifecycleEvent.CALL_END)


def test_a_call_is_still_a_call_and_a_bad_one_still_refused() -> None:
    assert isinstance(AGENT.read(json.dumps(fields("Bash")).encode(), ARRIVAL), ToolCall)
    with pytest.raises(PayloadError) as raised:
        AGENT.read(json.dumps(fields("Bash", {})).encode(), ARRIVAL)
    assert not isinstance(raised.value, UnreadableLifecycleError)


def test_an_event_that_is_not_known_may_be_one_that_stops_a_call() -> None:
    with pytest.raises(PayloadError, match="unknown hook event") as raised:
        told("PreToolUseOfTomorrow", **CALL)
    assert not isinstance(raised.value, UnreadableLifecycleError)


@pytest.mark.parametrize("more", [{"session_id": 1}, {"session_id": ""}, {"prompt_id": []}, {"tool_name": None}])
def test_an_event_that_makes_no_sense_is_known_to_be_no_call(more: dict[str, Any]) -> None:
    with pytest.raises(UnreadableLifecycleError):
        told("PostToolUse", **CALL | more)


@pytest.mark.parametrize("duration", [-1, "21", None, 1e300, [], True])
def test_a_duration_that_is_none_is_left_out(duration: object) -> None:
    assert told("PostToolUse", **CALL, duration_ms=duration).duration in (None, 0.001)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(["session_id", "prompt_id", "tool_name", "tool_input", "tool_response", "error", "duration_ms"])


@given(event=st.sampled_from([event for event, _, _ in EVENTS]), changes=st.dictionaries(keys, json_values))
def test_whatever_an_event_holds_it_is_read_or_known_to_be_none(event: str, changes: dict[str, Any]) -> None:
    payload = json.dumps(COMMON | CALL | {"hook_event_name": event} | changes).encode()
    try:
        found = AGENT.read(payload, ARRIVAL)
    except UnreadableLifecycleError:
        return
    assert isinstance(found, Lifecycle)
