"""A user's own patterns of what is redacted: how they are read, for the check of the settings and for the redaction.

Must never load the regular expressions' library before there is a pattern: the settings are read at every start.
"""

from __future__ import annotations

from typing import Any

from prempti_otel.errors import PremptiError

_MEMORY = 64 << 20


def of_lines(pattern: str) -> str:
    """The pattern in which ``^`` and ``$`` stand for the ends of lines."""
    return f"(?m:{pattern})"


def own_pattern(pattern: str) -> Any:
    """A pattern for :mod:`re2`: group 1 is the secret, else the whole match.

    Raises PremptiError for one that is none, or that would find something in a text without a character.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        # First alone: parentheses that close what they did not open would fit what is put around them.
        re2.compile(pattern, options)
        found = re2.compile(of_lines(pattern), options)
    except re2.error as error:
        raise PremptiError(
            f"{pattern!r} is not a regular expression: {error}", remedy="write it in RE2's syntax"
        ) from error
    if found.search(b"") is not None:
        raise PremptiError(f"{pattern!r} matches an empty text", remedy="let it ask for at least one character")
    return found
