"""Lists are text, macros are trees."""

from __future__ import annotations

import pytest

from prempti_otel.rules.language.ast import canonical
from tests.support.rules import codes, event, loaded, matched, rule, ruleset


def compiled(text: str) -> str:
    return canonical(ruleset(text).rules[0].tree)


@pytest.mark.parametrize(
    ("lists", "condition", "tree"),
    [
        ("- list: l\n  items: [a, b]\n", "tool.name in (l)", "tool.name in (a, b)"),
        ("- list: l\n  items: [a, b]\n", "tool.name in (x,l, y)", "tool.name in (x, a, b, y)"),
        ("- list: l\n  items: [a b]\n", "tool.name in (l)", 'tool.name in ("a b")'),
        ("- list: l\n  items: ['a,b']\n", "tool.name in (l)", "tool.name in (a, b)"),
        ("- list: l\n  items: []\n", "tool.name in (a, l, b)", "tool.name in (a, b)"),
        ("- list: l\n  items: []\n", "tool.name in (l)", "tool.name in ()"),
        ("- list: l\n  items: ['', a]\n", "tool.name in (l)", "tool.name in (a)"),
        ("- list: l\n  items: [a]\n", "tool.name = l", "tool.name = a"),
        ("- list: l\n  items: [a, b]\n", 'tool.name contains "x l y"', 'tool.name contains "x a, b y"'),
        ("- list: l\n  items: [a, b]\n", 'tool.name in ("l")', "tool.name in (l)"),
        ("- list: l\n  items: [tool.name]\n", "l = x", "tool.name = x"),
        ("- list: l\n  items: [a]\n- list: k\n  items: [l, b]\n", "tool.name in (k)", "tool.name in (a, b)"),
        ("- list: l\n  items: ['/home/*']\n", "tool.real_file_path pmatch (l)", "tool.real_file_path pmatch (/home/*)"),
    ],
)
def test_a_list_replaces_its_name_wherever_it_stands(lists: str, condition: str, tree: str) -> None:
    assert compiled(lists + rule(condition=condition)) == tree


@pytest.mark.parametrize(
    ("lists", "condition"),
    [
        ("- list: l\n  items: [a, b]\n", "tool.name in l"),
        ("- list: l\n  items: [a, b]\n", "tool.name = l"),
        ("- list: l\n  items: ['a\"b']\n", "tool.name in (l)"),
        ("- list: l\n  items: ['a=b']\n", "tool.name in (l)"),
    ],
)
def test_items_that_break_the_text_are_an_error(lists: str, condition: str) -> None:
    assert codes(loaded(lists + rule(condition=condition)))[0] == "LOAD_ERR_COMPILE_CONDITION"


def test_a_list_may_be_defined_after_its_use() -> None:
    assert compiled(rule(condition="tool.name in (l)") + "- list: l\n  items: [z]\n") == "tool.name in (z)"


@pytest.mark.parametrize(
    ("macros", "condition", "tree"),
    [
        ("- macro: m\n  condition: tool.name = a or tool.name = b\n", "m and n.x exists", None),
        ("- macro: m\n  condition: tool.name = a or tool.name = b\n", "not m", "not (tool.name = a or tool.name = b)"),
        ("- macro: in\n  condition: tool.name = a\n", "in and in", "(tool.name = a and tool.name = a)"),
        ("- macro: notx\n  condition: tool.name = a\n", "not notx", "not tool.name = a"),
    ],
)
def test_a_macro_is_as_if_in_parentheses(macros: str, condition: str, tree: str | None) -> None:
    if tree is None:
        condition, tree = "m and agent.pid = 1", "((tool.name = a or tool.name = b) and agent.pid = 1)"
    assert compiled(macros + rule(condition=condition)) == tree


@pytest.mark.parametrize(
    "macros",
    [
        "- macro: m\n  condition: m\n",
        "- macro: m\n  condition: later\n- macro: later\n  condition: tool.name = a\n",
        "- macro: m\n  condition: tool.name = a\n- macro: m\n  condition: or m\n  override: {condition: append}\n",
    ],
)
def test_a_macro_sees_only_what_is_above_it(macros: str) -> None:
    assert codes(loaded(macros + rule(condition="m")))[0] == "LOAD_ERR_VALIDATE"


def test_an_append_lets_a_macro_see_what_came_meanwhile() -> None:
    text = "- macro: m\n  condition: tool.name = a\n- macro: n\n  condition: tool.name = b\n"
    text += "- macro: m\n  condition: or n\n  override: {condition: append}\n" + rule(condition="m")
    assert matched(ruleset(text), event({"tool.name": "b"})) == ["r"]


def doubling(kind: str, depth: int) -> str:
    if kind == "macro":
        parts = ["- macro: m0\n  condition: tool.name = a\n"]
        parts += [f"- macro: m{n}\n  condition: m{n - 1} and m{n - 1}\n" for n in range(1, depth)]
        return "".join(parts) + rule(condition=f"m{depth - 1}")
    parts = [f"- list: l{n}\n  items: [l{n + 1}, l{n + 1}, x]\n" for n in range(depth)]
    return "".join(parts) + f"- list: l{depth}\n  items: [a, b]\n" + rule(condition="tool.name in (l0)")


@pytest.mark.parametrize("kind", ["macro", "list"])
def test_definitions_that_double_each_time_end_in_an_error(kind: str) -> None:
    assert codes(loaded(doubling(kind, 60)))[0] == "LOAD_ERR_COMPILE_CONDITION"
    assert loaded(doubling(kind, 6)).successful


def test_a_long_chain_of_macros_ends_in_an_error() -> None:
    parts = ["- macro: m0\n  condition: tool.name = a\n"]
    parts += [f"- macro: m{n}\n  condition: not (m{n - 1})\n" for n in range(1, 3000)]
    assert codes(loaded("".join(parts) + rule(condition="m2999")))[0] == "LOAD_ERR_COMPILE_CONDITION"
