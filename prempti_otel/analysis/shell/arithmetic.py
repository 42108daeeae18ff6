"""Shell arithmetic on known values, as bash computes it in 64 bits. What is not simple is not known."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+#[0-9a-zA-Z]+|0[xX][0-9a-fA-F]+|[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|^!~?:()]))"
)
_LONGEST = 256
"""Characters of an expression that is computed; longer ones are not known."""
_DEEPEST = 16

_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "||": (1, lambda a, b: int(bool(a) or bool(b))),
    "&&": (2, lambda a, b: int(bool(a) and bool(b))),
    "|": (3, lambda a, b: a | b),
    "^": (4, lambda a, b: a ^ b),
    "&": (5, lambda a, b: a & b),
    "==": (6, lambda a, b: int(a == b)),
    "!=": (6, lambda a, b: int(a != b)),
    "<": (7, lambda a, b: int(a < b)),
    ">": (7, lambda a, b: int(a > b)),
    "<=": (7, lambda a, b: int(a <= b)),
    ">=": (7, lambda a, b: int(a >= b)),
    "<<": (8, lambda a, b: a << (b & 63)),
    ">>": (8, lambda a, b: a >> (b & 63)),
    "+": (9, lambda a, b: a + b),
    "-": (9, lambda a, b: a - b),
    "*": (10, lambda a, b: a * b),
    "/": (10, lambda a, b: _quotient(a, b)),
    "%": (10, lambda a, b: a - b * _quotient(a, b)),
    "**": (11, lambda a, b: pow(a, b, 1 << 64) if b >= 0 else _unknown()),
}


class _UnknownError(Exception):
    """The value cannot be known."""


def _unknown() -> int:
    raise _UnknownError


def _quotient(a: int, b: int) -> int:
    if not b:
        raise _UnknownError
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def evaluate(text: str, lookup: Callable[[str], str | None]) -> int | None:
    """The value of an expression without assignments; None where it is not known or not that simple.

    ``lookup`` gives a variable's text, or None where it is not known.
    """
    if len(text) > _LONGEST:
        return None
    try:
        expression = _Expression(text, lookup, 0)
        value = expression.conditional(0)
    except _UnknownError:
        return None
    return value if expression.done() else None


class _Expression:
    def __init__(self, text: str, lookup: Callable[[str], str | None], depth: int) -> None:
        self.tokens = self._tokens(text)
        self.at = 0
        self.lookup = lookup
        self.depth = depth

    @staticmethod
    def _tokens(text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match or not match.lastgroup:
                raise _UnknownError
            tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return tokens

    def done(self) -> bool:
        return self.at >= len(self.tokens)

    def _take(self, operator: str) -> bool:
        if not self.done() and self.tokens[self.at] == ("operator", operator):
            self.at += 1
            return True
        return False

    def conditional(self, depth: int) -> int:
        value = self._binary(0, depth)
        if not self._take("?"):
            return value
        yes = self.conditional(depth + 1)
        if not self._take(":"):
            raise _UnknownError
        no = self.conditional(depth + 1)
        return yes if value else no

    def _binary(self, least: int, depth: int) -> int:
        if depth > _DEEPEST:
            raise _UnknownError
        left = self._unary(depth)
        while not self.done():
            entry = _BINARY.get(self.tokens[self.at][1])
            if entry is None or entry[0] < least:
                return left
            operator = self.tokens[self.at][1]
            self.at += 1
            right = self._binary(entry[0] + (operator != "**"), depth + 1)
            left = _wrap(entry[1](left, right))
        return left

    def _unary(self, depth: int) -> int:
        if self.done() or depth > _DEEPEST:
            raise _UnknownError
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return _number(text)
        if kind == "name":
            return self._variable(text)
        if text == "(":
            value = self.conditional(depth + 1)
            if not self._take(")"):
                raise _UnknownError
            return value
        if text not in "-+!~":
            raise _UnknownError
        value = self._unary(depth + 1)
        return {"-": -value, "+": value, "!": int(not value), "~": ~value}[text]

    def _variable(self, name: str) -> int:
        text = self.lookup(name)
        if text is None or self.depth >= 2 or len(text) > _LONGEST:
            raise _UnknownError
        if not text.strip():
            return 0
        inner = _Expression(text, self.lookup, self.depth + 1)
        value = inner.conditional(0)
        if not inner.done():
            raise _UnknownError
        return value


def _number(text: str) -> int:
    try:
        if "#" in text:
            base, digits = text.split("#", 1)
            return _wrap(int(digits, int(base)))
        if text[:2] in ("0x", "0X"):
            return _wrap(int(text, 16))
        return _wrap(int(text, 8) if text.startswith("0") and text != "0" else int(text))
    except ValueError:
        raise _UnknownError from None


def _wrap(value: int) -> int:
    """The value in 64 bits, signed."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
