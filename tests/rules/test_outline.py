"""Outlines: what files define, told without compiling it, is what loading makes of them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from prempti_otel.model.decision import Priority
from prempti_otel.rules.diagnostics import LoadError
from prempti_otel.rules.loader import load
from prempti_otel.rules.options import RuleFile
from prempti_otel.rules.outline import Outline, outline
from prempti_otel.rules.rule import DefinedRule, Rule
from prempti_otel.rules.selection import Selection, Switch
from tests.support.rules import loaded, rule

SWITCHED = Selection(
    disabled_rules=("a*",),
    disabled_tags=("noisy",),
    switches=(Switch(True, rule="ab"),),
    minimum_priority=Priority.WARNING,
)
THREE = "".join((rule("aa"), rule("ab", tags="[coding_agent_deny, noisy]"), rule("c", priority="NOTICE")))
WITH_MACROS = "- list: l\n  items: [Bash]\n- macro: m\n  condition: tool.name in (l)\n- macro: n\n  condition: not m\n"


def outlined(*texts: str, selection: Selection | None = None) -> Outline:
    return outline([RuleFile(f"f{number}.yaml", text) for number, text in enumerate(texts, 1)], selection)


def as_defined(found: Rule) -> DefinedRule:
    return DefinedRule(**{one.name: getattr(found, one.name) for one in fields(DefinedRule)})


def but_template(found: Rule) -> dict[str, object]:
    """All of a rule that can be compared: a template is compiled code, made of `output`."""
    return {one.name: getattr(found, one.name) for one in fields(Rule) if one.name != "template"}


@pytest.mark.parametrize("selection", [None, SWITCHED], ids=["all", "switched"])
@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("",),
        (THREE,),
        (THREE, rule("ab", condition="tool.name = Read", desc="again"), rule("d", enabled="false")),
        (THREE, "- rule: c\n  priority: ALERT\n  tags: [more]\n  override: {priority: replace, tags: append}\n"),
        (rule("skipped", condition="nope.x = 1", skip_if_unknown_filter="true") + rule("kept"),),
        (rule("kept", skip_if_unknown_filter="true"),),
        (rule("of falco", source="syscall", condition="evt.type = ("),),
        (WITH_MACROS + rule("x", condition="n or m") + rule("y", condition="tool.name in (l)"),),
        (rule("e") + "- rule: e\n  append: true\n  exceptions: [{name: n, fields: tool.name, values: [Read]}]\n",),
    ],
)
def test_an_outline_has_the_rules_the_states_and_the_digest_that_loading_gives(
    texts: tuple[str, ...], selection: Selection | None
) -> None:
    ruleset = loaded(*texts, selection=selection).ruleset
    found = outlined(*texts, selection=selection)
    assert ruleset is not None
    assert found.rules == [as_defined(one) for one in ruleset.rules]
    assert found.digest == ruleset.digest
    assert [but_template(found.compiled(one)) for one in found.rules] == list(map(but_template, ruleset.rules))


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "- rule: [",
        "- rule: r\n\tdesc: d\n",
        rule(priority="WARN"),
        rule(tags="x"),
        "- rule: r\n  enabled: false\n",
        "- list: l\n  items: [a]\n  override: {items: append}\n",
        "- required_engine_version: 999\n",
        "- required_plugin_versions:\n  - name: k8saudit\n    version: 0.2.0\n",
        rule() + "- rule: r\n  condition: and x\n  override: {condition: prepend}\n",
        rule(condition="tool.name =", skip_if_unknown_filter="true"),
    ],
)
def test_what_is_wrong_with_text_or_structure_is_told_as_loading_tells_it(text: str) -> None:
    found = outlined(rule("first"), text, rule("never looked at"))
    assert found.rules is None
    told = loaded(rule("first"), text, rule("never looked at"))
    assert [file.errors for file in found.files] == [file.errors for file in told.files]
    assert "f2.yaml: Invalid" in found.as_text()


@pytest.mark.parametrize(
    ("before", "condition"),
    [("", "nope.x = 1"), ("", "tool.name ="), ("", "no_such_macro"), ("- macro: m\n  condition: tool.name\n", "m")],
)
def test_a_condition_that_does_not_compile_is_listed_and_told_of_when_it_is_asked_for(
    before: str, condition: str
) -> None:
    found = outlined(before + rule("good") + rule("broken", condition=condition))
    assert found.rules is not None
    good, broken = found.rules
    assert found.compiled(good).name == "good"
    with pytest.raises(LoadError):
        found.compiled(broken)


def test_the_digest_of_the_shipped_rules_is_that_of_their_ruleset() -> None:
    from prempti_otel.engine.rulesets import read_rule_files
    from prempti_otel.settings.resources import resource

    files = read_rule_files([resource("rules/default")])
    ruleset, found = load(files).ruleset, outline(files)
    assert ruleset is not None
    assert found.rules == [as_defined(one) for one in ruleset.rules]
    assert found.digest == ruleset.digest
    assert [but_template(found.compiled(one)) for one in found.rules] == list(map(but_template, ruleset.rules))
