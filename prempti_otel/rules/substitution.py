"""Lists in conditions: textual substitution, exactly as Falco does it.

A list's name is replaced wherever it stands between delimiters, inside quoted strings too. Text that
grows beyond reason is refused, so that lists of lists cannot exhaust memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prempti_otel.rules.definitions import ListDefinition

MAX_TEXT = 4 * 1024 * 1024
"""Characters that a condition may grow to."""
_BLANKS = " \t\n\r"
_DELIMITERS = _BLANKS + "(),="


class ExpansionError(ValueError):
    """A condition grew too long while lists were put in."""


@dataclass(slots=True)
class CompiledList:
    """A list's name and the text that replaces it."""

    name: str
    text: str
    used: bool = field(default=False)


def compile_lists(definitions: Mapping[str, ListDefinition]) -> list[CompiledList]:
    """The replacement text of every list, in order of definition; an item that names an earlier list is opened."""
    compiled = {}
    referred: set[str] = set()
    for definition in definitions.values():
        items: list[str] = []
        for item in definition.items:
            other = definitions.get(item)
            if other is not None and other.index < definition.visibility:
                referred.add(other.name)
                items.extend(map(_quoted, other.items))
            else:
                items.append(_quoted(item))
        compiled[definition.name] = CompiledList(definition.name, _joined(items))
    for name in referred:
        compiled[name].used = True
    return list(compiled.values())


def _quoted(item: str) -> str:
    return f'"{item}"' if " " in item and item[0] not in "\"'" else item


def _joined(items: Iterable[str]) -> str:
    """With ``, `` between them; an empty item vanishes while nothing stands before it."""
    text = ", ".join(items)
    while text.startswith(", "):
        text = text[2:]
    return text


def substitute(condition: str, lists: Iterable[CompiledList]) -> str:
    """The condition with every list in place, one list after the other. Raises ExpansionError."""
    for item in lists:
        if item.name and item.name in condition:
            condition = _replace(condition, item)
    return condition


def _replace(condition: str, item: CompiledList) -> str:
    start = condition.find(item.name)
    while start >= 0:
        end = start + len(item.name)
        delimited = (start == 0 or condition[start - 1] in _DELIMITERS) and (
            end >= len(condition) or condition[end] in _DELIMITERS
        )
        if delimited:
            item.used = True
            start, end = _around(condition, start, end, drop_comma=not item.text)
            before = condition[:start] + " " if start > 0 else ""
            condition = f"{before}{item.text} {condition[end:]}"
            if len(condition) > MAX_TEXT:
                raise ExpansionError(f"with its lists the condition is longer than 4 MiB (at list '{item.name}')")
            start += len(item.text) + 1
        start = condition.find(item.name, start + 1)
    return condition


def _around(condition: str, start: int, end: int, *, drop_comma: bool) -> tuple[int, int]:
    """The span of a name with its blanks, and with one comma beside it where nothing will replace it."""
    while start > 0 and condition[start - 1] in _BLANKS:
        start -= 1
    while end < len(condition) and condition[end] in _BLANKS:
        end += 1
    if drop_comma:
        if start > 0 and condition[start - 1] == ",":
            start -= 1
        elif end < len(condition) and condition[end] == ",":
            end += 1
    return start, end
