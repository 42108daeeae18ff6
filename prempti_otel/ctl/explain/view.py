"""Cuts an explanation down to what decided: the parts that made a condition hold, or that kept it from holding.

The rules that ship are long, and most of each is about other calls than the one that somebody asks about.
"""

from __future__ import annotations

import re
from dataclasses import replace

from prempti_otel.rules.explain import Explanation

MOST_ITEMS = 4
"""Shown of a list of constants."""
_LIST = re.compile(r"\(([^()]*)\)$")


def essence(part: Explanation) -> Explanation:
    """The same condition and result, without the parts that could be left out."""
    if not part.parts:
        said = [f"{name} = {value}" for name, value in part.values] == [part.text]
        text = shortened(part.text, [value for _, value in part.values])
        return replace(part, text=text, values=() if said else part.values)
    if part.text == "not":
        return _negation(part)
    # A true `or` and a false `and` are decided by the parts that are like them; all parts of the others count.
    decided = part.held == (part.text == "or")
    parts = [child for child in part.parts if child.held == part.held] if decided else list(part.parts)
    if decided and part.text == "or":
        parts = [min(parts, key=_size)]
    if not decided and not part.held and len(parts) > 1:
        return Explanation(f"none of {len(parts)}: {_names(parts)}", held=False)
    shown = tuple(essence(child) for child in parts)
    return shown[0] if len(shown) == 1 else replace(part, parts=_flat(part.text, shown))


def shortened(text: str, values: list[str]) -> str:
    """``text`` with a long list of constants cut; one that is equal to a value stays."""
    found = _LIST.search(text)
    items = found[1].split(", ") if found else []
    if found is None or len(items) <= MOST_ITEMS + 1:
        return text
    kept = [item for item in items if item in values] or items[:MOST_ITEMS]
    return f"{text[: found.start()]}({', '.join(kept)}, … {len(items) - len(kept)} more)"


def _negation(part: Explanation) -> Explanation:
    inner = essence(part.parts[0])
    if inner.parts:
        return replace(part, parts=(inner,))
    return Explanation(
        f"not {inner.text}" if " " not in inner.text else f"not ({inner.text})", part.held, (), inner.values
    )


def _flat(word: str, parts: tuple[Explanation, ...]) -> tuple[Explanation, ...]:
    """An `and` in an `and` is one."""
    return tuple(inner for part in parts for inner in (part.parts if part.text == word and part.parts else (part,)))


def _size(part: Explanation) -> int:
    return 1 + sum(_size(child) for child in part.parts)


def _names(parts: list[Explanation]) -> str:
    """What a group of conditions asks about."""
    names = list(dict.fromkeys(name for part in parts for name in _fields(part)))
    return ", ".join(names[:MOST_ITEMS]) + (", …" if len(names) > MOST_ITEMS else "")


def _fields(part: Explanation) -> list[str]:
    return [name for name, _ in part.values] + [name for child in part.parts for name in _fields(child)]
