"""Lists in conditions: textual substitution, exactly as Falco does it.

A list's name is replaced wherever it stands between delimiters, inside quoted strings too. Text that
grows beyond reason is refused, so that lists of lists cannot exhaust memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prempti_otel.rules.files.definitions import ListDefinition

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
    """One list put in, in time linear in the result. Blanks around a name become one on each side."""
    out: list[str] = []
    size = at = 0
    found = condition.find(item.name)
    while found >= 0:
        end = found + len(item.name)
        after_insert = bool(out) and found == at
        if not (_delimited(condition, found - 1) or after_insert) or not _delimited(condition, end):
            found = condition.find(item.name, found + 1)
            continue
        item.used = True
        before = condition[at:found].rstrip(_BLANKS)
        while end < len(condition) and condition[end] in _BLANKS:
            end += 1
        if not item.text:
            if before.endswith(","):
                before = before[:-1]
            elif condition.startswith(",", end):
                end += 1
        if out and not before:
            out[-1] = out[-1].rstrip(_BLANKS)
        at_start = not out and not before
        out += [before, "" if at_start else " ", item.text, " "]
        size += len(before) + len(item.text) + 2
        if size > MAX_TEXT:
            raise ExpansionError(f"with its lists the condition is longer than 4 MiB (at list '{item.name}')")
        at = end
        # As in Falco, the character behind a name that begins the text is passed over.
        found = condition.find(item.name, at + at_start)
    return "".join(out) + condition[at:]


def _delimited(condition: str, at: int) -> bool:
    """Whether the text ends at ``at``, or a delimiter stands there."""
    return not 0 <= at < len(condition) or condition[at] in _DELIMITERS
