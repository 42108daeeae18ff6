"""Arrays: what a literal's words make of one, and what it is after an element is set by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.state import State, Value
from prempti_otel.analysis.shell.tokens import Token, TokenKind

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.command import Commands

_KEY = re.compile(r"\[(?P<key>[^\]]*)\]\+?=")


def literal(commands: Commands, code: str, state: State) -> tuple[Word, ...]:
    """The elements of ``(..)``: those with a key come last, numbered ones in order."""
    script = commands.walk.scanned(code)
    expander = commands.expander
    elements: list[Word] = []
    keyed: list[tuple[int, Word]] = []
    for token in script.sequence:
        if not isinstance(token, Token) or token.kind is not TokenKind.WORD:
            continue
        key = _KEY.match(script.source.text, token.start, token.end)
        if key is None:
            elements.extend(expander.words(script.source, token.start, token.end, state))
            continue
        expander.single(script.source, key.start("key"), key.end("key"), state)
        value = expander.single(script.source, key.end(), token.end, state)
        keyed.append((_number(key["key"], 0), value))
    keyed.sort(key=lambda element: element[0])
    return (*elements, *(word for _, word in keyed))


def with_element(before: Value | None, index: Word, value: Word) -> tuple[Word, ...]:
    """The array after one element is set; where holes come up, no element is surely at its place."""
    elements = before if isinstance(before, tuple) else () if before is None else (before,)
    at = _number(index.text, len(elements)) if index.known else len(elements)
    whole = all(word.known for word in elements)
    if at < len(elements) and whole:
        return (*elements[:at], value, *elements[at + 1 :])
    if at == len(elements):
        return (*elements, value)
    return tuple(Word(word.text, known=False) for word in (*elements, value))


def _number(text: str, other: int) -> int:
    """A plain index; ``other`` for a key, or what has to be computed."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else other
