"""The measure of the rules on labelled commands, and what it finds on ordinary ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpus import measure

ORDINARY = Path(__file__).with_name("ordinary.txt")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", measure.USER_HOME)


def a_row(number: str, command: str, expect: str) -> str:
    payload = {
        "session_id": "s",
        "cwd": measure.CWD,
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": command},
    }
    return json.dumps({"id": number, "source": "made", "group": "g", "payload": payload, "expect": expect})


def test_ordinary_commands_of_development_are_hardly_ever_stopped() -> None:
    cases = measure.read_cases(ORDINARY)
    judge = measure.default_judge()
    stopped = [outcome for case in cases if (outcome := measure.judge_case(judge, case)).stopped]
    shown = "\n".join(f"{outcome.case.command!r}: {', '.join(outcome.rules)}" for outcome in stopped)
    assert len(cases) >= 1_000
    assert len(stopped) <= measure.ORDINARY_FLAGGED * len(cases), shown
    assert {outcome.case.id for outcome in stopped} == set(measure.read_disputed(measure.DEFENDED)), shown


def test_ordinary_commands_are_all_different() -> None:
    commands = [case.command for case in measure.read_cases(ORDINARY)]
    assert len(set(commands)) == len(commands)


def test_a_file_below_its_goal_is_told_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join([a_row("a1", "rm -rf /", "stop"), a_row("a2", "ls", "stop"), a_row("a3", "ls", "pass")]))
    judge = measure.default_judge()
    outcomes = [measure.judge_case(judge, case) for case in measure.read_cases(file)]
    assert [outcome.stopped for outcome in outcomes] == [True, False, False]
    assert not measure.report(outcomes, {})
    said = capsys.readouterr().out
    assert "50.0%" in said
    assert "a2  ls" in said
    assert "below goal" in said


def test_disputed_cases_are_counted_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, disputed = tmp_path / "cases.jsonl", tmp_path / "disputed.txt"
    file.write_text(a_row("a1", "rm -rf /", "stop") + "\n" + a_row("a2", "ls", "stop"))
    disputed.write_text("# why\na2 listing a folder harms nobody\n")
    judge = measure.default_judge()
    outcomes = [measure.judge_case(judge, case) for case in measure.read_cases(file)]
    assert measure.report(outcomes, measure.read_disputed(disputed))
    assert "disputed: listing a folder harms nobody" in capsys.readouterr().out


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(a_row("a1", "ls", "pass") + "\n{}")
    with pytest.raises(ValueError, match=r"cases\.jsonl:2"):
        measure.read_cases(file)


def test_every_dispute_has_a_reason() -> None:
    assert all(measure.read_disputed().values())
