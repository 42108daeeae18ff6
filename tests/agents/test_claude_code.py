"""Claude Code: every tool's payload becomes a call, every decision the answer that the agent honours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel import agents
from prempti_otel.agents.claude_code.adapter import ClaudeCode
from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.interface import Arrival, Reply
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Decision, DecisionSource, Mode, Verdict
from tests.support.claude_payloads import PROJECT, TOOL_INPUTS, fields, payload

ARRIVAL = Arrival(correlation_id=7, received_ns=123, traceparent="00-ab-cd-01", agent_pid=42)
AGENT = ClaudeCode()


def parse(data: bytes) -> ToolCall:
    return AGENT.parse(data, ARRIVAL)


def decision(action: Verdict, reason: str = "") -> Decision:
    return Decision(action, action, DecisionSource.RULE, reason, (), Mode.GUARDRAILS, "d", 0.0)


def test_every_field_of_a_payload_has_its_place_in_the_call() -> None:
    call = parse(payload("Bash", agent_id="a1", agent_type="general-purpose", model="m", turn_id="t1"))
    assert call == ToolCall(
        agent="claude_code",
        hook_event="PreToolUse",
        session_id="5e0c1f9a-0000-4000-8000-000000000001",
        cwd=PROJECT,
        real_cwd=PROJECT,
        tool="Bash",
        input=TOOL_INPUTS["Bash"],
        input_json='{"command":"make test 2>&1 | tail -3","description":"Run the tests","timeout":60000}',
        use_id="toolu_0123456789abcdef",
        prompt_id="prompt-1",
        turn_id="t1",
        permission_mode="default",
        transcript_path="/home/ada/.claude/projects/-home-ada-engine/5e0c1f9a.jsonl",
        model="m",
        subagent_id="a1",
        subagent_type="general-purpose",
        command="make test 2>&1 | tail -3",
        agent_pid=42,
        traceparent="00-ab-cd-01",
        correlation_id=7,
        received_ns=123,
        extra={"effort": {"level": "medium"}},
    )


@pytest.mark.parametrize("tool", TOOL_INPUTS)
def test_every_tool_is_read(tool: str) -> None:
    call = parse(payload(tool))
    assert (call.tool, call.input) == (tool, TOOL_INPUTS[tool])
    assert json.loads(call.input_json) == TOOL_INPUTS[tool]


@pytest.mark.parametrize(
    ("tool", "command", "file_path"),
    [
        ("Bash", "make test 2>&1 | tail -3", ""),
        ("Monitor", "tail -F build.log", ""),
        ("Write", "", f"{PROJECT}/notes/plan.md"),
        ("Edit", "", f"{PROJECT}/src/main.py"),
        ("MultiEdit", "", f"{PROJECT}/src/main.py"),
        ("NotebookEdit", "", f"{PROJECT}/lab.ipynb"),
        ("Read", "", f"{PROJECT}/README.md"),
        ("Glob", "", ""),
        ("Grep", "", ""),
        ("WebFetch", "", ""),
        ("Agent", "", ""),
        ("ToolOfTomorrow", "", ""),
    ],
)
def test_shell_code_and_the_one_file_are_taken_from_the_tools_that_have_them(
    tool: str, command: str, file_path: str
) -> None:
    call = parse(payload(tool))
    assert (call.command, call.file_path, call.real_file_path) == (command, file_path, file_path)


def test_a_tool_of_another_kind_has_no_command_and_no_file_even_where_its_input_looks_so() -> None:
    call = parse(payload("ToolOfTomorrow", {"command": "rm -rf /", "file_path": "/etc/passwd"}))
    assert (call.command, call.file_path) == ("", "")


def test_a_file_is_followed_through_the_links_of_the_project(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "real/project").mkdir(parents=True)
    (root / "secret").mkdir()
    (root / "project").symlink_to("real/project")
    (root / "real/project/notes").symlink_to(root / "secret")
    call = parse(payload("Write", {"file_path": "notes/new/key", "content": ""}, cwd=f"{root}/project"))
    assert (call.cwd, call.real_cwd) == (f"{root}/project", f"{root}/real/project")
    assert (call.file_path, call.real_file_path) == ("notes/new/key", f"{root}/secret/new/key")


def test_a_tilde_is_the_home_folder_for_file_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    call = parse(payload("Read", {"file_path": "~/.ssh/id_rsa"}))
    assert (call.file_path, call.real_file_path) == ("~/.ssh/id_rsa", "/home/ada/.ssh/id_rsa")


@pytest.mark.parametrize(
    ("tool", "server_field", "expected"),
    [
        ("mcp__tracker__create_issue", {"name": "tracker", "source": "user"}, ("tracker", "create_issue")),
        ("mcp__tracker__create_issue", None, ("tracker", "create_issue")),
        ("mcp__tracker__create__issue", None, ("tracker", "create__issue")),
        ("mcp__claude_ai_Bug_Box__file__it", {"name": "claude.ai Bug Box"}, ("claude.ai Bug Box", "file__it")),
        ("mcp__a__b__c", {"name": "a__b"}, ("a__b", "c")),
        ("mcp__other__tool", {"name": "tracker"}, ("tracker", "tool")),
        ("mcp__half", None, ("half", "")),
        ("Bash", None, ("", "")),
        ("lookup", {"name": "tracker"}, ("tracker", "lookup")),
    ],
)
def test_an_mcp_tool_is_known_by_server_and_tool(tool: str, server_field: object, expected: tuple[str, str]) -> None:
    more = {} if tool != "Bash" else {"tool_input": {"command": "ls"}}
    call = parse(payload(tool, mcp_server=server_field, **more))
    assert (call.mcp_server, call.mcp_tool) == expected


WITHOUT = [
    (name, f"the payload has no {name}") for name in ("hook_event_name", "session_id", "cwd", "tool_name", "tool_input")
]


@pytest.mark.parametrize(("missing", "sentence"), WITHOUT)
def test_a_missing_field_is_named(missing: str, sentence: str) -> None:
    data = fields("Bash")
    del data[missing]
    with pytest.raises(PayloadError, match=f"^{sentence}$"):
        parse(json.dumps(data).encode())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hook_event_name": 1}, "hook_event_name in the payload is a number, not a text"),
        ({"hook_event_name": "PostToolUse"}, "unknown hook event 'PostToolUse' (only PreToolUse is judged)"),
        ({"session_id": ""}, "session_id in the payload is empty"),
        ({"cwd": "relative/folder"}, "cwd in the payload is not an absolute path"),
        ({"cwd": ["/"]}, "cwd in the payload is an array, not a text"),
        ({"tool_name": None}, "tool_name in the payload is null, not a text"),
        ({"tool_input": []}, "tool_input in the payload is an array, not an object"),
        ({"tool_input": "ls"}, "tool_input in the payload is a text, not an object"),
        ({"tool_input": {}}, "the payload has no tool_input.command"),
        ({"tool_input": {"command": ["rm", "-rf"]}}, "tool_input.command in the payload is an array, not a text"),
        ({"tool_input": {"command": ""}}, "tool_input.command in the payload is empty"),
        ({"tool_name": "Write", "tool_input": {"content": ""}}, "the payload has no tool_input.file_path"),
        ({"tool_name": "NotebookEdit"}, "the payload has no tool_input.notebook_path"),
        ({"tool_name": "WebFetch", "tool_input": {"url": 8}}, "tool_input.url in the payload is a number, not a text"),
        (
            {"tool_name": "Grep", "tool_input": {"pattern": "x", "path": False}},
            "tool_input.path in the payload is a boolean, not a text",
        ),
        ({"permission_mode": 3}, "permission_mode in the payload is a number, not a text"),
        ({"mcp_server": "tracker"}, "mcp_server in the payload is a text, not an object"),
        ({"mcp_server": {"name": {}}}, "mcp_server.name in the payload is an object, not a text"),
    ],
)
def test_a_field_of_the_wrong_type_or_value_is_named(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PayloadError) as caught:
        parse(json.dumps(fields("Bash") | change).encode())
    assert caught.value.diagnostics() == sentence


def test_null_is_as_good_as_missing_for_what_a_call_can_do_without() -> None:
    call = parse(payload("Glob", {"pattern": "*", "path": None}, transcript_path=None, mcp_server=None, prompt_id=None))
    assert (call.transcript_path, call.prompt_id, call.mcp_server) == ("", "", "")


GOLDEN = {
    (Verdict.DEFER, ""): b"{}",
    (Verdict.DENY, "No rm: rm -rf ~"): (
        b'{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny",'
        b'"permissionDecisionReason":"No rm: rm -rf ~"}}'
    ),
    (Verdict.ASK, 'Say "yes"\nor no'): (
        b'{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask",'
        b'"permissionDecisionReason":"Say \\"yes\\"\\nor no"}}'
    ),
    (Verdict.ALLOW, ""): (
        b'{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow",'
        b'"permissionDecisionReason":"no rule of prempti stops this call"}}'
    ),
}


@pytest.mark.parametrize(("action", "reason"), GOLDEN)
def test_each_action_has_its_answer(action: Verdict, reason: str) -> None:
    answer = AGENT.reply(parse(payload("Bash")), decision(action, reason))
    assert answer == Reply(GOLDEN[action, reason], b"", 0)


def test_a_block_is_a_deny_on_standard_output() -> None:
    assert AGENT.block("the payload is empty") == Reply(
        b'{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny",'
        b'"permissionDecisionReason":"the payload is empty"}}'
    )


def test_no_opinion_is_an_empty_object_or_a_message_to_the_user() -> None:
    assert AGENT.no_opinion() == Reply(b"{}")
    assert AGENT.no_opinion("the disk is full") == Reply(b'{"systemMessage":"the disk is full"}')


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "plan", "auto", None])
def test_claude_code_can_ask_unless_permissions_are_bypassed(mode: str | None) -> None:
    assert AGENT.can_ask(parse(payload("Bash", permission_mode=mode)))
    assert not AGENT.can_ask(parse(payload("Bash", permission_mode="bypassPermissions")))


any_text = st.text(st.characters(exclude_categories=()), max_size=40)


@given(st.sampled_from([Verdict.DENY, Verdict.ASK]), any_text)
def test_what_stops_a_call_always_has_all_that_the_agent_needs_to_stop_it(action: Verdict, reason: str) -> None:
    for reply in (AGENT.reply(parse(payload("Bash")), decision(action, reason)), AGENT.block(reason)):
        answer = json.loads(reply.stdout)["hookSpecificOutput"]
        assert answer["hookEventName"] == "PreToolUse"
        assert answer["permissionDecision"] in ("deny", action.value)
        assert answer["permissionDecisionReason"].strip()
        assert reply.exit_code == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | any_text | st.just("mcp__a__b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def broken_payloads(draw: st.DrawFn) -> bytes:
    """A good payload in which something at any depth was replaced, removed, added, or its bytes changed."""
    data = fields(draw(st.sampled_from(sorted(TOOL_INPUTS))))
    data["tool_input"] = dict(data["tool_input"])
    for _ in range(draw(st.integers(0, 3))):
        target = draw(st.sampled_from([data, data.get("tool_input")]))
        if isinstance(target, dict):
            key = draw(st.sampled_from(sorted(target) or ["x"]) | any_text)
            if draw(st.booleans()):
                target.pop(key, None)
            else:
                target[key] = draw(json_values)
    text = bytearray(json.dumps(data).encode())
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        text[start : start + draw(st.integers(0, 9))] = draw(st.binary(max_size=5))
    return bytes(text)


@given(broken_payloads())
def test_a_payload_is_read_or_refused_with_a_sentence_and_nothing_else_happens(data: bytes) -> None:
    try:
        call = parse(data)
    except PayloadError as error:
        _is_a_sentence(error)
        return
    assert call.session_id
    assert call.tool
    assert call.real_cwd.startswith("/")
    assert json.loads(call.input_json) == call.input
    assert bool(call.file_path) == bool(call.real_file_path)
    for text in (call.real_cwd, call.real_file_path, call.command, call.input_json):
        text.encode()


def _is_a_sentence(error: PayloadError) -> None:
    assert error.message
    assert "\n" not in error.diagnostics()


def test_adapters_are_found_by_name() -> None:
    assert agents.names() == ("claude_code", "codex", "gemini", "copilot", "cursor", "opencode")
    assert agents.get("claude_code") is agents.get("claude_code")
    assert agents.get("claude_code").title == "Claude Code"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("claude-code", "unknown agent 'claude-code' (did you mean claude_code?)"),
        ("emacs", "unknown agent 'emacs' (known agents: claude_code, codex, gemini, copilot, cursor, opencode)"),
        ("", "unknown agent '' (known agents: claude_code, codex, gemini, copilot, cursor, opencode)"),
    ],
)
def test_an_unknown_agent_is_refused_with_the_nearest_name(name: str, sentence: str) -> None:
    with pytest.raises(agents.UnknownAgent) as caught:
        agents.get(name)
    assert caught.value.diagnostics() == sentence


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "Stop"])
@pytest.mark.parametrize("field", ["session_id", "prompt_id", "agent_id", "cwd"])
def test_what_is_kept_as_long_as_the_session_cannot_be_of_any_length(event: str, field: str) -> None:
    given = {"session_id": "s", "cwd": "/", "tool_name": "Bash", "tool_input": {"command": "ls"}}
    given |= {"hook_event_name": event, field: "/" + "a" * 2_000_000}
    with pytest.raises(PayloadError, match="more than the limit of"):
        ClaudeCode().read(json.dumps(given).encode(), Arrival(1, 2))
