# ruff: noqa: D102 - the methods are the grammar's rules and say there what they take
"""What the grammar's rules make: nodes of the syntax tree, built while the text is being parsed.

Method names are the rule names and aliases of ``grammar.lark``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from lark import Token, Transformer

from prempti_otel.rules.language.ast import (
    And,
    Compare,
    Constant,
    Constants,
    Exists,
    Expression,
    FieldRef,
    Macro,
    Not,
    Operand,
    Operands,
    Or,
    Transformed,
)
from prempti_otel.rules.language.escaping import EscapeError, unescape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    _Base = Transformer[Token, Any]
else:
    _Base = Transformer

MAX_TRANSFORMERS = 32
"""Transformers within each other."""
_Side: TypeAlias = FieldRef | Transformed
_Negation: TypeAlias = tuple[bool, Expression]
"""Whether a run of ``not`` was odd, and what it stood before."""


class BadConstantError(Exception):
    """A constant or bracketed argument cannot be meant; ``offset`` is in bytes within the condition."""

    def __init__(self, reason: str, offset: int, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.remedy = remedy


class TreeBuilder(_Base):
    """Callbacks of the parser; each gets the children of its rule."""

    def any_of(self, children: list[Expression | Token]) -> Expression:
        if len(children) == 1:
            return children[0]  # type: ignore[return-value]
        return Or(tuple(child for child in children if not isinstance(child, Token)))

    def all_of(self, children: list[_Negation | Token]) -> Expression:
        parts = tuple(
            Not(expression) if odd else expression
            for odd, expression in (child for child in children if not isinstance(child, Token))
        )
        return parts[0] if len(parts) == 1 else And(parts)

    def not_run(self, children: list[Any]) -> _Negation:
        run, (odd, expression) = children
        return odd is (run.count("not") % 2 == 0), expression

    def not_group(self, children: list[Expression]) -> _Negation:
        return True, children[1]

    def plain(self, children: list[Expression]) -> _Negation:
        return False, children[0]

    def macro(self, children: list[Token]) -> Macro:
        return Macro(str(children[0]), children[0].start_pos or 0)

    def exists(self, children: list[_Side]) -> Exists:
        return Exists(children[0])

    def compare(self, children: list[Any]) -> Compare:
        left, operator, right = children
        return Compare(left, str(operator), right)

    def compare_modified(self, children: list[Any]) -> Compare:
        left, operator, modifier, right = children
        return Compare(left, str(operator), right, str(modifier))

    def field(self, children: list[Token]) -> FieldRef:
        token = children[0]
        name, bracket, argument = str(token).partition("[")
        at = token.start_pos or 0
        return FieldRef(name, _argument(argument[:-1], token) if bracket else None, at)

    def val(self, children: list[Any]) -> FieldRef:
        field: FieldRef = children[1]
        if len(children) == 2:
            return field
        argument = _closing_argument(children[2])
        return FieldRef(field.name, argument if field.argument is None else field.argument, field.at)

    def transformer(self, children: list[Any]) -> Transformed:
        opening, *rest = children
        argument = None
        if isinstance(rest[-1], Token):
            argument = _closing_argument(rest.pop())
        at = opening.start_pos or 0
        depth = 1 + max(map(_depth, rest))
        if depth > MAX_TRANSFORMERS:
            raise BadConstantError(f"more than {MAX_TRANSFORMERS} transformers within each other", at)
        return Transformed(str(opening)[:-1], tuple(rest), argument, at, depth)

    def argument_list(self, children: list[Operand]) -> Operands:
        return Operands(tuple(children))

    def number(self, children: list[Token]) -> Constant:
        return Constant(_bytes(children[0]), children[0].start_pos or 0)

    bare = number
    word = number

    def text(self, children: list[Token]) -> Constant:
        return Constant(_unquote(str(children[0]), _end(children[0])), children[0].start_pos or 0)

    def list(self, children: list[Token]) -> Constants:
        values = tuple(value for items in children for value in _items(items))
        return Constants(values, (children[0].start_pos or 0) if children else 0)


def _depth(operand: Operand) -> int:
    if isinstance(operand, Transformed):
        return operand.depth
    return max(map(_depth, operand.items), default=0) if isinstance(operand, Operands) else 0


def _items(items: Token) -> Iterator[bytes]:
    start = items.start_pos or 0
    for found in _ITEM.finditer(items):
        text = found[1]
        yield _unquote(text, start + found.end()) if text[0] in "\"'" else _bytes(text)


_ITEM = re.compile(
    r"""(?:^|,[ \t\x08\r\n]*+)("[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|'[^'\\]*+(?:\\++'?+[^'\\]*+)*+'|[^()"' \t\n\v\f\r=,]+)"""
)
"""One of the items of ``ITEMS``."""


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _closing_argument(token: Token) -> bytes:
    return _argument(str(token)[2:-1], token)


def _argument(text: str, token: Token) -> bytes:
    return _unquote(text, _end(token)) if text[0] in "\"'" else _bytes(text)


def _end(token: Token) -> int:
    return (token.start_pos or 0) + len(token)


def _unquote(text: str, end: int) -> bytes:
    try:
        return unescape(_bytes(text))
    except EscapeError as error:
        raise BadConstantError(str(error), end, "bare text has no escapes; in quotes a backslash is doubled") from None
