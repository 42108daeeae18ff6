"""Operations of parameter expansion and of bash's ``$'..'`` and ``printf``, on known text."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

LONGEST_PATTERN = 64
LONGEST_MATCHED = 512
"""Characters of a value that a pattern is tried on; matching is at worst cubic in it."""
LONGEST_REPLACED = 128
"""The same where a pattern is replaced, which tries every stretch of the value."""
LONGEST_VALUE = 64 * 1024
"""Characters that a value may grow to."""

_GLOB = re.compile(r"[*?\[\\]")
_ESCAPE = re.compile(
    r"\\(?:(?P<letter>[abeEfnrtv\\'\"?])|(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{1,2})"
    r"|u(?P<short>[0-9a-fA-F]{1,4})|U(?P<long>[0-9a-fA-F]{1,8})|c(?P<control>.))",
    re.DOTALL,
)
_ECHO_OCTAL = re.compile(r"\\0([0-7]{0,3})")
_LETTERS = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_DIRECTIVE = re.compile(r"%(?:%|(?P<flags>[-0]?[0-9]*)(?P<kind>[sdbqic]))")


def ansi_c(text: str) -> str:
    """What stands between ``$'`` and ``'``, decoded."""
    if "\\" not in text:
        return text
    return _bytes_to_text(_ESCAPE.sub(_unescape, text))


def echo_escapes(text: str) -> str:
    """Text as ``echo -e`` and ``printf %b`` decode it; ``\\c`` ends it."""
    if "\\" not in text:
        return text
    text = _ECHO_OCTAL.sub(lambda match: chr(int(match[1] or "0", 8) & 0xFF), text.partition("\\c")[0])
    return _bytes_to_text(_ESCAPE.sub(_unescape, text))


def _unescape(match: re.Match[str]) -> str:
    if match["letter"]:
        return _LETTERS.get(match["letter"], match["letter"])
    if match["octal"]:
        return chr(int(match["octal"], 8) & 0xFF)
    if match["hex"]:
        return chr(int(match["hex"], 16))
    if match["control"]:
        return chr(ord(match["control"]) & 0x1F)
    code = int(match["short"] or match["long"], 16)
    return chr(code) if code < 0xD800 or 0xE000 <= code < 0x110000 else match[0]


def _bytes_to_text(text: str) -> str:
    """Single bytes that were written as escapes, read as UTF-8 where they are."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def printf(template: str, arguments: Sequence[str]) -> str | None:
    """What ``printf`` writes; None for directives beyond ``%s``, ``%b``, ``%d``, ``%c``, ``%q``."""
    if "%" not in template:
        return echo_escapes(template)
    if len(arguments) > 1000:
        return None
    rest = list(arguments)
    out: list[str] = []
    known = True

    def fill(match: re.Match[str]) -> str:
        nonlocal known
        if match["kind"] is None:
            return "%"
        value = rest.pop(0) if rest else ("0" if match["kind"] in "di" else "")
        if match["kind"] == "b":
            return echo_escapes(value)
        if match["kind"] == "c":
            return value[:1]
        if match["flags"]:
            known = False
        return value

    if _DIRECTIVE.sub("", template).count("%"):
        return None
    while True:
        before = len(rest)
        out.append(_DIRECTIVE.sub(fill, echo_escapes(template)))
        if not rest or len(rest) == before or len(out) > 1000:
            return "".join(out) if known else None


def has_glob(text: str) -> bool:
    """Whether text holds pattern characters."""
    return bool(_GLOB.search(text))


def matches(pattern: str, text: str) -> bool | None:
    """Whether a shell pattern matches the whole text; None where that is not tried."""
    if not has_glob(pattern):
        return pattern == text
    compiled = _compiled(pattern, len(text))
    return bool(compiled.match(text)) if compiled else None


def _compiled(pattern: str, length: int) -> re.Pattern[str] | None:
    if len(pattern) > LONGEST_PATTERN or length > LONGEST_MATCHED or pattern.count("*") > 4 or "(" in pattern:
        return None
    try:
        return re.compile(fnmatch.translate(re.sub(r"\\(.)", r"[\1]", pattern)))
    except re.error:
        return None


def trim(text: str, pattern: str, operator: str) -> str | None:
    """``${text#pattern}`` and its like; None where that is not tried."""
    prefix = operator[0] == "#"
    if not has_glob(pattern):
        return text.removeprefix(pattern) if prefix else text.removesuffix(pattern)
    compiled = _compiled(pattern, len(text))
    if compiled is None:
        return None
    lengths = range(len(text) + 1) if len(operator) == 1 else range(len(text), -1, -1)
    for length in lengths:
        part = text[:length] if prefix else text[len(text) - length :]
        if compiled.match(part):
            return text[length:] if prefix else text[: len(text) - length]
    return text


def replace(text: str, pattern: str, replacement: str, operator: str) -> str | None:
    """``${text/pattern/replacement}``, with ``//``, ``/#`` and ``/%``; None where that is not tried."""
    if not pattern:
        return text
    if not has_glob(pattern):
        if operator == "/#":
            return replacement + text[len(pattern) :] if text.startswith(pattern) else text
        if operator == "/%":
            return text[: -len(pattern)] + replacement if text.endswith(pattern) else text
        count = -1 if operator == "//" else 1
        if len(text) + text.count(pattern) * len(replacement) > LONGEST_VALUE:
            return None
        return text.replace(pattern, replacement, count)
    compiled = _compiled(pattern, len(text))
    if compiled is None or len(text) > LONGEST_REPLACED:
        return None
    return _replace_pattern(text, compiled, replacement, operator)


def _replace_pattern(text: str, compiled: re.Pattern[str], replacement: str, operator: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(text):
        starts = operator != "/#" or at == 0
        ends = range(len(text), at, -1) if starts else range(0)
        end = next((end for end in ends if compiled.match(text[at:end])), 0)
        if end and (operator != "/%" or end == len(text)):
            out.append(replacement)
            at = end
            if operator != "//":
                break
        else:
            out.append(text[at])
            at += 1
    return "".join(out) + text[at:]


def substring(text: str, offset: int, length: int | None) -> str:
    """``${text:offset:length}``."""
    start = max(len(text) + offset, 0) if offset < 0 else offset
    if length is None:
        return text[start:]
    return text[start : start + length] if length >= 0 else text[start : len(text) + length]


def change_case(text: str, operator: str) -> str:
    """``${text^}``, ``^^``, ``,`` and ``,,`` without a pattern."""
    if operator == "^^":
        return text.upper()
    if operator == ",,":
        return text.lower()
    return (text[:1].upper() if operator == "^" else text[:1].lower()) + text[1:]
