"""What a person and a program are told of rules that do not load."""

from __future__ import annotations

import json

import pytest

from tests.support.rules import loaded, rule


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (rule(condition="tool.nam = Bash"), "f1.yaml:3:5", "did you mean tool.name?"),
        (
            (
                "- rule: r\n  condition: tool.name = Bash and tool.use = 1\n"
                "  desc: d\n  output: o\n  priority: INFO\n  source: coding_agent\n"
            ),
            "f1.yaml:2:35",
            "did you mean",
        ),
        (rule(condition="tool.name startwith B"), "f1.yaml:3:15", "did you mean startswith?"),
        (rule(condition="tool.name matches B"), "f1.yaml:3:15", "did you mean regex?"),
        (rule(condition="call.hosts intersect (a)"), "f1.yaml:3:26", "did you mean intersects?"),
        (rule(condition="tool.name = (a, b)"), "f1.yaml:3:17", "`field in (a, b)`"),
        (rule(condition="tool.name = a && tool.name = b"), "f1.yaml:3:19", "write and"),
        (rule(condition="tool.name = a OR tool.name = b"), "f1.yaml:3:19", "write or"),
        (rule(output="'by %agent.nam'"), "f1.yaml:5:11", "did you mean %agent.name?"),
        (rule(priority="WARN"), "f1.yaml:6:13", "Warning"),
        ("- rule: r\n  desc: a: b\n", "f1.yaml:2:10", "quotes"),
        ("- macro: is_bash\n  condition: tool.name = Bash\n" + rule(condition="is_bsh"), "f1.yaml:5:5", "is_bash"),
        (rule(condition="tool.name contains rm -rf"), "f1.yaml:3:27", "in quotes"),
        ("- rule: r\n  foo: \xff".encode("latin-1"), "f1.yaml:2:8", "UTF-8"),
    ],
)
def test_an_error_names_place_and_remedy(text: str | bytes, place: str, hint: str) -> None:
    shown = loaded(text).as_text()
    assert f"{place}: LOAD_ERR" in shown
    assert hint in shown


def test_a_caret_points_at_the_culprit() -> None:
    lines = loaded(rule(condition="tool.name = Bash and tool.nam = x")).as_text().splitlines()
    assert lines[-1].index("^") == lines[-2].index("tool.nam =")


def test_json_has_falcos_shape() -> None:
    answer = json.loads(json.dumps(loaded(rule(condition="tool.name =")).as_json()))
    (file,) = answer["falco_load_results"]
    assert (file["name"], file["successful"]) == ("f1.yaml", False)
    (error,) = file["errors"]
    assert error["code"] == "LOAD_ERR_COMPILE_CONDITION"
    assert error["codedesc"] == "Error compiling condition"
    kinds = [location["item_type"] for location in error["context"]["locations"]]
    assert kinds == ["rules content", "rule", "rule condition", "condition expression"]
    assert error["context"]["locations"][1]["item_name"] == "r"
    assert set(error["context"]["locations"][1]["position"]) == {"name", "line", "column", "offset"}


def test_a_macro_that_a_later_file_uses_is_not_called_unused() -> None:
    result = loaded("- macro: m\n  condition: tool.name = x\n", rule(condition="m"))
    assert [str(item.code) for item in result.files[0].warnings] == ["LOAD_UNUSED_MACRO"]
    assert result.as_text() == "f1.yaml: Ok\nf2.yaml: Ok"


def test_a_warning_is_said_once_though_every_later_file_compiles_the_rule_again() -> None:
    shown = loaded(rule(condition="tool.name = tool.use_id"), rule("s")).as_text()
    assert shown.count("LOAD_COMPILE_CONDITION") == 1


def test_ten_thousand_diagnostics_take_no_more_than_linear_work() -> None:
    text = "".join(f"- list: l{number}\n  items: [a]\n" for number in range(10_000))
    assert len(loaded(text).files[0].warnings) == 10_000


def test_text_shows_the_final_state_and_json_each_prefix() -> None:
    doubtful = rule(condition="tool.name = tool.use_id")
    result = loaded(doubtful + "- list: l\n  items: [a]\n", rule(condition="tool.name in (l)"))
    assert [str(item.code) for item in result.files[0].warnings] == ["LOAD_COMPILE_CONDITION", "LOAD_UNUSED_LIST"]
    assert result.as_text() == "f1.yaml: Ok\nf2.yaml: Ok"


def test_text_keeps_warnings_of_a_file_itself_and_of_what_stays() -> None:
    result = loaded("- list: l\n  items: [a]\n  colour: red\n", rule())
    first, *lines, last = result.as_text().splitlines()
    assert (first, last) == ("f1.yaml: Ok, with warnings", "f2.yaml: Ok")
    assert [line.split(": ")[1] for line in lines if "LOAD_" in line] == [
        "LOAD_UNKNOWN_KEY (list l)",
        "LOAD_UNUSED_LIST (list l)",
    ]


def test_text_of_files_that_do_not_load_calls_nothing_unused() -> None:
    shown = loaded("- list: l\n  items: [a]\n", rule(condition="tool.nam in (l)")).as_text()
    assert "f1.yaml: Ok\nf2.yaml: Invalid" in shown
    assert "UNUSED" not in shown
