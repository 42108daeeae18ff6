"""An entry of the catalogue as plain lookups: what reading a command line needs, and nothing that it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from prempti_otel.analysis.catalogue.parse import Parsed


class Kind(IntEnum):
    """How an option takes its value."""

    FLAG = 0
    VALUE = 1
    OPTIONAL = 2
    UNTIL = 3
    PAIR = 4


class Role(msgspec.Struct, frozen=True):
    """What a word is to the command; ``argument`` as the schema's table of roles says."""

    name: str
    argument: str = ""
    needs: frozenset[str] = frozenset()
    """Options of which one must be given for the role to apply; none for always."""
    without: frozenset[str] = frozenset()
    """Options of which none may be given."""
    settings: tuple[tuple[Callable[[str], object], tuple[Role, ...]], ...] = ()
    """For ``setting``: roles of the value, by a search in the name."""


Roles: TypeAlias = tuple[Role, ...]
Settings: TypeAlias = "tuple[tuple[Callable[[str], object], Roles], ...]"
"""Roles of the values of settings, by a search in their name."""
Test: TypeAlias = "Callable[[Parsed], bool]"
"""A compiled condition."""


class Option(msgspec.Struct, frozen=True):
    """One option, whichever way it is spelled."""

    name: str
    """The spelling that rules see."""
    kind: Kind = Kind.FLAG
    roles: Roles = ()
    ends: bool = False
    """Whether only operands follow."""


class Plan(msgspec.Struct, frozen=True):
    """What the operands are, by position, while ``test`` holds."""

    test: Test
    leading: Roles | None
    fixed: tuple[Roles | None, ...]
    """The first, second, ... operand; None, here and below, where ``rest`` decides."""
    last: Roles | None
    dashes: Roles | None
    rest: Roles


class Filled(msgspec.Struct, frozen=True):
    """Where further arguments of the command that is run come from."""

    stdin: bool
    after: frozenset[str]
    found: bool
    placeholder: str
    joined: bool
    braces: frozenset[str]


class Deleting(msgspec.Struct, frozen=True):
    """Deletes what is found below the leading operands."""

    test: Test
    name: frozenset[str]
    unless: frozenset[str]


class Syntax(msgspec.Struct, frozen=True):
    """How options are written; see the schema's table."""

    single_dash: bool = False
    stops: bool = False
    plus: bool = False
    bundle: bool = False
    assignments: bool = False
    exact: bool = False
    no_dashes: bool = False
    no_options: bool = False
    equals: bool = False


class Command(msgspec.Struct, frozen=True):
    """One command or subcommand, ready to read command lines with."""

    syntax: Syntax
    options: Mapping[str, Option]
    """By every spelling."""
    operators: frozenset[str]
    keys: Mapping[str, Roles]
    subs: Mapping[str, tuple[str, Command]]
    """By every name: the name that rules see, and the subcommand."""
    verb: Callable[[str], object] | None
    depth: int
    plans: tuple[Plan, ...]
    recursive: Test
    net: tuple[tuple[str, Test], ...]
    stdin: tuple[tuple[Roles, Test], ...]
    arguments: Filled | None
    deletes: Deleting | None
    run_as: str
    effects: tuple[tuple[str, Test], ...]
    harmless: Test
    help: frozenset[str]
    guess: bool
    """Whether verbs are looked at where the entry finds no effect; not where a subcommand has an entry."""
    code: Callable[[str], list[str]] | None
    """The pieces of shell code in a ``holds_code`` word."""
    long_names: tuple[str, ...] = ()
    """Long options in order, for abbreviations."""
