"""On which events a rule is judged."""

from __future__ import annotations

import pytest

from prempti_otel.model.event import Event
from prempti_otel.model.fields import Level
from tests.support.rules import codes, event, loaded, matched, rule, ruleset

CALL = event({"tool.name": "Bash"})
RM = event({"proc.name": "rm", "proc.flags": ("-r", "-f")}, Level.PROCESS, CALL)
GONE = event({"file.op": "delete", "file.real_path": "/etc"}, Level.FILE, RM)
READ = event({"file.op": "read", "file.real_path": "/etc/hosts"}, Level.FILE, CALL)
HOST = event({"net.host": "example.com"}, Level.NETWORK, RM)
ALL = (CALL, RM, GONE, READ, HOST)


def held_on(condition: str) -> list[Event]:
    return [match.event for match in ruleset(rule(condition=condition)).judge(ALL).matches]


@pytest.mark.parametrize(
    ("condition", "events"),
    [
        ("tool.name = Bash", [CALL]),
        ("proc.name = rm", [RM]),
        ("tool.name = Bash and proc.name = rm", [RM]),
        ("file.op exists", [GONE, READ]),
        ("not file.op = read", [GONE]),
        ("proc.name = rm and file.op exists", [GONE]),
        ("not proc.name exists and file.op exists", [READ]),
        ("net.host = example.com and proc.name = rm", [HOST]),
        ("tool.name = Bash or file.op = read or net.host exists", [CALL, READ, HOST]),
        ("(tool.name = Bash or (proc.name = rm or tool.name = x))", [CALL, RM]),
        ("not net.port exists", [HOST]),
    ],
)
def test_each_branch_is_judged_on_events_of_its_deepest_level(condition: str, events: list[Event]) -> None:
    assert held_on(condition) == events


def test_not_holds_on_no_event_where_there_is_none() -> None:
    assert matched(ruleset(rule(condition="not file.op = read")), CALL) == []


def test_branches_of_a_macro_are_branches_of_the_rule() -> None:
    text = "- macro: m\n  condition: tool.name = Bash or file.op = read\n" + rule(condition="m")
    assert [match.event for match in ruleset(text).judge(ALL).matches] == [CALL, READ]
    assert ruleset(text).rules[0].levels == (Level.TOOL, Level.FILE)


def test_files_and_hosts_in_one_branch_are_an_error_that_names_the_way_out() -> None:
    result = loaded(rule(condition="file.op = read and net.host exists"))
    assert codes(result) == ["LOAD_ERR_COMPILE_CONDITION"]
    assert "call.hosts" in result.as_text()
    assert loaded(rule(condition="file.op = read and call.hosts intersects (x)")).successful
    assert loaded(rule(condition="file.op = read or net.host exists")).successful


def test_an_exception_deeper_than_a_branch_is_an_error() -> None:
    text = "  exceptions:\n  - name: e\n    fields: [proc.name]\n    values: [[rm]]\n"
    assert codes(loaded(rule(condition="tool.name = Bash") + text)) == ["LOAD_ERR_COMPILE_CONDITION"]
    assert loaded(rule(condition="file.op exists") + text).successful
    assert codes(loaded(rule(condition="file.op exists or tool.name = x") + text)) == ["LOAD_ERR_COMPILE_CONDITION"]


@pytest.mark.parametrize(
    ("condition", "warned"),
    [
        ("tool.name = Bash and (proc.name = rm or file.op = read)", True),
        ("tool.name = Bash and (proc.name = rm or proc.user = root)", False),
        ("tool.name = Bash or proc.name = rm", False),
        ("proc.flags in (-r, -f)", True),
        ("proc.flags intersects (-r, -f)", False),
        ("call.marks in (a)", False),
    ],
)
def test_what_hardly_means_what_it_says_is_warned_of(condition: str, warned: bool) -> None:
    assert codes(loaded(rule(condition=condition))) == (["LOAD_COMPILE_CONDITION"] if warned else [])


@pytest.mark.parametrize(
    ("appended", "warned"), [("and file.op = read", True), ("and tool.use_id = x", False), ("or file.op = read", False)]
)
def test_an_append_that_changes_the_level_is_warned_of(appended: str, warned: bool) -> None:
    text = rule() + f"- rule: r\n  condition: {appended}\n  override: {{condition: append}}\n"
    assert codes(loaded(text)) == (["LOAD_COMPILE_CONDITION"] if warned else [])


def test_a_rule_that_sets_a_mark_cannot_ask_for_marks_of_the_same_call() -> None:
    assert codes(loaded(rule(condition="call.marks intersects (a)", tags="[coding_agent_mark:b]"))) == [
        "LOAD_ERR_COMPILE_CONDITION"
    ]
