"""Exceptions of rules."""

from __future__ import annotations

import pytest

from prempti_otel.rules.language.ast import canonical
from tests.support.rules import codes, event, loaded, matched, rule, ruleset


def with_exceptions(text: str, condition: str = "tool.name = Bash") -> str:
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return rule(condition=condition) + "  exceptions:\n" + indented


@pytest.mark.parametrize(
    ("exceptions", "tree"),
    [
        ("- name: e\n  fields: [agent.name]\n  values: [[x]]", "not agent.name = x"),
        ("- name: e\n  fields: [agent.name]\n  values: [[x], [y]]", "not (agent.name = x or agent.name = y)"),
        (
            "- name: e\n  fields: [agent.name, tool.use_id]\n  comps: [contains, in]\n  values: [[a b, [u, v]]]",
            'not (agent.name contains "a b" and tool.use_id in (u, v))',
        ),
        ("- name: e\n  fields: [tool.use_id]\n  comps: [pmatch]\n  values: [[/a]]", "not tool.use_id pmatch (/a)"),
        ("- name: e\n  fields: agent.name\n  values: [x, y z]", 'not agent.name in (x, "y z")'),
        (
            "- name: e\n  fields: agent.name\n  comps: startswith anyof\n  values: [x]",
            "not agent.name startswith anyof (x)",
        ),
        ("- name: e\n  fields: ['tolower(agent.name)']\n  values: [[x]]", "not tolower(agent.name) = x"),
    ],
)
def test_an_exception_becomes_part_of_the_condition(exceptions: str, tree: str) -> None:
    (found,) = ruleset(with_exceptions(exceptions)).rules
    assert canonical(found.tree) == f"(tool.name = Bash and {tree})"


def test_an_exception_without_values_adds_nothing() -> None:
    (found,) = ruleset(with_exceptions("- name: e\n  fields: [agent.name]\n")).rules
    assert canonical(found.tree) == "tool.name = Bash"


def test_an_exception_holds_for_every_branch() -> None:
    rules = ruleset(
        with_exceptions("- name: e\n  fields: [agent.name]\n  values: [[me]]", "tool.name = Bash or tool.name = Read")
    )
    assert matched(rules, event({"tool.name": "Read", "agent.name": "me"})) == []
    assert matched(rules, event({"tool.name": "Read", "agent.name": "you"})) == ["r"]


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        ("- fields: [agent.name]", "LOAD_ERR_YAML_VALIDATE"),
        ("- name: e", "LOAD_ERR_YAML_VALIDATE"),
        ("- name: e\n  fields: [nope.x]", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: [agent.name]\n  comps: [like]", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: [agent.name]\n  comps: [in oneof]", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: [agent.name]\n  comps: [=, =]", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: [agent.name]\n  values: [x]", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: [agent.name]\n  values: [['']]", "LOAD_ERR_YAML_VALIDATE"),
        ("- name: e\n  fields: agent.name\n  comps: '='", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: agent.name\n  values: [[x]]", "LOAD_ERR_VALIDATE"),
        ("- name: e\n  fields: [agent.name]\n  values: [['a=b']]", "LOAD_ERR_COMPILE_CONDITION"),
        ("- name: e\n  fields: [proc.name]\n  values: [[x]]", "LOAD_ERR_COMPILE_CONDITION"),
    ],
)
def test_a_malformed_exception_is_refused(exceptions: str, expected: str) -> None:
    assert codes(loaded(with_exceptions(exceptions)))[0] == expected


def test_values_may_be_appended_to_an_exception_and_new_ones_added() -> None:
    text = with_exceptions("- name: e\n  fields: [agent.name]\n  values: [[a]]")
    text += "- rule: r\n  exceptions:\n  - name: e\n    values: [[b]]\n  - name: f\n    fields: [tool.use_id]\n"
    text += "    values: [[u]]\n  override: {exceptions: append}\n"
    rules = ruleset(text)
    for values in ({"agent.name": "b"}, {"agent.name": "c", "tool.use_id": "u"}):
        assert matched(rules, event({"tool.name": "Bash", **values})) == []
    assert matched(rules, event({"tool.name": "Bash", "agent.name": "c"})) == ["r"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("- name: e\n", ["LOAD_APPEND_NO_VALUES"]),
        ("- name: e\n    fields: [agent.name]\n    values: [[x]]\n", ["LOAD_ERR_VALIDATE"]),
        ("- name: new\n    values: [[x]]\n", ["LOAD_ERR_VALIDATE"]),
    ],
)
def test_an_append_gives_values_and_nothing_else(entry: str, expected: list[str]) -> None:
    text = with_exceptions("- name: e\n  fields: [agent.name]\n  values: [[a]]")
    assert codes(loaded(text + f"- rule: r\n  exceptions:\n  {entry}  override: {{exceptions: append}}\n")) == expected


def test_a_bomb_of_aliases_ends_in_an_error() -> None:
    text = with_exceptions(
        "- name: e\n  fields: [agent.name]\n  values: [[&a [x,x,x,x,x,x,x,x,x,x]], "
        + ", ".join(["[*a]"] * 120_000)
        + "]"
    )
    assert codes(loaded(text))[0].startswith("LOAD_ERR")
