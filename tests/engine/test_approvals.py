"""An approval lets exactly one call pass, exactly as often as a person allowed, and never a call that is denied."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from prempti_otel import agents
from prempti_otel.agents.interface import Arrival
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import AdminBody, body_of
from prempti_otel.engine.approvals.calls import (
    ASKED_NS,
    MAX_ASKED,
    ApprovalError,
    Approvals,
    identity,
    normal_id,
)
from prempti_otel.engine.evaluate import Policy
from prempti_otel.engine.health import Health
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.pipeline import Pipeline
from prempti_otel.engine.sessions import Sessions
from prempti_otel.model.decision import Mode, Verdict
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.config import ApprovalSettings
from prempti_otel.settings.home import Home
from tests.support.agent_payloads import codex, gemini
from tests.support.approval_desk import BOTH_ASK, MINUTE, Desk, passed
from tests.support.claude_payloads import payload
from tests.support.rulesets import RULES, ruleset


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Home(tmp_path / "home"), Policy(Mode.GUARDRAILS, Verdict.DEFER, ruleset()))
    yield made
    made.trail.close()


def test_an_ask_that_nobody_can_be_asked_is_denied_with_the_way_to_an_approval(desk: Desk) -> None:
    payload = json.dumps(codex("Bash", {"command": "ask-me"})).encode()
    reason = json.loads(desk.pipeline.hook("codex", payload).stdout)["hookSpecificOutput"]["permissionDecisionReason"]
    (record,) = desk.decisions()
    assert f"premptictl approve {record.decision.approval}" in reason
    assert "Ask marker: please confirm Bash" in reason
    assert reason.endswith(f"correlation id: {record.call.correlation_id}")
    assert (record.decision.verdict, record.decision.action, record.decision.source) == ("ask", "deny", "rule")
    assert record.decision.call_hash.startswith("hmac-sha256:")


def test_an_approved_call_passes_exactly_once_and_its_record_says_by_what(desk: Desk) -> None:
    assert not desk.codex("ask-me")
    name = desk.last_id()
    desk.give(name)
    assert desk.codex("ask-me")
    record = desk.decisions()[-1]
    assert (record.decision.verdict, record.decision.action, record.decision.source) == ("ask", "defer", "approval")
    assert (record.decision.approval, record.decision.reason) == (name, f"approved by a person: {name}")
    assert [match.rule for match in record.matches] == ["Ask marker"]
    assert not desk.codex("ask-me")
    assert desk.last_id() == name


def test_with_the_floor_allow_an_approved_call_gets_what_others_get(desk: Desk) -> None:
    desk.policy = replace(desk.policy, floor=Verdict.ALLOW)
    desk.codex("ask-me")
    desk.give(desk.last_id())
    assert desk.codex("ask-me")
    assert desk.decisions()[-1].decision.action == "allow"


OTHER_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "a blank more": ("ask-me ", {}),
    "a blank more inside": ("ask-me  x", {}),
    "another letter": ("ask-me y", {}),
    "another case": ("ask-me X", {}),
    "another session": ("ask-me x", {"session_id": "0199-c0df"}),
    "another folder": ("ask-me x", {"cwd": "/home/ada"}),
    "the same folder spelled otherwise": ("ask-me x", {"cwd": "/home/ada/engine/"}),
    "one argument more": ("ask-me x", {"tool_input": {"command": "ask-me x", "timeout": 1}}),
    "another tool": ("ask-me x", {"tool_name": "mcp__demo__run"}),
}


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_an_approval_is_for_no_other_call(desk: Desk, name: str) -> None:
    assert not desk.codex("ask-me x")
    desk.give(desk.last_id())
    command, more = OTHER_CALLS[name]
    assert not desk.codex(command, **more)
    assert desk.codex("ask-me x")


def test_what_differs_from_call_to_call_by_itself_does_not_matter(desk: Desk) -> None:
    desk.codex("ask-me", tool_use_id="call_1", turn_id="turn-1")
    desk.give(desk.last_id())
    assert desk.codex("ask-me", tool_use_id="call_2", turn_id="turn-2", model="another")


def test_the_order_and_blanks_of_the_payloads_json_do_not_matter(desk: Desk) -> None:
    desk.codex("", tool_input={"command": "ask-me", "timeout": 1})
    desk.give(desk.last_id())
    payload = json.dumps(codex("Bash", {"timeout": 1, "command": "ask-me"}), indent=4).encode()
    assert passed(desk.pipeline.hook("codex", payload))


def test_an_approval_of_one_agent_is_none_of_another(desk: Desk) -> None:
    session = {"session_id": "same", "cwd": "/"}
    desk.codex("ask-me", **session)
    desk.give(desk.last_id())
    payload = json.dumps(gemini("run_shell_command", {"command": "ask-me"}, **session)).encode()
    assert not passed(desk.pipeline.hook("gemini", payload))
    assert desk.codex("ask-me", **session)


def test_an_agent_that_is_asked_about_one_call_at_two_of_its_events_gets_it_past_both(desk: Desk) -> None:
    """Codex's PreToolUse, and then its PermissionRequest; and once only."""
    desk.codex("ask-me")
    desk.give(desk.last_id())
    assert desk.codex("ask-me")
    request = json.dumps(codex("Bash", {"command": "ask-me"}, hook_event_name="PermissionRequest")).encode()
    decisions = [json.loads(desk.pipeline.hook("codex", request).stdout) for _ in range(2)]
    assert decisions[0] == {}
    assert decisions[1]["hookSpecificOutput"]["decision"]["behavior"] == "deny"
    assert not desk.codex("ask-me")


def test_two_approvals_of_one_call_do_not_add_up(desk: Desk) -> None:
    desk.codex("ask-me")
    name = desk.last_id()
    desk.give(name)
    desk.give(name)
    assert [desk.codex("ask-me") for _ in range(3)] == [True, False, False]


def test_a_used_up_approval_can_be_given_anew(desk: Desk) -> None:
    desk.codex("ask-me")
    for _ in range(3):
        desk.give(desk.last_id())
        assert [desk.codex("ask-me") for _ in range(2)] == [True, False]


def test_two_identical_calls_at_once_do_not_share_an_approval(desk: Desk) -> None:
    desk.codex("ask-me")
    for _ in range(10):
        desk.give(desk.last_id())
        begin = threading.Barrier(8)
        results: list[bool] = []

        def call(begin: threading.Barrier = begin, results: list[bool] = results) -> None:
            begin.wait()
            results.append(desk.codex("ask-me"))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [False] * 7 + [True]


@pytest.mark.parametrize("command", ["deny-me", "ask-me deny-me"])
def test_a_call_that_is_denied_has_nothing_to_approve(desk: Desk, command: str) -> None:
    assert not desk.codex(command)
    assert desk.last_id() == ""
    assert desk.approvals.listed() == ([], [])


def test_a_call_that_comes_to_be_denied_is_not_saved_by_its_approval(desk: Desk) -> None:
    desk.codex("ask-me")
    desk.give(desk.last_id(), 3600)
    denies = RULES.replace("coding_agent_ask", "coding_agent_deny")
    desk.policy = replace(desk.policy, ruleset=ruleset(denies))
    assert not desk.codex("ask-me")


def test_an_approval_does_not_cover_a_rule_that_nobody_was_shown(desk: Desk) -> None:
    desk.policy = replace(desk.policy, ruleset=ruleset(BOTH_ASK))
    desk.codex("ask-me")
    name = desk.last_id()
    seen = desk.approvals.find(name)
    desk.give(name, 3600)
    desk.codex("note-me")
    assert not desk.codex("ask-me")
    assert desk.last_id() == name
    with pytest.raises(ApprovalError, match="other rules ask"):
        desk.approvals.find(name, seen.seq)
    desk.give(name)
    assert desk.codex("ask-me")


def test_in_monitor_mode_nothing_waits(desk: Desk) -> None:
    desk.policy = replace(desk.policy, mode=Mode.MONITOR)
    assert desk.codex("ask-me")
    assert desk.last_id() == ""


def test_an_approval_that_cannot_be_recorded_is_not_in_force(desk: Desk) -> None:
    desk.codex("ask-me")
    asked = desk.approvals.find(desk.last_id())
    desk.trail.close()
    with pytest.raises(Exception, match="closed"):
        desk.approvals.give(asked, 0, "ada", {})
    desk.restart()
    assert not desk.codex("ask-me")


def test_a_call_whose_record_was_not_written_cannot_be_approved(desk: Desk) -> None:
    call = agents.get("codex").parse(
        json.dumps(codex("Bash", {"command": "ask-me"})).encode(), Arrival(1, time.time_ns())
    )
    desk.codex("ask-me")
    decided = desk.approvals.settle(agents.get("codex"), replace(call, session_id="other"), _asked(), Verdict.DEFER)
    with pytest.raises(ApprovalError):
        desk.approvals.find(decided.approval)
    assert [one.session_id for one in desk.approvals.listed()[0]] == [call.session_id]


def _asked() -> Any:
    from tests.engine.test_decide import ASK, decided, match

    return decided(match("Ask marker", ASK), can_ask=False)


def test_who_gave_it_is_on_record(desk: Desk) -> None:
    desk.codex("ask-me")
    name = desk.last_id()
    giver = {"user": "ada", "terminal": "/dev/pts/3", "processes": ["7 premptictl", "5 bash"]}
    desk.approvals.give(desk.approvals.find(name), 0, "ada at /dev/pts/3", giver)
    with StoreReader(desk.home) as reader:
        (record,) = reader.records(kinds=[RecordKind.ADMIN])
    body = body_of(record, AdminBody)
    assert body.action == "approve"
    assert body.detail["id"] == name
    assert body.detail["giver"] == giver
    assert body.detail["call_hash"] == desk.decisions()[0].decision.call_hash


def test_an_id_is_the_same_whenever_the_call_is_made_and_is_read_as_people_spell_it(desk: Desk) -> None:
    names = set()
    for _ in range(3):
        desk.codex("ask-me")
        names.add(desk.last_id())
    (name,) = names
    for spelled in (name.lower(), name.replace("-", ""), f" {name} ", name.replace("0", "O").replace("1", "l")):
        assert desk.approvals.find(spelled).id == name
    for wrong in ("", "-", "?", "0" * 8, name[:-1], name + "0", "x" * 10_000):
        with pytest.raises(ApprovalError):
            desk.approvals.find(wrong)


def test_ten_thousand_calls_can_wait_and_each_has_an_id_of_its_own(desk: Desk) -> None:
    call = agents.get("codex").parse(
        json.dumps(codex("Bash", {"command": "ask-me"})).encode(), Arrival(1, time.time_ns())
    )
    names = []
    for number in range(MAX_ASKED + 10):
        decision = desk.approvals.settle(
            agents.get("codex"), replace(call, input_json=str(number)), _asked(), Verdict.DEFER
        )
        desk.approvals.recorded(decision.call_hash, number + 1)
        names.append(decision.approval)
    assert len({normal_id(name) for name in names}) == len(names)
    assert len(desk.approvals.listed()[0]) == MAX_ASKED
    assert desk.approvals.find(names[-1]).seq == MAX_ASKED + 10
    with pytest.raises(ApprovalError):
        desk.approvals.find(names[0])
    desk.clocks.pass_by(ASKED_NS + MINUTE)
    assert desk.approvals.listed() == ([], [])


@given(
    left=st.lists(st.text(max_size=4), min_size=9, max_size=9),
    right=st.lists(st.text(max_size=4), min_size=9, max_size=9),
)
def test_calls_that_differ_anywhere_have_different_identities(left: list[str], right: list[str]) -> None:
    call = agents.get("codex").parse(json.dumps(codex("Bash", {"command": "x"})).encode(), Arrival(1, time.time_ns()))
    places = (
        "agent",
        "session_id",
        "cwd",
        "real_cwd",
        "tool",
        "mcp_server",
        "mcp_tool",
        "real_file_path",
        "input_json",
    )
    one, other = (replace(call, **dict(zip(places, texts, strict=True))) for texts in (left, right))  # type: ignore[arg-type]
    assert (identity(one) == identity(other)) == (left == right)


@pytest.mark.parametrize(
    ("arguments", "headless"),
    [
        (["claude", "-p", "do it"], True),
        (["claude", "--print", "do it"], True),
        (["claude", "-cp", "do it"], True),
        (["claude", "--output-format", "json", "-p"], True),
        (["claude"], False),
        (["claude", "--resume", "x"], False),
        (["claude", "please print"], False),
        (["claude", "-p", "--permission-prompt-tool", "stdio"], False),
        (["claude", "-p", "--permission-prompt-tool=mcp__x__ask"], False),
        ([], False),
    ],
)
def test_claude_code_with_nobody_at_it_is_known_by_its_arguments(arguments: list[str], headless: bool) -> None:
    assert agents.get("claude_code").headless(arguments) == headless
    assert not agents.get("codex").headless(arguments)


@pytest.mark.parametrize(
    ("arguments", "how", "answer"),
    [
        (["claude"], "deny", "ask"),
        (["claude", "-p", "x"], "deny", "deny"),
        (["claude"], "suspend", "ask"),
        (["claude", "-p", "x"], "suspend", "defer"),
    ],
)
def test_a_headless_claude_code_gets_what_the_settings_say(
    desk: Desk, arguments: list[str], how: Any, answer: str
) -> None:
    approvals = Approvals(desk.trail, lambda: ApprovalSettings(headless=how), note=lambda _: arguments)
    pipeline = Pipeline(lambda: desk.policy, desk.trail, Sessions(), Numbers(), Health(), approvals=approvals)
    call = payload("Bash", {"command": "ask-me"})
    reply = json.loads(pipeline.hook("claude_code", call).stdout)["hookSpecificOutput"]
    record = desk.decisions()[-1].decision
    assert reply["permissionDecision"] == answer
    assert record.action == ("ask" if answer == "ask" else "deny")
    assert record.suspends == (answer == "defer")
    if answer != "ask":
        assert record.approval in reply["permissionDecisionReason"]
        approvals.give(approvals.find(record.approval), 0, "ada", {})
        assert [json.loads(pipeline.hook("claude_code", call).stdout) == {} for _ in range(2)] == [True, False]
