"""The pre-pass over shell code: finds words, operators, redirections and here-documents.

Everything that is data is taken out of the shape that the grammar is given. It expands nothing and
never raises.
"""

from __future__ import annotations

import re

from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.code_scan import RESERVED, CodeScan
from prempti_otel.analysis.shell.lexer import Lexer
from prempti_otel.analysis.shell.tokens import LITERAL_SIGNS, Script, Source, Token, TokenKind

_LONGEST_SIMPLE = 4096
_SIGNS = rf"{LITERAL_SIGNS}~*?={{}}\[\]\u0080-\U0010ffff"
_WORD = rf"(?:[{_SIGNS}]++|'[^']*+'|\"[^\"\\$`]*+\")++"
_ENDS = rf"(?![{_SIGNS}'\"])"
_PIECE = re.compile(
    rf"[ \t]*+(?:([{LITERAL_SIGNS}]++)(?![{_SIGNS}'\"<>])|'([^']*+)'{_ENDS}|\"([^\"\\$`]*+)\"{_ENDS}|(\|\||&&|[|;])"
    rf"|([0-9]*+)(>>|>&|[<>])(?![<>&|(])[ \t]*+(?:([{LITERAL_SIGNS}]++){_ENDS}|({_WORD}))|({_WORD}))"
)
"""One piece of plain code, with the blanks before it: no expansion, no escape, nothing compound."""
_BARE, _SINGLE, _DOUBLE, _OPERATOR, _FD, _REDIRECTION, _BARE_TARGET, _TARGET, _ANY = range(1, 10)
"""The groups of a piece. Words whose value is plain to see come before words of any kind."""
_NOT_PLAIN_SIGN = re.compile(r"[$`\\\n\r\0]")
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
    sequence: list[Token | str] = []
    filled = False
    size = len(text.rstrip(" \t"))
    end = 0
    while end < size:
        piece = _PIECE.match(text, end)
        if piece is None:
            return None
        kind = piece.lastindex or 0
        end = piece.end()
        if kind == _BARE:
            word = piece[_BARE]
            if not filled and word in _NOT_PLAIN:
                return None
            filled = True
            sequence.append(Token(TokenKind.WORD, piece.start(_BARE), end, word=Word(word)))
        elif kind == _OPERATOR:
            if not filled:
                return None
            filled = False
            sequence.append(piece[_OPERATOR])
        elif kind in (_SINGLE, _DOUBLE):
            filled = True
            sequence.append(Token(TokenKind.WORD, piece.start(kind) - 1, end, word=Word(piece[kind])))
        elif kind == _ANY:
            word = piece[_ANY]
            if (not filled and (word in _NOT_PLAIN or "=" in word)) or (
                word[-1] == "}" and text[end : end + 1] in _ANGLES
            ):
                return None
            filled = True
            sequence.append(Token(TokenKind.WORD, piece.start(_ANY), end))
        elif filled:
            target = Word(piece[_BARE_TARGET]) if kind == _BARE_TARGET else None
            start = piece.start(kind)
            sequence.append(Token(TokenKind.REDIRECT, start, end, piece[_REDIRECTION], piece[_FD], None, target))
        else:
            return None
    if not filled:
        return None
    script = Script(Source(text))
    script.end = len(text)
    script.sequence = sequence
    script.source.pieces -= len(sequence)
    return script


def scan_code(text: str, depth: int = 0) -> Script:
    """The same, always step by step: what :func:`scan` must agree with."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    if "\0" in text:
        script = scan_code(text.replace("\0", ""), depth)
        script.broken = True
        return script
    return Scanner(Source(text)).script(0, "", depth)
