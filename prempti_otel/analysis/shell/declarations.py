"""``declare`` and its like: what a variable's attributes mean for its value.

The walk assigns what stands unquoted as ``NAME=VALUE``; here are assignments that only show once their word is
expanded, and attributes. An attribute counts where it is given, not for later assignments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell import again
from prempti_otel.analysis.shell.arithmetic import evaluate
from prempti_otel.analysis.shell.state import EMPTY, State, held
from prempti_otel.analysis.shell.trace import Process

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.command import Commands

DECLARATIONS = frozenset({"export", "declare", "local", "readonly", "typeset"})
_REFERRING = frozenset({"declare", "local", "typeset"})
"""Where ``-n`` makes a name stand for another variable."""
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<append>\+?)=", re.DOTALL)


def declare(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    """Assign what expanded words say, by the attributes given."""
    attributes = ""
    for word in argv[1:]:
        if word.text.startswith("-") and not word.text.startswith("--"):
            attributes += word.text[1:]
        else:
            _one(commands, word, attributes, argv[0].text, state)
    return EMPTY


def _one(commands: Commands, word: Word, attributes: str, command: str, state: State) -> None:
    name, _, value = word.text.partition("=")
    if "[" in name:
        again.index(commands.expander, name, state)
    refers = "n" in attributes and command in _REFERRING
    if refers and name:
        # Which of the two names is used from here on is not followed.
        origins = held(value, state.variables.get(value)) if value else ()
        state.variables[name] = Word(f"${name}", known=False, origins=origins)
        if value:
            state.variables[value] = Word(f"${value}", known=False)
        return
    match = _ASSIGNMENT.match(word.text)
    if match is None or isinstance(state.variables.get(match["name"]), tuple):
        return
    assigned = Word(value, word.known and not match["append"], origins=word.origins)
    if "i" in attributes:
        assigned = _number(commands, assigned, state)
    elif "l" in attributes or "u" in attributes:
        assigned = Word(value.lower() if "l" in attributes else value.upper(), assigned.known, origins=word.origins)
    state.variables[match["name"]] = assigned


def _number(commands: Commands, value: Word, state: State) -> Word:
    number = evaluate(value.text, lambda name: commands.expander.number(name, state)) if value.known else None
    if number is not None:
        return Word(str(number))
    again.arithmetic(commands.expander, value.text, state, expanded=not value.known)
    return Word(value.text, known=False, origins=value.origins)
