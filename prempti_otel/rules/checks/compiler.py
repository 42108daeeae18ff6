"""A resolved condition to something fast: closures over constants that are already bytes and numbers.

Compilation is also the type check. A compiled check takes an event, gives a bool and never raises;
a missing field makes every check false, ``!=`` included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from prempti_otel.errors import nearest
from prempti_otel.model.fields import FIELDS, FieldType
from prempti_otel.rules.checks import operators
from prempti_otel.rules.checks.operands import ConditionTypeError, Source, compile_side
from prempti_otel.rules.checks.operators import ValuePredicate
from prempti_otel.rules.checks.values import ConstantError, is_simple_regex, shown
from prempti_otel.rules.language.ast import (
    And,
    Compare,
    Constant,
    Constants,
    Exists,
    Expression,
    FieldRef,
    Macro,
    Not,
    Or,
    Transformed,
    checks,
    operand_text,
)
from prempti_otel.rules.language.operators import NO_RIGHT_FIELD, operators_of, plain, supports
from prempti_otel.rules.language.parser import parse_condition

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry

Check: TypeAlias = "Callable[[Event], bool]"
"""A compiled condition."""
Leaves: TypeAlias = "dict[Exists | Compare, Check]"
"""Checks that were compiled before: macros put the same ones into many conditions."""
_WHOLE = frozenset({"=", "==", "!=", "in", "intersects"})
"""Operators that compare whole values."""
_TRANSFORMER_LIKE = re.compile(rb"\s*(?:tolower|toupper|b64|basename|len|join|concat|getopt|val)\(")


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition without macros that can be judged on its own."""

    expression: Expression
    holds: Check
    warnings: tuple[str, ...]


def compile_condition(text: str | bytes, fields: Registry = FIELDS) -> CompiledCondition:
    """Parse and compile one condition that uses neither lists nor macros; for tools and tests.

    Raises ConditionSyntaxError or ConditionTypeError.
    """
    expression = parse_condition(text)
    return CompiledCondition(expression, compile_expression(expression, fields), tuple(warnings_of(expression, fields)))


def compile_expression(
    node: Expression, fields: Registry, part: Callable[[Expression], Check] | None = None, leaves: Leaves | None = None
) -> Check:
    """The check of a tree whose macros are resolved. Raises ConditionTypeError.

    ``part`` compiles what is in it; single checks are taken from ``leaves`` and added there.
    """
    compiled = part or (lambda child: compile_expression(child, fields, None, leaves))
    match node:
        case And(children):
            return _all([compiled(child) for child in children])
        case Or(children):
            return _any([compiled(child) for child in children])
        case Not(child):
            inner = compiled(child)
            return lambda event: not inner(event)
        case Exists() | Compare():
            check = leaves.get(node) if leaves is not None else None
            if check is None:
                check = _leaf(node, fields)
                if leaves is not None:
                    leaves[node] = check
            return check
        case Macro(name, at):
            raise ConditionTypeError(f"'{name}' is neither a field check nor a known macro", at)


def _leaf(node: Exists | Compare, fields: Registry) -> Check:
    if isinstance(node, Exists):
        return _check(compile_side(node.left, fields), _exists)
    return _compare(node, fields)


def _all(checks_: list[Check]) -> Check:
    if len(checks_) == 2:
        first, second = checks_
        return lambda event: first(event) and second(event)

    def holds(event: Event) -> bool:
        for check in checks_:  # noqa: SIM110 - a loop is faster than all() over a generator
            if not check(event):
                return False
        return True

    return holds


def _any(checks_: list[Check]) -> Check:
    if len(checks_) == 2:
        first, second = checks_
        return lambda event: first(event) or second(event)

    def holds(event: Event) -> bool:
        for check in checks_:  # noqa: SIM110
            if check(event):
                return True
        return False

    return holds


def _exists(_: object) -> bool:
    return True


def _check(source: Source, predicate: ValuePredicate) -> Check:
    """The check of one side: false where the value is missing."""
    get, wanted = source.get, source.value_class
    if source.any_of:

        def any_holds(event: Event) -> bool:
            values = get(event)
            return values.__class__ is tuple and any(predicate(v) for v in values if v.__class__ is bytes)

        return any_holds
    if source.is_list:
        return lambda event: (v := get(event)).__class__ is tuple and len(v) > 0 and predicate(v)
    if source.plain_field is not None:
        name = source.plain_field
        return lambda event: (v := event.encoded.get(name) or event.raw(name)).__class__ is wanted and predicate(v)
    return lambda event: (v := get(event)).__class__ is wanted and predicate(v)


def _compare(node: Compare, fields: Registry) -> Check:
    source = compile_side(node.left, fields)
    if not supports(source.kind, source.is_list, node.operator):
        legal = ", ".join(operators_of(source.kind, source.is_list))
        raise ConditionTypeError(
            f"'{plain(node.operator)}' does not go with {_name(node.left)}, which is {source.type_name}",
            node.left.at,
            f"it takes {legal}",
        )
    if isinstance(node.right, FieldRef | Transformed):
        return _compare_fields(node, source, compile_side(node.right, fields))
    try:
        return _check(source, _constant_side(node, source))
    except ConstantError as error:
        raise ConditionTypeError(str(error), node.right.at) from None


def _constant_side(node: Compare, source: Source) -> ValuePredicate:
    right = node.right
    assert isinstance(right, Constant | Constants)
    values = right.values if isinstance(right, Constants) else (right.value,)
    if node.modifier is not None:
        return operators.modified_predicate(node.operator, node.modifier, source.kind, values)
    if source.is_list:
        return operators.many_predicate(node.operator, source.kind, values)
    if node.operator in ("in", "intersects", "pmatch"):
        return operators.list_predicate(node.operator, source.kind, values)
    return operators.constant_predicate(node.operator, source.kind, values[0])


def _compare_fields(node: Compare, left: Source, right: Source) -> Check:
    if node.operator in NO_RIGHT_FIELD:
        raise ConditionTypeError(f"'{node.operator}' takes constants only on its right", node.right.at)
    if left.kind is FieldType.IPNET:
        raise ConditionTypeError(f"{_name(node.left)} is compared with constant networks only", node.right.at)
    if (left.kind, left.is_list) != (right.kind, right.is_list) or right.any_of:
        raise ConditionTypeError(
            f"{_name(node.left)} is {left.type_name}, but {_name(node.right)} is {right.type_name}", node.right.at
        )
    predicate = operators.field_predicate(node.operator, left.is_list)
    get_left, get_right = left.get, right.get
    left_class, right_class = left.value_class, right.value_class
    if left.any_of:

        def any_holds(event: Event) -> bool:
            values, other = get_left(event), get_right(event)
            if values.__class__ is not tuple or other.__class__ is not right_class:
                return False
            return any(predicate(value, other) for value in values if value.__class__ is bytes)

        return any_holds

    def holds(event: Event) -> bool:
        value, other = get_left(event), get_right(event)
        if value.__class__ is not left_class or other.__class__ is not right_class:
            return False
        if left_class is tuple and not (value and other):
            return False
        return bool(predicate(value, other))

    return holds


def _name(side: Any) -> str:
    return operand_text(side).decode("utf-8", "replace")


def warnings_of(node: Expression, fields: Registry) -> list[str]:
    """What Falco warns of in a condition that compiles: constants that look like something else, needless regexes."""
    found: list[str] = []
    for check in checks(node):
        if not isinstance(check, Compare) or not isinstance(check.right, Constant | Constants):
            continue
        values = check.right.values if isinstance(check.right, Constants) else (check.right.value,)
        for value in values:
            found.extend(_constant_warnings(check.operator, value, fields))
        if check.operator in _WHOLE and isinstance(check.left, FieldRef):
            found.extend(_value_warnings(check.left, values, fields))
    return found


def _value_warnings(left: FieldRef, values: Sequence[bytes], fields: Registry) -> Iterator[str]:
    """Constants that a field with a closed set of values never is."""
    field = fields.get(left.name)
    if field is None or not field.values:
        return
    for value in values:
        text = shown(value)
        if text not in field.values:
            guess = nearest(text, field.values)
            meant = f"did you mean {guess}?" if guess else f"it is one of {', '.join(filter(None, field.values))}"
            yield f"{field.name} is never '{text}'; {meant}"


def _constant_warnings(operator: str, value: bytes, fields: Registry) -> list[str]:
    found = []
    if operator == "regex" and is_simple_regex(value):
        found.append(f"the regex '{shown(value)}' could be a plainer check with =, contains, startswith or endswith")
    if _is_field(value.strip(), fields):
        found.append(f"'{shown(value)}' is compared as text, but is the name of a field; val({shown(value)}) means it")
    elif _TRANSFORMER_LIKE.match(value):
        found.append(f"'{shown(value)}' is compared as text, but looks like a transformer")
    return found


def _is_field(value: bytes, fields: Registry) -> bool:
    name, bracket, _ = value.partition(b"[")
    field = fields.get(name.decode("utf-8", "replace"))
    return (
        field is not None
        and bool(bracket) <= (field.argument.value != "none")
        and bool(bracket) >= field.argument.required
    )


__all__ = ["Check", "CompiledCondition", "FieldType", "compile_condition", "compile_expression", "warnings_of"]
