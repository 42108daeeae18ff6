"""What the scanner hands on: tokens, here-documents and scripts. Values only."""

from __future__ import annotations

from enum import IntEnum

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


class Token:
    """A word, a redirection with its target, or a construct that the walk reads by itself."""

    __slots__ = ("document", "end", "fd", "kind", "operator", "start")

    def __init__(
        self,
        kind: TokenKind,
        start: int,
        end: int,
        operator: str = "",
        fd: str = "",
        document: HereDocument | None = None,
    ) -> None:
        self.kind = kind
        self.start = start
        """Where the text is: a word's own, a redirection's target, the inside of ``((`` and ``[[``."""
        self.end = end
        self.operator = operator
        """``>``, ``>>``, ``<``, ``<>``, ``>&``, ``&>``, ``<<``, ``<<<``, ..."""
        self.fd = fd
        """The descriptor before the operator, as written; ``""`` for the usual one."""
        self.document = document


class Script:
    """One stretch of shell code, scanned: its tokens, and its shape for the grammar.

    ``shape`` has the word ``w`` for every word and redirection, every reserved word as it is, and
    one ``;`` for every operator between commands, so that nothing that is data reaches the grammar.
    """

    __slots__ = ("broken", "compound", "end", "operators", "sequence", "shape", "source", "tokens")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.end = 0
        """Where scanning stopped: at the closing parenthesis, or at the text's end."""
        self.shape = ""
        self.tokens: dict[int, Token] = {}
        """Tokens by where their ``w`` is in the shape."""
        self.operators: dict[int, str] = {}
        """Operators by where their ``;`` is in the shape."""
        self.sequence: list[Token | str] = []
        """Tokens and operators in order: all there is, where nothing is compound."""
        self.compound = False
        """Whether there are reserved words or parentheses, so that the grammar is needed."""
        self.broken = False
        """Whether something is unterminated, misplaced or beyond a cap."""


class Source:
    """A text with the scripts that were found inside its words, by position."""

    __slots__ = ("nested", "pieces", "steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces = MOST_PIECES
        """Pieces that may still be put into shapes."""
        self.steps = MOST_STEPS
        """Steps within words that may still be taken, by scanning and by expansion together."""
        self.nested: dict[int, tuple[int, Script]] = {}
        """By the position of a substitution's first character: the end after it, and its code."""
