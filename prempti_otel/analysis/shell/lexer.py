"""Where the words of shell code end: quotes, expansions, parentheses, and code inside words.

It knows quoting as bash's own lexer does. It expands nothing and never raises; what has no end is
said to have none. Patterns here are single character classes or possessive, so matching is linear.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import NamedTuple

from prempti_otel.analysis.shell.tokens import Script, Source

DEEPEST = 40
"""Levels of code inside words (``$(``, backquotes, ``<(``) that are read."""
END_OF_WORD = frozenset(" \t\n;&|<>()")
PLAIN = re.compile(r"[^ \t\n;&|<>()\\'\"`$#]+#*")
"""What needs no look within a word."""
RUNNING_QUALIFIER = re.compile(r"\([./=@%*^,ND-]*(?:e[^\w\s|().*?]|\+\w)")
"""A qualifier of zsh with which a pattern runs code for each name: ``*(e{..})``, ``*(+function)`` (zshexpn(1))."""
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^\]]*\])?\+?=\Z")

_NESTED_STEPS = 64
"""Steps that nested code counts for, besides its own."""
_LONGEST_BACKQUOTED = 64 * 1024
_ANSI = re.compile(r"(?:[^'\\]++|\\.)*+'", re.DOTALL)
_BACKQUOTED = re.compile(r"(?:[^`\\]++|\\.)*+`", re.DOTALL)
_UNESCAPE = re.compile(r"\\([`\\$])")


class _Inside(NamedTuple):
    """What lies between an opening and its closing sign."""

    plain: re.Pattern[str]
    """What needs no look."""
    closer: str
    opener: str
    """What opens another one, or nothing."""
    passed: str
    """Characters that mean nothing here, and elsewhere do."""
    in_double: bool = False


_DOUBLE = _Inside(re.compile(r"[^\"\\$`]+"), '"', "", "", in_double=True)
_PARENTHESES = _Inside(re.compile(r"[^\"'\\$`()<>]+"), ")", "(", "<>")
_BRACES = _Inside(re.compile(r"[^\"'\\$`{}<>]+"), "}", "${", "{<>")
_BRACES_IN_DOUBLE = _BRACES._replace(passed="{<>'", in_double=True)


class Lexer(ABC):
    """Scans one text; what is found within words is kept in its :class:`Source`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.size = len(source.text)
        self.skipped = 0
        """Characters in here-documents so far: data, which no cap counts."""

    @abstractmethod
    def script(self, start: int = 0, closer: str = "", depth: int = 0) -> Script:
        """The code from ``start`` to an unmatched ``closer``, or to the end of the text."""

    @abstractmethod
    def separate(self, code: str, depth: int) -> Script:
        """Code that is a text of its own."""

    def word_end(self, at: int, depth: int) -> int:
        """The end of the word at ``at``; -1 where a quote or substitution in it has no end."""
        source = self.source
        text, size, start = self.text, self.size, at
        while at < size:
            source.steps -= 1
            if source.steps < 0:
                return -1
            plain = PLAIN.match(text, at)
            if plain:
                at = plain.end()
                continue
            character = text[at]
            if character in "<>":
                if at + 1 < size and text[at + 1] == "(":
                    at = self._code(at, at + 2, depth)
                    if at < 0:
                        return -1
                    continue
                return at
            if character == "(":
                if at > start and (text[at - 1] in "?*+@!" or ASSIGNMENT.match(text, start, at)):
                    if text[at - 1] in "*?" and RUNNING_QUALIFIER.match(text, at):
                        return at
                    at = self.parenthesis_end(at + 1, depth)
                    if at < 0:
                        return -1
                    continue
                return at
            if character in END_OF_WORD:
                return at
            at = self.quoted_end(at, depth)
            if at < 0:
                return -1
        return at

    def quoted_end(self, at: int, depth: int, in_double: bool = False) -> int:
        """The end of the quoting or expansion that starts at ``at`` with one of ``\\ ' " ` $ #``; -1 for none."""
        text = self.text
        character = text[at]
        if character == "\\":
            return min(at + 2, self.size)
        if character == "'":
            close = text.find("'", at + 1)
            return close + 1 if close >= 0 else -1
        if character == '"':
            return self._closed_end(at + 1, depth, _DOUBLE)
        if character == "`":
            return self._backquote_end(at, depth)
        if character != "$":
            return at + 1
        following = text[at + 1 : at + 2]
        if following == "(":
            if text.startswith("((", at + 1):
                close = self.arithmetic_end(at + 3, depth)
                if close >= 0:
                    return close
            return self._code(at, at + 2, depth)
        if following == "{":
            return self._closed_end(at + 2, depth, _BRACES_IN_DOUBLE if in_double else _BRACES)
        if following == "'" and not in_double:
            match = _ANSI.match(text, at + 2)
            return match.end() if match else -1
        return at + 1

    def skipped_end(self, at: int) -> int:
        """The end of the quoting, expansion or process substitution at ``at``; -1 for none."""
        return self._code(at, at + 2, 0) if self.text[at] in "<>" else self.quoted_end(at, 0)

    def arithmetic_end(self, at: int, depth: int) -> int:
        """The end after ``))`` for the inside at ``at``; -1 where it closes one by one: then it is code."""
        close = self.parenthesis_end(at, depth)
        return close + 1 if close >= 0 and self.text.startswith(")", close) else -1

    def parenthesis_end(self, at: int, depth: int) -> int:
        """The end after the parenthesis that closes the inside at ``at``; -1 for none."""
        return self._closed_end(at, depth, _PARENTHESES)

    def _closed_end(self, at: int, depth: int, inside: _Inside) -> int:
        plain, closer, opener, passed, in_double = inside
        source = self.source
        text, size, open_ = self.text, self.size, 1
        while at < size:
            source.steps -= 1
            if source.steps < 0:
                return -1
            run = plain.match(text, at)
            if run:
                at = run.end()
                continue
            character = text[at]
            if character == closer:
                at += 1
                open_ -= 1
                if not open_:
                    return at
            elif opener and text.startswith(opener, at):
                open_ += 1
                at += len(opener)
            elif character in passed:
                at += 1
            else:
                at = self.quoted_end(at, depth, in_double)
                if at < 0:
                    return -1
        return -1

    def _code(self, opening: int, start: int, depth: int) -> int:
        known = self.source.nested.get(opening)
        if known is None:
            if depth >= DEEPEST:
                return -1
            self.source.steps -= _NESTED_STEPS
            script = self.script(start, ")", depth + 1)
            closed = script.end < self.size and self.text[script.end] == ")"
            known = (script.end + 1 if closed else -1, script)
            self.source.nested[opening] = known
        return known[0]

    def _backquote_end(self, at: int, depth: int) -> int:
        known = self.source.nested.get(at)
        if known is None:
            match = _BACKQUOTED.match(self.text, at + 1)
            self.source.steps -= _NESTED_STEPS
            if not match or depth >= DEEPEST or self.source.steps < 0 or match.end() - at > _LONGEST_BACKQUOTED:
                return -1
            code = _UNESCAPE.sub(r"\1", self.text[at + 1 : match.end() - 1])
            known = (match.end(), self.separate(code, depth + 1))
            self.source.nested[at] = known
        return known[0]
