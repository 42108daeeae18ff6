"""Quoted strings of conditions: escapes in and out, as Falco has them.

Works on bytes; must never guess at an escape it does not know, since a silently changed constant is a hole in a rule.
"""

from __future__ import annotations

import re

_PLAIN = {
    ord("b"): b"\b",
    ord("f"): b"\f",
    ord("n"): b"\n",
    ord("r"): b"\r",
    ord("t"): b"\t",
    ord("\\"): b"\\",
    ord("/"): b"/",
    # Falco keeps the backslash and drops the blank, for rules written before it knew escapes.
    ord(" "): b"\\",
}
_OUT = {b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", b"\\": b"\\\\", b'"': b'\\"'}
_NEEDS_QUOTES = re.compile(rb"""[\x00\b\f\n\r\t =\\"']""")
_TWO_DIGITS = re.compile(rb"[0-9a-fA-F]{2}")
_ESCAPED = re.compile(rb'[\b\f\n\r\t\\"]')


class EscapeError(ValueError):
    """A quoted string holds an escape that does not exist; the text says which."""


def unescape(quoted: bytes) -> bytes:
    """The content of a quoted string, given with its quotes. Raises EscapeError."""
    quote, body = quoted[0], quoted[1:-1]
    if b"\\" not in body:
        return body
    out = bytearray()
    at = 0
    while (found := body.find(b"\\", at)) >= 0:
        out += body[at:found]
        replacement, length = _escape_at(body, found, quote)
        out += replacement
        at = found + length
    out += body[at:]
    return bytes(out)


def _escape_at(body: bytes, at: int, quote: int) -> tuple[bytes, int]:
    """What the escape that begins at ``at`` stands for, and its length in the text."""
    code = body[at + 1] if at + 1 < len(body) else None
    if code is None:
        raise EscapeError("a quoted string cannot end in a backslash")
    if code in _PLAIN:
        return _PLAIN[code], 2
    if code == quote:
        return bytes([quote]), 2
    if code in b"\"'":
        raise EscapeError(f"\\{chr(code)} is no escape inside {chr(quote)}...{chr(quote)}")
    if code == ord("x"):
        if not (digits := _TWO_DIGITS.match(body, at + 2)):
            raise EscapeError("\\x needs two hexadecimal digits")
        return bytes.fromhex(digits.group().decode("ascii")), 4
    shown = body[at : at + 2].decode("utf-8", "replace")
    raise EscapeError(f"{shown} is no escape; double the backslash to mean one")


def escape(value: bytes) -> bytes:
    """``value`` as canonical text: in double quotes only where blanks, ``=``, quotes or controls ask for it."""
    if not _NEEDS_QUOTES.search(value):
        return value
    return b'"' + _ESCAPED.sub(lambda found: _OUT[found.group()], value) + b'"'
