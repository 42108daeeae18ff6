"""Text of conditions to trees."""

from __future__ import annotations

import pytest

from prempti_otel.rules.language.ast import Compare, Constant, FieldRef, canonical
from prempti_otel.rules.language.escaping import EscapeError, escape, unescape
from prempti_otel.rules.language.parser import MAX_NESTING, ConditionSyntaxError, parse_condition


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("tool.name = Bash", "tool.name = Bash"),
        ("a or b and c", "(a or (b and c))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("a and (b and c)", "(a and (b and c))"),
        ("((a))", "a"),
        ("not not not a", "not a"),
        ("not not a", "a"),
        ("not(not(a))", "not not a"),
        ("not(a)and b", "(not a and b)"),
        ("nothing_special", "nothing_special"),
        ("not not", "not not"),
        ("and and or", "(and and or)"),
        ("x.y existsor z", "(x.y exists or z)"),
        ("x.y inlist", "x.y in list"),
        ("x.y in(a,b)", "x.y in (a, b)"),
        ("x.y='q'and z", "(x.y = q and z)"),
        ("x.y intersects ()", "x.y intersects ()"),
        ("x.y = in", "x.y = in"),
        ("x.y = tool.name", "x.y = tool.name"),
        ("x.y = val( tool.name )", "x.y = val(tool.name)"),
        ("x.y = oneof", "x.y = oneof"),
        ("x.y contains anyof (a, b)", "x.y contains anyof (a, b)"),
        ("x.y startswith allof list", "x.y startswith allof list"),
        ("x.y contains oneof and z", "(x.y contains oneof and z)"),
        ("x.y contains\nz", "x.y contains z"),
        ("x.y < +5", "x.y < +5"),
        ("x.y >= 0x1F", "x.y >= 0x1F"),
        ("x.y[k] = 1", "x.y[k] = 1"),
        ("x.y['a b'] = 1", 'x.y["a b"] = 1'),
        ("tolower( basename(x.y) ) = a", "tolower(basename(x.y)) = a"),
        ("join('-', (x.y, 'a b', 3)) = a", 'join(-,(x.y,"a b",3)) = a'),
        ("getopt(x.y, 'n:')[n] = a", "getopt(x.y,n:)[n] = a"),
        ("x.y = 'say \"hi\"'", 'x.y = "say \\"hi\\""'),
        ("x.y = a\\b", 'x.y = "a\\\\b"'),
        ("x.y = é", "x.y = é"),
    ],
)
def test_a_condition_parses_to_its_canonical_tree(text: str, tree: str) -> None:
    assert canonical(parse_condition(text)) == tree


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("tool.name", 9),
        ("tool.name = ", 12),
        ("tool.name contains'x'", 10),
        ("tool.name in /etc", 13),
        ("tool.name in (a,)", 16),
        ("tool.name in (a b)", 16),
        ("tool.name in ((a))", 14),
        ("tool.name < abc", 12),
        ("tool.name < '5'", 12),
        ("tool.name = a b", 14),
        ("tool.name = oneof(a)", 17),
        ("tool.name [x] = a", 10),
        ("tool.name[ x] = a", 10),
        ("x andy", 5),
        ("x and", 5),
        ("x)", 1),
        ("(x", 2),
        ("# x", 0),
        ("tolower (x.y) = a", 8),
        ("val(x.y) = a", 3),
        ("x.y = val(tolower(a.b))", 10),
        ('x.y in ("\\d")', 12),
        ('x.y = "ends in \\"', 6),
    ],
)
def test_an_error_is_placed_at_the_byte_where_it_is(text: str, offset: int) -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        parse_condition(text)
    assert caught.value.offset == offset


def test_an_error_counts_lines_and_columns_from_one() -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        parse_condition("tool.name = a\n and tool.name ~ b")
    assert (caught.value.line, caught.value.column) == (2, 16)
    assert "operator" in caught.value.diagnostics()


def test_quoting_leaves_no_trace_in_the_tree() -> None:
    assert parse_condition("x.y = '5'") == parse_condition("x.y = 5")
    assert parse_condition("x.y = 5") == Compare(FieldRef("x.y"), "=", Constant(b"5"))


def test_constants_are_bytes() -> None:
    tree = parse_condition('x.y = "\\xff\\x00é"')
    assert isinstance(tree, Compare)
    assert tree.right == Constant(b"\xff\x00\xc3\xa9")


@pytest.mark.parametrize(
    "bomb",
    [
        "(" * 100_000,
        "(" * 5_000 + "x" + ")" * 5_000,
        "not(" * 50_000,
        "tolower(" * 300 + "x.y" + ")" * 300 + " = a",
        "tolower(" * 60 + "x.y" + ")" * 60 + " = a",
        "x.y in " + "(" * 100_000,
    ],
)
def test_nesting_ends_in_an_error_and_not_in_a_crash(bomb: str) -> None:
    with pytest.raises(ConditionSyntaxError):
        parse_condition(bomb)


def test_nesting_up_to_the_limit_parses() -> None:
    text = "(" * MAX_NESTING + "x" + ")" * MAX_NESTING
    assert canonical(parse_condition(text)) == "x"
    assert parse_condition("not " * 20_000 + "x") == parse_condition("x")


@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        (rb'"a\tb"', b"a\tb"),
        (rb'"a\\b"', rb"a\b"),
        (rb"'it\'s'", b"it's"),
        (rb'"a\/b"', b"a/b"),
        (rb'"a\ b"', rb"a\b"),
        (rb'"\x41\xFf"', b"A\xff"),
    ],
)
def test_the_escapes_that_exist(quoted: bytes, value: bytes) -> None:
    assert unescape(quoted) == value


@pytest.mark.parametrize(
    "quoted", [rb'"\d"', rb'"\."', rb'"\0"', rb'"\'"', rb"""'\"'""", rb'"\x4"', rb'"\x-1"', rb'"\u0041"']
)
def test_every_other_escape_is_an_error(quoted: bytes) -> None:
    with pytest.raises(EscapeError):
        unescape(quoted)


@pytest.mark.parametrize(
    ("value", "text"), [(b"a b", b'"a b"'), (b"a,(b)", b"a,(b)"), (b"x=y", b'"x=y"'), (b"\n", b'"\\n"'), (b"", b"")]
)
def test_canonical_text_quotes_only_what_it_must(value: bytes, text: bytes) -> None:
    assert escape(value) == text
