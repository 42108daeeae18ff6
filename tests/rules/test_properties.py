"""Whatever comes in, the rule language answers."""

from __future__ import annotations

import re
from contextlib import suppress

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.model.event import Event
from prempti_otel.model.fields import FIELDS, Level
from prempti_otel.rules.checks.compiler import compile_condition
from prempti_otel.rules.checks.globs import glob_predicate
from prempti_otel.rules.checks.literals import glob_literals, regex_literals
from prempti_otel.rules.checks.operands import ConditionTypeError
from prempti_otel.rules.checks.pmatch import PathPrefixes, components
from prempti_otel.rules.checks.values import ConstantError, regex_predicate
from prempti_otel.rules.explain import explain_rule
from prempti_otel.rules.language.ast import (
    And,
    Compare,
    Constant,
    Constants,
    Exists,
    Expression,
    FieldRef,
    Not,
    Or,
    canonical_bytes,
)
from prempti_otel.rules.language.escaping import escape, unescape
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition
from prempti_otel.rules.output import OutputError, compile_output
from tests.support.rules import event, loaded, rule, ruleset

PIECES = [
    "tool.name",
    "proc.flags",
    "m",
    " and ",
    " or ",
    "not ",
    "not(",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    " in ",
    " contains ",
]
PIECES += [
    " pmatch ",
    "oneof ",
    "val(",
    "tolower(",
    "'",
    '"',
    "\\",
    "[",
    "]",
    "5",
    "0x1",
    " ",
    "\n",
    "\b",
    "é",
    "\x00",
    "exists",
]
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_the_parser_gives_a_tree_or_its_own_error(text: str) -> None:
    refusal = None
    try:
        parse_condition(text)
    except ConditionSyntaxError as error:
        refusal = error
    if refusal is not None:
        assert 0 <= refusal.offset <= len(text.encode("utf-8", "surrogatepass"))
        assert refusal.line >= 1
        assert refusal.column >= 1


CONSTANTS = st.binary(max_size=8).filter(
    lambda value: value and not value.endswith(b"\\") and not re.search(rb"[(),]", value)
)
LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Exists, st.builds(FieldRef, st.sampled_from(["tool.name", "a.b_c"]))),
    st.builds(
        Compare,
        st.builds(FieldRef, st.sampled_from(["tool.name"]), st.none()),
        st.sampled_from(["=", "!=", "contains", "glob"]),
        st.builds(Constant, CONSTANTS),
    ),
    st.builds(
        Compare,
        st.builds(FieldRef, st.sampled_from(["tool.name"]), st.none()),
        st.sampled_from(["in", "pmatch", "intersects"]),
        st.builds(Constants, st.lists(CONSTANTS, max_size=3).map(tuple)),
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.filter(lambda node: not isinstance(node, Not)).map(Not),
    ),
    max_leaves=8,
)


@given(TREES)
@settings(max_examples=200, deadline=None)
def test_canonical_text_parses_to_the_same_tree(tree: Expression) -> None:
    # Like libsinsp's, the text does not quote form feeds and the like, which end a bare word.
    text = canonical_bytes(tree)
    if re.search(rb"[\x0b\x0c]", text) or re.search(rb"= (?:oneof|anyof|allof)", text):
        return
    assert parse_condition(text) == tree


@given(st.binary(max_size=30))
def test_an_escaped_value_comes_back(value: bytes) -> None:
    text = escape(value)
    assert (unescape(text) if text.startswith(b'"') else text) == value


VALUES = st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.lists(st.text(max_size=5)).map(tuple))
VALUES = st.one_of(
    VALUES, st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.lists(st.integers()).map(tuple)
)
EVENTS = st.builds(
    Event, st.sampled_from(list(Level)), st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES, max_size=8)
)
EVERYTHING = ruleset(
    "".join(
        rule(f"{name} {number}", condition, output=f"'%tool.name %{name} %evt.time'")
        for number, condition in enumerate(
            [
                *("X exists", "not X exists", "X in (a, 5)", "X intersects (a)", "X = val(X)", "tolower(X) exists"),
                *("X contains a", "X = 5", "X < 5", "X pmatch (/a, /*/b)", "X regex '.*'", "X = true", "X glob '*a*'"),
                *("join('-', (X, 'a')) exists", "concat(X, 'a') exists", "getopt(X, 'a:') exists", "b64(X) exists"),
                *("session.mark_count[a] = 0 and X exists", "X != oneof (a, b)", "basename(X) icontains a"),
                "len(X) > 0",
            ]
        )
        for name in ["tool.name", "correlation.id", "proc.flags", "proc.aname", "file.recursive", "evt.time"]
        for condition in [condition.replace("X", name)]
        if loaded(rule(condition=condition, output=f"'%{name}'")).successful
    )
)


@given(st.lists(EVENTS, max_size=4))
@settings(max_examples=150, deadline=None)
def test_judging_and_explaining_never_raise(events: list[Event]) -> None:
    for match in EVERYTHING.judge(events).matches:
        assert isinstance(match.output, str)
    for one in EVERYTHING.rules[:20]:
        explain_rule(one, events)


KEYS = ["rule", "macro", "list", "items", "condition", "output", "desc", "priority", "override", "append", "exceptions"]
KEYS += ["tags", "enabled", "source", "required_engine_version", "required_plugin_versions", "fields", "values", "name"]
SCALARS = st.sampled_from(
    [
        "r",
        "m",
        "tool.name = Bash",
        "and m",
        "true",
        "~",
        "''",
        "[a, b]",
        "{a: b}",
        "append",
        "INFO",
        "coding_agent",
        "&a x",
        "*a",
    ]
)
LINES = st.tuples(st.sampled_from(["- ", "  ", "    - ", "", "      "]), st.sampled_from(KEYS), SCALARS)
FILES = st.lists(LINES.map(lambda line: f"{line[0]}{line[1]}: {line[2]}\n"), max_size=12).map("".join)


@given(
    st.one_of(
        FILES.map(str.encode),
        st.binary(max_size=80),
        st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")),
    )
)
@settings(max_examples=400, deadline=None)
def test_loading_any_bytes_gives_diagnostics_and_never_raises(content: bytes) -> None:
    result = loaded(content)
    assert result.successful is not any(file.errors for file in result.files)
    assert result.as_text()
    assert result.as_json()


@given(TEXTS)
@settings(deadline=None)
def test_a_template_compiles_or_is_refused(text: str) -> None:
    with suppress(OutputError):
        compile_output("%" + text, FIELDS).render(event({"tool.name": "x"}))


@given(TEXTS)
@settings(deadline=None)
def test_a_condition_compiles_or_is_refused(text: str) -> None:
    with suppress(ConditionSyntaxError, ConditionTypeError):
        compile_condition(text).holds(event({"tool.name": "x"}))


GLOBS = st.lists(
    st.sampled_from([b"a", b"b", b"/", b"*", b"?", b"[", b"]", b"!", b"-", b"\\", b"^", b"[:alpha:]"]), max_size=8
).map(b"".join)
WORDS = st.lists(st.sampled_from([b"a", b"b", b"/", b"]", b"\\", b"-", b"\n"]), max_size=8).map(b"".join)


@given(GLOBS, WORDS)
@settings(max_examples=300)
def test_what_a_glob_matches_contains_its_literals(pattern: bytes, value: bytes) -> None:
    if glob_predicate(pattern)(value):
        assert all(piece in value for piece in glob_literals(pattern))


REGEXES = st.lists(
    st.sampled_from(
        [
            b"a",
            b"b",
            b"ab",
            b".",
            b"*",
            b"+",
            b"?",
            b"{0}",
            b"{2}",
            b"|",
            b"(",
            b")",
            b"[ab]",
            b"[^a]",
            b"\\.",
            b"^",
            b"$",
        ]
    ),
    max_size=7,
)


@given(REGEXES.map(b"".join), st.lists(st.sampled_from([b"a", b"b", b"."]), max_size=6).map(b"".join))
@settings(max_examples=500)
def test_what_a_regex_matches_contains_its_literals(pattern: bytes, value: bytes) -> None:
    try:
        predicate = regex_predicate(pattern)
    except ConstantError:
        return
    if predicate(value):
        assert all(piece in value for piece in regex_literals(pattern))


@given(
    st.lists(st.lists(st.sampled_from([b"a", b"b", b"*", b"?", b""]), max_size=4).map(b"/".join), max_size=4),
    st.lists(st.sampled_from([b"a", b"b", b"ab", b""]), max_size=5).map(b"/".join),
)
def test_the_trie_of_paths_agrees_with_the_definition(patterns: list[bytes], path: bytes) -> None:
    parts = components(path)

    def is_prefix(pattern: bytes) -> bool:
        wanted = components(pattern)
        return len(wanted) <= len(parts) and all(
            glob_predicate(one)(part) for one, part in zip(wanted, parts, strict=False)
        )

    assert PathPrefixes(patterns)(path) == any(map(is_prefix, patterns))


def test_regular_expressions_run_on_re2() -> None:
    assert regex_predicate(b"(a*)*b")(b"a" * 5000) is False
    assert re2.__name__ == "re2"
