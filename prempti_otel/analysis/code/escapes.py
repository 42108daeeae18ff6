"""Escape sequences in the strings of C's family of languages, which awk and most scripts share."""

from __future__ import annotations

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "e": "\x1b", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def unescaped(text: str) -> str:
    """One escape sequence of C's family: ``\\n``, ``\\x41``, ``\\u0041``, ``\\u{41}``, ``\\101``."""
    body = text[1:]
    digits = body[1:].strip("{}")
    try:
        if body[:1] in ("x", "u", "U") and digits:
            return chr(int(digits, 16))
        if body[:1] in "01234567" and len(body) > 1:
            return chr(int(body, 8))
    except (ValueError, OverflowError):
        return text
    return _ESCAPES.get(body, body)


def escape_at(whole: bytes, start: int, end: int) -> tuple[str, int]:
    """An escape and where it ends; a grammar may leave the digits of ``\\x41`` outside of it."""
    if whole[start:end] == b"\\x":
        while end < min(start + 4, len(whole)) and chr(whole[end]) in "0123456789abcdefABCDEF":
            end += 1
    return unescaped(whole[start:end].decode("utf-8", "replace")), end
