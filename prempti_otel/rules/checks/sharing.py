"""Compiles the conditions of one level so that what takes long about a process or a call is judged once for it.

A condition says of the process the same for all its files, and macros say it in many rules. Results are kept
with the event that they follow from, and only while one call is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prempti_otel.model.fields import Level
from prempti_otel.rules.checks.compiler import Check, compile_expression
from prempti_otel.rules.checks.merging import merged
from prempti_otel.rules.language.ast import Compare, Exists, Expression, Macro, Transformed, checks, field_refs
from prempti_otel.rules.steps import let_go

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry

_QUICK = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "contains", "startswith", "endswith"})
"""Comparisons that hardly take longer than to ask whether they were made already."""


class Sharing:
    """Compiles the conditions of one level of events."""

    def __init__(self, level: Level, fields: Registry) -> None:
        self._level = level
        self._fields = fields
        self._checks: dict[Expression, Check] = {}

    def compile(self, condition: Expression) -> Check:
        """The check of a condition without macros. Raises ConditionTypeError."""
        return self._part(merged(condition, self._fields))

    def let_go(self) -> Iterator[None]:
        """Give back what only compiling needed, in small steps."""
        yield from let_go(self._checks)

    def _part(self, node: Expression) -> Check:
        level = _level_of(node, self._fields)
        if level >= self._level or not any(map(_is_slow, checks(node))):
            return compile_expression(node, self._fields, self._part)
        check = self._checks.get(node)
        if check is None:
            made = compile_expression(node, self._fields)
            check = self._checks[node] = _remembered(made, level)
        return check


def _is_slow(check: Exists | Compare | Macro) -> bool:
    if isinstance(check, Compare):
        return check.operator not in _QUICK or isinstance(check.left, Transformed)
    return isinstance(check, Exists) and isinstance(check.left, Transformed)


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
