"""The real Claude Code through hook, engine, exporter and both collectors: its run as Jaeger then has it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dashboards import schema
from prempti_otel.model.record import RecordKind
from prempti_otel.telemetry import ids, names
from tests.stack.conftest import until
from tests.support import real_claude
from tests.support.guard import Guard
from tests.support.npm_agents import Run
from tests.support.otlp import OtlpReceiver, attributes
from tests.support.real_claude import bash
from tests.support.stack import Stack, attributes_of

RULES = """
- rule: Recursive removal
  desc: For these tests only.
  condition: proc.name = rm and proc.args contains "-rf"
  output: "`%proc.cmdline` removes whole folders"
  priority: CRITICAL
  source: coding_agent
  tags: [coding_agent_deny]

- rule: A file is written
  desc: For these tests only.
  condition: file.op = write and file.name = ran.txt
  output: "%file.path is written by %proc.name"
  priority: NOTICE
  source: coding_agent
"""
SLOW_S, FAILING_S = 0.4, 0.2
ORDER = ("allowed", "denied", "failing", "slow", "beside", "agent", "inner")
"""The calls of the script by their parts in it: ``slow`` and ``beside`` are made at once, ``inner`` by a subagent."""


@dataclass(frozen=True)
class Played:
    """What Claude Code did, and its trace."""

    run: Run
    project: Path
    session: str
    spans: dict[str, dict[str, Any]]
    """By the call's part in the script; the agents' own by name."""
    count: int
    """How many spans the trace has."""


@pytest.fixture(scope="module")
def program() -> Path:
    """Claude Code's."""
    if shutil.which("npm") is None:
        pytest.skip("Claude Code is installed by npm, which is missing: https://nodejs.org")
    return real_claude.installed()


@pytest.fixture(scope="module")
def own_stack(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Services that nothing else is sent to: other tests count what comes to theirs."""
    assert program.exists()
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def played(own_stack: Stack, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    home, project = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("project")
    guard = Guard(home)
    guard.home.create()
    guard.home.config.write_text(own_stack.engine_config)
    (guard.home.user_rules / "test.yaml").write_text(RULES)
    guard.ctl("hook", "add", "claude_code")
    guard.ctl("start")
    turns: list[list[tuple[str, dict[str, Any]]]] = [
        [bash("echo x > ran.txt")],
        [bash("rm -rf ~/important")],
        [bash(f"sleep {FAILING_S}; exit 3")],
        [bash(f"sleep {SLOW_S}; ls"), ("Read", {"file_path": str(project / "ran.txt")})],
        [("Agent", {"description": "sub", "prompt": "SUBAGENT", "subagent_type": "general-purpose"})],
    ]
    try:
        run = real_claude.run(program, home, project, turns, subagent=[[bash("echo from-the-subagent")]])
        (session,) = {decision.call.session_id for decision in guard.decisions()}
        (prompt,) = {decision.call.prompt_id for decision in guard.decisions()}
        trace = f"{ids.trace_id(session, prompt):032x}"
        part = {call.id: name for call, name in zip(run.calls, ORDER, strict=True)}
        complete = {*ORDER, "invoke_agent claude_code", "invoke_agent general-purpose"}

        def found() -> dict[str, dict[str, Any]]:
            spans = own_stack.trace(trace).values()
            return {part.get(str(attributes_of(span).get(names.TOOL_CALL_ID)), span["name"]): span for span in spans}

        until(lambda: found().keys() >= complete)
        yield Played(run, project, session, found(), len(own_stack.trace(trace)))
        assert guard.records(RecordKind.FALLBACK) == []
    finally:
        guard.ctl("stop", "--keep-hooks")


def test_claude_code_itself_tells_of_a_failed_hook_as_the_dashboard_asks(tmp_path: Path, program: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    for folder in (home / ".claude", project):
        folder.mkdir(parents=True)
    hook = {"type": "command", "command": "echo 'a hook that fails' >&2; exit 1"}
    (home / ".claude/settings.json").write_text(json.dumps({"hooks": {"PreToolUse": [{"hooks": [hook]}]}}))
    with OtlpReceiver("http/protobuf") as receiver:
        environment = {
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_LOGS_EXPORT_INTERVAL": "500",
        }
        real_claude.run(program, home, project, [[bash("echo x")]], environment=environment)
        told = [attributes(record) for record in receiver.logs()]
        services = {
            attributes(group.resource)[names.SERVICE_NAME]
            for request in receiver.taken("logs")
            for group in request.resource_logs
        }
    (complete,) = (event for event in told if event[names.EVENT_NAME] == schema.HOOK_COMPLETE)
    assert services == {schema.CLAUDE_CODE}
    assert complete[schema.HOOK_EVENT] == "PreToolUse"
    assert (complete[schema.HOOK_ERRORS], complete[schema.HOOK_CANCELLED]) == ("1", "0")


def seconds(span: dict[str, Any]) -> float:
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9


def test_the_trace_has_each_call_and_agent_once_by_its_name(played: Played) -> None:
    tools = dict.fromkeys(ORDER, "Bash") | {"beside": "Read", "agent": "Agent"}
    assert {name: played.spans[name]["name"] for name in ORDER} == {
        name: f"execute_tool {tool}" for name, tool in tools.items()
    }
    assert played.count == len(ORDER) + 2, played.spans.keys()


def test_calls_hang_below_the_agent_that_made_them(played: Played) -> None:
    main, sub = played.spans["invoke_agent claude_code"], played.spans["invoke_agent general-purpose"]
    assert not main.get("parentSpanId")
    assert {played.spans[name]["parentSpanId"] for name in ORDER if name != "inner"} == {main["spanId"]}
    assert sub["parentSpanId"] == played.spans["agent"]["spanId"]
    assert played.spans["inner"]["parentSpanId"] == sub["spanId"]


def test_a_span_lasts_as_long_as_its_call(played: Played) -> None:
    main = played.spans["invoke_agent claude_code"]
    for name, least in (("failing", FAILING_S), ("slow", SLOW_S)):
        assert least <= seconds(played.spans[name]) <= seconds(main)
        assert float(attributes_of(played.spans[name])[names.TOOL_DURATION]) >= least
    for name in ORDER:
        assert int(main["startTimeUnixNano"]) <= int(played.spans[name]["startTimeUnixNano"])
        assert int(played.spans[name]["endTimeUnixNano"]) <= int(main["endTimeUnixNano"]) or name == "inner"
    slow, beside = played.spans["slow"], played.spans["beside"]
    assert int(beside["startTimeUnixNano"]) < int(slow["endTimeUnixNano"]), "they were made at once"


def test_a_span_tells_what_was_decided_and_how_it_ended(played: Played) -> None:
    found = {name: attributes_of(played.spans[name]) for name in ORDER}
    assert {name: found[name][names.OUTCOME] for name in ORDER} == dict.fromkeys(ORDER, "ok") | {
        "denied": "denied",
        "failing": "error",
    }
    assert {name: (found[name][names.VERDICT], found[name][names.ACTION]) for name in ORDER} == dict.fromkeys(
        ORDER, ("defer", "defer")
    ) | {"denied": ("deny", "deny")}
    assert found["allowed"][names.COMMAND_LINE] == "echo x > ran.txt"
    assert found["allowed"][names.WORKING_DIRECTORY] == str(played.project)
    assert found["beside"][names.FILE_PATH] == str(played.project / "ran.txt")
    assert {found[name][names.SESSION_ID] for name in ORDER} == {played.session}
    for name, call in zip(ORDER, played.run.calls, strict=True):
        assert found[name][names.TOOL_CALL_ID] == call.id
        assert {key for key in found[name] if not key.startswith("redaction.")} <= set(names.ATTRIBUTES)
    assert found["failing"][names.ERROR_TYPE] == "tool_error"
    codes = {name: played.spans[name].get("status", {}).get("code", 0) for name in ORDER}
    assert codes.pop("failing") in (2, "STATUS_CODE_ERROR")
    assert set(codes.values()) <= {0, "STATUS_CODE_UNSET"}


def test_rule_matches_are_events_with_their_evidence(played: Played) -> None:
    events = {name: [attributes_of(event) for event in played.spans[name].get("events", [])] for name in ORDER}
    held = {(name, event[names.RULE_NAME]) for name, found in events.items() for event in found}
    assert held == {("allowed", "A file is written"), ("denied", "Recursive removal")}
    denied, allowed = events["denied"][0], events["allowed"][0]
    assert denied[names.COMMAND_LINE].startswith("rm -rf ")
    assert denied[names.RULE_VERDICT] == "deny"
    assert allowed[names.FILE_PATH] == "ran.txt"
    assert allowed[names.FILE_OP] == "write"
    assert {event["name"] for name in ORDER for event in played.spans[name].get("events", [])} == {
        names.RULE_MATCH_EVENT
    }
