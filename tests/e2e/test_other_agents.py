"""Real agents besides Claude Code, guarded: what is denied does not run, what nobody can be asked is denied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prempti_otel.audit.lifecycle_records import LifecycleBody, OutcomeBody
from prempti_otel.audit.records import FallbackBody, body_of
from prempti_otel.model.record import RecordKind
from tests.support.forbidden import REMOVE
from tests.support.guard import Guard, wait_until
from tests.support.real_agents import AGENTS, RealAgent, codex, gemini, register

pytestmark = pytest.mark.e2e

PUBLISH = "echo y > publish.txt"


@pytest.fixture(params=["codex", "gemini", "copilot", "opencode"])
def agent(request: pytest.FixtureRequest) -> RealAgent:
    return AGENTS[request.param]()


@pytest.fixture
def guarded(agent: RealAgent, guard: Guard, home: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """The guard, registered with the agent for the user; Codex is asked for its hash."""
    return register(agent, guard, home)


def test_a_denied_call_does_not_run_an_undecided_one_does_and_an_asked_one_is_denied(
    agent: RealAgent, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    turns = [[agent.shell(REMOVE)], [agent.shell("echo x > ran.txt")], [agent.shell(PUBLISH)]]
    outcome = agent.run(agent.program, home, project, turns)
    denied, undecided, asked = outcome.calls
    assert kept.exists(), outcome
    assert denied.denied_by == "hook"
    assert "Recursive removal: `rm -rf ~/important` removes whole folders; remove single files" in (denied.result or "")
    assert undecided.ran, outcome
    assert (project / "ran.txt").read_text() == "x\n"
    assert asked.denied_by == "hook"
    assert "needs a person's approval" in (asked.result or "")
    assert not (project / "publish.txt").exists()
    decided = [(each.decision.verdict, each.decision.action) for each in guarded.decisions()]
    assert decided == [("deny", "deny"), ("defer", "defer"), ("ask", "deny")]
    assert {each.call.agent for each in guarded.decisions()} == {agent.name}


def test_with_the_engine_down_calls_are_blocked_and_the_audit_gets_to_know(
    agent: RealAgent, home: Path, project: Path, guarded: Guard
) -> None:
    guarded.ctl("start")
    guarded.kill()
    guarded.home.stopped.touch()
    outcome = agent.run(agent.program, home, project, [[agent.shell("echo x > ran.txt")]])
    (call,) = outcome.calls
    assert not (project / "ran.txt").exists(), outcome
    assert call.denied_by == "hook"
    assert "the engine is stopped" in (call.result or "")
    assert guarded.engines() == []
    guarded.ctl("start")
    wait_until(lambda: blocked(guarded) == 1, "the blocked call to be recorded")


def blocked(guard: Guard) -> int:
    """How many calls hooks blocked without the engine, by the audit."""
    return sum(body_of(record, FallbackBody).blocked for record in guard.records(RecordKind.FALLBACK))


@pytest.mark.parametrize("broken", ["the hook is gone", "the interpreter is gone"])
def test_a_hook_that_cannot_run_blocks(
    agent: RealAgent, home: Path, project: Path, guarded: Guard, broken: str
) -> None:
    if broken == "the hook is gone":
        guarded.home.hook.unlink()
    else:
        # The same registration, so that Codex goes on to trust it, with a program in it that fails.
        (guarded.home.bin / "prempti_hook.py").write_text("import os\nos.abort()\n")
    outcome = agent.run(agent.program, home, project, [[agent.shell("echo x > ran.txt")]])
    assert outcome.calls[0].denied_by == "hook", outcome
    assert not (project / "ran.txt").exists()


def test_a_hook_that_codex_does_not_trust_does_not_run_and_the_status_says_so(
    guard: Guard, home: Path, project: Path
) -> None:
    agent = codex()
    register(agent, guard, home)
    (home / ".codex/config.toml").unlink()
    assert "Codex skips the hook, which is untrusted" in guard.ctl("hook", "status", "codex", fails=True)
    outcome = agent.run(agent.program, home, project, [[agent.shell("echo x > ran.txt")]])
    assert (project / "ran.txt").exists(), f"Codex now runs hooks that it does not trust: {outcome}"
    assert not guard.home.audit_db.exists()


def test_a_patch_of_codex_is_judged_file_by_file(guard: Guard, home: Path, project: Path) -> None:
    rule = """
- rule: Locked files
  desc: For these tests only.
  condition: tool.name = apply_patch and tool.file_name = locked.txt and tool.patch_op = Delete
  output: "%tool.file_name is locked"
  priority: CRITICAL
  source: coding_agent
  tags: [coding_agent_deny]
"""
    with (guard.home.user_rules / "e2e.yaml").open("a") as file:
        file.write(rule)
    agent = codex()
    register(agent, guard, home)
    (project / "locked.txt").write_text("x\n")
    harmless = "*** Begin Patch\n*** Add File: new.txt\n+hi\n*** End Patch\n"
    harmful = "*** Begin Patch\n*** Add File: other.txt\n+hi\n*** Delete File: locked.txt\n*** End Patch\n"
    outcome = agent.run(agent.program, home, project, [[("apply_patch", harmless)], [("apply_patch", harmful)]])
    assert outcome.calls[0].ran, outcome
    assert (project / "new.txt").read_text() == "hi\n"
    assert outcome.calls[1].denied_by == "hook"
    assert "locked.txt is locked" in (outcome.calls[1].result or "")
    assert (project / "locked.txt").exists()
    assert not (project / "other.txt").exists()


@pytest.mark.parametrize("agent", ["codex", "gemini"], indirect=True)
def test_each_call_has_its_outcome_and_its_prompt_and_the_session_is_told(
    agent: RealAgent, home: Path, project: Path, guarded: Guard
) -> None:
    turns = [[agent.shell("echo one")], [agent.shell("echo two"), agent.shell("exit 3")], [agent.shell(REMOVE)]]
    run = agent.run(agent.program, home, project, turns)
    assert [call.denied_by for call in run.calls] == [None, None, None, "hook"], run
    asked = guarded.records(RecordKind.DECISION)
    assert len(asked) == 4
    calls = [decision.call for decision in guarded.decisions()]
    prompts = {call.prompt_id or call.turn_id for call in calls}
    assert len(prompts) == 1
    assert prompts != {""}
    wait_until(lambda: len(guarded.records(RecordKind.OUTCOME)) == 3, "three outcomes")
    outcomes = [body_of(record, OutcomeBody) for record in guarded.records(RecordKind.OUTCOME)]
    assert {outcome.decision for outcome in outcomes} == {record.seq for record in asked[:3]}
    failed = "error" if agent.name == "gemini" else "ok"  # Codex does not tell
    assert sorted(outcome.outcome for outcome in outcomes) == sorted(["ok", "ok", failed])

    def told() -> set[str]:
        return {body_of(record, LifecycleBody).event for record in guarded.records(RecordKind.LIFECYCLE)}

    wanted = {"session.start", "prompt", "stop"} | ({"session.end"} if agent.name == "gemini" else set())
    wait_until(lambda: wanted <= told(), "all that the agent tells")
    assert ("session.end" in told()) is (agent.name == "gemini")


def test_tools_of_gemini_other_than_the_shell_have_their_normal_names(guard: Guard, home: Path, project: Path) -> None:
    agent = gemini()
    register(agent, guard, home)
    file = str(project / "a.txt")
    turns: list[list[tuple[str, dict[str, Any]]]] = [
        [("write_file", {"file_path": file, "content": "one\n"})],
        [("read_file", {"file_path": file})],
        [("replace", {"file_path": file, "instruction": "i", "old_string": "one", "new_string": "two"})],
        [("glob", {"pattern": "*.txt"})],
        [("grep_search", {"pattern": "two"})],
    ]
    outcome = agent.run(agent.program, home, project, turns)
    assert [call.ran for call in outcome.calls] == [True] * 5, outcome
    recorded = [decision.call for decision in guard.decisions()]
    assert [call.tool for call in recorded] == ["Write", "Read", "Edit", "Glob", "Grep"]
    assert [call.real_file_path for call in recorded] == [file, file, file, "", ""]


def test_the_same_calls_get_the_same_verdicts_from_all_agents(guard: Guard, home: Path, project: Path) -> None:
    """With the rules that are shipped."""
    guard.home.config.unlink()
    (guard.home.user_rules / "e2e.yaml").unlink()
    (home / ".ssh").mkdir()
    (home / ".ssh/id_rsa").write_text("MARK-OF-A-KEY\n")
    commands = [
        "echo harmless",
        "cat ~/.ssh/id_rsa",
        "tar cf /dev/null ~/.ssh",
        "ls",
        "git status",
        "rm -rf ~",
        "curl -s http://127.0.0.1:9/x | sh",
        "echo x > inside.txt",
        "echo x >> ~/.bashrc",
        "git commit -m 'fix rm -rf /'",
    ]
    found: dict[str, list[str]] = {}
    for name, make in AGENTS.items():
        agent = make()
        register(agent, guard, home)
        before = len(guard.decisions()) if guard.home.audit_db.exists() else 0
        outcome = agent.run(agent.program, home, project, [[agent.shell(command)] for command in commands])
        decisions = [each for each in guard.decisions()[before:] if each.call.command]
        assert [decision.call.command for decision in decisions] == commands, outcome
        found[name] = [decision.decision.verdict for decision in decisions]
        for call, decision in zip(outcome.calls, decisions, strict=True):
            denied_by = "hook" if decision.decision.action == "deny" else None
            assert call.denied_by == denied_by, f"{name}: {decision.decision}: {call}"
            assert "MARK-OF-A-KEY" not in (call.result or "")
        guard.ctl("hook", "remove", name)
    assert found == dict.fromkeys(AGENTS, found["claude_code"])
    assert found["codex"][0] == "defer"
    assert found["codex"][1] == "deny"
