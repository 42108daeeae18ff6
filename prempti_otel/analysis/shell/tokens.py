"""What the scanner hands on: tokens, here-documents and scripts. Values only."""

from __future__ import annotations

import re
from enum import IntEnum

import msgspec

from prempti_otel.analysis.reading import Word

LITERAL_SIGNS = r"A-Za-z0-9_./:,@%+^!\-"
"""Signs that stand for themselves wherever they are, as a class of a pattern."""
LITERAL = re.compile(rf"[{LITERAL_SIGNS}]+\Z")
"""A word that expands to itself."""
MOST_STEPS = 100_000
"""Steps within words, over all of a text: 64 KiB of nothing but special characters take two thirds."""
MOST_PIECES = 8_000
"""Words, operators and reserved words of one text, nested code included: what the grammar is given is no longer."""


class TokenKind(IntEnum):
    """What a token stands for in a simple command."""

    WORD = 0
    REDIRECT = 1
    ARITHMETIC = 2
    """The whole of ``(( .. ))``, or the head of an arithmetic ``for``."""
    TEST = 3
    """The whole of ``[[ .. ]]``."""


class HereDocument:
    """A here-document's body, found in the same text."""

    __slots__ = ("delimiter", "end", "quoted", "start", "strip_tabs")

    def __init__(self, delimiter: str, quoted: bool, strip_tabs: bool) -> None:
        self.delimiter = delimiter
        self.quoted = quoted
        """Whether the body is taken literally."""
        self.strip_tabs = strip_tabs
        self.start = -1
        """Where the body starts; -1 until it has been found."""
        self.end = -1

    def body(self, text: str) -> str:
        """The lines between the delimiters."""
        if self.start < 0:
            return ""
        body = text[self.start : self.end]
        if self.strip_tabs:
            body = "\n".join(line.lstrip("\t") for line in body.split("\n"))
        return body


class Token(msgspec.Struct, gc=False):
    """A word, a redirection with its target, or a construct that the walk reads by itself."""

    kind: TokenKind
    start: int
    """Where the text is: a word's own, a redirection's target, the inside of ``((`` and ``[[``."""
    end: int
    operator: str = ""
    """``>``, ``>>``, ``<``, ``<>``, ``>&``, ``&>``, ``<<``, ``<<<``, ..."""
    fd: str = ""
    """The descriptor before the operator, as written; ``""`` for the usual one."""
    document: HereDocument | None = None
    word: Word | None = None
    """What the word or the target expands to, whatever the state, where that was plain to see."""


class Script(msgspec.Struct):
    """One stretch of shell code, scanned: its tokens, and its shape for the grammar.

    ``shape`` has the word ``w`` for every word and redirection, every reserved word as it is, and
    one ``;`` for every operator between commands, so that nothing that is data reaches the grammar.
    """

    source: Source
    end: int = 0
    """Where scanning stopped: at the closing parenthesis, or at the text's end."""
    sequence: list[Token | str] = msgspec.field(default_factory=list)
    """Tokens and operators in order: all there is, where nothing is compound."""
    shape: str = ""
    """This and the next two are left empty where a line is so plain that it is scanned in one step."""
    tokens: dict[int, Token] = msgspec.field(default_factory=dict)
    """Tokens by where their ``w`` is in the shape."""
    operators: dict[int, str] = msgspec.field(default_factory=dict)
    """Operators by where their ``;`` is in the shape."""
    compound: bool = False
    """Whether there are reserved words or parentheses, so that the grammar is needed."""
    broken: bool = False
    """Whether something is unterminated, misplaced or beyond a cap."""


class Source(msgspec.Struct):
    """A text with the scripts that were found inside its words, by position."""

    text: str
    pieces: int = MOST_PIECES
    """Pieces that may still be put into shapes."""
    steps: int = MOST_STEPS
    """Steps within words that may still be taken, by scanning and by expansion together."""
    nested: dict[int, tuple[int, Script]] = msgspec.field(default_factory=dict)
    """By the position of a substitution's first character: the end after it, and its code."""
