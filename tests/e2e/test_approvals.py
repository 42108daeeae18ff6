"""Real agents that cannot ask: what a rule asks about is denied, approved by a person, and passes exactly once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.audit.records import AdminBody, body_of
from prempti_otel.model.record import RecordKind
from tests.support.approvers import skip_below_an_agent
from tests.support.guard import PREMPTICTL, Guard, wait_until
from tests.support.npm_agents import Run
from tests.support.real_agents import AGENTS, RealAgent, claude, register
from tests.support.terminal import Terminal

pytestmark = pytest.mark.e2e

PUBLISH = "echo y >> publish.txt"
UNTIL_APPROVED = "until [ -e approved ]; do sleep 0.1; done"
OWN_APPROVAL = "premptictl approve --last"
BETWEEN = "Type yes to approve this call: "


@pytest.fixture(params=["codex", "gemini", "claude_code"])
def agent(request: pytest.FixtureRequest) -> RealAgent:
    return AGENTS[request.param]()


@pytest.fixture
def person(home: Path) -> Iterator[Terminal]:
    """A terminal that no agent started."""
    skip_below_an_agent()
    terminal = Terminal(home, f"{PREMPTICTL.parent}:/usr/bin:/bin", {"TERM": "dumb"})
    yield terminal
    terminal.close()


@pytest.fixture
def guarded(agent: RealAgent, guard: Guard, home: Path) -> Guard:
    """The guard, registered with the agent and started."""
    return started(agent, guard, home)


def started(agent: RealAgent, guard: Guard, home: Path) -> Guard:
    register(agent, guard, home)
    guard.ctl("start")
    return guard


def approve_when_asked(guard: Guard, person: Terminal, project: Path) -> str:
    """Wait for a call that waits, approve it at the terminal, and let the agent go on; the ID."""
    wait_until(lambda: any(each.decision.approval for each in guard.decisions()), "a call that waits", 90)
    name = next(each.decision.approval for each in guard.decisions() if each.decision.approval)
    person.type(f"premptictl approve {name}")
    person.wait_for(BETWEEN)
    person.type("yes")
    assert "approved: this call passes once" in person.wait().text, person.transcript
    (project / "approved").touch()
    return name


def test_an_approved_call_passes_exactly_once(
    agent: RealAgent, guarded: Guard, home: Path, project: Path, person: Terminal
) -> None:
    turns = [[agent.shell(command)] for command in (PUBLISH, UNTIL_APPROVED, PUBLISH, PUBLISH)]
    results: list[Run] = []
    run = threading.Thread(target=lambda: results.append(agent.run(agent.program, home, project, turns)))
    run.start()
    try:
        name = approve_when_asked(guarded, person, project)
    finally:
        (project / "approved").touch()
        run.join()
    denied, _, passed, again = results[0].calls
    for call in (denied, again):
        assert call.denied_by == "hook", results[0]
        assert f"premptictl approve {name}" in (call.result or "")
    assert passed.ran, results[0]
    assert (project / "publish.txt").read_text() == "y\n"
    decided = [each.decision for each in guarded.decisions() if each.call.command == PUBLISH]
    assert [(each.verdict, each.action, each.source) for each in decided] == [
        ("ask", "deny", "rule"),
        ("ask", "defer", "approval"),
        ("ask", "deny", "rule"),
    ]
    assert {each.approval for each in decided} == {name}
    assert all(each.matches for each in guarded.decisions() if each.call.command == PUBLISH)


def test_an_agents_own_approval_is_refused(agent: RealAgent, guarded: Guard, home: Path, project: Path) -> None:
    """With no rule that stops the attempt: the engine sees who asks."""
    command = (
        f"PATH={PREMPTICTL.parent}:$PATH HOME={home} script -qec '{OWN_APPROVAL}' /dev/null > answer.txt 2>&1; true"
    )
    outcome = agent.run(agent.program, home, project, [[agent.shell(each)] for each in (PUBLISH, command, PUBLISH)])
    assert [call.denied_by for call in outcome.calls] == ["hook", None, "hook"], outcome
    assert "a coding agent" in (project / "answer.txt").read_text()
    assert not (project / "publish.txt").exists()
    actions = [body_of(record, AdminBody).action for record in guarded.records(RecordKind.ADMIN)]
    assert "approve-refused" in actions
    assert "approve" not in actions


def test_claude_code_with_its_own_permissions_is_told_the_id_where_nobody_is_there(
    guard: Guard, home: Path, project: Path
) -> None:
    agent = claude(own_permissions=True)
    started(agent, guard, home)
    (call,) = agent.run(agent.program, home, project, [[agent.shell(PUBLISH)]]).calls
    (decision,) = (each.decision for each in guard.decisions())
    assert (decision.verdict, decision.action) == ("ask", "deny")
    assert call.denied_by == "hook"
    assert f"premptictl approve {decision.approval}" in (call.result or "")


def test_a_suspended_claude_code_goes_on_with_the_approved_call_when_resumed(
    guard: Guard, home: Path, project: Path, person: Terminal
) -> None:
    guard.home.config.write_text("rules: {default: false}\napprovals: {headless: suspend}\n")
    agent = claude()
    started(agent, guard, home)
    outcome = agent.run(agent.program, home, project, [[agent.shell(PUBLISH)], [agent.shell("ls")]])
    assert '"terminal_reason":"tool_deferred"' in outcome.stdout.replace('": "', '":"'), outcome
    assert not (project / "publish.txt").exists()
    (waiting,) = guard.decisions()
    assert waiting.decision.suspends
    approve_when_asked(guard, person, project)
    resumed = agent.run(agent.program, home, project, [[agent.shell(PUBLISH)]], resume=waiting.call.session_id)
    assert (project / "publish.txt").read_text() == "y\n", resumed
    assert [each.decision.source for each in guard.decisions()][:2] == ["rule", "approval"]
