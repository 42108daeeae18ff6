"""Which codes rules files load with: a table of what Falco takes, warns of and refuses."""

from __future__ import annotations

import pytest

from tests.support.rules import codes, loaded, rule

LIST = "- list: l\n  items: [a, b]\n"
MACRO = "- macro: m\n  condition: tool.name = x\n"


def _with(keys: str) -> str:
    """A rule with further keys, as YAML text of several lines."""
    return rule() + "".join(f"  {line}\n" for line in keys.splitlines())


EXCEPTED = _with("exceptions:\n- name: e\n  fields: [tool.name]\n  values: [[a]]")
APPENDED = "- rule: r\n  override: {exceptions: append}\n  exceptions:\n"
CASES: list[tuple[str, list[str], list[str]]] = [
    ("ok", [], [rule()]),
    ("disabled compiled", ["ERR_COMPILE_CONDITION"], [rule(condition="tool.nam=x", enabled="false")]),
    ("output first", ["ERR_COMPILE_OUTPUT"], [rule(condition="tool.nam=x", output="'%foo.bar'")]),
    ("skip cond", ["UNKNOWN_FILTER"], [rule(condition="tool.nam=x", skip_if_unknown_filter="true")]),
    ("skip out", ["UNKNOWN_FILTER"], [rule(output="'%foo.bar'", skip_if_unknown_filter="true")]),
    ("skip op", ["ERR_COMPILE_CONDITION"], [rule(condition="tool.name bcontains 61", skip_if_unknown_filter="true")]),
    ("unknown source", ["UNKNOWN_SOURCE"], [rule(condition="((", source="foo")]),
    ("empty source", ["ERR_YAML_VALIDATE"], [rule(source="''")]),
    ("macro later in file", [], [rule(condition="m") + MACRO]),
    ("macro later file", ["ERR_VALIDATE"], [rule(condition="m"), MACRO]),
    (
        "macro uses later",
        ["ERR_VALIDATE"],
        ["- macro: a\n  condition: b\n- macro: b\n  condition: tool.name = x\n" + rule(condition="a")],
    ),
    ("self macro", ["ERR_VALIDATE"], ["- macro: a\n  condition: a\n" + rule(condition="a")]),
    ("unused macro unknown field", ["UNUSED_MACRO"], ["- macro: a\n  condition: foo.bar = x\n" + rule()]),
    ("unused macro syntax", ["ERR_COMPILE_CONDITION"], ["- macro: a\n  condition: foo.bar =\n" + rule()]),
    ("list after use", [], [rule(condition="tool.name in (l)") + LIST]),
    ("bare list", ["ERR_COMPILE_CONDITION"], [LIST + rule(condition="tool.name in l")]),
    ("bare list one", [], ["- list: l\n  items: [a]\n" + rule(condition="tool.name in l")]),
    ("list in quotes", [], [LIST.replace("a, b", "a") + rule(condition='tool.name = " l "')]),
    ("bad list name", ["INVALID_LIST_NAME", "UNUSED_LIST"], [LIST.replace(": l", ': "l x"') + rule()]),
    ("bad macro name", ["INVALID_MACRO_NAME", "UNUSED_MACRO"], [MACRO.replace(": m", ": m-x") + rule()]),
    ("unknown item", ["UNKNOWN_ITEM"], ["- foo: x\n" + rule()]),
    ("unknown key", ["UNKNOWN_KEY"], [rule(foo="x")]),
    ("mistyped verdict tag", ["UNKNOWN_ITEM"], [rule(tags="[coding_agent_dney]")]),
    ("tag that would allow", ["UNKNOWN_ITEM"], [rule(tags="[coding_agent_allow]")]),
    ("mark without a label", ["UNKNOWN_ITEM"], [rule(tags="['coding_agent_mark:']")]),
    (
        "tags that mean something",
        [],
        [rule(tags="[coding_agent_ask, coding_agent_seen, 'coding_agent_mark:x', other]")],
    ),
    (
        "mistyped tag appended",
        ["UNKNOWN_ITEM"],
        [rule() + "- rule: r\n  override: {tags: append}\n  tags: [Coding_Agent_ask]\n"],
    ),
    ("rule null", ["ERR_YAML_VALIDATE"], ["- rule:\n"]),
    ("append none", ["ERR_VALIDATE", "DEPRECATED_ITEM"], ["- rule: r\n  append: true\n  condition: and x\n"]),
    ("append nothing", ["ERR_VALIDATE", "DEPRECATED_ITEM"], [rule() + "- rule: r\n  append: true\n"]),
    ("append false def", [], [rule(append="false")]),
    (
        "override+append",
        ["ERR_YAML_VALIDATE", "DEPRECATED_ITEM"],
        [rule() + "- rule: r\n  append: true\n  condition: and tool.name = x\n  override: {condition: append}\n"],
    ),
    ("override missing key", ["ERR_YAML_VALIDATE"], [rule() + "- rule: r\n  override: {condition: append}\n"]),
    (
        "override unlisted",
        ["ERR_YAML_VALIDATE"],
        [rule() + "- rule: r\n  desc: x\n  condition: and tool.name = x\n  override: {condition: append}\n"],
    ),
    (
        "override source",
        ["ERR_YAML_VALIDATE"],
        [rule() + "- rule: r\n  source: coding_agent\n  override: {source: replace}\n"],
    ),
    (
        "override priority append",
        ["ERR_YAML_VALIDATE"],
        [rule() + "- rule: r\n  priority: INFO\n  override: {priority: append}\n"],
    ),
    (
        "override list replace no prev",
        ["UNUSED_LIST"],
        ["- list: l\n  items: [a]\n  override: {items: replace}\n" + rule()],
    ),
    (
        "override list append no prev",
        ["ERR_VALIDATE"],
        ["- list: l\n  items: [a]\n  override: {items: append}\n" + rule()],
    ),
    ("enabled only", ["DEPRECATED_ITEM"], [rule() + "- rule: r\n  enabled: false\n"]),
    ("enabled only none", ["ERR_VALIDATE", "DEPRECATED_ITEM"], ["- rule: r\n  enabled: false\n"]),
    ("name only", ["ERR_YAML_VALIDATE"], [rule() + "- rule: r\n"]),
    ("redefine source", ["ERR_VALIDATE", "UNKNOWN_SOURCE"], [rule() + rule(source="syscall")]),
    ("engine 62", [], ["- required_engine_version: 62\n" + rule()]),
    ("engine 63", ["ERR_VALIDATE"], ["- required_engine_version: 63\n" + rule()]),
    ("engine 0.31", ["ERR_YAML_VALIDATE"], ["- required_engine_version: 0.31\n" + rule()]),
    ("engine 1.0.0", ["ERR_VALIDATE"], ["- required_engine_version: 1.0.0\n" + rule()]),
    ("engine after", ["ERR_VALIDATE"], [rule() + "- required_engine_version: 63\n"]),
    ("bool 1", ["ERR_YAML_VALIDATE"], [rule(enabled="1")]),
    ("bool quoted", [], [rule(enabled='"Yes"')]),
    ("prio", ["ERR_YAML_VALIDATE"], [rule(priority="warn")]),
    ("prio info", [], [rule(priority="iNfO")]),
    (
        "dup key first",
        [],
        [_with("condition: ((")],
    ),
    ("exc ok", [], [_with("exceptions:\n- name: e\n  fields: [tool.name]\n  values: [[a]]")]),
    ("exc scalar", [], [_with("exceptions:\n- name: e\n  fields: tool.name\n  values: [a, b c]")]),
    ("exc len", ["ERR_VALIDATE"], [_with("exceptions:\n- name: e\n  fields: [tool.name]\n  comps: [=, =]")]),
    ("exc vlen", ["ERR_VALIDATE"], [_with("exceptions:\n- name: e\n  fields: [tool.name]\n  values: [[a, b]]")]),
    ("exc field", ["ERR_VALIDATE"], [_with("exceptions:\n- name: e\n  fields: [tool.nam]")]),
    ("exc transformer", [], [_with("exceptions:\n- name: e\n  fields: [tolower(tool.name)]\n  values: [[a]]")]),
    ("exc comp", ["ERR_VALIDATE"], [_with("exceptions:\n- name: e\n  fields: [tool.name]\n  comps: [foo]")]),
    ("exc mod", [], [_with("exceptions:\n- name: e\n  fields: tool.name\n  comps: contains  oneof\n  values: [a]")]),
    (
        "exc scalar comp =",
        ["ERR_VALIDATE"],
        [_with("exceptions:\n- name: e\n  fields: tool.name\n  comps: =\n  values: [a]")],
    ),
    (
        "exc exists",
        ["ERR_COMPILE_CONDITION"],
        [_with("exceptions:\n- name: e\n  fields: [tool.name]\n  comps: [exists]\n  values: [[a]]")],
    ),
    (
        "exc empty str",
        ["ERR_YAML_VALIDATE"],
        [_with("exceptions:\n- name: e\n  fields: [tool.name]\n  values: [['']]")],
    ),
    (
        "exc twice",
        ["EXCEPTION_NAME_NOT_UNIQUE"],
        [_with("exceptions:\n- name: e\n  fields: [tool.name]\n- name: e\n  fields: [tool.name]")],
    ),
    ("exc no fields", ["ERR_YAML_VALIDATE"], [_with("exceptions:\n- name: e\n  values: [[a]]")]),
    ("exc append no values", ["APPEND_NO_VALUES"], [EXCEPTED + APPENDED + "  - name: e\n"]),
    (
        "exc append fields",
        ["ERR_VALIDATE"],
        [EXCEPTED + APPENDED + "  - name: e\n    fields: [tool.name]\n    values: [[b]]\n"],
    ),
    ("exc append new nofields", ["ERR_VALIDATE"], [EXCEPTED + APPENDED + "  - name: n\n    values: [[b]]\n"]),
    ("percent", ["ERR_COMPILE_OUTPUT"], [rule(output="'100%'")]),
    ("percent2", ["ERR_COMPILE_OUTPUT"], [rule(output="'%%'")]),
    ("percent10", ["ERR_COMPILE_OUTPUT"], [rule(output="'%10'")]),
    ("longest", [], [rule(output="'%tool.inputs %tool.name.'")]),
    ("val out", ["ERR_COMPILE_OUTPUT"], [rule(output="'%val(tool.name)'")]),
    ("warn field const", ["COMPILE_CONDITION"], [rule(condition="tool.name = tool.use_id")]),
    ("hex", ["ERR_COMPILE_CONDITION"], [rule(condition="correlation.id = 0x10")]),
    ("neg", [], [rule(condition="correlation.id > -1")]),
    ("tags scalar", ["ERR_YAML_VALIDATE"], [rule(tags="x")]),
    ("null doc", [], ["---\n---\n" + rule()]),
    ("map doc", ["ERR_YAML_VALIDATE"], ["a: b\n"]),
    ("null item", [], ["- ~\n" + rule()]),
]


@pytest.mark.parametrize(("expected", "texts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_files_load_with_falcos_codes(expected: list[str], texts: list[str]) -> None:
    assert [code.removeprefix("LOAD_") for code in codes(loaded(*texts))] == expected
