"""All agents but Claude Code: their tools become the normal ones, and what stops a call stops it in their own form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel import agents
from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.interface import Arrival, Reply
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Decision, DecisionSource, Mode, Verdict
from tests.support.agent_payloads import FILE, FORMS, PATCH, PROJECT, SAMPLES, payload

ARRIVAL = Arrival(correlation_id=7, received_ns=123, traceparent="00-ab-cd-01", agent_pid=42)
OTHERS = tuple(SAMPLES)
ALL_SAMPLES = [(agent, tool, given) for agent, samples in SAMPLES.items() for tool, given in samples]
SHELL = {agent: samples[0][0] for agent, samples in SAMPLES.items()}


def parse(agent: str, data: bytes) -> ToolCall:
    return agents.get(agent).parse(data, ARRIVAL)


def shell(agent: str, command: str = "make test", **more: Any) -> ToolCall:
    return parse(agent, payload(agent, SHELL[agent], {"command": command}, **more))


def decision(action: Verdict, reason: str = "") -> Decision:
    return Decision(action, action, DecisionSource.RULE, reason, (), Mode.GUARDRAILS, "d", 0.0)


def stops(agent: str, reply: Reply) -> bool:
    """Whether the agent would stop the call, by what was seen of it, or else by its documentation."""
    if reply.exit_code == 2:
        return bool(reply.stderr.strip())
    if reply.exit_code != 0:
        return False
    said = json.loads(reply.stdout)
    if agent == "codex":
        specific = said.get("hookSpecificOutput", {})
        if specific.get("hookEventName") == "PermissionRequest":
            decided = specific["decision"]
            return (
                decided["behavior"] == "deny"
                and bool(decided["message"].strip())
                and set(decided)
                == {
                    "behavior",
                    "message",
                }
            )
        known = specific.get("hookEventName") == "PreToolUse" and specific.get("permissionDecision") == "deny"
        return known and bool(specific.get("permissionDecisionReason", "").strip())
    if agent in ("gemini", "opencode"):
        return said.get("decision") == "deny" and bool(said["reason"].strip())
    if agent == "copilot":
        return said.get("permissionDecision") == "deny" and bool(said["permissionDecisionReason"].strip())
    return said.get("permission") == "deny" and bool(said["agent_message"].strip())


def test_every_field_of_a_codex_payload_has_its_place_in_the_call() -> None:
    call = parse("codex", payload("codex", "Bash", {"command": "make test"}, agent_id="a1", agent_type="review"))
    assert call == ToolCall(
        agent="codex",
        hook_event="PreToolUse",
        session_id="0199-c0de",
        cwd=PROJECT,
        real_cwd=PROJECT,
        tool="Bash",
        input={"command": "make test"},
        input_json='{"command":"make test"}',
        use_id="call_1",
        turn_id="turn-1",
        permission_mode="bypassPermissions",
        transcript_path="/home/ada/.codex/sessions/2026/rollout-1.jsonl",
        model="gpt-5.5",
        subagent_id="a1",
        subagent_type="review",
        command="make test",
        agent_pid=42,
        traceparent="00-ab-cd-01",
        correlation_id=7,
        received_ns=123,
    )


@pytest.mark.parametrize("agent", OTHERS)
def test_session_folder_and_arrival_are_known_for_every_agent(agent: str) -> None:
    call = shell(agent)
    assert (call.agent, call.cwd, call.real_cwd, call.tool, call.command) == (
        agent,
        PROJECT,
        PROJECT,
        "Bash",
        "make test",
    )
    assert call.session_id
    assert (call.correlation_id, call.received_ns, call.agent_pid, call.traceparent) == (7, 123, 42, "00-ab-cd-01")


NORMAL = {
    "Bash": {"command": "make test"},
    "Write": {"file_path": FILE, "content": "x\n"},
    "Edit": {"file_path": FILE, "old_string": "x", "new_string": "y"},
    "Read": {"file_path": FILE},
    "Grep": {"pattern": "x", "path": "src"},
    "LS": {"path": "src"},
    "Glob": {"pattern": "*.txt"},
    "WebFetch": {"url": "https://example.org/a"},
    "WebSearch": {"query": "engines"},
}


@pytest.mark.parametrize(("agent", "tool", "given_input"), ALL_SAMPLES)
def test_a_tool_has_its_normal_name_its_normal_keys_and_its_own_name_beside_them(
    agent: str, tool: str, given_input: dict[str, Any]
) -> None:
    call = parse(agent, payload(agent, tool, given_input))
    normal = NORMAL.get(call.tool)
    if normal is not None:
        assert {key: call.input.get(key) for key in normal} == normal
    assert call.extra.get("tool_name", call.tool) == tool
    assert json.loads(call.input_json) == call.input
    assert call.file_path == (FILE if call.tool in ("Write", "Edit", "Read") else "")
    assert call.real_file_path == call.file_path


@pytest.mark.parametrize(
    ("agent", "tool", "expected"),
    [
        ("codex", "mcp__demo__echo", ("mcp__demo__echo", "demo", "echo")),
        ("gemini", "mcp_demo_echo", ("mcp__demo__echo", "demo", "echo")),
        ("copilot", "demo-echo", ("demo-echo", "", "")),
        ("cursor", "MCP:echo", ("mcp____echo", "", "echo")),
        ("opencode", "demo_echo", ("demo_echo", "", "")),
    ],
)
def test_an_mcp_tool_is_known_as_far_as_the_agent_tells(agent: str, tool: str, expected: tuple[str, str, str]) -> None:
    call = parse(agent, payload(agent, tool, {"text": "hi"}))
    assert (call.tool, call.mcp_server, call.mcp_tool) == expected


def test_gemini_names_the_mcp_server_in_a_context_which_underscores_cannot_mislead() -> None:
    context = {"server_name": "my_server", "tool_name": "do_it"}
    call = parse("gemini", payload("gemini", "mcp_my_server_do_it", {}, mcp_context=context))
    assert (call.tool, call.mcp_server, call.mcp_tool) == ("mcp__my_server__do_it", "my_server", "do_it")
    call = parse("gemini", payload("gemini", "mcp_demo_echo", {}, mcp_context=None))
    assert (call.mcp_server, call.mcp_tool) == ("demo", "echo")


@pytest.mark.parametrize(
    ("agent", "tool", "given_input"),
    [
        ("codex", "apply_patch", {"command": PATCH}),
        ("copilot", "apply_patch", {"input": PATCH}),
        ("copilot", "apply_patch", PATCH),
        ("opencode", "apply_patch", {"patchText": PATCH}),
    ],
)
def test_a_patch_is_where_the_analysis_looks_for_it(agent: str, tool: str, given_input: Any) -> None:
    call = parse(agent, payload(agent, tool, given_input))
    assert (call.tool, call.input["command"], call.command, call.file_path) == ("apply_patch", PATCH, "", "")


def test_cursors_deletion_of_a_file_is_a_patch_that_deletes_it() -> None:
    call = parse("cursor", payload("cursor", "Delete", {"path": FILE}))
    assert call.tool == "apply_patch"
    assert f"*** Delete File: {FILE}\n" in str(call.input["command"])
    with pytest.raises(PayloadError, match="line break"):
        parse("cursor", payload("cursor", "Delete", {"path": "a\n*** End Patch"}))


@pytest.mark.parametrize(
    ("agent", "key"), [("gemini", "dir_path"), ("cursor", "working_directory"), ("opencode", "workdir")]
)
@pytest.mark.parametrize(
    ("folder", "command"),
    [("", "ls"), (".", "ls"), (PROJECT, "ls"), ("it's", "cd 'it'\"'\"'s'\nls"), ("/etc", "cd /etc\nls")],
)
def test_a_command_that_runs_in_another_folder_begins_there(agent: str, key: str, folder: str, command: str) -> None:
    call = parse(agent, payload(agent, SHELL[agent], {"command": "ls", key: folder}))
    assert (call.command, call.real_cwd, call.input["command"]) == (command, PROJECT, "ls")


def test_gemini_fetches_what_its_prompt_names() -> None:
    call = parse("gemini", payload("gemini", "web_fetch", {"prompt": "read https://a.example/x and https://b.example"}))
    assert call.input["url"] == "https://a.example/x"
    assert call.input["urls"] == ["https://a.example/x", "https://b.example"]
    with pytest.raises(PayloadError, match="names no URL"):
        parse("gemini", payload("gemini", "web_fetch", {"prompt": "read it"}))


@pytest.mark.parametrize(
    ("agent", "change", "problem"),
    [
        ("codex", {"hook_event_name": "PostToolUse"}, "only PreToolUse and PermissionRequest are judged"),
        ("codex", {"cwd": "engine"}, "not an absolute path"),
        ("codex", {"tool_input": {"command": ["ls"]}}, "tool_input.command in the payload is an array"),
        ("gemini", {"hook_event_name": "AfterTool"}, "only BeforeTool is judged"),
        ("gemini", {"tool_name": "read_file"}, "no tool_input.file_path"),
        ("gemini", {"mcp_context": {"server_name": "x"}}, "no mcp_context.tool_name"),
        ("copilot", {"toolResult": {}}, "the call is over"),
        ("copilot", {"toolArgs": "{"}, "toolArgs in the payload: the payload is not JSON"),
        ("copilot", {"toolArgs": None}, "no toolArgs"),
        ("copilot", {"toolName": "edit", "toolArgs": {"path": "a", "file_path": "b"}}, "file_path twice"),
        ("cursor", {"hook_event_name": "beforeShellExecution"}, "only preToolUse is judged"),
        ("cursor", {"cwd": "", "workspace_roots": []}, "neither cwd nor workspace_roots"),
        ("opencode", {"event": "tool.execute.after"}, "only tool.execute.before is judged"),
        ("opencode", {"args": None}, "args in the payload is null"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_sentence(agent: str, change: dict[str, Any], problem: str) -> None:
    fields = FORMS[agent](SHELL[agent], {"command": "ls"}) | change
    with pytest.raises(PayloadError) as caught:
        parse(agent, json.dumps(fields).encode())
    assert problem in caught.value.diagnostics()


def test_cursor_without_a_folder_of_its_own_runs_in_the_first_of_the_workspace() -> None:
    assert shell("cursor", cwd="").cwd == PROJECT


PERMISSION = {"hook_event_name": "PermissionRequest"}
DENIED: dict[str, bytes] = {
    "codex": b'{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny",'
    b'"permissionDecisionReason":"No \\"rm\\""}}',
    "gemini": b'{"decision":"deny","reason":"No \\"rm\\""}',
    "copilot": b'{"permissionDecision":"deny","permissionDecisionReason":"No \\"rm\\""}',
    "cursor": b'{"permission":"deny","user_message":"No \\"rm\\"","agent_message":"No \\"rm\\""}',
    "opencode": b'{"decision":"deny","reason":"No \\"rm\\""}',
}
ALLOWED = {
    "codex": b"{}",
    "gemini": b'{"decision":"allow"}',
    "copilot": b'{"permissionDecision":"allow"}',
    "cursor": b'{"permission":"allow"}',
    "opencode": b"{}",
}


@pytest.mark.parametrize("agent", OTHERS)
def test_each_action_has_its_reply(agent: str) -> None:
    adapter, call = agents.get(agent), shell(agent)
    assert adapter.reply(call, decision(Verdict.DEFER)) == Reply(b"{}")
    assert adapter.reply(call, decision(Verdict.ALLOW)) == Reply(ALLOWED[agent])
    assert adapter.reply(call, decision(Verdict.DENY, 'No "rm"')) == Reply(DENIED[agent])
    assert adapter.reply(call, decision(Verdict.ASK, 'No "rm"')) == Reply(DENIED[agent])
    assert not adapter.can_ask(call)


def test_codex_gets_its_own_form_for_a_request_for_permission() -> None:
    adapter, call = agents.get("codex"), shell("codex", **PERMISSION)
    assert adapter.reply(call, decision(Verdict.DEFER)) == Reply(b"{}")
    head = b'{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":'
    assert adapter.reply(call, decision(Verdict.ALLOW)) == Reply(head + b'{"behavior":"allow"}}}')
    denied = Reply(head + b'{"behavior":"deny","message":"No"}}}')
    assert adapter.reply(call, decision(Verdict.DENY, "No")) == denied


@pytest.mark.parametrize(
    ("agent", "blocked", "warned"),
    [
        ("codex", Reply(b"", b"why\n", 2), Reply(b'{"systemMessage":"why"}')),
        ("gemini", Reply(b'{"decision":"deny","reason":"why"}'), Reply(b'{"systemMessage":"why"}')),
        (
            "copilot",
            Reply(b'{"permissionDecision":"deny","permissionDecisionReason":"why"}'),
            Reply(b"{}", b"why\n"),
        ),
        (
            "cursor",
            Reply(b'{"permission":"deny","user_message":"why","agent_message":"why"}'),
            Reply(b'{"user_message":"why"}'),
        ),
        ("opencode", Reply(b'{"decision":"deny","reason":"why"}'), Reply(b"{}", b"why\n")),
    ],
)
def test_a_block_and_a_warning_have_their_reply(agent: str, blocked: Reply, warned: Reply) -> None:
    adapter = agents.get(agent)
    assert adapter.block("why") == blocked
    assert adapter.no_opinion("why") == warned
    assert adapter.no_opinion() == Reply(b"{}")


any_text = st.text(st.characters(exclude_categories=()), max_size=40)


@given(st.sampled_from(OTHERS), st.sampled_from([Verdict.DENY, Verdict.ASK]), any_text, st.booleans())
def test_what_stops_a_call_has_all_that_the_agent_needs_to_stop_it(
    agent: str, action: Verdict, reason: str, asked: bool
) -> None:
    call = shell(agent, **(PERMISSION if asked and agent == "codex" else {}))
    assert stops(agent, agents.get(agent).reply(call, decision(action, reason)))
    assert stops(agent, agents.get(agent).block(reason))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | any_text
    | st.sampled_from(["mcp__a__b", "mcp_a_b", "MCP:x", "Delete"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def broken_payloads(draw: st.DrawFn) -> tuple[str, bytes]:
    """An agent and a good payload of its own, in which something at any depth was changed, or its bytes were."""
    agent, tool, given_input = draw(st.sampled_from(ALL_SAMPLES))
    fields = FORMS[agent](tool, dict(given_input))
    for _ in range(draw(st.integers(0, 3))):
        inner = [value for value in fields.values() if isinstance(value, dict)]
        target = draw(st.sampled_from([fields, *inner]))
        key = draw(st.sampled_from(sorted(target) or ["x"]) | any_text)
        if draw(st.booleans()):
            target.pop(key, None)
        else:
            target[key] = draw(json_values)
    text = bytearray(json.dumps(fields).encode())
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        text[start : start + draw(st.integers(0, 9))] = draw(st.binary(max_size=5))
    return agent, bytes(text)


@given(broken_payloads())
def test_a_payload_is_read_or_refused_and_a_deny_on_it_always_stops(found: tuple[str, bytes]) -> None:
    agent, data = found
    adapter = agents.get(agent)
    try:
        call = parse(agent, data)
    except PayloadError as error:
        _is_refused_and_blocked(agent, error)
        return
    assert call.session_id
    assert call.tool
    assert call.real_cwd.startswith("/")
    assert bool(call.file_path) == bool(call.real_file_path)
    assert json.loads(call.input_json) == call.input
    for text in (call.real_cwd, call.real_file_path, call.command, call.input_json):
        text.encode()
    assert stops(agent, adapter.reply(call, decision(Verdict.DENY, "no")))


def _is_refused_and_blocked(agent: str, error: PayloadError) -> None:
    assert error.message
    assert "\n" not in error.diagnostics()
    assert stops(agent, agents.get(agent).block(error.diagnostics()))


@pytest.mark.parametrize("agent", OTHERS)
def test_a_folder_that_no_program_can_work_in_is_refused(agent: str) -> None:
    # The rest of the texts that stay as long as the session does are ids: tested with Claude Code's names.
    name = next(
        key for key, value in json.loads(payload(agent, SHELL[agent], {"command": "ls"})).items() if value == PROJECT
    )
    with pytest.raises(PayloadError, match="more than the limit of 4096"):
        shell(agent, **{name: "/" + "a/" * 50_000})
