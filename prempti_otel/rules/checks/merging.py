"""Alternatives that check the same field in the same way, made one check that looks at the field once.

Macros for places put dozens of them side by side. Only checks that mean the same together are merged:
one text, compared with constants; a missing field fails each of them, and so all. Must never change
what a condition says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prempti_otel.model.fields import Argument, FieldType
from prempti_otel.rules.language.ast import And, Compare, Constant, Constants, Expression, FieldRef, Not, Or

if TYPE_CHECKING:
    from prempti_otel.model.fields import Registry

_MERGED = {
    **dict.fromkeys(("=", "==", "in", "intersects"), ("in", None)),
    "pmatch": ("pmatch", None),
    **{name: (name, "anyof") for name in ("contains", "startswith", "endswith")},
}
"""Operators, and with which operator and modifier a list of constants says the same of one text."""


def merged(node: Expression, fields: Registry) -> Expression:
    """The same condition with fewer checks."""
    match node:
        case And(children):
            return And(tuple(merged(child, fields) for child in children))
        case Not(child):
            return Not(merged(child, fields))
        case Or():
            found = _alternatives(node, fields)
            return found[0] if len(found) == 1 else Or(tuple(found))
        case _:
            return node


def _alternatives(node: Or, fields: Registry) -> list[Expression]:
    """Each way of checking a field once, where it first stood."""
    groups: dict[object, list[Compare]] = {}
    order: list[list[Compare] | Expression] = []
    for child in _flat(node):
        key = _key(child, fields)
        if key is None or not isinstance(child, Compare):
            order.append(merged(child, fields))
        elif key in groups:
            groups[key].append(child)
        else:
            groups[key] = [child]
            order.append(groups[key])
    return [_one(item) if isinstance(item, list) else item for item in order]


def _flat(node: Or) -> Iterator[Expression]:
    for child in node.children:
        if isinstance(child, Or):
            yield from _flat(child)
        else:
            yield child


def _key(node: Expression, fields: Registry) -> tuple[str, str] | None:
    """What a check has in common with those that it can be merged with; None where it stays alone."""
    if not isinstance(node, Compare) or not isinstance(node.left, FieldRef) or node.operator not in _MERGED:
        return None
    field = fields[node.left.name]
    single = field.argument is Argument.NONE and not field.is_list and not field.any_value
    if not single or field.type is not FieldType.STRING or node.modifier not in (None, "anyof"):
        return None
    return (field.name, _MERGED[node.operator][0]) if isinstance(node.right, Constant | Constants) else None


def _one(checks: list[Compare]) -> Compare:
    first = checks[0]
    if len(checks) == 1:
        return first
    operator, modifier = _MERGED[first.operator]
    values = tuple(dict.fromkeys(value for check in checks for value in _values(check)))
    return Compare(first.left, operator, Constants(values), modifier)


def _values(check: Compare) -> Iterable[bytes]:
    assert isinstance(check.right, Constant | Constants)
    return check.right.values if isinstance(check.right, Constants) else (check.right.value,)
