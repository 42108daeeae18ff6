"""What the walk carries from command to command: directory, variables, functions, written files, context."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from posixpath import normpath
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from prempti_otel.analysis.reading import Origin, Stdin, Word, origins_of
from prempti_otel.analysis.shell.disk import Disk

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.syntax import Function
    from prempti_otel.analysis.shell.tokens import Script
    from prempti_otel.analysis.shell.trace import Process

MOST_CHOICES = 6
"""Values that a variable may have at one place, from the branches that lead there; more are not known."""
MOST_VARIABLES = 256
"""Variables that a process is told to inherit."""

Value = Word | tuple[Word, ...]
"""A variable's value, or an array's elements."""


class Choice(msgspec.Struct, frozen=True):
    """A variable whose value depends on the branch taken."""

    options: tuple[Value, ...]


Variable = Value | Choice

NOTHING = Stdin()
EMPTY = Word("")


class State(msgspec.Struct):
    """One shell's state. A subshell gets a :meth:`copy`."""

    cwd: Word
    """Absolute where known; otherwise what is known of it, as source text."""
    variables: dict[str, Variable]
    disk: Disk
    given: Mapping[str, Variable] = msgspec.field(default_factory=dict)
    """The variables that the code began with."""
    previous: Word | None = None
    """``OLDPWD``."""
    stack: list[Word] = msgspec.field(default_factory=list)
    """Directories of ``pushd``."""
    functions: dict[str, tuple[Script, Function]] = msgspec.field(default_factory=dict)
    aliases: dict[str, Word] = msgspec.field(default_factory=dict)
    parameters: tuple[Word, ...] | None = None
    """``$1`` and on; None where they are not known."""
    name: Word = Word("bash")
    """``$0``."""
    stdin: Stdin = NOTHING
    pipe_from: tuple[str, ...] = ()
    parent: Process | None = None
    user: str = ""
    remote: str = ""
    fetched: bool = False
    """Whether standard input comes from the network."""
    fed: range = range(0)
    """Numbers of the processes upstream in the pipeline."""
    output: dict[Origin, None] | None = None
    """Where what standard output has been given comes from; None where the agent gets to see it."""
    replayed: bool = False
    """Whether the code at hand holds source text in place of what could not be known."""
    depth: int = 0
    """Levels of code and commands that lead here."""
    calls: tuple[int, ...] = ()
    """The functions and written files that are being run, by identity or hash."""

    def path(self, word: Word) -> str:
        """A path made absolute by its spelling alone; ``""`` where the directory is not known."""
        if word.text.startswith("/"):
            return normpath(word.text)
        return normpath(f"{self.cwd.text}/{word.text}") if self.cwd.known and word.text else ""

    def below(self, word: Word) -> Word:
        """The directory that ``word`` names from here."""
        if word.text.startswith("/"):
            return Word(normpath(word.text), word.known and not word.pattern)
        known = word.known and self.cwd.known and not word.pattern
        path = f"{self.cwd.text}/{word.text}" if self.cwd.known or word.known else word.text
        return Word(normpath(path) if known else path, known)

    def copy(self) -> State:
        """The state of a subshell: what it changes does not come back, but for files."""
        return replace(
            self,
            variables=self.variables.copy(),
            stack=self.stack.copy(),
            functions=self.functions.copy(),
            aliases=self.aliases.copy(),
        )

    def environment(self) -> dict[str, tuple[str, ...]]:
        """Variables that the code has set, each with the values that a program may find in it.

        Whether one is exported is not followed. Of very many, the latest are given.
        """
        given = self.given
        if self.variables == given:
            return {}
        changed = {
            name: (value.text,) if isinstance(value, Word) else tuple([word.text for word in values_of(value)])
            for name, value in islice(reversed(self.variables.items()), MOST_VARIABLES)
            if given.get(name) is not value
        }
        return dict(reversed(changed.items()))

    def either(self, name: str, other: Variable) -> None:
        """Let a variable have ``other`` as another possible value."""
        mine = self.variables.get(name)
        self.variables[name] = other if mine is None else _choice(name, (mine, other))

    def take_back(self, branches: list[State], *, always: bool) -> None:
        """Merge the states after alternative branches; ``always`` says that one of them is taken."""
        candidates = branches if always else [self.copy(), *branches]
        for branch in candidates:
            self.functions.update(branch.functions)
            self.aliases.update(branch.aliases)
        first = candidates[0]
        for other in candidates[1:]:
            if other.cwd != first.cwd:
                self.cwd = Word("$PWD", known=False)
                break
        else:
            self.cwd = first.cwd
        self.previous, self.stack = first.previous, first.stack
        self.variables = _all_variables(candidates)


def values_of(variable: Variable) -> tuple[Word, ...]:
    """The values that a program may find in a variable; of an array it sees the first element."""
    options = variable.options if isinstance(variable, Choice) else (variable,)
    return tuple(option if isinstance(option, Word) else option[0] for option in options if option)


def held(name: str, value: Variable | None) -> tuple[Origin, ...]:
    """Where a parameter's value comes from: an environment variable, where the code does not set it.

    Nothing for ``$1``, ``$?`` and their like, nor for what no variable is called.
    """
    if value is None:
        return (name,) if name[:1].isalpha() or name[:1] == "_" else ()
    if isinstance(value, Word):
        return value.origins
    return origins_of(value if isinstance(value, tuple) else values_of(value))


def _all_variables(branches: list[State]) -> dict[str, Variable]:
    """Every variable that a branch has, with all values that it may have. Most are the same in all."""
    merged = dict(branches[0].variables)
    differing: dict[str, None] = {}
    for branch in branches[1:]:
        for name, value in branch.variables.items():
            if merged.setdefault(name, value) is not value:
                differing[name] = None
    for name in differing:
        values = [found for branch in branches if (found := branch.variables.get(name)) is not None]
        merged[name] = _choice(name, tuple(values))
    return merged


def _choice(name: str, values: tuple[Variable, ...]) -> Variable:
    options: dict[Value, None] = {}
    for value in values:
        options.update(dict.fromkeys(value.options if isinstance(value, Choice) else (value,)))
    if len(options) == 1:
        return next(iter(options))
    if len(options) > MOST_CHOICES:
        return Word(f"${name}", known=False)
    return Choice(tuple(options))
