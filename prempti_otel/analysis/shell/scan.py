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
_SIMPLE = re.compile(r"[A-Za-z0-9_./:,@%+^~*?=-]+(?:[ \t]+[A-Za-z0-9_./:,@%+^~*?=-]+)*")
"""One command of which every word is plain; the first is checked for what else it may be."""
_WORD = re.compile(r"[^ \t]+")


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
    if len(text) <= _LONGEST_SIMPLE and _SIMPLE.fullmatch(text):
        first = text.partition(" ")[0].partition("\t")[0]
        if first not in RESERVED and "=" not in first:
            return _simple(text)
    return scan_code(text, depth)


def _simple(text: str) -> Script:
    """The script of a line of plain words."""
    script = Script(Source(text))
    script.end = len(text)
    tokens = [Token(TokenKind.WORD, match.start(), match.end()) for match in _WORD.finditer(text)]
    script.sequence = list(tokens)
    script.shape = "w " * len(tokens)
    script.tokens = {2 * at: token for at, token in enumerate(tokens)}
    return script


def scan_code(text: str, depth: int = 0) -> Script:
    """The same, always step by step: what :func:`scan` must agree with."""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if "\0" in text:
        script = scan_code(text.replace("\0", ""), depth)
        script.broken = True
        return script
    return Scanner(Source(text)).script(0, "", depth)
