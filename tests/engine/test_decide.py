"""deny > ask > floor; a reason is short, whole lines, valid UTF-8, and ends in the correlation id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.engine.decide import REASON_BYTES, cut_to, decide, enforced, failure
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Decision, DecisionSource, Match, Mode, Priority, Verdict
from prempti_otel.model.event import tool_event

CALL = ToolCall(
    agent="claude_code",
    hook_event="PreToolUse",
    session_id="s",
    cwd="/w",
    real_cwd="/w",
    tool="Bash",
    input={},
    input_json="{}",
    correlation_id=1234,
)
EVENT = tool_event(CALL)


def match(
    rule: str, verdict: Verdict, priority: Priority = Priority.WARNING, output: str = "because", count: int = 1
) -> Match:
    return Match(rule, priority, (), verdict, output, EVENT, count=count)


def decided(
    *matches: Match, mode: Mode = Mode.GUARDRAILS, floor: Verdict = Verdict.DEFER, can_ask: bool = True
) -> Decision:
    return decide(CALL, matches, mode=mode, floor=floor, can_ask=can_ask, ruleset_digest="d", duration=0.0)


DENY, ASK, DEFER, ALLOW = Verdict.DENY, Verdict.ASK, Verdict.DEFER, Verdict.ALLOW


@pytest.mark.parametrize(
    ("verdicts", "floor", "verdict", "source"),
    [
        ([], DEFER, DEFER, DecisionSource.DEFAULT),
        ([], ALLOW, ALLOW, DecisionSource.DEFAULT),
        ([DEFER], DEFER, DEFER, DecisionSource.DEFAULT),
        ([DEFER], ALLOW, ALLOW, DecisionSource.DEFAULT),
        ([DEFER, ASK], ALLOW, ASK, DecisionSource.RULE),
        ([ASK, DENY, DEFER], ALLOW, DENY, DecisionSource.RULE),
        ([ALLOW], DEFER, DEFER, DecisionSource.DEFAULT),
    ],
)
def test_the_gravest_match_decides_and_no_rule_can_grant(
    verdicts: list[Verdict], floor: Verdict, verdict: Verdict, source: DecisionSource
) -> None:
    decision = decided(*(match(f"r{n}", v) for n, v in enumerate(verdicts)), floor=floor)
    assert (decision.verdict, decision.action, decision.source) == (verdict, verdict, source)
    assert bool(decision.reason) == verdict.stops


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("can_ask", [True, False])
def test_monitor_mode_stops_nothing_and_guardrails_never_weakens(verdict: Verdict, can_ask: bool) -> None:
    assert enforced(verdict, Mode.MONITOR, can_ask=can_ask) is DEFER
    action = enforced(verdict, Mode.GUARDRAILS, can_ask=can_ask)
    assert action.stops == verdict.stops
    assert action is (DENY if verdict is ASK and not can_ask else verdict)


def test_the_reason_lists_rules_that_stop_once_each_most_severe_first() -> None:
    decision = decided(
        match("asks", ASK, Priority.EMERGENCY),
        match("informs", DEFER, Priority.EMERGENCY),
        match("denies", DENY, Priority.NOTICE, count=3),
        match("denies", DENY, Priority.NOTICE, "again"),
        match("denies badly", DENY, Priority.CRITICAL),
    )
    assert decision.reason.splitlines() == [
        "denies badly: because",
        "denies: because (and 2 more)",
        "asks: because",
        "correlation id: 1234",
    ]
    assert [m.rule for m in decision.matches] == ["denies badly", "denies", "denies", "asks", "informs"]


def test_an_agent_that_cannot_ask_is_told_why_it_is_a_deny() -> None:
    assert decided(match("a", ASK), can_ask=False).reason.startswith("This needs a person's approval")


def test_control_characters_and_lone_surrogates_do_not_reach_the_reason() -> None:
    reason = decided(match("a", DENY, output="x\ny\x1b[31m\u2028\ud800\x9b")).reason
    assert reason.splitlines()[0] == "a: x y [31m ? "


@given(
    outputs=st.lists(st.text(max_size=6000), min_size=1, max_size=40),
    verdict=st.sampled_from([DENY, ASK]),
    can_ask=st.booleans(),
)
def test_a_reason_never_outgrows_its_limit_and_names_rule_and_correlation_id(
    outputs: list[str], verdict: Verdict, can_ask: bool
) -> None:
    matches = [match(f"rule {n}", verdict, output=output) for n, output in enumerate(outputs)]
    reason = decided(*matches, can_ask=can_ask).reason
    assert len(reason.encode()) <= REASON_BYTES
    assert "rule 0: " in reason
    assert reason.endswith("\ncorrelation id: 1234")


@given(sentence=st.text(max_size=9000), mode=st.sampled_from(list(Mode)))
def test_a_failure_is_a_deny_that_only_monitor_mode_passes(sentence: str, mode: Mode) -> None:
    decision = failure(sentence, 7, mode=mode, ruleset_digest="", duration=0.0)
    assert (decision.verdict, decision.source) == (DENY, DecisionSource.ERROR)
    assert decision.action is (DEFER if mode is Mode.MONITOR else DENY)
    assert len(decision.reason.encode()) <= REASON_BYTES
    assert decision.reason.endswith("correlation id: 7")


@given(text=st.text(), size=st.integers(0, 40))
def test_text_is_cut_between_characters(text: str, size: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    cut = cut_to(text, size)
    assert len(cut.encode()) <= size
    assert text.startswith(cut.removesuffix("…")) or cut == text
