"""What variables that the code sets make a program run or load.

Which variables and programs these are is data (``catalogue/environment.yaml``); here are those whose
values only mean something together, and those that the shell itself reads.
"""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from prempti_otel.analysis.catalogue.environment import loaded, variable_names, variables
from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.builtins import BUILTINS
from prempti_otel.analysis.shell.state import State, values_of
from prempti_otel.analysis.shell.trace import Process

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.command import Commands

_SETTINGS = frozenset({"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"})
MOST_SETTINGS = 16
"""Settings of git that variables give."""

_IN_SHELL = BUILTINS.keys() | {"echo", ":", "true", "false", "exit", "return"}
"""What the shell does itself: no program that could read variables starts."""


_MAKERS = frozenset({"make", "gmake", "bmake", "remake"})
"""What takes operands ``NAME=VALUE`` for variables, which outrank those of the environment (GNU make's manual)."""
_CONFIG_ENV = "--config-env"


class Inherited:
    """What the programs of one call inherit."""

    def __init__(self) -> None:
        self._uses = variables()
        self._seen: set[tuple[str, str, str]] = set()
        """Variables with role and value that some program has been found to read: code and files are walked once."""

    def load(self, commands: Commands, process: Process, state: State) -> None:
        """What ``process`` runs or loads because of variables."""
        if process.reading.name in _MAKERS:
            state = _with_operands(process, state)
        if variable_names().isdisjoint(state.variables) or process.reading.name in _IN_SHELL:
            return
        for variable in [name for name in state.variables if name in self._uses]:
            self._one(commands, process, variable, state)

    def traced(self, commands: Commands, process: Process, state: State) -> None:
        """What the shell runs to show each command from ``set -x`` on: substitutions in ``PS4`` (bash(1))."""
        if "PS4" in state.variables:
            self._one(commands, process, "PS4", state, in_shell=True)

    def _one(
        self, commands: Commands, process: Process, variable: str, state: State, *, in_shell: bool = False
    ) -> None:
        name, known = process.reading.name, process.reading.known
        for use in self._uses[variable]:
            if not in_shell and not use.is_read_by(name, known=known):
                continue
            for value in values_of(state.variables[variable]):
                mark = (variable, use.role, value.text)
                if mark in self._seen:
                    continue
                if use.role != "download":
                    self._seen.add(mark)
                commands.found(process, loaded(use, value), state)

    @staticmethod
    def with_settings(argv: tuple[Word, ...], state: State) -> tuple[Word, ...]:
        """A command line of git with the settings that variables give it, as ``-c`` gives them (git-config(1))."""
        given = [*_numbered(state), *_listed(state), *_named(argv, state)][:MOST_SETTINGS]
        options = [word for setting in given for word in (Word("-c"), setting)]
        return (argv[0], *options, *argv[1:]) if options else argv


def _value(name: str, state: State) -> Word | None:
    variable = state.variables.get(name)
    found = values_of(variable) if variable is not None else ()
    return found[0] if found else None


def _with_operands(process: Process, state: State) -> State:
    inner: State | None = None
    for word in process.reading.argv[1:]:
        name, equals, value = word.text.partition("=")
        if equals and not name.startswith("-"):
            inner = inner or state.copy()
            inner.variables[name.rstrip(":?+!")] = Word(value, word.known)
    return inner or state


def has_settings(argv: tuple[Word, ...], state: State) -> bool:
    """Whether variables may give settings to this command line of git."""
    if not _SETTINGS.isdisjoint(state.variables):
        return True
    return any(word.text.startswith(_CONFIG_ENV) for word in argv[1:])


def _named(argv: tuple[Word, ...], state: State) -> list[Word]:
    """``--config-env=KEY=NAME``: the setting's value is the variable's."""
    settings: list[Word] = []
    for word, following in pairwise((*argv, argv[0])):
        option, equals, setting = word.text.partition("=")
        if option == _CONFIG_ENV:
            key, _, name = (setting if equals else following.text).rpartition("=")
            value = _value(name, state)
            if value is not None:
                settings.append(Word(f"{key}={value.text}", value.known))
    return settings


def _numbered(state: State) -> list[Word]:
    """``GIT_CONFIG_KEY_<n>`` and ``GIT_CONFIG_VALUE_<n>``, whatever ``GIT_CONFIG_COUNT`` says."""
    if "GIT_CONFIG_COUNT" not in state.variables:
        return []
    settings: list[Word] = []
    for number in range(MOST_SETTINGS):
        key, value = _value(f"GIT_CONFIG_KEY_{number}", state), _value(f"GIT_CONFIG_VALUE_{number}", state)
        if key is not None and value is not None:
            settings.append(Word(f"{key.text}={value.text}", key.known and value.known))
    return settings


def _listed(state: State) -> list[Word]:
    """``GIT_CONFIG_PARAMETERS``: quoted settings with blanks between them."""
    listed = _value("GIT_CONFIG_PARAMETERS", state)
    if listed is None:
        return []
    try:
        return [Word(setting, listed.known) for setting in shlex.split(listed.text[:4096])]
    except ValueError:
        return [Word(listed.text, known=False)]
