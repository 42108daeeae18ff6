"""Conditions on values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from prempti_otel.model.fields import FIELDS
from prempti_otel.rules.checks.compiler import compile_condition
from prempti_otel.rules.checks.operands import ConditionTypeError
from tests.support.rules import event, holds

BASH = {"tool.name": "Bash", "tool.input_command": "ls\nrm -rf /", "correlation.id": 5, "proc.flags": ("-r", "-f")}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("tool.name = Bash", True),
        ("tool.name == bash", False),
        ("tool.name != bash", True),
        ("tool.name icontains BAS", True),
        ("tool.name startswith B", True),
        ("tool.name endswith sh", True),
        ("tool.name in (Read, Bash)", True),
        ("tool.name in ()", False),
        ("tool.name in Bash", True),
        ("tool.name glob 'B*h'", True),
        ("tool.name glob 'B?sh'", True),
        ("tool.name glob '[A-C]as[!x]'", True),
        ("tool.name iglob 'BA*'", True),
        ("tool.name regex as", False),
        ("tool.name regex '.as.'", True),
        ("tool.name regex '[[:alpha:]]+'", True),
        ("tool.input_command regex '.*rm.*'", False),
        ("tool.input_command regex '(.|\\n)*rm.*'", True),
        ("tool.input_command glob '*rm*'", True),
        ("tool.name > 5", True),
        ("correlation.id = 005", True),
        ("correlation.id > -1", False),
        ("correlation.id < 99999999999999999999999", True),
        ("correlation.id in (4, 5)", True),
        ("tool.name = oneof (Bash, Read)", True),
        ("tool.name = oneof (Bash, Bash)", False),
        ("tool.name != allof (Read, Write)", True),
        ("tool.name contains anyof (x, as)", True),
        ("tool.name contains allof (a, s)", True),
        ("tool.name contains allof ()", False),
        ("tool.name = tool.name", False),
        ("tool.name = val(tool.name)", True),
        ("tolower(tool.name) = bash", True),
        ("len(tool.name) = 4", True),
        ("len(proc.flags) = 2", True),
        ("concat(tool.name, '-', 'x') = Bash-x", True),
        ("join(',', proc.flags) = '-r,-f'", True),
        ("proc.flags in (-r, -f, -v)", True),
        ("proc.flags in (-r)", False),
        ("proc.flags intersects (-r, -v)", True),
        ("toupper(proc.flags) intersects (-R)", True),
        ("evt.pluginname = coding_agent", True),
        ("evt.is_async = false", True),
    ],
)
def test_operators_mean_what_falco_means(condition: str, expected: bool) -> None:
    assert holds(condition, BASH) is expected


OPERATORS = ["= x", "!= x", "contains ''", "startswith ''", "glob '*'", "regex '.*'", "pmatch (/)", "in (x)", "exists"]


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_field_makes_every_check_false(operator: str) -> None:
    assert holds(f"mcp.server {operator}") is False
    assert holds(f"not mcp.server {operator}") is True
    assert holds("tool.name = val(mcp.server)", BASH) is False


def test_an_empty_text_exists_and_an_empty_list_does_not() -> None:
    values = {"tool.name": "", "agent.pid": 0, "proc.flags": ()}
    assert holds("tool.name exists", values)
    assert holds("agent.pid exists", values)
    assert not holds("proc.flags exists", values)
    assert not holds("proc.flags in ()", values)
    assert not holds("len(proc.flags) = 0", values)


def test_an_empty_value_on_the_right_is_a_prefix_of_everything() -> None:
    assert holds("tool.name startswith val(agent.real_cwd)", {**BASH, "agent.real_cwd": ""})


def test_values_are_never_cut_at_nul() -> None:
    values = {"tool.input_command": "ls\x00; rm -rf /"}
    assert holds("tool.input_command contains 'rm -rf'", values)
    assert not holds("tool.input_command = ls", values)


def test_text_is_compared_as_bytes_even_where_it_is_not_utf8() -> None:
    assert holds("tool.name = é", {"tool.name": "é"})
    assert holds('tool.name = "\\xc3\\xa9"', {"tool.name": "é"})
    assert holds("tool.name glob ??", {"tool.name": "é"})
    assert holds('tool.name contains "\\xed\\xa0\\x80"', {"tool.name": "\ud800"})


KEYED: Mapping[str, Any] = {
    "session.mark_age_ms": {"read": 10},
    "session.mark_count": {"read": 2},
    "proc.option": {"-u": "bob"},
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("session.mark_age_ms[read] < 11", True),
        ("session.mark_age_ms[other] exists", False),
        ("session.mark_count[read] = 2", True),
        ("session.mark_count[other] = 0", True),
        ("proc.option[-u] = bob", True),
        ("proc.option['-x'] exists", False),
    ],
)
def test_an_argument_selects_a_value(condition: str, expected: bool) -> None:
    assert holds(condition, KEYED) is expected


def test_a_mark_that_no_session_knows_was_set_no_times() -> None:
    assert holds("session.mark_count[x] = 0")
    assert not holds("session.mark_age_ms[x] exists")


ANCESTRY = {"proc.name": "curl", "proc.aname": ("sh", "sudo", "Bash")}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.aname = sudo", True),
        ("proc.aname in (x, Bash)", True),
        ("proc.aname startswith su", True),
        ("proc.aname = curl", False),
        ("proc.aname[0] = curl", True),
        ("proc.aname[1] = sh", True),
        ("proc.aname[3] = Bash", True),
        ("proc.aname[4] exists", False),
        ("toupper(proc.aname) = SUDO", True),
    ],
)
def test_an_ancestor_is_any_of_them_or_the_nth(condition: str, expected: bool) -> None:
    assert holds(condition, ANCESTRY) is expected


ENVIRONMENT: Mapping[str, Any] = {"proc.name": "rails", "proc.env": {"RAILS_ENV": ("test", "production"), "A": ("1",)}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.env[A] = 1", True),
        ("proc.env[A] != 1", False),
        ("proc.env[a] exists", False),
        ("proc.env[B] exists", False),
        ("proc.env[B] != 1", False),
        ("proc.env[RAILS_ENV] = test", True),
        ("proc.env[RAILS_ENV] != test", True),
        ("proc.env[RAILS_ENV] in (x, production)", True),
        ("proc.env[RAILS_ENV] contains duct", True),
        ("toupper(proc.env[RAILS_ENV]) = TEST", True),
        ("not proc.env[A] != 1", True),
    ],
)
def test_a_variable_is_any_of_the_values_that_it_may_have(condition: str, expected: bool) -> None:
    assert holds(condition, ENVIRONMENT) is expected


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("tool.nam = x", "did you mean tool.name"),
        ("tool.name[0] = x", "takes no argument"),
        ("proc.option = x", "needs an argument"),
        ("proc.env = x", "needs an argument"),
        ("proc.option['a b'] = x", "blanks"),
        ("proc.aname[x] = a", "number"),
        ("proc.aname[01] = a", "number"),
        ("correlation.id contains 5", "it takes"),
        ("correlation.id = 0x10", "not a valid number"),
        ("correlation.id = 5.0", "not a valid number"),
        ("evt.is_async = True", "neither true nor false"),
        ("proc.flags = -r", "list of string"),
        ("tool.name bcontains 41", "does not go"),
        ("tool.name regex '('", "regex"),
        ("tool.name regex '\\\\d+'", "regex"),
        ("tool.name regex '(?i)a'", "regex"),
        ("tool.name = val(correlation.id)", "is uint64"),
        ("tool.name pmatch val(tool.input)", "constants only"),
        ("tolower(correlation.id) = 5", "takes text"),
        ("len(tool.name) startswith 1", "does not go"),
        ("concat(tool.name) = x", "two or more"),
        ("getopt(tool.name, 'n') exists", "list of arguments"),
        ('tool.name = "\\x00"', "NUL"),
        ("some_macro", "macro"),
    ],
)
def test_what_cannot_mean_anything_is_refused_with_a_reason(condition: str, said: str) -> None:
    with pytest.raises(ConditionTypeError) as caught:
        compile_condition(condition)
    assert said in caught.value.diagnostics()


@pytest.mark.parametrize(
    ("condition", "warned"),
    [
        ("tool.name = tool.use_id", True),
        ("tool.name = 'tolower(tool.name)'", True),
        ("tool.name regex 'rm.*'", True),
        ("tool.name regex 'r[mn]'", False),
        ("tool.name = x.y", False),
    ],
)
def test_a_constant_that_looks_like_something_else_is_warned_of(condition: str, warned: bool) -> None:
    assert bool(compile_condition(condition).warnings) is warned


def test_values_of_a_wrong_type_are_missing() -> None:
    for value in (5, True, ("a",), {"k": "v"}):
        assert not holds("tool.name != a", {"tool.name": value})
    assert not holds("correlation.id != 1", {"correlation.id": "x"})


def test_the_clock_fields_follow_from_the_time_of_the_event() -> None:
    values = {"evt.time": 1_700_000_000_123_456_789}
    assert holds("evt.rawtime.s = 1700000000 and evt.rawtime.ns = 123456789 and evt.datetime exists", values)
    assert not holds("evt.rawtime exists")


def test_a_field_of_the_call_shows_on_every_deeper_event() -> None:
    call = event({"tool.name": "Bash"})
    process = event({"proc.name": "rm"}, base=call)
    assert compile_condition("tool.name = Bash and proc.name = rm").holds(process)
    assert set(FIELDS) >= {"tool.name", "proc.name"}
