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
_DEEPEST = 12

Part = tuple[int, int] | str
"""A stretch of the text, or text of its own (from ``{1..3}``)."""
Parts = tuple[Part, ...]

_RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})(?:\.\.(-?[0-9]{1,18}))?\Z")
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?[0-9]{1,9}))?\Z")


class TooManyError(Exception):
    """The word expands to more words than the cap, or is nested deeper."""


def alternatives(text: str, start: int, end: int, skip: Callable[[int], int], depth: int = 0) -> list[Parts]:
    """The words that ``text[start:end]`` stands for, each as its parts.

    ``skip`` gives the end of the quoting or expansion at a position. Raises TooManyError.
    """
    group = _group(text, start, end, skip)
    if group is None:
        return [((start, end),)]
    if depth > _DEEPEST:
        raise TooManyError
    opening, commas, close = group
    if commas:
        bounds = [opening, *commas, close]
        options = [
            option
            for left, right in pairwise(bounds)
            for option in alternatives(text, left + 1, right, skip, depth + 1)
        ]
    else:
        options = [(piece,) for piece in _sequence(text[opening + 1 : close]) or ()]
    rest = alternatives(text, close + 1, end, skip, depth + 1)
    if len(options) * len(rest) > MOST:
        raise TooManyError
    return [((start, opening), *option, *tail) for option, tail in product(options, rest)]


def _group(text: str, start: int, end: int, skip: Callable[[int], int]) -> tuple[int, list[int], int] | None:
    """The first brace, its commas and its closing brace, where they make an expansion."""
    stack: list[tuple[int, list[int]]] = []
    found: tuple[int, list[int], int] | None = None
    at = start
    while at < end:
        character = text[at]
        if character in "\\'\"`$":
            if text.startswith("${", at) or character != "$" or text[at + 1 : at + 2] in ("(", "'"):
                following = skip(at)
                at = following if following > at else end
                continue
        elif character == "{":
            stack.append((at, []))
        elif character == "," and stack:
            stack[-1][1].append(at)
        elif character == "}" and stack:
            opening, commas = stack.pop()
            if (commas or _is_sequence(text[opening + 1 : at])) and (found is None or opening < found[0]):
                found = (opening, commas, at)
                if not stack:
                    return found
        at += 1
    return found


def _is_sequence(inner: str) -> bool:
    return bool(_RANGE.match(inner) or _LETTERS.match(inner))


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
