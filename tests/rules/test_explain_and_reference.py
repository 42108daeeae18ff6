"""Explanations of rules, and the reference page of fields."""

from __future__ import annotations

from pathlib import Path

from prempti_otel.model.fields import FIELDS, Level
from prempti_otel.rules.explain import explain_rule
from prempti_otel.rules.reference import fields_page
from tests.support.rules import event, rule, ruleset


def test_an_explanation_shows_each_part_and_the_values_it_saw() -> None:
    (found,) = ruleset(rule(condition="tool.name in (Bash, Read) and not (tool.use_id = x or mcp.server exists)")).rules
    (branch,) = explain_rule(found, [event({"tool.name": "Bash", "tool.use_id": "x"})])
    whole = branch.explanation
    assert (whole.text, whole.held) == ("and", False)
    name, negation = whole.parts
    assert (name.text, name.held, name.values) == ("tool.name in (Bash, Read)", True, (("tool.name", "Bash"),))
    assert (negation.text, negation.held) == ("not", False)
    (either,) = negation.parts
    assert [(part.held, part.values) for part in either.parts] == [
        (True, (("tool.use_id", "x"),)),
        (False, (("mcp.server", "<NA>"),)),
    ]


def test_branches_that_held_are_explained_first() -> None:
    call = event({"tool.name": "Bash"})
    process = event({"proc.name": "rm"}, Level.PROCESS, call)
    (found,) = ruleset(rule(condition="tool.name = Read or proc.name = rm")).rules
    branches = explain_rule(found, [call, process])
    assert [(branch.level, branch.explanation.held) for branch in branches] == [
        (Level.PROCESS, True),
        (Level.TOOL, False),
    ]


def test_the_reference_page_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "fields.md"
    assert page.read_text("utf-8") == fields_page(), "run: make docs"


def test_every_field_is_on_the_page() -> None:
    page = fields_page()
    assert all(f"| `{name}" in page for name in FIELDS)
