"""Text that every value matching a pattern must contain: what an index can look for.

May miss some of it; must never name text that a matching value can be without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_GLOB_WILD = re.compile(rb"[*?]+")
_META = frozenset(b".^$|?*+()[]{}")
_QUANTIFIERS = re.compile(rb"(?:[*+?]|\{[0-9]*(?:,[0-9]*)?\})+")
"""In POSIX syntax ``a+?`` is ``(a+)?``, so all that follow each other count."""


def glob_literals(pattern: bytes) -> Sequence[bytes]:
    """The text between the wildcards of a glob; nothing where it has brackets or escapes."""
    return () if b"[" in pattern or b"\\" in pattern else _GLOB_WILD.split(pattern)


@lru_cache(maxsize=1024)
def regex_literals(pattern: bytes) -> Sequence[bytes]:
    """Plain text outside of groups and classes that no quantifier makes optional."""
    found: list[bytes] = []
    run = bytearray()
    depth = at = 0
    while at < len(pattern):
        byte = pattern[at]
        literal = None
        if byte == ord("\\"):
            at += 1
            if at < len(pattern) and not pattern[at : at + 1].isalnum():
                literal = pattern[at]
        elif byte == ord("["):
            at = _class_end(pattern, at)
        elif byte == ord("|") and depth == 0:
            return ()
        elif byte in b"()":
            depth += 1 if byte == ord("(") else -1
        elif byte not in _META:
            literal = byte
        quantifiers = _QUANTIFIERS.match(pattern, at + 1)
        at = quantifiers.end() if quantifiers else at + 1
        repeated = quantifiers.group() if quantifiers else b""
        if literal is not None and depth == 0 and not repeated.strip(b"+"):
            run.append(literal)
        if literal is None or depth or repeated:
            found.append(bytes(run))
            run.clear()
    return (*found, bytes(run))


def _class_end(pattern: bytes, at: int) -> int:
    """Index of the bracket that closes the class opened at ``at``."""
    at += 2 if pattern.startswith((b"[^", b"[]"), at) else 1
    if pattern.startswith(b"]", at):
        at += 1
    while at < len(pattern) and pattern[at] != ord("]"):
        if pattern.startswith(b"[:", at):
            at = max(at, pattern.find(b":]", at) + 1)
        elif pattern[at] == ord("\\"):
            at += 1
        at += 1
    return at
