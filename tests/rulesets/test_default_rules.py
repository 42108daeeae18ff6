"""The shipped rules: what each must catch, what it must not, and that they are whole."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from prempti_otel.ctl.rules import unit_tests
from prempti_otel.engine.rulesets import read_rule_files, selection
from prempti_otel.model.decision import Verdict
from prempti_otel.rules.loader import LoadResult, load
from prempti_otel.rules.options import RuleFile
from prempti_otel.rules.rule import Rule
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.settings.config import Config
from prempti_otel.settings.document import compose
from prempti_otel.settings.text import read_text
from prempti_otel.settings.validate import converted

RULES = Path(__file__).parents[2] / "rules" / "default"
SECTIONS = {
    "boundary",
    "sensitive_paths",
    "sandbox",
    "destruction",
    "threats",
    "content",
    "persistence",
    "self_protection",
}
PRIORITIES = {
    "coding_agent_deny": {"EMERGENCY", "CRITICAL"},
    "coding_agent_ask": {"CRITICAL", "WARNING"},
    "": {"NOTICE", "DEBUG"},
}
"""Priorities that go with what a rule does; the empty key is for rules that only inform."""
FEWEST = 2


@cache
def loaded() -> LoadResult:
    return load(read_rule_files([RULES]), selection=selection(Config()))


def ruleset() -> Ruleset:
    found = loaded().ruleset
    assert found is not None, loaded().as_text()
    return found


def case_files() -> list[Path]:
    return unit_tests.find([RULES])


def test_the_shipped_rules_load_without_a_warning() -> None:
    assert loaded().ruleset is not None, loaded().as_text()
    assert "warning" not in loaded().as_text(), loaded().as_text()


@pytest.mark.parametrize("file", case_files(), ids=lambda file: file.stem)
def test_every_call_beside_the_rules_is_judged_as_it_says(file: Path) -> None:
    failed = [f"{r.place}: {r.name}: {r.failure}" for r in unit_tests.run([file], ruleset()) if r.failure]
    assert not failed, "\n".join(failed)


def test_every_rule_has_two_calls_to_catch_and_two_look_alikes() -> None:
    catches: Counter[str] = Counter()
    look_alikes: Counter[str] = Counter()
    for file in case_files():
        cases, _ = converted(compose(file, read_text(file)), unit_tests.Cases)
        for case in cases.cases:
            catches.update(case.rules)
            look_alikes.update(case.not_rules)
    short = [rule.name for rule in ruleset().rules if min(catches[rule.name], look_alikes[rule.name]) < FEWEST]
    assert not short


@pytest.mark.parametrize("rule", ruleset().rules, ids=lambda rule: rule.name)
def test_a_rule_says_what_it_is_for_and_how_grave(rule: Rule) -> None:
    tags = set(rule.tags)
    assert rule.description.strip()
    assert rule.source == "coding_agent"
    assert len(tags & SECTIONS) == 1
    assert any(tag.startswith("mitre_") for tag in tags)
    assert any(tag.startswith("T1") for tag in tags)
    verdicts = tags & {"coding_agent_deny", "coding_agent_ask"}
    assert len(verdicts) <= 1
    assert rule.priority.name in PRIORITIES["".join(verdicts)]


def test_a_user_extends_a_shipped_list_and_macro() -> None:
    own = RuleFile(
        name="own.yaml",
        content=b"""
- list: credential_paths
  items: [~/.secrets]
  override: {items: append}
- macro: is_own_scratch
  condition: or file.real_path pmatch (/mnt/scratch)
  override: {condition: append}
""",
    )
    result = load([*read_rule_files([RULES]), own], selection=selection(Config()))
    assert result.ruleset is not None, result.as_text()
    assert verdict(result.ruleset, "cat ~/.secrets/x") is Verdict.DENY
    assert verdict(ruleset(), "cat ~/.secrets/x") is Verdict.DEFER
    assert verdict(result.ruleset, "touch /mnt/scratch/x") is Verdict.DEFER
    assert verdict(ruleset(), "touch /mnt/scratch/x") is Verdict.ASK


def verdict(rules: Ruleset, command: str) -> Verdict:
    return (
        unit_tests.judge_of(rules)
        .decide("claude_code", unit_tests.payload_of(unit_tests.Step(command=command)))
        .verdict
    )
