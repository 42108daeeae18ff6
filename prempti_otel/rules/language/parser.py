"""Text of a condition to its syntax tree.

Read once, from left to right, without going back. Raises :class:`ConditionSyntaxError` and nothing else, on any text.
The grammar is written down in ``tests/support/conditions.lark``, and tests hold this parser to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError, nearest
from prempti_otel.rules.language import lexicon
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
    from prempti_otel.rules.language.lexicon import Place

MAX_NESTING = 256
"""Parentheses, ``not(`` and transformers within each other; Falco's own limit is not effective before 0.45."""
MAX_LENGTH = 4 * 1024 * 1024
"""Bytes of one condition's text, lists expanded."""
MAX_TRANSFORMERS = 32
"""Transformers within each other."""


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
    return _Parser(chars, source).condition(lexicon.JUNCTION)


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


class _Parser:
    """One reading of one text."""

    def __init__(self, chars: str, source: bytes) -> None:
        self._chars = chars
        self._source = source
        self._next = 0
        """Where the next token, or the blanks before it, begin."""
        self._at = 0
        """Where the token that was taken last begins."""

    def _take(self, place: Place) -> tuple[str, str]:
        """The next token's kind and text."""
        found = place.pattern.match(self._chars, self._next)
        if found is None:
            raise self._refusal(place)
        kind = found.lastgroup
        assert kind is not None
        self._next = found.end()
        self._at = found.start(kind)
        return kind, found[kind]

    def condition(self, junction: Place) -> Expression:
        """``or`` of ``and``s, up to the end that ``junction`` tells: of the text, or of the parentheses."""
        disjuncts: list[Expression] = []
        conjuncts: list[Expression] = []
        while True:
            conjuncts.append(self._negation())
            kind, _ = self._take(junction)
            if kind == "AND":
                continue
            disjuncts.append(conjuncts[0] if len(conjuncts) == 1 else And(tuple(conjuncts)))
            if kind != "OR":
                return disjuncts[0] if len(disjuncts) == 1 else Or(tuple(disjuncts))
            conjuncts = []

    def _negation(self) -> Expression:
        kind, text = self._take(lexicon.CHECK)
        negated = False
        if kind == "NOT":
            negated = text.count("not") % 2 == 1
            kind, text = self._take(lexicon.NEGATED)
        if kind == "NOT_OPEN":
            negated = not negated
            kind = "OPEN"
        inner = self.condition(lexicon.INNER_JUNCTION) if kind == "OPEN" else self._check(kind, text)
        return Not(inner) if negated else inner

    def _check(self, kind: str, text: str) -> Expression:
        if kind == "NAME":
            return Macro(text, self._at)
        left = self._field(text) if kind == "FIELD" else self._transformer(text)
        kind, operator = self._take(lexicon.OPERATOR)
        if kind == "EXISTS":
            return Exists(left)
        kind, text = self._take(_RIGHT_SIDES[kind])
        if kind == "MODIFIER":
            modifier = text
            kind, text = self._take(lexicon.MODIFIED)
            return Compare(left, operator, self._right(kind, text), modifier)
        return Compare(left, operator, self._right(kind, text))

    def _right(self, kind: str, text: str) -> Constant | Constants | FieldRef | Transformed:
        if kind == "OPEN":
            return self._list()
        if kind == "VAL":
            return self._val()
        return self._transformer(text) if kind == "TRANSFORMER" else self._constant(kind, text)

    def _constant(self, kind: str, text: str) -> Constant:
        at = self._at
        return Constant(self._unquoted(text) if kind == "QUOTED" else _bytes(text), at)

    def _list(self) -> Constants:
        items: list[Constant] = []
        kind, text = self._take(lexicon.FIRST_ITEM)
        while kind != "CLOSE":
            items.append(self._constant(kind, text))
            kind, _ = self._take(lexicon.NEXT_ITEM)
            if kind == "COMMA":
                kind, text = self._take(lexicon.ITEM)
        return Constants(tuple(item.value for item in items), items[0].at if items else 0)

    def _field(self, text: str) -> FieldRef:
        at = self._at
        name, bracket, argument = text.partition("[")
        return FieldRef(name, self._argument(argument[:-1]) if bracket else None, at)

    def _val(self) -> FieldRef:
        _, text = self._take(lexicon.VALUE)
        field = self._field(text)
        kind, closing = self._take(lexicon.VALUE_END)
        if kind == "CLOSE" or field.argument is not None:
            return field
        return FieldRef(field.name, self._argument(closing[2:-1]), field.at)

    def _transformer(self, opening: str) -> Transformed:
        at = self._at
        operands: list[Operand] = []
        kind = "COMMA"
        while kind == "COMMA":
            kind, text = self._take(lexicon.ARGUMENT)
            operands.append(self._operands() if kind == "OPEN" else self._operand(kind, text))
            kind, closing = self._take(lexicon.NEXT_ARGUMENT)
        argument = self._argument(closing[2:-1]) if kind == "CLOSE_BRACKETED" else None
        depth = 1 + max(map(_depth, operands))
        if depth > MAX_TRANSFORMERS:
            raise ConditionSyntaxError(f"more than {MAX_TRANSFORMERS} transformers within each other", self._source, at)
        return Transformed(opening[:-1], tuple(operands), argument, at, depth)

    def _operand(self, kind: str, text: str) -> Operand:
        if kind == "FIELD":
            return self._field(text)
        return self._transformer(text) if kind == "TRANSFORMER" else self._constant(kind, text)

    def _operands(self) -> Operands:
        items: list[Operand] = []
        kind, text = self._take(lexicon.FIRST_OF_LIST)
        while kind != "CLOSE":
            items.append(self._operand(kind, text))
            kind, _ = self._take(lexicon.NEXT_ITEM)
            if kind == "COMMA":
                kind, text = self._take(lexicon.NEXT_OF_LIST)
        return Operands(tuple(items))

    def _argument(self, text: str) -> bytes:
        return self._unquoted(text) if text[0] in "\"'" else _bytes(text)

    def _unquoted(self, text: str) -> bytes:
        try:
            return unescape(_bytes(text))
        except EscapeError as error:
            remedy = "bare text has no escapes; in quotes a backslash is doubled"
            raise ConditionSyntaxError(str(error), self._source, self._next, remedy) from None

    def _refusal(self, place: Place) -> ConditionSyntaxError:
        """Say what should have stood here, and what to do about it."""
        chars, source = self._chars, self._source
        blanks = _BLANKS.match(chars, self._next)
        assert blanks is not None
        offset = blanks.end()
        joins = place in (lexicon.JUNCTION, lexicon.INNER_JUNCTION)
        if joins and (word := _HALF_WORD.match(chars, offset)):
            return ConditionSyntaxError(f"expected a blank or '(' after '{word.group()}'", source, word.end())
        if place in _AFTER_BRACKETS and (broken := _ARGUMENT.match(chars, offset)):
            return ConditionSyntaxError(
                "the brackets after a field or transformer are not well formed",
                source,
                broken.end(),
                "put quoted text into them, or text without blanks, quotes and brackets",
            )
        rest = chars[offset : offset + 40].encode("latin-1").decode("utf-8", "replace")
        found = _WORD.match(rest)
        shown = f"'{found.group()}'" if found else "the end"
        remedy = place.remedy
        if found and (meant := _meant(chars[:offset].split(), found.group(), place)):
            remedy = meant
        if shown[1] in "\"'":
            remedy = "a quoted string ends at the first quote without a backslash before it, so it cannot end in one"
        return ConditionSyntaxError(f"expected {place.expected}, found {shown}", source, offset, remedy)


_RIGHT_SIDES = {
    "NUMBER_OPERATOR": lexicon.NUMBER,
    "TEXT_OPERATOR": lexicon.TEXT,
    "LIST_OPERATOR": lexicon.LIST,
}
_AFTER_BRACKETS = (lexicon.OPERATOR, lexicon.NEXT_ARGUMENT, lexicon.NEXT_ITEM, lexicon.VALUE_END)


def _depth(operand: Operand) -> int:
    if isinstance(operand, Transformed):
        return operand.depth
    return max(map(_depth, operand.items), default=0) if isinstance(operand, Operands) else 0


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _meant(before: list[str], found: str, place: Place) -> str | None:
    """What somebody who knows other languages, or types in haste, will have meant."""
    joins = place in (lexicon.JUNCTION, lexicon.INNER_JUNCTION)
    if joins and (word := _CONNECTIVES.get(found.upper())):
        return f"write {word}"
    if found == "(" and place is lexicon.TEXT:
        return "for any of several values write `field in (a, b)`"
    typed = found if place is lexicon.OPERATOR else before[-1] if before and found == "(" and joins else ""
    close = _SYNONYMS.get(typed) or nearest(typed, _WORD_OPERATORS)
    return f"did you mean {close}?" if close else None


_CONNECTIVES = {"&&": "and", "AND": "and", "&": "and", "||": "or", "OR": "or", "|": "or"}
_SYNONYMS = {"matches": "regex", "match": "regex", "like": "glob", "is": "=", "equals": "=", "has": "contains"}
_WORD_OPERATORS = (
    *("exists", "in", "intersects", "pmatch", "contains", "icontains", "startswith", "endswith", "glob", "iglob"),
    "regex",
)
_BLANKS = re.compile(lexicon.BLANKS)
_HALF_WORD = re.compile(r"and|or")
_ARGUMENT = re.compile(
    r"""(?<=[a-zA-Z0-9_)])\[(?:"[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|"""
    r"""'[^'\\]*+(?:\\++'?+[^'\\]*+)*+'|[^\]\["' \t\n\v\f\r]+)?"""
)
_WORD = re.compile(r"""[^\s()"',=]+|\S""")
