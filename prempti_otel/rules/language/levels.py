"""On which events a rule is judged: its condition split at the top-level ``or``, each branch at its deepest level.

Exceptions belong to every branch. What can never hold, or hardly means what it says, is told at load.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prempti_otel.model.fields import Level
from prempti_otel.rules.language.ast import (
    And,
    Compare,
    Expression,
    FieldRef,
    Not,
    Or,
    checks,
    field_refs,
    operand_text,
)

if TYPE_CHECKING:
    from prempti_otel.model.fields import Registry


class LevelError(ValueError):
    """A branch that no event can fulfil; ``remedy`` says what to write instead."""

    def __init__(self, message: str, at: int, remedy: str) -> None:
        super().__init__(message)
        self.at = at
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative of a rule and the level of the events it is judged on."""

    level: Level
    expression: Expression


def branches_of(condition: Expression, exceptions: Sequence[Expression], fields: Registry) -> list[Branch]:
    """The branches of a condition without macros; ``exceptions`` are the negated parts. Raises LevelError."""
    found = []
    for alternative in _alternatives(condition):
        level = _level(alternative, fields)
        for exception in exceptions:
            _check_exception(exception, level, fields)
        whole = And((alternative, *exceptions)) if exceptions else alternative
        found.append(Branch(level, whole))
    return found


def split_exceptions(tree: Expression, count: int) -> tuple[Expression, tuple[Expression, ...]]:
    """The condition proper and the ``count`` exceptions that the loader put behind it."""
    if count and isinstance(tree, And) and len(tree.children) == count + 1:
        rest = tree.children[1:]
        if all(isinstance(child, Not) for child in rest):
            return tree.children[0], rest
    return tree, ()


def _alternatives(node: Expression) -> Iterable[Expression]:
    if isinstance(node, Or):
        for child in node.children:
            yield from _alternatives(child)
    else:
        yield node


def _level(node: Expression, fields: Registry) -> Level:
    """The deepest level that is named. Raises LevelError where files and network meet."""
    first: dict[Level, FieldRef] = {}
    for ref in _refs(node):
        first.setdefault(fields[ref.name].level, ref)
    if Level.FILE in first and Level.NETWORK in first:
        one, other = first[Level.FILE], first[Level.NETWORK]
        raise LevelError(
            f"{one.name} and {other.name} are of different events: no file access is a network access",
            max(one.at, other.at),
            "say one of them of the whole call, with call.file_ops, call.hosts or call.effects",
        )
    return max(first, default=Level.TOOL)


def _refs(node: Expression) -> Iterable[FieldRef]:
    for check in checks(node):
        yield from field_refs(check)


def _check_exception(exception: Expression, level: Level, fields: Registry) -> None:
    for ref in _refs(exception):
        own = fields[ref.name].level
        if own > level or (own is Level.FILE and level is Level.NETWORK):
            raise LevelError(
                f"the exception names {ref.name}, which a {level.label} event does not have",
                ref.at,
                "let every alternative of the condition name a field of that level, or make two rules",
            )


def level_warnings(condition: Expression, fields: Registry) -> list[str]:
    """What a branch may not mean as it is written."""
    found = []
    for alternative in _alternatives(condition):
        for node in _inner_ors(alternative):
            levels = {_level_or_deepest(child, fields) for child in node.children}
            if len(levels) > 1:
                names = ", ".join(level.label for level in sorted(levels))
                found.append(
                    f"an 'or' inside the condition mixes levels ({names}), so all of it is judged on "
                    f"{max(levels).label} events only; put 'or' at the top, or use call.*"
                )
        found.extend(_all_of_warnings(alternative, fields))
    return found


def _level_or_deepest(node: Expression, fields: Registry) -> Level:
    return max((fields[ref.name].level for ref in _refs(node)), default=Level.TOOL)


def _inner_ors(node: Expression) -> Iterable[Or]:
    match node:
        case Or(children):
            yield node
            for child in children:
                yield from _inner_ors(child)
        case And(children):
            for child in children:
                yield from _inner_ors(child)
        case Not(child):
            yield from _inner_ors(child)
        case _:
            return


def _all_of_warnings(node: Expression, fields: Registry) -> Iterable[str]:
    for check in checks(node):
        if isinstance(check, Compare) and check.operator == "in" and isinstance(check.left, FieldRef):
            field = fields[check.left.name]
            if field.is_list and field.level is not Level.TOOL:
                name = operand_text(check.left).decode("utf-8", "replace")
                yield f"'{name} in (...)' holds only if all its values are listed; for any of them write intersects"


def names_field(nodes: Iterable[Expression], name: str) -> FieldRef | None:
    """The first reference to a field, if any."""
    return next((ref for node in nodes for ref in _refs(node) if ref.name == name), None)
