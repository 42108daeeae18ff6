"""The words that may stand between two sides, and which types take them: libsinsp's ``flt_is_comparable``."""

from __future__ import annotations

from collections.abc import Sequence

from prempti_otel.model.fields import FieldType

NUMBERS = frozenset({FieldType.UINT64, FieldType.RELTIME, FieldType.ABSTIME})
"""Types whose values are unsigned 64-bit numbers."""
TEXT_OPERATORS = frozenset(
    {"=", "!=", "<", "<=", ">", ">=", "contains", "icontains", "startswith", "endswith"}
    | {"glob", "iglob", "regex", "pmatch", "in", "intersects", "exists"}
)
_EQUALITY = frozenset({"=", "!=", "in", "intersects", "exists"})
_BY_TYPE = {
    FieldType.STRING: TEXT_OPERATORS,
    **dict.fromkeys((FieldType.BOOL, FieldType.IPADDR, FieldType.IPNET), _EQUALITY),
    **dict.fromkeys(NUMBERS, _EQUALITY | {"<", "<=", ">", ">="}),
}
LIST_OPERATORS = frozenset({"exists", "in", "intersects"})
"""All that a field with many values takes."""
ALL_OPERATORS = frozenset({"==", "bcontains", "bstartswith"}) | TEXT_OPERATORS
"""Every word of the grammar that may stand between two sides."""
MODIFIABLE = frozenset(
    {"=", "==", "!=", "glob", "iglob", "contains", "icontains", "bcontains"}
    | {"startswith", "bstartswith", "endswith", "regex"}
)
"""Operators that may be followed by ``oneof``, ``anyof`` or ``allof``."""
MODIFIERS = frozenset({"oneof", "anyof", "allof"})
NO_RIGHT_FIELD = frozenset({"pmatch", "regex"})
"""Operators that take constants only."""


def plain(name: str) -> str:
    """The operator's canonical spelling: ``==`` is ``=``."""
    return "=" if name == "==" else name


def supports(kind: FieldType, is_list: bool, name: str) -> bool:
    """Whether a field of this type takes the operator."""
    return plain(name) in (LIST_OPERATORS if is_list else _BY_TYPE[kind])


def operators_of(kind: FieldType, is_list: bool) -> Sequence[str]:
    """All operators that a field of this type takes, sorted."""
    return sorted(LIST_OPERATORS if is_list else _BY_TYPE[kind])
