"""How rules spell the components of paths, for file systems that take upper and lower case for the same.

``~/.SSH/id_rsa`` is ``~/.ssh/id_rsa`` there, and a rule knows the one spelling only. What the rules themselves
name says which spelling is meant, so that nothing has to be looked up. It never changes what a rule means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from prempti_otel.rules.language.ast import Compare, Constant, Constants, Expression, FieldRef, checks

_PATHS = frozenset({"file.path", "file.real_path", "file.home_path", "file.name", "file.dir"})
_GLOB = re.compile(r"[*?\[\\]")
_NAME = re.compile(r"[\w.-]*[^\W\d_][\w.-]*")


def spellings(conditions: Iterable[Expression]) -> Mapping[str, str]:
    """By its folded text, how conditions spell a component; one that they spell in two ways is left out."""
    found: dict[str, str] = {}
    several: set[str] = set()
    for part in _components(conditions):
        if found.setdefault(part.casefold(), part) != part:
            several.add(part.casefold())
    return MappingProxyType({folded: part for folded, part in found.items() if folded not in several})


def _components(conditions: Iterable[Expression]) -> Iterator[str]:
    for condition in conditions:
        for check in checks(condition):
            if not isinstance(check, Compare) or not isinstance(check.left, FieldRef) or check.left.name not in _PATHS:
                continue
            if not isinstance(check.right, Constant | Constants):
                continue
            values = check.right.values if isinstance(check.right, Constants) else (check.right.value,)
            for value in values:
                text = value.decode("utf-8", "replace")
                if check.operator == "regex":
                    yield from _NAME.findall(text.replace("\\.", "."))
                else:
                    yield from (part for part in text.split("/") if _NAME.search(part) and not _GLOB.search(part))
