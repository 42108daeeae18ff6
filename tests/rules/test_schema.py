"""The JSON schema's opinion of rules files, which decides nothing."""

from __future__ import annotations

import pytest

from prempti_otel.rules.files.schema import schema_warnings
from prempti_otel.rules.files.yamlnodes import SourceFile
from tests.support.rules import loaded, rule

TYPE = "Value type not permitted by 'type' constraint."
EXTRA = (
    "Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints:"
)


def warnings(text: str) -> list[str] | None:
    return schema_warnings(SourceFile("f.yaml", text.encode()))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("hello", f"<root>: {TYPE}"),
        ("a: 1", f"<root>: {TYPE}"),
        ("~", f"<root>: {TYPE}"),
        ("- hello", f"<root>[0]: {TYPE}"),
        ("- rule: r\n- [a]", f"<root>[1]: {TYPE}"),
        ("- rule: r\n  priority: warning", "<root>[0][priority]: Failed to match against any enum values."),
        ("- rule: r\n  priority: [WARNING]", "<root>[0][priority]: Failed to match against any enum values."),
        ("- rule: r\n  enabled: yes", f"<root>[0][enabled]: {TYPE}"),
        ("- rule: r\n  enabled: True", f"<root>[0][enabled]: {TYPE}"),
        ("- rule: r\n  append:", f"<root>[0][append]: {TYPE}"),
        ("- rule: r\n  tags: a", f"<root>[0][tags]: {TYPE}"),
        ("- rule: r\n  colour: red", f"<root>[0]: {EXTRA} 'colour'."),
        ("- rule: r\n  rule: s", f"<root>[0]: {EXTRA} ''."),
        ("- rule: r\n  capture_duration: 1.5", f"<root>[0][capture_duration]: {TYPE}"),
        ("- rule: r\n  capture_duration: 9223372036854775808", f"<root>[0][capture_duration]: {TYPE}"),
        ("- rule: r\n  override: append", f"<root>[0][override]: {TYPE}"),
        ("- rule: r\n  override: {}", "<root>[0][override]: Object should have no fewer than 1 properties."),
        ("- rule: r\n  override: []", "<root>[0][override]: Object should have no fewer than 1 properties."),
        ("- rule: r\n  override: {source: replace}", f"<root>[0][override]: {EXTRA} 'source'."),
        ("- rule: r\n  override: {desc: x}", "<root>[0][override][desc]: Failed to match against any enum values."),
        ("- rule: r\n  exceptions: [{fields: a.b}]", "<root>[0][exceptions][0]: Missing required property 'name'."),
        ("- rule: r\n  exceptions: [{name: a, value: b}]", f"<root>[0][exceptions][0]: {EXTRA} 'value'."),
        (
            "- required_plugin_versions: [{name: a, version: 1.0.0, alternatives: [{name: b}]}]",
            "<root>[0][required_plugin_versions][0][alternatives][0]: Missing required property 'version'.",
        ),
        ("- rule: r\n---\n- rule: [r]\n  tags: x", f"<root>[0][tags]: {TYPE}"),
    ],
)
def test_the_innermost_warning_comes_first(text: str, first: str) -> None:
    found = warnings(text)
    assert found is not None
    assert found[0] == f"failed for {first}"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        rule(),
        rule(enabled="'true'", tags="[a, 5, ~, [b]]", warn_evttypes="false"),
        "- list: l\n  items: {}\n- macro: {a: b}\n- rule: r\n  desc:\n  capture_duration: ' +5'",
        "- required_engine_version: 5\n- rule: r\n  exceptions: [{name: a, fields: [x], comps: 1, values: {}}]",
    ],
)
def test_what_the_schema_takes(text: str) -> None:
    assert warnings(text) == []


@pytest.mark.parametrize("text", ["", "# nothing", "- rule: [a", "- rule: r\n\tdesc: d\n"])
def test_without_a_document_there_is_no_opinion(text: str) -> None:
    assert warnings(text) is None


def test_every_level_says_where_it_failed() -> None:
    assert warnings("- rule: r\n  exceptions: [{}]") == [
        "failed for <root>[0][exceptions][0]: Missing required property 'name'.",
        "failed for <root>[0][exceptions]: Failed to validate item #0 in array.",
        "failed for <root>[0]: Failed to validate against schema associated with property name 'exceptions'.",
        "failed for <root>: Failed to validate item #0 in array.",
    ]


def test_the_schema_decides_nothing() -> None:
    (file,) = loaded(rule(enabled="yes")).as_json()["falco_load_results"]  # type: ignore[misc]
    assert (file["successful"], file["schema_valid"], len(file["schema_warnings"])) == (True, False, 3)
    (file,) = loaded(rule(condition="tool.nam = x")).as_json()["falco_load_results"]  # type: ignore[misc]
    assert (file["successful"], file["schema_valid"], file["schema_warnings"]) == (False, True, [])
    (file,) = loaded("- rule: [").as_json()["falco_load_results"]  # type: ignore[misc]
    assert (file["schema_valid"], file["schema_warnings"]) == (False, [])


def test_aliases_that_multiply_are_refused() -> None:
    levels = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (error,) = loaded("\n".join(levels)).files[0].errors
    assert str(error.code) == "LOAD_ERR_YAML_PARSE"
    assert "aliases" in error.message
