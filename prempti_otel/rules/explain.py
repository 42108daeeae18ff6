"""Why a rule held or did not: its condition taken apart, each part judged by itself.

For people at a terminal; slow, and never part of judging a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prempti_otel.model.fields import FIELDS, Level
from prempti_otel.rules.checks.compiler import compile_expression
from prempti_otel.rules.language.ast import And, Expression, Not, Or, canonical, checks, field_refs, operand_text
from prempti_otel.rules.output import compile_output

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry
    from prempti_otel.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Explanation:
    """One part of a condition and whether it held."""

    text: str
    """Canonical text of the part; ``and``, ``or`` or ``not`` where ``parts`` tell the rest."""
    held: bool
    parts: tuple[Explanation, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    """For a single check: its fields and what they were, ``<NA>`` where missing."""


@dataclass(frozen=True, slots=True)
class BranchExplanation:
    """One branch of a rule on one event."""

    level: Level
    event: Event
    explanation: Explanation


def explain(expression: Expression, event: Event, fields: Registry = FIELDS) -> Explanation:
    """A condition (macros resolved) on one event, part by part."""
    match expression:
        case And(children) | Or(children):
            parts = tuple(explain(child, event, fields) for child in children)
            held = [part.held for part in parts]
            is_and = isinstance(expression, And)
            return Explanation("and" if is_and else "or", all(held) if is_and else any(held), parts)
        case Not(child):
            inner = explain(child, event, fields)
            return Explanation("not", not inner.held, (inner,))
        case _:
            held_here = compile_expression(expression, fields)(event)
            return Explanation(canonical(expression), held_here, (), _values(expression, event, fields))


def _values(expression: Expression, event: Event, fields: Registry) -> tuple[tuple[str, str], ...]:
    names = [operand_text(ref).decode("utf-8", "replace") for check in checks(expression) for ref in field_refs(check)]
    return tuple((name, compile_output(f"%{name}", fields).render(event) or '""') for name in dict.fromkeys(names))


def explain_rule(rule: Rule, events: Sequence[Event], fields: Registry = FIELDS) -> list[BranchExplanation]:
    """Every branch of a rule on every event of its level; those that held come first."""
    found = [
        BranchExplanation(branch.level, event, explain(branch.expression, event, fields))
        for branch in rule.branches
        for event in events
        if event.level is branch.level
    ]
    return sorted(found, key=lambda branch: not branch.explanation.held)
