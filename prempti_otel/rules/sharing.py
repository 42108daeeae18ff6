"""Compiles the conditions of one level so that what they have in common is judged once for an event.

Macros stand in many rules, and what a condition says of the process or the call is the same for all files
of that process. Results are kept with the event that they follow from, and only while one call is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prempti_otel.model.fields import Level
from prempti_otel.rules.ast import And, Compare, Exists, Expression, Not, Or, Transformed, checks, field_refs
from prempti_otel.rules.compiler import Check, compile_expression
from prempti_otel.rules.merging import merged

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry

_QUICK = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "contains", "startswith", "endswith"})
"""Comparisons that take no longer than to ask whether they were made already."""
_LEAST_CHECKS = 3
"""A shorter condition of the event's own level is quicker judged again."""


class Sharing:
    """The conditions of one level of events; add all of them before the first is compiled."""

    def __init__(self, level: Level, fields: Registry) -> None:
        self._level = level
        self._fields = fields
        self._uses: Counter[Expression] = Counter()
        self._checks: dict[Expression, Check] = {}

    def add(self, condition: Expression) -> Expression:
        """Get to know a condition; gives it in the form to compile it in."""
        simple = merged(condition, self._fields)
        self._count(simple)
        return simple

    def compile(self, node: Expression) -> Check:
        """The check of a condition, or of a part of one. Raises ConditionTypeError."""
        if not self._is_remembered(node):
            return compile_expression(node, self._fields, self.compile)
        check = self._checks.get(node)
        if check is None:
            made = compile_expression(node, self._fields, self.compile)
            check = self._checks[node] = _remembered(made, _level_of(node, self._fields))
        return check

    def let_go(self) -> Iterator[None]:
        """Give back what only compiling needed, in small steps."""
        from prempti_otel.rules.steps import let_go

        yield from let_go(self._uses, self._checks)

    def _count(self, node: Expression) -> None:
        if isinstance(node, And | Or | Not):
            self._uses[node] += 1
            if self._uses[node] == 1:
                for child in (node.child,) if isinstance(node, Not) else node.children:
                    self._count(child)

    def _is_remembered(self, node: Expression) -> bool:
        if _level_of(node, self._fields) < self._level:
            return not isinstance(node, Exists | Compare) or _is_slow(node)
        return self._uses[node] > 1 and sum(1 for _ in checks(node)) >= _LEAST_CHECKS


def _is_slow(check: Exists | Compare) -> bool:
    return isinstance(check.left, Transformed) or (isinstance(check, Compare) and check.operator not in _QUICK)


def _level_of(node: Expression, fields: Registry) -> Level:
    refs = (ref for check in checks(node) for ref in field_refs(check))
    return max((fields[ref.name].level for ref in refs), default=Level.TOOL)


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
