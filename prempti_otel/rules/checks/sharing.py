"""Compiles the conditions of one level so that what takes long about a process or a call is judged once for it.

A condition says of the process the same for all its files, and macros say it in many rules. Results are kept
with the event that they follow from, and only while one call is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prempti_otel.model.fields import Level
from prempti_otel.rules.checks.compiler import Check, Leaves, compile_expression
from prempti_otel.rules.checks.merging import merged
from prempti_otel.rules.language.ast import And, Compare, Exists, Expression, Macro, Not, Or, Transformed, field_refs
from prempti_otel.rules.steps import let_go

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry

_QUICK = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "contains", "startswith", "endswith"})
"""Comparisons that hardly take longer than to ask whether they were made already."""


class Sharing:
    """Compiles the conditions of one level of events."""

    def __init__(self, level: Level, fields: Registry, leaves: Leaves) -> None:
        self._level = level
        self._fields = fields
        self._leaves = leaves
        self._checks: dict[Expression, Check] = {}
        self._traits: dict[int, tuple[Expression, Level, bool]] = {}

    def compile(self, condition: Expression) -> Check:
        """The check of a condition without macros. Raises ConditionTypeError."""
        return self._part(merged(condition, self._fields))

    def let_go(self) -> Iterator[None]:
        """Give back what only compiling needed, in small steps."""
        yield from let_go(self._checks, self._traits)

    def _part(self, node: Expression) -> Check:
        level, slow = self._traits_of(node)
        if level >= self._level or not slow:
            return compile_expression(node, self._fields, self._part, self._leaves)
        check = self._checks.get(node)
        if check is None:
            made = compile_expression(node, self._fields, None, self._leaves)
            check = self._checks[node] = _remembered(made, level)
        return check

    def _traits_of(self, node: Expression) -> tuple[Level, bool]:
        """The deepest level that a part names, and whether some check in it is slow."""
        known = self._traits.get(id(node))
        if known is not None:
            return known[1:]
        match node:
            case And(children) | Or(children):
                parts = [self._traits_of(child) for child in children]
                level, slow = max(part[0] for part in parts), any(part[1] for part in parts)
            case Not(child):
                level, slow = self._traits_of(child)
            case _:
                level = max((self._fields[ref.name].level for ref in field_refs(node)), default=Level.TOOL)
                slow = _is_slow(node)
        self._traits[id(node)] = node, level, slow
        return level, slow


def _is_slow(check: Exists | Compare | Macro) -> bool:
    if isinstance(check, Compare):
        return check.operator not in _QUICK or isinstance(check.left, Transformed)
    return isinstance(check, Exists) and isinstance(check.left, Transformed)


def _remembered(check: Check, level: Level) -> Check:
    """A check whose result is kept with the event of ``level`` that it follows from."""

    def holds(event: Event) -> bool:
        while event.level > level and event.base is not None:
            event = event.base
        known = event.known.get(check)
        if known is None:
            known = event.known[check] = check(event)
        return known

    return holds
