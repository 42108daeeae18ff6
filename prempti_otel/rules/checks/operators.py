"""What each operator does. Predicates take a present, well-typed value and never raise."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any, TypeAlias

from prempti_otel.model.fields import FieldType
from prempti_otel.rules.checks.globs import BytesPredicate, glob_predicate
from prempti_otel.rules.checks.pmatch import PathPrefixes
from prempti_otel.rules.checks.values import network_predicate, parse_constant, parse_text, regex_predicate
from prempti_otel.rules.language.operators import plain

ValuePredicate: TypeAlias = Callable[[Any], bool]
"""A check of one value of the type it was made for."""

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def constant_predicate(name: str, kind: FieldType, constant: bytes) -> ValuePredicate:
    """``value NAME constant``. Raises ConstantError."""
    name = plain(name)
    if kind is FieldType.IPNET:
        within = network_predicate(constant)
        return within if name == "=" else lambda value: not within(value)
    if kind is not FieldType.STRING:
        return _scalar_predicate(name, parse_constant(constant, kind))
    return _text_predicate(name, parse_text(constant))


def _scalar_predicate(name: str, constant: bytes | int | bool) -> ValuePredicate:
    if name == "=":
        return constant.__eq__
    if name == "!=":
        return constant.__ne__
    compare = _ORDER[name]
    return lambda value: compare(value, constant)


def _text_predicate(name: str, constant: bytes) -> BytesPredicate:
    match name:
        case "contains":
            return lambda value: value.find(constant) >= 0  # ``in`` first asks bytes whether they are a number
        case "startswith" | "endswith":
            return methodcaller(name, constant)
        case "icontains":
            lowered = constant.lower()
            return lambda value: lowered in value.lower()
        case "glob":
            return glob_predicate(constant)
        case "iglob":
            return glob_predicate(constant, fold_case=True)
        case "regex":
            return regex_predicate(constant)
        case _:
            return _scalar_predicate(name, constant)


def list_predicate(name: str, kind: FieldType, constants: Sequence[bytes]) -> ValuePredicate:
    """``value in|intersects|pmatch (constants)`` for a field with one value. Raises ConstantError."""
    if name == "pmatch":
        return PathPrefixes(parse_text(constant) for constant in constants)
    if kind is FieldType.IPNET:
        return _any_network(constants)
    return frozenset(parse_constant(constant, kind) for constant in constants).__contains__


def many_predicate(name: str, kind: FieldType, constants: Sequence[bytes]) -> ValuePredicate:
    """``values in (constants)``: all of them; ``intersects``: any. For list fields. Raises ConstantError."""
    if kind is FieldType.IPNET:
        within, quantity = _any_network(constants), all if name == "in" else any
        return lambda values: quantity(map(within, values))
    known = frozenset(parse_constant(constant, kind) for constant in constants)
    if name == "in":
        return known.issuperset
    return lambda values: not known.isdisjoint(values)


def _any_network(constants: Sequence[bytes]) -> BytesPredicate:
    networks = [network_predicate(constant) for constant in constants]
    return lambda value: any(within(value) for within in networks)


def modified_predicate(name: str, modifier: str, kind: FieldType, constants: Sequence[bytes]) -> ValuePredicate:
    """``value NAME oneof|anyof|allof (constants)``: exactly one, any, all; an empty list never holds."""
    predicates = [constant_predicate(name, kind, constant) for constant in constants]
    if modifier == "anyof" and kind is FieldType.STRING and name in ("startswith", "endswith"):
        return methodcaller(name, tuple(constants))
    if modifier == "anyof" and kind is FieldType.STRING and name == "contains":
        return lambda value: _contains_any(value, constants)
    if modifier == "anyof":
        return lambda value: any(predicate(value) for predicate in predicates)
    if modifier == "allof":
        return lambda value: bool(predicates) and all(predicate(value) for predicate in predicates)
    return lambda value: sum(1 for predicate in predicates if predicate(value)) == 1


def _contains_any(value: bytes, constants: Sequence[bytes]) -> bool:
    for constant in constants:  # noqa: SIM110 - a loop is faster than any() over a generator
        if value.find(constant) >= 0:
            return True
    return False


def field_predicate(name: str, is_list: bool) -> Callable[[Any, Any], bool]:
    """``value NAME other``, both values of fields of the same type."""
    name = plain(name)
    if is_list:
        if name == "in":
            return lambda values, others: frozenset(others).issuperset(values)
        return lambda values, others: not frozenset(others).isdisjoint(values)
    return _PAIRS[name]


_PAIRS: dict[str, Callable[[Any, Any], bool]] = {
    **_ORDER,
    "=": operator.eq,
    "!=": operator.ne,
    "in": operator.eq,
    "intersects": operator.eq,
    "contains": operator.contains,
    "icontains": lambda value, other: other.lower() in value.lower(),
    "startswith": lambda value, other: value.startswith(other),
    "endswith": lambda value, other: value.endswith(other),
    "glob": lambda value, other: glob_predicate(other)(value),
    "iglob": lambda value, other: glob_predicate(other, fold_case=True)(value),
}
