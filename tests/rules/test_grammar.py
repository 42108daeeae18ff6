"""The parser and the written grammar: they take the same texts for conditions, and read the same in them."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from prempti_otel.engine.rulesets import read_rule_files
from prempti_otel.rules.language.ast import Expression
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition
from prempti_otel.rules.loader import load
from prempti_otel.settings.resources import resource
from tests.support.condition_grammar import reading

SIDES = ("a.b", "x.y[k]", "x.y['a b']", "tolower(a.b)", "join('-',(a.b,3))", "getopt(a.b,'n:')[n]")
WORDS = (
    *("and", "or", "not", "not(", "(", ")", ",", "oneof", "anyof", "allof", "exists", "val(", "tolower(", "concat"),
    *("=", "==", "!=", "<", ">=", "in", "intersects", "pmatch", "contains", "bstartswith", "iglob", "regex"),
    *("[x]", ")[a]", ")['q']", "x.y[", "'q'", '"x y"', '"\\d"', "'", '"', "5", "-3.5e+2", "0x1F", "0x", "1a"),
    *("m", "notx", "not.x", "andy", "orx", "in.x", "a.", ".", "\t", "\n", "\f", "\v", "\b", "é", "\\", "#", "\udcff"),
)
CHECKS = st.one_of(
    st.sampled_from(["m", "not m", "notm", "not(m)", "((m))", "a.b exists"]),
    st.builds("{} {} {}".format, st.sampled_from(SIDES), st.sampled_from(["=", "!=", "icontains", "regex anyof"]),
              st.sampled_from(["x", "'q'", "val(a.b)", "tolower(x.y)", "('a', b)", "oneof"])),
    st.builds("{} {} {}".format, st.sampled_from(SIDES), st.sampled_from(["in", "pmatch", "intersects"]),
              st.sampled_from(["(a, b)", "()", "(a,)", "list", "val(a.b)"])),
    st.builds("{} {} {}".format, st.sampled_from(SIDES), st.sampled_from(["<", ">="]),
              st.sampled_from(["5", "0xff", "-1.5e+3", "val(a.b)", "'5'"])),
)  # fmt: skip
JOINED = st.lists(
    st.tuples(CHECKS, st.sampled_from([" and ", " or ", "and(", " and not ", " or not not ", ") and ("])),
    min_size=1,
    max_size=5,
).map(lambda parts: "".join(check + junction for check, junction in parts) + "m")
JUMBLED = st.lists(st.tuples(st.sampled_from(WORDS + SIDES), st.sampled_from(["", " "])), max_size=9).map(
    lambda parts: "".join(word + blank for word, blank in parts)
)


def parsed(text: str) -> Expression | None:
    try:
        return parse_condition(text)
    except ConditionSyntaxError:
        return None


def spoilt(condition: str, word: str, at: int, gone: int) -> str:
    at %= len(condition) + 1
    return condition[:at] + word + condition[at + gone :]


@given(JOINED | JUMBLED | st.builds(spoilt, JOINED, st.sampled_from(("", *WORDS)), st.integers(0), st.integers(0, 4)))
@example("not not(a)and b")
@example("x.y existsor z")
@example("a.b startswith anyof(x)")
@example("a.b = x)[y]")
@settings(max_examples=300, deadline=None)
def test_the_parser_reads_what_the_grammar_says_places_included(text: str) -> None:
    assert repr(parsed(text)) == repr(reading(text))


def test_the_shipped_conditions_are_read_as_the_grammar_says() -> None:
    ruleset = load(read_rule_files([resource("rules/default")])).ruleset
    assert ruleset is not None
    for rule in ruleset.rules:
        assert repr(parsed(rule.condition)) == repr(reading(rule.condition)), rule.name
