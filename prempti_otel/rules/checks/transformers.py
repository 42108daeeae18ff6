"""What the transformers of the rule language do to values. Nothing here raises on any bytes."""

from __future__ import annotations

import binascii
import re

_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}\Z")


def basename(path: bytes) -> bytes:
    """What follows the last ``/``."""
    return path.rpartition(b"/")[2]


def decode_base64(text: bytes) -> bytes | None:
    """The decoded bytes, with or without padding; None where the text is no base64."""
    if not _BASE64.match(text):
        return None
    body = text.rstrip(b"=")
    try:
        decoded = binascii.a2b_base64(body + b"=" * (-len(body) % 4), strict_mode=True)
    except binascii.Error:
        return None
    # Bits left over at the end must be zero, as in Falco's decoder.
    return decoded if binascii.b2a_base64(decoded, newline=False).rstrip(b"=") == body else None


def getopt(arguments: tuple[bytes, ...], options: bytes) -> list[tuple[bytes, bytes | None]]:
    """Options and their values as POSIX ``getopt`` finds them, up to the first operand.

    A value that is due and missing is empty, an unknown option is ``?``, long options are passed over.
    """
    found: list[tuple[bytes, bytes | None]] = []
    options = options.lstrip(b":+-")
    at = 0
    while at < len(arguments):
        word = arguments[at]
        at += 1
        if word in (b"", b"-", b"--") or not word.startswith(b"-"):
            break
        if word.startswith(b"--"):
            continue
        at = _cluster(word, arguments, at, options, found)
    return found


def _cluster(
    word: bytes, arguments: tuple[bytes, ...], at: int, options: bytes, found: list[tuple[bytes, bytes | None]]
) -> int:
    """Read one ``-abc`` word; returns the index of the next argument."""
    for index in range(1, len(word)):
        letter = word[index : index + 1]
        place = options.find(letter) if letter != b":" else -1
        if place < 0:
            found.append((b"?", None))
            continue
        if options[place + 1 : place + 2] != b":":
            found.append((letter, None))
            continue
        if index + 1 < len(word):
            found.append((letter, word[index + 1 :]))
        elif at < len(arguments):
            found.append((letter, arguments[at]))
            at += 1
        else:
            found.append((letter, b""))
        return at
    return at


def option_list(found: list[tuple[bytes, bytes | None]]) -> tuple[bytes, ...]:
    """All options and values one after the other; an option whose value is missing gives the empty value alone."""
    out: list[bytes] = []
    for letter, value in found:
        if value == b"":
            out.append(value)
        elif value is None:
            out.append(letter)
        else:
            out.extend((letter, value))
    return tuple(out)


def option_value(found: list[tuple[bytes, bytes | None]], letter: bytes) -> bytes | None:
    """The last value of an option, the option itself where it takes none, None where it is not given."""
    for name, value in reversed(found):
        if name == letter:
            return letter if value is None else value
    return None
