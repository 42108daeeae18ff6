"""Edits JSON text in place, so that whatever is not edited stays as its author typed it.

Works on text that a JSON reader has accepted, with or without comments; it checks nothing itself.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

_BLANKS = " \t\r\n"
_DEFAULT_UNIT = "  "
_scan = json.JSONDecoder().raw_decode
_TEXT_OR_COMMENT = r'(?s)"(?:[^"\\]|\\.)*"|//[^\r\n]*|/\*.*?\*/'
_NOT_A_BREAK = r"[^\r\n]"


@dataclass(frozen=True, slots=True)
class Node:
    """Where one value stands in the text."""

    start: int
    end: int
    """Just behind its last character."""
    children: tuple[Member, ...] = ()
    """Of an object or array, in order."""

    def member(self, key: str) -> Member | None:
        """The member ``key`` of an object; of several the last, as readers have it."""
        return next((child for child in reversed(self.children) if child.key == key), None)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object, or one item of an array."""

    start: int
    """Where it begins: in an object at its key."""
    key: str | None
    """None in an array."""
    value: Node

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.value.end


def parse(text: str) -> Node:
    """The positions of all values in ``text``. Raises RecursionError where it is nested hundreds of levels deep."""
    text = blanked(text)
    return _value(text, _skip(text, 0))


def blanked(text: str) -> str:
    """``text`` with blanks for the ``//`` and ``/* */`` comments in it: each value stands where it stood."""
    if "/" not in text:
        return text
    not_a_break = _compiled(_NOT_A_BREAK)
    blank: str = _compiled(_TEXT_OR_COMMENT).sub(
        lambda found: found[0] if found[0].startswith('"') else not_a_break.sub(" ", found[0]), text
    )
    return blank


@functools.cache
def _compiled(pattern: str) -> Any:
    import re2  # for comments only: premptictl starts without it

    return re2.compile(pattern)


def append(text: str, container: Node, value: object, key: str | None = None) -> str:
    """``text`` with ``value`` behind the last member of ``container``: as member ``key`` of an object, else as an item.

    It is laid out like the member before it; where there is none, like the file.
    """
    head = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    if container.children:
        last = container.children[-1]
        gap = _blanks_before(text, last.start)
        newline, indentation = _split_gap(gap)
        body = _layout(value, newline, indentation, _unit(text))
        return f"{text[: last.end]},{newline + indentation if newline else gap}{head}{body}{text[last.end :]}"
    newline = _newline(text)
    inside = text[container.start + 1 : container.end - 1]
    if inside.strip(_BLANKS):  # comments
        newline = newline or "\n"
    outer = _indentation_of_line(text, container.start)
    inner = outer + _unit(text) if newline else ""
    body = newline + inner + head + _layout(value, newline, inner, _unit(text)) + (newline + outer if newline else "")
    if inside.strip(_BLANKS):
        return text[: container.start + 1] + inside.rstrip(_BLANKS) + body + text[container.end - 1 :]
    return text[: container.start + 1] + body + text[container.end - 1 :]


def remove(text: str, container: Node, index: int) -> str:
    """``text`` without member ``index`` of ``container``; after :func:`append` it is the text of before."""
    members = container.children
    if len(members) == 1:
        return text[: container.start + 1] + text[container.end - 1 :]
    if index == 0:
        return text[: members[0].start] + text[members[1].start :]
    return text[: members[index - 1].end] + text[members[index].end :]


def _value(text: str, start: int) -> Node:
    opener = text[start]
    if opener in "{[":
        return _container(text, start, is_object=opener == "{")
    return Node(start, _scan(text, start)[1])


def _container(text: str, start: int, *, is_object: bool) -> Node:
    children: list[Member] = []
    at = _skip(text, start + 1)
    while text[at] not in "}]":
        if text[at] == ",":
            at = _skip(text, at + 1)
        key, value_at = None, at
        if is_object:
            key, after = _scan(text, at)
            value_at = _skip(text, _skip(text, after) + 1)
        children.append(Member(at, key, _value(text, value_at)))
        at = _skip(text, children[-1].end)
    return Node(start, at + 1, tuple(children))


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _blanks_before(text: str, at: int) -> str:
    start = at
    while text[start - 1] in _BLANKS:
        start -= 1
    return text[start:at]


def _split_gap(gap: str) -> tuple[str, str]:
    """Line break and indentation of the last line in ``gap``; ``("", "")`` where it holds no line break."""
    before, found, indentation = gap.rpartition("\n")
    if not found:
        return "", ""
    return ("\r\n" if before.endswith("\r") else "\n"), indentation


def _layout(value: object, newline: str, indentation: str, unit: str) -> str:
    if not newline:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", newline + indentation)


def _newline(text: str) -> str:
    """The file's line break; ``""`` where the file has members and all of them on one line."""
    if "\n" not in text.strip(_BLANKS) and text.strip(_BLANKS) != "{}":
        return ""
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """What one level is indented by: as the first member of the file is."""
    first = _skip(text, _skip(text, 0) + 1)
    return _split_gap(_blanks_before(text, first))[1] or _DEFAULT_UNIT


def _indentation_of_line(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(_BLANKS))]
