"""The pre-pass over shell code: finds words, operators, redirections and here-documents.

Everything that is data is taken out of the shape that the grammar is given. It expands nothing and
never raises.
"""

from __future__ import annotations

import re

from prempti_otel.analysis.shell.code_scan import RESERVED, CodeScan
from prempti_otel.analysis.shell.lexer import Lexer
from prempti_otel.analysis.shell.tokens import Script, Source, Token, TokenKind

_LONGEST_SIMPLE = 4096
_WORD = r"(?:[A-Za-z0-9_./:,@%+^~*?={}\[\]!\u0080-\U0010ffff-]++|'[^']*+'|\"[^\"\\$`]*+\")++"
_PIECE = re.compile(
    rf"(?P<operator>\|\||&&|[|;])|(?P<fd>[0-9]*+)(?P<redirection>>>|>&|[<>])(?![<>&|(])[ \t]*+(?P<target>{_WORD})"
    rf"|(?P<word>{_WORD})"
)
"""One piece of plain code: no expansion, no escape, nothing compound. Blanks around it are left out."""
_NOT_PLAIN_SIGN = re.compile(r"[$`\\\n\r\0]")
_BLANKS = re.compile(r"[ \t]++")
_NOT_PLAIN = RESERVED | {"[["}
_ANGLES = ("<", ">")


class Scanner(Lexer):
    """Scans one text; what is found within words is kept in its :class:`Source`."""

    def script(self, start: int = 0, closer: str = "", depth: int = 0) -> Script:
        """The code from ``start`` to an unmatched ``closer``, or to the end of the text."""
        return CodeScan(self, start, closer, depth).run()

    def separate(self, code: str, depth: int) -> Script:
        """Code that is a text of its own."""
        return scan(code, depth)


def scan(text: str, depth: int = 0) -> Script:
    """Scan a whole text of shell code. NULs vanish and CRLF ends lines, as agents mean it."""
    if len(text) <= _LONGEST_SIMPLE and _NOT_PLAIN_SIGN.search(text) is None:
        script = _plain(text)
        if script is not None:
            return script
    return scan_code(text, depth)


def _plain(text: str) -> Script | None:
    """The script of plain words, pipes, lists and redirections; None where there is anything else."""
    tokens: dict[int, Token] = {}
    operators: dict[int, str] = {}
    sequence: list[Token | str] = []
    filled = False
    at = _after_blanks(text, 0)
    count = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            return None
        kind = piece.lastgroup
        if kind == "word":
            word, end = piece[0], piece.end()
            if (not filled and (word in _NOT_PLAIN or "=" in word)) or (
                word[-1] == "}" and text[end : end + 1] in _ANGLES
            ):
                return None
            filled = True
            token = tokens[count] = Token(TokenKind.WORD, at, end)
            sequence.append(token)
        elif kind == "target":
            if not filled:
                return None
            start, end = piece.span("target")
            token = tokens[count] = Token(TokenKind.REDIRECT, start, end, piece["redirection"], piece["fd"])
            sequence.append(token)
        else:
            if not filled:
                return None
            filled = False
            operators[count] = piece[0]
            sequence.append(piece[0])
        count += 2
        end = piece.end()
        at = _after_blanks(text, end)
    if not filled:
        return None
    script = Script(Source(text))
    script.end = at
    script.sequence, script.tokens, script.operators = sequence, tokens, operators
    shape = ["w "] * (count // 2)
    for place in operators:
        shape[place // 2] = "; "
    script.shape = "".join(shape)
    script.source.pieces -= count // 2
    return script


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks is not None else at


def scan_code(text: str, depth: int = 0) -> Script:
    """The same, always step by step: what :func:`scan` must agree with."""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if "\0" in text:
        script = scan_code(text.replace("\0", ""), depth)
        script.broken = True
        return script
    return Scanner(Source(text)).script(0, "", depth)
