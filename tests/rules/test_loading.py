"""Rules files: items, keys, redefinition, append and override."""

from __future__ import annotations

import pytest

from tests.support.rules import codes, event, loaded, matched, rule, ruleset

BASH = event({"tool.name": "Bash", "tool.input_command": "rm -rf /", "correlation.id": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# nothing\n", []),
        ("~\n", []),
        ("- ~\n", []),
        ("---\n---\n" + rule(), []),
        ("hello", ["LOAD_ERR_YAML_VALIDATE"]),
        ("- hello", ["LOAD_ERR_YAML_VALIDATE"]),
        ("rule: x", ["LOAD_ERR_YAML_VALIDATE"]),
        ("- rule: [", ["LOAD_ERR_YAML_PARSE"]),
        ("- rule: r\n\tdesc: d\n", ["LOAD_ERR_YAML_PARSE"]),
        ("- a: *nowhere\n", ["LOAD_ERR_YAML_PARSE"]),
        ("- a: &x [*x]\n", ["LOAD_ERR_YAML_PARSE"]),
        ("- foo: bar\n", ["LOAD_UNKNOWN_ITEM"]),
        (rule(priority="WARN"), ["LOAD_ERR_YAML_VALIDATE"]),
        (rule(priority="informational"), []),
        (rule(enabled="maybe"), ["LOAD_ERR_YAML_VALIDATE"]),
        (rule(enabled="1"), ["LOAD_ERR_YAML_VALIDATE"]),
        (rule(enabled="Off"), []),
        (rule(tags="x"), ["LOAD_ERR_YAML_VALIDATE"]),
        (rule(tags="[a, ~]"), ["LOAD_ERR_YAML_VALIDATE"]),
        (rule(tagz="[a]"), ["LOAD_UNKNOWN_KEY"]),
        (rule(desc='""'), ["LOAD_ERR_YAML_VALIDATE"]),
        (rule(output="100%"), ["LOAD_ERR_COMPILE_OUTPUT"]),
        (rule(condition="nope.x = 1", output="'%nope.y'"), ["LOAD_ERR_COMPILE_OUTPUT"]),
        (rule(condition="nope.x = 1"), ["LOAD_ERR_COMPILE_CONDITION"]),
        (rule(condition="tool.name ="), ["LOAD_ERR_COMPILE_CONDITION"]),
        (rule(condition="no_such_macro"), ["LOAD_ERR_VALIDATE"]),
        (rule(condition="nope.x = 1", enabled="false"), ["LOAD_ERR_COMPILE_CONDITION"]),
        (rule(condition="nope.x = 1", skip_if_unknown_filter="true"), ["LOAD_UNKNOWN_FILTER"]),
        (rule(condition="tool.name =", skip_if_unknown_filter="true"), ["LOAD_ERR_COMPILE_CONDITION"]),
        (rule(condition="evt.type = (", source="syscall"), ["LOAD_UNKNOWN_SOURCE"]),
        (rule(condition="tool.name = tool.use_id"), ["LOAD_COMPILE_CONDITION"]),
        ("- required_engine_version: 44\n", []),
        ("- required_engine_version: 0.44.0\n", []),
        ("- required_engine_version: 0.44\n", ["LOAD_ERR_YAML_VALIDATE"]),
        ("- required_engine_version: 999\n", ["LOAD_ERR_VALIDATE"]),
        ("- required_plugin_versions:\n  - name: coding_agent\n    version: 0.2.0\n", []),
        ("- required_plugin_versions:\n  - name: k8saudit\n    version: 0.2.0\n", ["LOAD_ERR_VALIDATE"]),
        ("- macro: m\n  condition: tool.name\n", ["LOAD_ERR_COMPILE_CONDITION"]),
        ("- macro: m\n  condition: nope.x = 1\n", ["LOAD_UNUSED_MACRO"]),
        ("- macro: m-n\n  condition: tool.name = x\n", ["LOAD_INVALID_MACRO_NAME", "LOAD_UNUSED_MACRO"]),
        ("- list: l\n  items: [a]\n", ["LOAD_UNUSED_LIST"]),
        ("- list: l\n", ["LOAD_ERR_YAML_VALIDATE"]),
        ("- list: l\n  items: a\n", ["LOAD_ERR_YAML_VALIDATE"]),
        ("- rule: r\n  enabled: false\n", ["LOAD_ERR_VALIDATE", "LOAD_DEPRECATED_ITEM"]),
        ("- rule: r\n  append: true\n  condition: and x\n", ["LOAD_ERR_VALIDATE", "LOAD_DEPRECATED_ITEM"]),
    ],
)
def test_a_file_gets_falcos_codes(text: str, expected: list[str]) -> None:
    result = loaded(text)
    assert codes(result) == expected
    assert result.successful is not any(code.startswith("LOAD_ERR") for code in expected)


def test_a_rule_of_no_source_is_a_syscall_rule_and_skipped() -> None:
    text = "- rule: r\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n"
    result = loaded(text)
    assert codes(result) == ["LOAD_UNKNOWN_SOURCE"]
    assert result.ruleset is not None
    assert not result.ruleset.rules


def test_scalars_keep_their_source_text() -> None:
    text = "- list: l\n  items: [0x10, 1.50, yes, 2024-01-01, !!int 7]\n" + rule(condition="tool.name in (l)")
    rules = ruleset(text)
    for value in ("0x10", "1.50", "yes", "2024-01-01", "7"):
        assert matched(rules, event({"tool.name": value})) == ["r"]


def test_the_first_of_two_equal_keys_wins_and_merge_keys_do_nothing() -> None:
    text = "- macro: &m is_a\n  condition: tool.name = a\n  condition: tool.name = b\n" + rule(condition="is_a")
    assert matched(ruleset(text), event({"tool.name": "a"})) == ["r"]
    assert codes(loaded("- <<: {rule: x}\n  foo: 1\n")) == ["LOAD_UNKNOWN_ITEM"]


def test_a_redefinition_replaces_everything_and_keeps_its_place() -> None:
    text = rule("z", tags="[t]") + rule("a") + rule("z", "tool.name != x")
    rules = ruleset(text)
    assert [item.name for item in rules.rules] == ["z", "a"]
    assert rules.rules[0].tags == ()
    assert matched(rules, BASH) == ["z", "a"]


def test_appended_text_joins_the_condition_as_text() -> None:
    text = rule(condition="tool.name = Read or tool.name = Bash")
    text += "- rule: r\n  condition: and correlation.id = 7\n  override: {condition: append}\n"
    rules = ruleset(text)
    assert matched(rules, event({"tool.name": "Read"})) == ["r"]
    assert matched(rules, BASH) == []


def test_an_append_may_complete_what_was_not_whole() -> None:
    text = rule(condition="(tool.name = Bash") + "- rule: r\n  condition: )\n  override: {condition: append}\n"
    assert matched(ruleset(text), BASH) == ["r"]


def test_the_old_append_ignores_all_but_condition_and_exceptions() -> None:
    text = (
        rule() + "- rule: r\n  append: true\n  condition: and correlation.id = 1\n  output: '%nope'\n  priority: bad\n"
    )
    result = loaded(text)
    assert codes(result) == ["LOAD_DEPRECATED_ITEM"]
    assert result.ruleset is not None
    assert matched(result.ruleset, BASH) == ["r"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("condition: and x\n  override: {condition: append, desc: append}", "LOAD_ERR_YAML_VALIDATE"),
        ("condition: x\n  priority: INFO\n  override: {condition: replace}", "LOAD_ERR_YAML_VALIDATE"),
        ("priority: INFO\n  override: {priority: append}", "LOAD_ERR_YAML_VALIDATE"),
        ("source: x\n  override: {source: replace}", "LOAD_ERR_YAML_VALIDATE"),
        ("desc: x\n  override: {desc: change}", "LOAD_ERR_YAML_VALIDATE"),
        ("desc: x\n  override: [desc]", "LOAD_ERR_YAML_VALIDATE"),
        ("desc: x\n  append: true\n  override: {desc: append}", "LOAD_ERR_YAML_VALIDATE"),
        ("desc: x\n  source: other\n  override: {desc: append}", "LOAD_ERR_VALIDATE"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(keys: str, expected: str) -> None:
    assert codes(loaded(rule() + f"- rule: r\n  {keys}\n"))[0] == expected


def test_an_override_changes_what_it_lists() -> None:
    text = rule(tags="[b]") + (
        "- rule: r\n  output: and %tool.name\n  tags: [a]\n  priority: CRITICAL\n  enabled: false\n"
        "  override: {output: append, tags: append, priority: replace, enabled: replace}\n"
    )
    (found,) = ruleset(text).rules
    assert (found.output, found.tags, str(found.priority), found.enabled) == (
        "o and %tool.name",
        ("a", "b"),
        "Critical",
        False,
    )


def test_macros_and_lists_are_changed_by_override_too() -> None:
    text = "- list: l\n  items: [a]\n- macro: m\n  condition: tool.name in (l)\n" + rule(condition="m")
    change = "- list: l\n  items: [b]\n  override: {items: append}\n"
    change += "- macro: m\n  condition: or tool.name = c\n  override: {condition: append}\n"
    rules = ruleset(text, change)
    assert [name for name in "abcd" if matched(rules, event({"tool.name": name}))] == ["a", "b", "c"]
    assert codes(loaded("- macro: m\n  condition: or x\n  override: {condition: append}\n")) == ["LOAD_ERR_VALIDATE"]


def test_every_prefix_of_the_files_must_compile() -> None:
    uses, defines = rule(condition="m"), "- macro: m\n  condition: tool.name = Bash\n"
    assert loaded(uses + defines).successful
    assert loaded(defines, uses).successful
    result = loaded(uses, defines)
    assert codes(result) == ["LOAD_ERR_VALIDATE"]
    assert len(result.files) == 1


def test_a_later_file_may_redefine_what_earlier_rules_use() -> None:
    first = "- macro: m\n  condition: tool.name = Read\n- macro: n\n  condition: m\n" + rule(condition="n")
    rules = ruleset(first, "- macro: m\n  condition: tool.name = Bash\n")
    assert matched(rules, BASH) == ["r"]
    assert matched(rules, event({"tool.name": "Read"})) == []


def test_the_digest_follows_texts_and_selection() -> None:
    one, same, other = ruleset(rule()), ruleset(rule()), ruleset(rule(desc="e"))
    assert one.digest == same.digest != other.digest
    assert len(one.digest) == 64
    assert ruleset(rule() + "\n", "").digest != ruleset(rule(), "\n").digest


def test_work_pauses_between_small_steps() -> None:
    from prempti_otel.rules.loader import load
    from prempti_otel.rules.options import RuleFile

    pauses: list[None] = []
    load([RuleFile("f", "".join(rule(f"r{number}") for number in range(50)))], pause=lambda: pauses.append(None))
    assert len(pauses) > 100
