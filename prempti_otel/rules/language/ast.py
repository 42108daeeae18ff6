"""The syntax tree of a condition and its canonical text, which is libsinsp's.

Constants are bytes, as they are compared. ``and`` and ``or`` hold all operands that stood side by
side; a parenthesised operand of the same kind stays a node of its own, as in Falco.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from prempti_otel.rules.language.escaping import escape


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field by its full name, with what stands in its brackets (None: no brackets)."""

    name: str
    argument: bytes | None = None
    at: int = field(default=0, compare=False)
    """Offset in bytes within the condition's text; not part of a node's identity."""


@dataclass(frozen=True, slots=True)
class Transformed:
    """A transformer such as ``tolower`` applied to its arguments."""

    name: str
    arguments: tuple[Operand, ...]
    argument: bytes | None = None
    at: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)
    """How many transformers are within each other here."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant; whether it was quoted is not kept, as in Falco."""

    value: bytes
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Constants:
    """A parenthesised list of constants."""

    values: tuple[bytes, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Operands:
    """A parenthesised list among a transformer's arguments."""

    items: tuple[Operand, ...]


Operand: TypeAlias = FieldRef | Transformed | Constant | Operands
"""What a transformer takes."""


@dataclass(frozen=True, slots=True)
class Exists:
    """``left exists``."""

    left: FieldRef | Transformed


@dataclass(frozen=True, slots=True)
class Compare:
    """``left operator [modifier] right``; a field on the right stood in ``val()``."""

    left: FieldRef | Transformed
    operator: str
    right: Constant | Constants | FieldRef | Transformed
    modifier: str | None = None


@dataclass(frozen=True, slots=True)
class Macro:
    """The name of a macro, before macros are resolved."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; a run of ``not`` is one node or none."""

    child: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Conjunction of two or more."""

    children: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Disjunction of two or more."""

    children: tuple[Expression, ...]


Expression: TypeAlias = And | Or | Not | Macro | Exists | Compare


def canonical(node: Expression) -> str:
    """libsinsp's text of a condition; for reading, and re-parsable unless a constant holds ``( ) ,``."""
    return _text(node).decode("utf-8", "replace")


def canonical_bytes(node: Expression) -> bytes:
    """The same as bytes, for constants that are not UTF-8."""
    return _text(node)


def _text(node: Expression) -> bytes:
    match node:
        case And(children):
            return b"(" + b" and ".join(map(_text, children)) + b")"
        case Or(children):
            return b"(" + b" or ".join(map(_text, children)) + b")"
        case Not(child):
            return b"not " + _text(child)
        case Macro(name):
            return name.encode()
        case Exists(left):
            return operand_text(left) + b" exists"
        case Compare(left, operator, right, modifier):
            words = operator if modifier is None else f"{operator} {modifier}"
            return b" ".join((operand_text(left), words.encode(), _right_text(right)))


def _right_text(right: Constant | Constants | FieldRef | Transformed) -> bytes:
    if isinstance(right, Constants):
        return b"(" + b", ".join(map(escape, right.values)) + b")"
    if isinstance(right, FieldRef):
        return b"val(" + operand_text(right) + b")"
    return operand_text(right)


def operand_text(operand: Operand) -> bytes:
    """Canonical text of a field, a transformer or a constant."""
    match operand:
        case FieldRef(name, argument):
            return name.encode() + _bracketed(argument)
        case Transformed(name, arguments, argument):
            inside = b",".join(map(operand_text, arguments))
            return name.encode() + b"(" + inside + b")" + _bracketed(argument)
        case Constant(value):
            return escape(value)
        case Operands(items):
            return b"(" + b",".join(map(operand_text, items)) + b")"


def _bracketed(argument: bytes | None) -> bytes:
    if argument is None:
        return b""
    return b"[" + (escape(argument) or b'""') + b"]"


def checks(node: Expression) -> Iterator[Exists | Compare | Macro]:
    """All leaves, left to right."""
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from checks(child)
        case Not(child):
            yield from checks(child)
        case _:
            yield node


def field_refs(node: Exists | Compare | Macro | Operand | Constants) -> Iterator[FieldRef]:
    """All fields of one check, left to right."""
    match node:
        case FieldRef():
            yield node
        case Transformed(_, items) | Operands(items):
            for item in items:
                yield from field_refs(item)
        case Exists(left):
            yield from field_refs(left)
        case Compare(left, _, right):
            yield from field_refs(left)
            yield from field_refs(right)
        case _:
            return
