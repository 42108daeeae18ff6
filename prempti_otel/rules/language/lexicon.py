"""The words of conditions. None is reserved: what ``in`` or ``and`` is depends on what may stand there.

So there is a pattern for each kind of place, and the order within it says what a text is that could be several things.
Texts are UTF-8 bytes, one character a byte, so that classes and offsets are bytes. Look-around does what Falco's
hand-written parser does at its cursor: a word operator and a modifier want a blank behind them, ``and``, ``or`` and
``not`` a blank or a parenthesis, symbol operators and ``exists`` nothing. A run of ``not`` is one token, for blanks
within it are those of a regular expression: form feeds too, but no backspace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BLANKS = r"[ \t\x08\r\n]*+"
_QUOTED = r"""(?:"[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|'[^'\\]*+(?:\\++'?+[^'\\]*+)*+')"""
_BRACKETED = rf"""\[(?:{_QUOTED}|[^\]\["' \t\n\v\f\r]+)\]"""
_TOKENS = {
    "AND": r"and(?=[ \t\x08\r\n(])",
    "OR": r"or(?=[ \t\x08\r\n(])",
    "NOT": r"(?:not[ \t\n\v\f\r]+)+",
    "NOT_OPEN": r"not\(",
    "EXISTS": r"exists",
    "NUMBER_OPERATOR": r"<=|<|>=|>",
    "TEXT_OPERATOR": r"==|=|!=|(?:i?glob|[ib]?contains|b?startswith|endswith|regex)(?=[ \t\x08\r\n])",
    "LIST_OPERATOR": r"intersects|in|pmatch",
    "MODIFIER": r"(?<=[ \t\x08\r\n])(?:oneof|anyof|allof)"
    r"(?=[ \t\x08\r\n]+(?:\(|(?!(?:and|or|not)(?![a-zA-Z0-9]))[a-zA-Z]))",
    "FIELD": rf"[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+(?:{_BRACKETED})?",
    "TRANSFORMER": r"(?:tolower|toupper|b64|basename|len|join|concat|getopt)\(",
    "VAL": r"val\(",
    "CLOSE_BRACKETED": rf"\){_BRACKETED}",
    "NUMBER": r"0[xX][0-9a-fA-F]+|[+\-]?[0-9]+\.?[0-9]*(?:[eE][+\-][0-9]+)?",
    "NAME": r"[a-zA-Z][a-zA-Z0-9_]*",
    "QUOTED": _QUOTED,
    "BARE": r"""[^()"' \t\n\v\f\r=,]+""",
    "OPEN": r"\(",
    "CLOSE": r"\)",
    "COMMA": ",",
    "END": r"\Z",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of place in a condition."""

    pattern: re.Pattern[str]
    """Blanks, then one of the tokens that may stand there, each in a group of its name."""
    expected: str
    """What may stand there, for a person."""
    remedy: str | None = None


def _place(tokens: str, expected: str, remedy: str | None = None) -> Place:
    groups = "|".join(f"(?P<{name}>{_TOKENS[name]})" for name in tokens.split())
    return Place(re.compile(f"{BLANKS}(?:{groups})"), expected, remedy)


_QUOTE_IT = "put text that holds blanks, quotes or ( ) , = in quotes"
_CHECK = "a field check, a macro or '('"
CHECK = _place("NOT NOT_OPEN FIELD TRANSFORMER NAME OPEN", _CHECK)
NEGATED = _place("NOT_OPEN FIELD TRANSFORMER NAME OPEN", _CHECK)
JUNCTION = _place("AND OR END", "'and', 'or' or the end", _QUOTE_IT)
INNER_JUNCTION = _place("AND OR CLOSE", "'and', 'or' or ')'", _QUOTE_IT)
OPERATOR = _place(
    "EXISTS NUMBER_OPERATOR TEXT_OPERATOR LIST_OPERATOR", "an operator such as exists, =, !=, in, contains or pmatch"
)
TEXT = _place("MODIFIER VAL TRANSFORMER QUOTED BARE", "a constant, val(FIELD) or a transformer", _QUOTE_IT)
NUMBER = _place(
    "VAL TRANSFORMER NUMBER", "a number, val(FIELD) or a transformer", "< <= > >= compare with a number only"
)
LIST = _place("VAL TRANSFORMER NAME OPEN", "a list in parentheses", "write `field in (a, b)`")
MODIFIED = _place("NAME OPEN", "a list in parentheses")
FIRST_ITEM = _place("QUOTED BARE CLOSE", "a list item", _QUOTE_IT)
ITEM = _place("QUOTED BARE", "a list item", _QUOTE_IT)
NEXT_ITEM = _place("COMMA CLOSE", "',' or ')'", _QUOTE_IT)
_ARGUMENT = "a field, a transformer, a quoted string or a number"
ARGUMENT = _place("FIELD TRANSFORMER NUMBER QUOTED OPEN", _ARGUMENT)
FIRST_OF_LIST = _place("FIELD TRANSFORMER NUMBER QUOTED CLOSE", _ARGUMENT)
NEXT_OF_LIST = _place("FIELD TRANSFORMER NUMBER QUOTED", _ARGUMENT)
NEXT_ARGUMENT = _place("COMMA CLOSE_BRACKETED CLOSE", "',' or ')'", _QUOTE_IT)
VALUE = _place("FIELD", "a field", "val() holds one field and nothing else")
VALUE_END = _place("CLOSE_BRACKETED CLOSE", "')'")
