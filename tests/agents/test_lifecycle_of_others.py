"""What Codex and Gemini CLI tell besides the calls that they ask about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.agents import get, hook_events
from prempti_otel.agents.claude_code import lifecycle as claude_code_lifecycle
from prempti_otel.agents.codex import lifecycle as codex_lifecycle
from prempti_otel.agents.errors import PayloadError, UnreadableLifecycleError
from prempti_otel.agents.gemini import lifecycle as gemini_lifecycle
from prempti_otel.agents.interface import Arrival
from prempti_otel.model.call import ToolCall
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent, Outcome

ARRIVAL = Arrival(7, 1_760_000_000_000_000_000)
CODEX = {"session_id": "s1", "turn_id": "t1", "cwd": "/home/ada/engine", "model": "m", "transcript_path": "/t"}
GEMINI = {"session_id": "s1", "cwd": "/home/ada/engine", "timestamp": "2026-01-01T00:00:00Z", "transcript_path": "/t"}
LS = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "c1"}
PATCH = {"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch"}, "tool_use_id": "c2"}
SHELL = {"tool_name": "run_shell_command", "tool_input": {"command": "ls", "description": "d"}}


def gemini_says(text: str) -> dict[str, Any]:
    return {"tool_response": {"llmContent": text, "returnDisplay": ""}}


EVENTS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("codex", "SessionStart", {"source": "startup"}, {"event": LifecycleEvent.SESSION_START, "source": "startup"}),
    ("codex", "UserPromptSubmit", {"prompt": "do it"}, {"event": LifecycleEvent.PROMPT, "prompt_id": "t1"}),
    ("codex", "Stop", {"stop_hook_active": False}, {"event": LifecycleEvent.STOP, "prompt_id": "t1"}),
    ("codex", "PostToolUse", LS | {"tool_response": "x"}, {"outcome": Outcome.OK, "use_id": "c1", "result": "x"}),
    ("codex", "PostToolUse", LS | {"tool_response": "Exit code: 3\n"}, {"outcome": Outcome.OK}),
    ("codex", "PostToolUse", PATCH | {"tool_response": "Exit code: 0\nOutput:\n"}, {"outcome": Outcome.OK}),
    ("codex", "PostToolUse", PATCH | {"tool_response": "Exit code: 1\nOutput:\n"}, {"outcome": Outcome.ERROR}),
    ("gemini", "SessionStart", {"source": "startup"}, {"event": LifecycleEvent.SESSION_START}),
    ("gemini", "BeforeAgent", {"prompt": "do it"}, {"event": LifecycleEvent.PROMPT, "prompt": "do it"}),
    ("gemini", "AfterAgent", {"prompt": "do it"}, {"event": LifecycleEvent.STOP}),
    ("gemini", "SessionEnd", {"reason": "exit"}, {"event": LifecycleEvent.SESSION_END, "reason": "exit"}),
    ("gemini", "AfterTool", SHELL | gemini_says("a"), {"outcome": Outcome.OK, "tool": "Bash", "use_id": ""}),
    ("gemini", "AfterTool", SHELL | gemini_says("a\nExit Code: 3\n"), {"outcome": Outcome.ERROR}),
    (
        "gemini",
        "AfterTool",
        SHELL | gemini_says("<untrusted_context>\na\nExit Code: 3\nProcess Group PGID: 7\n</untrusted_context>"),
        {"outcome": Outcome.ERROR},
    ),
    ("gemini", "AfterTool", SHELL | gemini_says("\nExit Code: 3\nis what it said"), {"outcome": Outcome.OK}),
    (
        "gemini",
        "AfterTool",
        {"tool_name": "read_file", "tool_input": {"file_path": "/x"}, "tool_response": {"error": {"message": "gone"}}},
        {"outcome": Outcome.ERROR, "error": "gone", "tool": "Read"},
    ),
]


def payload(agent: str, event: str, more: dict[str, Any]) -> bytes:
    common = CODEX if agent == "codex" else GEMINI
    return json.dumps(common | {"hook_event_name": event} | more).encode()


@pytest.mark.parametrize(("agent", "event", "more", "expected"), EVENTS)
def test_an_event_is_read(agent: str, event: str, more: dict[str, Any], expected: dict[str, Any]) -> None:
    found = get(agent).read(payload(agent, event, more), ARRIVAL)
    assert isinstance(found, Lifecycle)
    assert (found.agent, found.hook_event, found.session_id) == (agent, event, "s1")
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("agent", "before", "after", "call"),
    [
        ("codex", "PreToolUse", "PostToolUse", LS),
        ("gemini", "BeforeTool", "AfterTool", SHELL),
        ("gemini", "BeforeTool", "AfterTool", {"tool_name": "glob", "tool_input": {"dir_path": "/a", "pattern": "*"}}),
        ("gemini", "BeforeTool", "AfterTool", {"tool_name": "web_fetch", "tool_input": {"prompt": "http://a.test/"}}),
        (
            "gemini",
            "BeforeTool",
            "AfterTool",
            {
                "tool_name": "mcp_demo_echo",
                "tool_input": {"b": 1, "a": 2},
                "mcp_context": {"server_name": "demo", "tool_name": "echo"},
            },
        ),
    ],
)
def test_the_end_of_a_call_has_the_tool_and_input_of_its_beginning(
    agent: str, before: str, after: str, call: dict[str, Any]
) -> None:
    begun = get(agent).read(payload(agent, before, call), ARRIVAL)
    ended = get(agent).read(payload(agent, after, call), ARRIVAL)
    assert isinstance(begun, ToolCall)
    assert isinstance(ended, Lifecycle)
    assert (ended.tool, ended.input_json, ended.use_id) == (begun.tool, begun.input_json, begun.use_id)


@pytest.mark.parametrize("agent", ["codex", "gemini"])
@pytest.mark.parametrize("field", ["session_id", "cwd", "prompt", "tool_name", "tool_input"])
def test_an_event_that_cannot_be_read_is_nothing_to_block(agent: str, field: str) -> None:
    event, call = ("PostToolUse", LS) if agent == "codex" else ("AfterTool", SHELL)
    with pytest.raises(UnreadableLifecycleError, match=field):
        get(agent).read(payload(agent, event, call | {field: 7}), ARRIVAL)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    case=st.sampled_from(EVENTS),
    changes=st.dictionaries(
        st.sampled_from(["session_id", "turn_id", "cwd", "tool_name", "tool_input", "tool_response", "mcp_context"]),
        VALUES,
    ),
)
def test_whatever_an_event_holds_it_is_read_or_refused(
    case: tuple[str, str, dict[str, Any], dict[str, Any]], changes: dict[str, Any]
) -> None:
    agent, event, more, _ = case
    try:
        found = get(agent).read(payload(agent, event, more | changes), ARRIVAL)
    except PayloadError:
        return
    assert isinstance(found, Lifecycle)


@pytest.mark.parametrize(
    ("entered", "read"),
    [
        (hook_events.CODEX_TOLD, codex_lifecycle.EVENTS),
        (hook_events.GEMINI_TOLD, gemini_lifecycle.EVENTS),
    ],
)
def test_the_hook_is_entered_for_the_events_that_are_read(entered: tuple[str, ...], read: dict[str, object]) -> None:
    assert list(entered) == list(read)


def test_the_hook_is_entered_with_claude_code_for_events_that_are_read() -> None:
    assert all(claude_code_lifecycle.known(event) for event in hook_events.CLAUDE_CODE_TOLD)
    assert not claude_code_lifecycle.known(hook_events.CLAUDE_CODE_JUDGED)
