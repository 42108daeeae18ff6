"""A judge without an engine judges as the engine does, and one bad call does not end it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from prempti_otel.engine.offline import Judge, open_judge
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict
from prempti_otel.model.event import Event
from prempti_otel.rules.ruleset import Ruleset
from tests.support.claude_payloads import payload
from tests.support.engine_process import ONLY_OWN_RULES, make_home
from tests.support.rulesets import RULES, ruleset

AGENT = "claude_code"


def bash(command: str) -> bytes:
    return payload("Bash", {"command": command})


def test_calls_are_judged_in_order_with_the_marks_of_those_before() -> None:
    judge = Judge(ruleset())
    commands = ("publish", "note-me deny-me", "publish", "note-me", "publish", "ask-me")
    verdicts = [str(judge.decide(AGENT, bash(command)).verdict) for command in commands]
    assert verdicts == ["defer", "deny", "defer", "defer", "deny", "ask"]


def test_the_installed_rules_and_the_default_action_are_used(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", config=ONLY_OWN_RULES + "default_action: allow\n")
    judge = open_judge(home)
    assert [judge.decide(AGENT, bash(word)).verdict for word in ("ls", "deny-me")] == [Verdict.ALLOW, Verdict.DENY]
    assert not home.audit_db.exists()


def test_files_that_are_given_take_the_place_of_the_installed_rules(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    other = tmp_path / "other.yaml"
    other.write_text(RULES.replace("deny-me", "stop-me"))
    judge = open_judge(home, [other])
    assert [judge.decide(AGENT, bash(word)).verdict for word in ("deny-me", "stop-me")] == [Verdict.DEFER, Verdict.DENY]


def test_broken_rules_are_an_error_that_names_the_place(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", rules="- rule: half a rule\n")
    with pytest.raises(PremptiError, match=r"test\.yaml"):
        open_judge(home)


@pytest.mark.parametrize(("agent", "text"), [("nobody", bash("ls")), (AGENT, b"{"), (AGENT, b"")])
def test_a_call_that_cannot_be_judged_is_an_error_and_the_next_one_is_judged(agent: str, text: bytes) -> None:
    judge = Judge(ruleset())
    with pytest.raises(PremptiError):
        judge.decide(agent, text)
    assert judge.decide(AGENT, bash("deny-me")).verdict is Verdict.DENY


class Broken:
    """A ruleset with a defect."""

    digest = "d"
    rules = ()

    def judge(self, events: Sequence[Event]) -> object:
        raise RuntimeError(f"secret {events[0].get('tool.input_command')}")


def test_a_defect_is_an_error_that_quotes_no_input() -> None:
    with pytest.raises(PremptiError, match="RuntimeError") as caught:
        Judge(cast("Ruleset", Broken())).decide(AGENT, bash("hunter2"))
    assert "hunter2" not in caught.value.diagnostics()
