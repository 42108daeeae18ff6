"""Constants of conditions as the values they are compared with, and the fields they are compared to."""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from prempti_otel.model.fields import FieldType
from prempti_otel.rules.checks.addresses import AddressError, parse_address, parse_network
from prempti_otel.rules.checks.globs import BytesPredicate
from prempti_otel.rules.checks.literals import regex_literals

_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)\Z")
_MAX = 2**64 - 1
_LEAST_NEEDED = 2
"""Bytes of a text that every match holds, for looking for it first to be worth it."""
_SIMPLE_REGEX = re.compile(rb"\^?(?:\.[*+?])?[^\\^$.|?*+()\[\]{}]*(?:\.[*+?])?\$?\Z")


class ConstantError(ValueError):
    """A constant does not fit the field or operator that it stands with."""


def parse_number(text: bytes) -> int:
    """Decimal, unsigned, 64 bits: a negative one wraps, a larger one becomes the largest. Raises ConstantError."""
    found = _NUMBER.match(text)
    if not found:
        raise ConstantError(f"'{shown(text)}' is not a valid number")
    number = min(int(found.group(2)[-400:]), _MAX)
    return (2**64 - number) % 2**64 if found.group(1) == b"-" else number


def parse_bool(text: bytes) -> bool:
    """``true`` or ``false``, spelled exactly so. Raises ConstantError."""
    if text not in (b"true", b"false"):
        raise ConstantError(f"'{shown(text)}' is neither true nor false")
    return text == b"true"


def parse_text(text: bytes) -> bytes:
    """Any bytes but NUL, as in Falco, whose constants are C strings. Raises ConstantError."""
    if b"\x00" in text:
        raise ConstantError("a constant cannot hold a NUL byte")
    return text


def parse_constant(text: bytes, kind: FieldType) -> bytes | int | bool:
    """A constant for a field of type ``kind``, networks aside. Raises ConstantError."""
    if kind is FieldType.STRING:
        return parse_text(text)
    if kind is FieldType.IPADDR:
        try:
            return parse_address(text)
        except AddressError as error:
            raise ConstantError(str(error)) from None
    return parse_bool(text) if kind is FieldType.BOOL else parse_number(text)


def network_predicate(text: bytes) -> BytesPredicate:
    """Whether an address lies in a network. Raises ConstantError."""
    try:
        return parse_network(text)
    except AddressError as error:
        raise ConstantError(str(error)) from None


@lru_cache(maxsize=1024)
def regex_predicate(pattern: bytes) -> BytesPredicate:
    """Full match in RE2's POSIX syntax, leftmost longest; ``.`` is no newline. Raises ConstantError."""
    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        detail = error.args[0] if error.args else error
        text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise ConstantError(f"invalid regex pattern: {text}") from None
    fullmatch = compiled.fullmatch
    needed = max(regex_literals(pattern), key=len, default=b"")
    if len(needed) >= _LEAST_NEEDED:
        # Most values can be told apart by it, in a fraction of the time.
        return lambda value: needed in value and fullmatch(value) is not None
    return lambda value: fullmatch(value) is not None


def is_simple_regex(pattern: bytes) -> bool:
    """Whether a plainer operator would do for this pattern: Falco warns then."""
    return bool(_SIMPLE_REGEX.match(pattern))


def shown(text: bytes) -> str:
    """A constant for a message, at most 80 characters."""
    shortened = text[:80].decode("utf-8", "replace")
    return shortened if len(text) <= 80 else shortened + "..."
