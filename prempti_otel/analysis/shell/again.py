"""Text that the shell expands a second time: indices of arrays, arithmetic, prompts.

``test -v 'a[$(cmd)]'`` runs ``cmd``, and so does ``$((x))`` where ``x`` holds ``a[$(cmd)]``: bash(1) expands an
index wherever it evaluates one, quoted or not. Here such text is found and walked; what it evaluates to is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.state import State, values_of
from prempti_otel.analysis.shell.tokens import Source

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.expand import Expander

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARES = re.compile(r"(?:\A|\s)-(?:eq|ne|lt|le|gt|ge|v)\s")
"""Operators of ``[[`` whose operands are evaluated (bash(1), CONDITIONAL EXPRESSIONS)."""
_LONGEST = 4096


def substitutions(expander: Expander, text: str, state: State) -> Word | None:
    """Run the substitutions of text that is expanded as between double quotes; None where there are none."""
    if "$(" not in text and "`" not in text:
        return None
    return expander.quoted(Source(text), 0, len(text), state)


def index(expander: Expander, text: str, state: State) -> None:
    """Evaluate the index of ``NAME[INDEX]``, which a command is given as text."""
    if "[" in text:
        substitutions(expander, text, state)


def arithmetic(expander: Expander, text: str, state: State, *, expanded: bool = True) -> None:
    """Evaluate an expression: indices in it and in the variables that it names, at any remove.

    ``expanded`` says that what ``text`` holds has been expanded already, so that only names count.
    """
    seen: set[str] = set()
    texts = [text]
    while texts:
        expression = texts.pop()[:_LONGEST]
        if expanded:
            expanded = False
        else:
            index(expander, expression, state)
        for name in _NAME.findall(expression):
            variable = state.variables.get(name) if name not in seen else None
            seen.add(name)
            if variable is not None:
                texts += [value.text for value in values_of(variable) if value.known and not value.text.isdecimal()]


def condition(expander: Expander, word: Word, state: State) -> None:
    """Evaluate what stands in ``[[ .. ]]``, expanded, where something in it is a number or a variable's name."""
    if _COMPARES.search(word.text):
        arithmetic(expander, word.text, state, expanded=not word.known)
