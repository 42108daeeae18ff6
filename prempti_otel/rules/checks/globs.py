"""``glob`` and ``iglob``: glibc's ``fnmatch`` without flags, on bytes, in the C locale.

``*`` crosses ``/`` and newlines and matches leading dots, ``?`` is one byte, the whole value must
match. Patterns become RE2 (Latin-1, a byte a character), so matching is linear in the value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from operator import methodcaller
from typing import TypeAlias

import re2

BytesPredicate: TypeAlias = Callable[[bytes], bool]
"""A check of one text value."""

_SPECIAL = frozenset(b"*?[\\")
_CLASSES = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb"\t ",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"!-~",
    b"lower": rb"a-z",
    b"print": rb" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb"\t\n\v\f\r ",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}


def is_glob(text: bytes) -> bool:
    """Whether Falco takes a path component for a pattern: it holds ``?``, ``*`` or ``[``."""
    return b"*" in text or b"?" in text or b"[" in text


@lru_cache(maxsize=4096)
def glob_predicate(pattern: bytes, *, fold_case: bool = False) -> BytesPredicate:
    """The check that a value matches ``pattern`` as a whole; ``fold_case`` ignores ASCII case."""
    if not fold_case and (simple := _simple(pattern)):
        return simple
    expression = _expression(pattern)
    if expression is None:
        return _never
    compiled = re2.compile(_case_prefix(fold_case) + expression, _options())
    return partial(_whole, compiled)


def _never(_: bytes) -> bool:
    return False


def _whole(compiled: re2._Regexp[bytes], value: bytes) -> bool:
    return compiled.fullmatch(value) is not None


def _simple(pattern: bytes) -> BytesPredicate | None:
    """The same check without RE2, where ``*`` stands only at the ends."""
    core = pattern.strip(b"*")
    if any(byte in _SPECIAL for byte in core):
        return None
    before, after = pattern.startswith(b"*"), pattern.endswith(b"*")
    if before and after:
        return lambda value: value.find(core) >= 0
    if after:
        return methodcaller("startswith", core)
    if before:
        return methodcaller("endswith", core)
    return core.__eq__


def _case_prefix(fold_case: bool) -> bytes:
    return b"(?is)" if fold_case else b"(?s)"


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return options


def _expression(pattern: bytes) -> bytes | None:
    """The pattern as RE2 source, or None where nothing can match (it ends in a backslash)."""
    out = bytearray()
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        at += 1
        if char == b"*":
            if not out.endswith(b".*"):
                out += b".*"
        elif char == b"?":
            out += b"."
        elif char == b"\\":
            if at == len(pattern):
                return None
            out += _literal(pattern[at])
            at += 1
        elif char == b"[" and (bracket := _bracket(pattern, at)):
            source, at = bracket
            out += source
        else:
            out += _literal(char[0])
    return bytes(out)


def _literal(byte: int) -> bytes:
    return b"\\x%02x" % byte


def _bracket(pattern: bytes, at: int) -> tuple[bytes, int] | None:
    """The bracket expression that begins at ``at`` as RE2 source and its end; None where it is broken."""
    negated = pattern[at : at + 1] in (b"!", b"^") and at < len(pattern)
    at += negated
    members = bytearray()
    first = True
    while at < len(pattern):
        char = pattern[at]
        if char == ord("]") and not first:
            return _class_source(bytes(members), negated), at + 1
        first = False
        if pattern.startswith(b"[:", at) and (end := pattern.find(b":]", at + 2)) >= 0:
            named = _CLASSES.get(pattern[at + 2 : end])
            if named is None:
                return None
            members += named
            at = end + 2
            continue
        low, at = _bracket_byte(pattern, at)
        high = low
        if pattern.startswith(b"-", at) and at + 1 < len(pattern) and pattern[at + 1] != ord("]"):
            high, at = _bracket_byte(pattern, at + 1)
        if low <= high:
            members += _literal(low) + b"-" + _literal(high)
    return None


def _bracket_byte(pattern: bytes, at: int) -> tuple[int, int]:
    if pattern[at] == ord("\\") and at + 1 < len(pattern):
        return pattern[at + 1], at + 2
    return pattern[at], at + 1


def _class_source(members: bytes, negated: bool) -> bytes:
    if not members:
        return b"." if negated else rb"[^\x00-\xff]"
    return b"[" + (b"^" if negated else b"") + members + b"]"
