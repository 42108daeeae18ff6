"""An approval ends when it should, also across engines and clocks that are set; a replay comes to the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.audit.reader import StoreReader
from prempti_otel.ctl.replay.history import compare
from prempti_otel.engine.approvals.calls import (
    ASKED_NS,
    ApprovalError,
)
from prempti_otel.engine.evaluate import Policy
from prempti_otel.engine.offline import Judge
from prempti_otel.model.decision import Mode, Verdict
from prempti_otel.settings.home import Home
from tests.support.approval_desk import LIFETIME, MINUTE, SECOND, Desk
from tests.support.rulesets import ruleset


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Home(tmp_path / "home"), Policy(Mode.GUARDRAILS, Verdict.DEFER, ruleset()))
    yield made
    made.trail.close()


def test_an_approval_for_a_time_lets_the_call_pass_until_then(desk: Desk) -> None:
    desk.codex("ask-me")
    desk.give(desk.last_id(), 3600)
    for _ in range(5):
        desk.clocks.pass_by(11 * MINUTE)
        assert desk.codex("ask-me")
    desk.clocks.pass_by(6 * MINUTE)
    assert not desk.codex("ask-me")


@pytest.mark.parametrize(
    ("later", "passes"), [(0, True), (LIFETIME * SECOND - 1, True), (LIFETIME * SECOND, False), (ASKED_NS, False)]
)
def test_an_approval_ends(desk: Desk, later: int, passes: bool) -> None:
    desk.codex("ask-me")
    desk.give(desk.last_id())
    desk.clocks.pass_by(later)
    assert desk.codex("ask-me") == passes


@pytest.mark.parametrize("seconds", [-1, 24 * 3600 + 1])
def test_no_approval_is_given_for_longer_than_a_day(desk: Desk, seconds: int) -> None:
    desk.codex("ask-me")
    with pytest.raises(ApprovalError, match="24 hours"):
        desk.give(desk.last_id(), seconds)
    assert not desk.codex("ask-me")


def test_a_clock_that_is_set_back_prolongs_nothing(desk: Desk) -> None:
    desk.codex("ask-me")
    desk.give(desk.last_id(), 3600)
    desk.clocks.now -= SECOND
    assert desk.codex("ask-me"), "a clock that is adjusted"
    desk.clocks.ticks += 3600 * SECOND
    assert not desk.codex("ask-me"), "over by the clock that nobody sets"
    desk.give(desk.last_id(), 3600)
    desk.clocks.now -= 3600 * SECOND
    assert not desk.codex("ask-me"), "given in the future"


def test_a_clock_that_is_set_forward_ends_an_approval(desk: Desk) -> None:
    desk.codex("ask-me")
    desk.give(desk.last_id())
    desk.clocks.now += LIFETIME * SECOND
    assert not desk.codex("ask-me")


@pytest.mark.parametrize("later", [0, MINUTE])
def test_an_approval_and_the_calls_that_wait_outlive_the_engine(desk: Desk, later: int) -> None:
    desk.codex("ask-me 1")
    desk.codex("ask-me 2")
    waiting = desk.last_id()
    desk.give(desk.decisions()[0].decision.approval)
    desk.restart()
    desk.clocks.pass_by(later)
    assert [desk.codex("ask-me 1") for _ in range(2)] == [True, False]
    desk.give(waiting)
    assert desk.codex("ask-me 2")
    desk.restart()
    assert not desk.codex("ask-me 1")
    assert not desk.codex("ask-me 2")


def test_an_approval_ends_while_no_engine_runs(desk: Desk) -> None:
    desk.codex("ask-me")
    desk.give(desk.last_id())
    desk.clocks.pass_by(LIFETIME * SECOND)
    desk.restart()
    assert not desk.codex("ask-me")


def test_an_engine_that_starts_with_its_clock_set_back_revives_no_approval(desk: Desk) -> None:
    """The newest record tells how late it has been already."""
    desk.codex("ask-me")
    desk.give(desk.last_id())
    desk.clocks.now -= 20 * MINUTE
    desk.restart()
    desk.clocks.pass_by(21 * MINUTE)
    assert not desk.codex("ask-me")
    assert desk.approvals.find(desk.last_id())


@pytest.mark.parametrize("approve", [True, False])
def test_a_replay_of_what_was_approved_comes_to_the_same_verdicts(desk: Desk, approve: bool) -> None:
    """A session mark that an approved call set is there for the calls behind it; that of a denied one is not."""
    desk.codex("ask-me note-me")
    if approve:
        desk.give(desk.last_id())
    assert desk.codex("ask-me note-me") == approve
    assert desk.codex("publish") != approve
    with StoreReader(desk.home) as reader:
        result = compare(reader.decisions(), Judge(ruleset()))
    assert (result.calls, result.changes, result.skipped) == (3, [], 0)
