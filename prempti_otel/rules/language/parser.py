"""Text of a condition to its syntax tree.

LALR with a contextual lexer: the words of the language are not reserved, so what ``in`` or ``and``
is depends on what may stand there. Raises :class:`ConditionSyntaxError` and nothing else, on any text.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, cast

from prempti_otel.errors import PremptiError, nearest
from prempti_otel.rules.language.tree import BadConstantError, TreeBuilder

if TYPE_CHECKING:
    from collections.abc import Collection

    from lark import Lark

    from prempti_otel.rules.language.ast import Expression

MAX_NESTING = 256
"""Parentheses, ``not(`` and transformers within each other; Falco's own limit is not effective before 0.45."""
MAX_LENGTH = 4 * 1024 * 1024
"""Bytes of one condition's text, lists expanded."""


class ConditionSyntaxError(PremptiError):
    """A condition does not parse. ``offset`` is in bytes from 0, ``line`` and ``column`` from 1."""

    def __init__(self, message: str, text: bytes, offset: int, remedy: str | None = None) -> None:
        self.offset = min(offset, len(text))
        before = text[: self.offset]
        # CR and LF each end a line, as in Falco.
        self.line = 1 + len(_LINE_END.findall(before))
        self.column = self.offset - max(before.rfind(b"\n"), before.rfind(b"\r"))
        super().__init__(message, where=f"condition:{self.line}:{self.column}", remedy=remedy)


_LINE_END = re.compile(rb"[\r\n]")
_NESTING = re.compile(r"""[()]|"[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|'[^'\\]*+(?:\\++'?+[^'\\]*+)*+'""")


def parse_condition(text: str | bytes) -> Expression:
    """The tree of a condition whose lists are already expanded. Raises ConditionSyntaxError."""
    source = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(source) > MAX_LENGTH:
        raise ConditionSyntaxError(
            "the condition is longer than 4 MiB", source[:1], 0, "split it, or shorten its lists"
        )
    chars = source.decode("latin-1")
    _limit_nesting(chars, source)
    return _run(chars, source)


def _limit_nesting(chars: str, source: bytes) -> None:
    """Refuse what would nest the tree deeper than the stack allows for, before it is built."""
    if chars.count("(") <= MAX_NESTING:
        return
    depth = 0
    for found in _NESTING.finditer(chars):
        if found.group() == "(":
            depth += 1
            if depth > MAX_NESTING:
                raise ConditionSyntaxError(
                    f"more than {MAX_NESTING} parentheses within each other",
                    source,
                    found.start(),
                    "name parts of the condition with macros",
                )
        elif found.group() == ")":
            depth -= 1


def _run(chars: str, source: bytes) -> Expression:
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    try:
        tree = _parser().parse(chars)
    except UnexpectedToken as error:
        offset = len(chars) if error.token.type == "$END" else error.token.start_pos
        raise _refusal(chars, source, offset or 0, error.accepts or error.expected) from None
    except UnexpectedCharacters as error:
        raise _refusal(chars, source, error.pos_in_stream or 0, error.allowed or ()) from None
    except BadConstantError as error:
        raise ConditionSyntaxError(error.reason, source, error.offset, error.remedy) from None
    return cast("Expression", tree)


@cache
def _parser() -> Lark:
    from lark import Lark

    grammar = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=TreeBuilder(), maybe_placeholders=False)


def _refusal(chars: str, source: bytes, offset: int, expected: Collection[str]) -> ConditionSyntaxError:
    """Say what should have stood at ``offset``, and what to do about it."""
    accepted = set(expected)
    if "AND" in accepted and (word := _HALF_WORD.match(chars, offset)):
        return ConditionSyntaxError(f"expected a blank or '(' after '{word.group()}'", source, word.end())
    if accepted & {"EXISTS", "COMMA"} and (broken := _ARGUMENT.match(chars, offset)):
        return ConditionSyntaxError(
            "the brackets after a field or transformer are not well formed",
            source,
            broken.end(),
            "put quoted text into them, or text without blanks, quotes and brackets",
        )
    rest = chars[offset : offset + 40].encode("latin-1").decode("utf-8", "replace")
    found = _WORD.match(rest)
    shown = f"'{found.group()}'" if found else "the end"
    wanted, remedy = next(
        ((text, step) for need, text, step in _EXPECTED if need <= accepted), ("something else", None)
    )
    if found and (meant := _meant(chars[:offset].split(), found.group(), accepted)):
        remedy = meant
    if shown[1] in "\"'":
        remedy = "a quoted string ends at the first quote without a backslash before it, so it cannot end in one"
    return ConditionSyntaxError(f"expected {wanted}, found {shown}", source, offset, remedy)


def _meant(before: list[str], found: str, accepted: set[str]) -> str | None:
    """What somebody who knows other languages, or types in haste, will have meant."""
    if "AND" in accepted and (word := _CONNECTIVES.get(found.upper())):
        return f"write {word}"
    if found == "(" and {"BARE", "VAL_OPEN"} <= accepted:
        return "for any of several values write `field in (a, b)`"
    typed = found if "EXISTS" in accepted else before[-1] if before and found == "(" and "AND" in accepted else ""
    close = _SYNONYMS.get(typed) or nearest(typed, _WORD_OPERATORS)
    return f"did you mean {close}?" if close else None


_CONNECTIVES = {"&&": "and", "AND": "and", "&": "and", "||": "or", "OR": "or", "|": "or"}
_SYNONYMS = {"matches": "regex", "match": "regex", "like": "glob", "is": "=", "equals": "=", "has": "contains"}
_WORD_OPERATORS = (
    *("exists", "in", "intersects", "pmatch", "contains", "icontains", "startswith", "endswith", "glob", "iglob"),
    "regex",
)
_HALF_WORD = re.compile(r"and|or")
_ARGUMENT = re.compile(
    r"""(?<=[a-zA-Z0-9_)])\[(?:"[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|"""
    r"""'[^'\\]*+(?:\\++'?+[^'\\]*+)*+'|[^\]\["' \t\n\v\f\r]+)?"""
)
_WORD = re.compile(r"""[^\s()"',=]+|\S""")
_QUOTE_IT = "put text that holds blanks, quotes or ( ) , = in quotes"
_EXPECTED: tuple[tuple[frozenset[str], str, str | None], ...] = (
    (frozenset({"EXISTS"}), "an operator such as exists, =, !=, in, contains or pmatch", None),
    (frozenset({"NOT_OPEN", "FIELD"}), "a field check, a macro or '('", None),
    (frozenset({"LPAR", "VAL_OPEN"}), "a list in parentheses", "write `field in (a, b)`"),
    (frozenset({"BARE", "VAL_OPEN"}), "a constant, val(FIELD) or a transformer", _QUOTE_IT),
    (
        frozenset({"NUMBER", "VAL_OPEN"}),
        "a number, val(FIELD) or a transformer",
        "< <= > >= compare with a number only",
    ),
    (frozenset({"LPAR", "IDENTIFIER"}), "a list in parentheses", None),
    (frozenset({"ITEMS"}), "a list item", _QUOTE_IT),
    (frozenset({"TRANSFORMER_OPEN", "QUOTED"}), "a field, a transformer, a quoted string or a number", None),
    (frozenset({"AND"}), "'and', 'or' or the end", _QUOTE_IT),
    (frozenset({"COMMA"}), "',' or ')'", _QUOTE_IT),
    (frozenset({"RPAR"}), "')'", None),
    (frozenset({"FIELD"}), "a field", "val() holds one field and nothing else"),
)
