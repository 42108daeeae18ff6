"""Rules in force on the events of a call."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from prempti_otel.model.decision import Priority, Verdict
from prempti_otel.model.event import Event
from prempti_otel.model.fields import Level
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.rules.selection import Selection, Switch, matches_wildcard
from tests.support.rules import event, matched, rule, ruleset

CALL = event({"tool.name": "Bash", "tool.input_command": "rm -rf /"})


@pytest.mark.parametrize(
    ("tags", "verdict"),
    [
        ("[]", Verdict.DEFER),
        ("[coding_agent_seen, other]", Verdict.DEFER),
        ("[coding_agent_ask]", Verdict.ASK),
        ("[coding_agent_ask, coding_agent_deny]", Verdict.DENY),
    ],
)
def test_tags_say_what_a_rule_asks_for(tags: str, verdict: Verdict) -> None:
    (match,) = ruleset(rule(tags=tags)).judge([CALL]).matches
    assert match.verdict is verdict


def test_matches_come_gravest_first() -> None:
    text = rule("informs", priority="EMERGENCY") + rule("asks", tags="[coding_agent_ask]")
    text += rule("denies late", tags="[coding_agent_deny]", priority="NOTICE")
    text += rule("denies", tags="[coding_agent_deny]", priority="CRITICAL") + rule(
        "denies too", tags="[coding_agent_deny]", priority="CRITICAL"
    )
    assert matched(ruleset(text), CALL) == ["denies", "denies too", "denies late", "asks", "informs"]


def test_five_matches_of_a_rule_are_kept_and_all_are_counted() -> None:
    files = [event({"file.op": "read", "file.path": f"/{n}"}, Level.FILE, CALL) for n in range(9)]
    matches = ruleset(rule(condition="file.op = read", output="'%file.path'")).judge([CALL, *files]).matches
    assert [match.output for match in matches] == [f"/{n}" for n in range(5)]
    assert [match.count for match in matches] == [9, 1, 1, 1, 1]


def test_a_rule_holds_once_for_an_event_however_many_branches_do() -> None:
    (match,) = ruleset(rule(condition="tool.name = Bash or tool.name exists")).judge([CALL]).matches
    assert match.count == 1


def marking() -> Ruleset:
    text = rule("later", "call.marks intersects (secret)", tags="[coding_agent_deny]")
    text += rule("marks", "file.op = read", tags="['coding_agent_mark:secret', 'coding_agent_mark:file']")
    text += rule("deeper", "proc.name = curl and call.marks in (secret, file)")
    return ruleset(text)


def test_marks_are_set_before_other_rules_are_judged() -> None:
    call = event({"tool.name": "Bash"})
    curl = event({"proc.name": "curl"}, Level.PROCESS, call)
    read = event({"file.op": "read"}, Level.FILE, curl)
    judgement = marking().judge([call, curl, read])
    assert judgement.marks == ("file", "secret")
    assert [match.rule for match in judgement.matches] == ["later", "marks", "deeper"]
    assert call.get("call.marks") == ("file", "secret")


def test_without_a_match_no_mark_is_set() -> None:
    call = event({"tool.name": "Bash"})
    assert marking().judge([call]) == type(marking().judge([call]))((), ())
    assert call.get("call.marks") is None


def test_a_template_that_fails_does_not_hide_the_match() -> None:
    class Broken(Event):
        def raw(self, name: str) -> bytes:
            if name == "tool.use_id":
                raise RuntimeError
            return b"Bash"

    (match,) = ruleset(rule(output="'used by %tool.use_id'")).judge([Broken(Level.TOOL, {"tool.name": "Bash"})]).matches
    assert match.output.startswith("used by %tool.use_id")


def test_no_events_no_matches() -> None:
    assert ruleset(rule()).judge([]).matches == ()


def test_threads_may_judge_at_once() -> None:
    rules = ruleset(rule(condition="tool.input_command contains 'rm -rf'"))

    def judge(number: int) -> list[str]:
        return matched(rules, event({"tool.input_command": "rm -rf /" if number % 2 else "ls"}))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(judge, range(200))) == [["r"] if number % 2 else [] for number in range(200)]


@pytest.mark.parametrize(
    ("selection", "in_force"),
    [
        (Selection(), ["a", "b"]),
        (Selection(disabled_rules=("a",)), ["b"]),
        (Selection(disabled_rules=("*",)), []),
        (Selection(disabled_tags=("t",)), ["a"]),
        (Selection(switches=(Switch(True, rule="off"),)), ["a", "b", "off"]),
        (Selection(switches=(Switch(False, rule="*"), Switch(True, tag="t"))), ["b"]),
        (Selection(switches=(Switch(False, rule="a*", tag="t"),)), ["a", "b"]),
        (Selection(minimum_priority=Priority.ERROR, switches=(Switch(True, rule="*"),)), []),
    ],
)
def test_a_selection_puts_rules_in_force_and_out(selection: Selection, in_force: list[str]) -> None:
    text = rule("off", enabled="false") + rule("a") + rule("b", tags="[t]")
    rules = ruleset(text, selection=selection)
    assert matched(rules, CALL) == in_force
    assert sorted(item.name for item in rules.rules if item.enabled) == sorted(in_force)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("", "", True),
        ("", "x", False),
        ("a*", "abc", True),
        ("*ab", "xabab", True),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "acb", False),
        ("a*a", "a", False),
        ("a.c", "abc", False),
        ("**x**", "x", True),
        ("?", "a", False),
    ],
)
def test_a_wildcard_is_any_run_of_characters(pattern: str, text: str, expected: bool) -> None:
    assert matches_wildcard(pattern, text) is expected


def conditions(count: int, chance: random.Random) -> list[str]:
    words = ["rm -rf", "curl", "git push", "/etc/passwd", ".ssh", "x", "build", "sudo "]
    checks = [
        lambda: f"tool.name in ({chance.choice(['Bash', 'Read', 'Bash, Write'])})",
        lambda: f"tool.input_command contains '{chance.choice(words)}'",
        lambda: f"tool.input_command startswith '{chance.choice(words)}'",
        lambda: f"tool.input_command glob '*{chance.choice(words)}*'",
        lambda: f"tool.input_command regex '.*{chance.choice(words)}[a-z]*.*'",
        lambda: f"proc.name = {chance.choice(['rm', 'curl', 'git'])}",
        lambda: f"proc.flags intersects ({chance.choice(['-r', '-f', '-v, -x'])})",
        lambda: f"proc.flags in ({chance.choice(['-r, -f', '-v'])})",
        lambda: f"file.real_path pmatch ({chance.choice(['/etc', '/home/*/.ssh', '/*/x, /tmp', '/'])})",
        lambda: f"file.op != {chance.choice(['read', 'write'])}",
        lambda: "not tool.use_id exists",
        lambda: f"proc.aname = {chance.choice(['sh', 'sudo'])}",
        lambda: f"proc.aname {chance.choice(['startswith', '!=', 'endswith'])} {chance.choice(['s', 'sh', 'x'])}",
        lambda: (
            f"proc.output_variables {chance.choice(['pmatch (A*, [*]K*)', '!= A', '= AB', 'regex .*B', 'glob A*'])}"
        ),
        lambda: f"tool.input_command contains anyof ('{chance.choice(words)}', '{chance.choice(words)}')",
        lambda: f"correlation.id = {chance.randrange(4)}",
        lambda: f"file.real_path {chance.choice(['endswith', 'startswith', 'contains'])} {chance.choice(texts)}",
        lambda: f"file.real_path contains anyof ({chance.choice(texts)}, {chance.choice(texts)})",
        lambda: f"file.real_path in ({chance.choice(texts)}, /etc/hosts)",
        lambda: f"file.real_path = {chance.choice(['/tmp/x', '/etc/hosts'])}",
        lambda: f"proc.remote exists and file.recursive = {chance.choice(['true', 'false'])}",
    ]
    texts = ["/etc", "/x", "ssh", "/.ssh/", "hosts"]
    parts: list[str] = []

    def build(depth: int) -> str:
        kind = chance.random()
        if depth == 0 or kind < 0.4:
            return chance.choice(checks)()
        if kind < 0.5:
            return f"not ({build(depth - 1)})"
        if parts and kind < 0.6:
            return chance.choice(parts)
        word = " and " if kind < 0.75 else " or "
        parts.append("(" + word.join(build(depth - 1) for _ in range(chance.randint(2, 3))) + ")")
        return parts[-1]

    return [build(2) for _ in range(count)]


def calls(count: int, chance: random.Random) -> list[list[Event]]:
    found = []
    for number in range(count):
        command = " ".join(chance.choices(["rm -rf", "curl", "git push", "/etc/passwd", "~/.ssh", "x", "build"], k=4))
        call = event(
            {"tool.name": chance.choice(["Bash", "Read"]), "tool.input_command": command, "correlation.id": number % 4}
        )
        flags = tuple(chance.sample(["-r", "-f", "-v"], chance.randrange(4)))
        process = event(
            {"proc.name": chance.choice(["rm", "ls", "git"]), "proc.flags": flags, "proc.aname": ("sh",)},
            Level.PROCESS,
            call,
        )
        if chance.random() < 0.5:
            process.values["proc.remote"] = "host"
        if chance.random() < 0.5:
            process.values["proc.output_variables"] = tuple(
                chance.sample(["A", "AB", "C", "*KEY"], chance.randrange(3))
            )
        files = [
            event(
                {
                    "file.op": chance.choice(["read", "write"]),
                    "file.real_path": chance.choice(["/etc/hosts", "/home/a/.ssh/id", "/tmp/x", "", "/"]),
                    "file.recursive": chance.choice([True, False]),
                },
                Level.FILE,
                chance.choice([process, call]),
            )
            for _ in range(3)
        ]
        found.append([call, process, *files])
    return found


def test_what_is_looked_up_merged_or_remembered_holds_on_the_same_events() -> None:
    chance = random.Random(7)
    texts = [f"tool.input_command contains 'word{number}'" for number in range(40)] + conditions(400, chance)
    rules = ruleset("".join(rule(f"r{number}", text) for number, text in enumerate(texts)))
    from prempti_otel.model.fields import FIELDS
    from prempti_otel.rules.checks.compiler import compile_expression

    for events in calls(60, chance):
        expected = {
            (item.name, events.index(one))
            for item in rules.rules
            for branch in item.branches
            for one in events
            if one.level is branch.level and compile_expression(branch.expression, FIELDS)(one)
        }
        assert {(match.rule, events.index(match.event)) for match in rules.judge(events).matches} == expected


def test_rules_with_something_of_their_own_are_looked_up_and_not_all_judged() -> None:
    text = "".join(
        rule(f"r{n}", f"tool.name = Bash and tool.input_command contains 'danger {n:04}'") for n in range(300)
    )
    rules = ruleset(text)
    assert matched(rules, event({"tool.name": "Bash", "tool.input_command": "x danger 0123 y"})) == ["r123"]
    index = rules._judging[Level.TOOL]
    assert len(index.candidates(event({"tool.name": "Bash", "tool.input_command": "ls"}))) == 0


def test_rules_on_a_field_that_few_events_have_are_judged_on_these_alone() -> None:
    rules = ruleset(rule("r", "proc.output_variables pmatch (*TOKEN) or proc.name = x and proc.args_from regex 'ls.*'"))
    index = rules._judging[Level.PROCESS]
    assert len(index.candidates(event({"proc.name": "echo"}, Level.PROCESS))) == 0
    shown = event({"proc.name": "echo", "proc.output_variables": ("A", "A_TOKEN")}, Level.PROCESS)
    assert len(index.candidates(shown)) == 1
    assert matched(rules, event({"tool.name": "Bash"}), shown) == ["r"]
