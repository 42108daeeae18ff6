"""Brace expansion: from a word's stretch of text to the stretches that each of its results is made of.

Positions are kept, so that expansions inside are still found by theirs. Bounded: a word that would
give more results than the cap gives none, and is then not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise, product

MOST = 512
"""Words that one word may expand to."""
MOST_STEPS = 4096
"""Braces, commas and quotes of one word that are looked at, again on every level of nesting."""
_DEEPEST = 12
_LONGEST_SEQUENCE = 64
"""Characters of ``FIRST..LAST..STEP``."""

Part = tuple[int, int] | str
"""A stretch of the text, or text of its own (from ``{1..3}``)."""
Parts = tuple[Part, ...]

_SIGN = re.compile(r"[\\'\"`${},]|[<>]\(")
_RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})(?:\.\.(-?[0-9]{1,18}))?\Z")
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?[0-9]{1,9}))?\Z")


class TooManyError(Exception):
    """The word expands to more words than the cap, or is nested deeper."""


def alternatives(text: str, start: int, end: int, skip: Callable[[int], int]) -> list[Parts]:
    """The words that ``text[start:end]`` stands for, each as its parts.

    ``skip`` gives the end of the quoting or expansion at a position. Raises TooManyError.
    """
    return _Reader(text, skip).alternatives(start, end, 0)


class _Reader:
    """Reads one word; its steps are counted, since alternatives are looked through level by level."""

    __slots__ = ("_skip", "_steps", "_text")

    def __init__(self, text: str, skip: Callable[[int], int]) -> None:
        self._text = text
        self._skip = skip
        self._steps = MOST_STEPS

    def alternatives(self, start: int, end: int, depth: int) -> list[Parts]:
        """The words that a stretch of the text stands for."""
        group = self._group(start, end)
        if group is None:
            return [((start, end),)]
        if depth > _DEEPEST:
            raise TooManyError
        opening, commas, close = group
        if commas:
            options = [
                option
                for left, right in pairwise([opening, *commas, close])
                for option in self.alternatives(left + 1, right, depth + 1)
            ]
        else:
            options = [(piece,) for piece in _sequence(self._text[opening + 1 : close]) or ()]
        rest = self.alternatives(close + 1, end, depth + 1)
        if len(options) * len(rest) > MOST:
            raise TooManyError
        return [((start, opening), *option, *tail) for option, tail in product(options, rest)]

    def _group(self, start: int, end: int) -> tuple[int, list[int], int] | None:
        """The first brace, its commas and its closing brace, where they make an expansion."""
        text = self._text
        stack: list[tuple[int, list[int]]] = []
        found: tuple[int, list[int], int] | None = None
        at = start
        while (sign := _SIGN.search(text, at, end)) is not None:
            self._steps -= 1
            if self._steps < 0:
                raise TooManyError
            at = sign.start()
            character = text[at]
            if character in "\\'\"`$<>":
                if text.startswith("${", at) or character != "$" or text[at + 1 : at + 2] in ("(", "'"):
                    following = self._skip(at)
                    at = following if following > at else end
                    continue
            elif character == "{":
                stack.append((at, []))
            elif character == "," and stack:
                stack[-1][1].append(at)
            elif character == "}" and stack:
                opening, commas = stack.pop()
                if (commas or _is_sequence(text, opening + 1, at)) and (found is None or opening < found[0]):
                    found = (opening, commas, at)
                    if not stack:
                        return found
            at += 1
        return found


def _is_sequence(text: str, start: int, end: int) -> bool:
    return end - start <= _LONGEST_SEQUENCE and bool(_RANGE.match(text, start, end) or _LETTERS.match(text, start, end))


def _sequence(inner: str) -> list[str] | None:
    match = _RANGE.match(inner)
    if match:
        first, last, step = int(match[1]), int(match[2]), abs(int(match[3] or 1)) or 1
        if abs(last - first) // step >= MOST:
            raise TooManyError
        width = max(len(match[1]), len(match[2])) if re.match(r"-?0[0-9]", match[1] + " ") else 0
        numbers = range(first, last + 1, step) if last >= first else range(first, last - 1, -step)
        return [str(number).zfill(width) for number in numbers]
    match = _LETTERS.match(inner)
    if match:
        low, high, step = ord(match[1]), ord(match[2]), abs(int(match[3] or 1)) or 1
        codes = range(low, high + 1, step) if high >= low else range(low, high - 1, -step)
        return [chr(code) for code in codes]
    return None
