"""A second reading of conditions, by a parser generated from the grammar in ``conditions.lark``: slow, gives no advice.

Method names of the builder are the rule names and aliases of the grammar.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

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
from prempti_otel.rules.language.parser import MAX_TRANSFORMERS

if TYPE_CHECKING:
    from typing import Any

    _Base = Transformer[Token, Any]
else:
    _Base = Transformer

_Side: TypeAlias = FieldRef | Transformed
_Negation: TypeAlias = tuple[bool, Expression]
"""Whether a run of ``not`` was odd, and what it stood before."""


class BadConstantError(Exception):
    """A constant or bracketed argument cannot be meant."""


def reading(text: str | bytes) -> Expression | None:
    """The tree that the grammar gives a condition; None where it has none."""
    source = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        return cast("Expression", _parser().parse(source.decode("latin-1")))
    except (UnexpectedInput, BadConstantError):
        return None


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("conditions.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=TreeBuilder(), maybe_placeholders=False)


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
        return FieldRef(name, _argument(argument[:-1]) if bracket else None, at)

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
            raise BadConstantError
        return Transformed(str(opening)[:-1], tuple(rest), argument, at, depth)

    def argument_list(self, children: list[Operand]) -> Operands:
        return Operands(tuple(children))

    def number(self, children: list[Token]) -> Constant:
        return Constant(_bytes(children[0]), children[0].start_pos or 0)

    bare = number
    word = number

    def text(self, children: list[Token]) -> Constant:
        return Constant(_unquote(str(children[0])), children[0].start_pos or 0)

    def list(self, children: list[Constant]) -> Constants:
        return Constants(tuple(child.value for child in children), children[0].at if children else 0)


def _depth(operand: Operand) -> int:
    if isinstance(operand, Transformed):
        return operand.depth
    return max(map(_depth, operand.items), default=0) if isinstance(operand, Operands) else 0


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _closing_argument(token: Token) -> bytes:
    return _argument(str(token)[2:-1])


def _argument(text: str) -> bytes:
    return _unquote(text) if text[0] in "\"'" else _bytes(text)


def _unquote(text: str) -> bytes:
    try:
        return unescape(_bytes(text))
    except EscapeError:
        raise BadConstantError from None
