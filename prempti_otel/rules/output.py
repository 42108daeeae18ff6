"""Output templates: ``%field`` and ``%transformer(field)`` within text.

A template is checked when its rule is loaded and rendered when the rule matched; rendering gives
``<NA>`` for what is missing and never raises.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from prempti_otel.errors import PremptiError, nearest
from prempti_otel.model.fields import FieldType
from prempti_otel.rules.checks.operands import ConditionTypeError, Source, compile_side
from prempti_otel.rules.language.ast import Exists, FieldRef, Transformed, field_refs, operand_text
from prempti_otel.rules.language.escaping import EscapeError, unescape
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry

MISSING = "<NA>"
"""What stands for a missing value in text."""
_NETWORK = b"<IPNET>"
"""What Falco shows for every value of an ipnet field."""
MAX_WIDTH = 65_535
"""The largest number after a ``%``."""
_LIST_BYTES = 1023
"""Falco cuts a list's text there."""
JsonScalar: TypeAlias = "str | int | bool | list[str | int | bool] | None"


class OutputError(PremptiError):
    """A template that cannot be rendered. ``unknown_field`` as in ConditionTypeError."""

    def __init__(self, message: str, remedy: str | None = None, *, unknown_field: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.unknown_field = unknown_field


@dataclass(frozen=True, slots=True)
class Token:
    """One ``%...`` of a template."""

    side: FieldRef | Transformed
    source: Source
    width: int
    """Bytes to pad or cut to; 0: as it is."""

    def text(self, event: Event) -> bytes | None:
        """The rendered value, or None where it is missing."""
        value = self.source.get(event)
        if value.__class__ is not self.source.value_class or value == ():
            return None
        shown = _text_of(self.side, value, self.source)
        return shown[: self.width].ljust(self.width) if self.width else shown


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: literal text and tokens in turn."""

    pieces: tuple[bytes | Token, ...]
    starred: bool
    """It began with ``*``: Falco's sign that missing values render as ``<NA>``; rule outputs always do."""
    _fields: tuple[tuple[str, Source], ...]

    def render(self, event: Event) -> str:
        """The text for one event; never raises."""
        shown = (piece if piece.__class__ is bytes else piece.text(event) for piece in self.pieces)  # type: ignore[union-attr]
        return b"".join(MISSING.encode() if text is None else text for text in shown).decode("utf-8", "replace")

    def values(self, event: Event) -> dict[str, JsonScalar]:
        """The plain fields of the template by name, as JSON values; None where missing."""
        return {name: _json(source.get(event), source) for name, source in self._fields}


def compile_output(text: str, fields: Registry) -> Template:
    """Check and compile a template. Raises OutputError."""
    if not text:
        raise OutputError("the output is empty")
    data = text.encode("utf-8", "surrogatepass")
    starred = data.startswith(b"*")
    pieces: list[bytes | Token] = []
    at = int(starred)
    while at < len(data):
        found = data.find(b"%", at)
        if found < 0:
            pieces.append(data[at:])
            break
        if found > at:
            pieces.append(data[at:found])
        token, at = _token(data, found, fields)
        pieces.append(token)
    return Template(tuple(pieces), starred, _plain_fields(pieces, fields))


def _plain_fields(pieces: list[bytes | Token], fields: Registry) -> tuple[tuple[str, Source], ...]:
    found: dict[str, Source] = {}
    for piece in pieces:
        if isinstance(piece, Token):
            for ref in field_refs(piece.side):
                found.setdefault(operand_text(ref).decode("utf-8", "replace"), compile_side(ref, fields))
    return tuple(found.items())


_NUMBER = re.compile(rb"[0-9]*")
_FIELD = re.compile(rb"[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+")
_ARGUMENT = re.compile(
    rb"""\[(?:("[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|'[^'\\]*+(?:\\++'?+[^'\\]*+)*+')|([^\]\["' \t\n\v\f\r]+))\]"""
)
_CALL = re.compile(rb"(?:tolower|toupper|b64|basename|len|join|concat|getopt)\(")
_QUOTED_OR_PAREN = re.compile(rb"""[()]|"[^"\\]*+(?:\\++"?+[^"\\]*+)*+"|'[^'\\]*+(?:\\++'?+[^'\\]*+)*+'""")


def _token(data: bytes, at: int, fields: Registry) -> tuple[Token, int]:
    """The token that begins at the ``%`` at ``at``, as long as it can be, and where it ends."""
    number = _NUMBER.match(data, at + 1)
    assert number is not None
    start = number.end()
    if start == len(data):
        kind = "a number" if number.group() else "a %"
        raise OutputError(f"the output ends with {kind}", "there is no escape for a literal %; write 'percent'")
    width = int(number.group()[:10] or b"0")
    if width > MAX_WIDTH:
        raise OutputError(f"%{width} is wider than {MAX_WIDTH} bytes")
    found = _call(data, start, fields) if _CALL.match(data, start) else _field(data, start, fields)
    if found is None:
        raise _unknown(data, at, start, fields)
    side, source, end = found
    return Token(side, source, width), end


def _field(data: bytes, at: int, fields: Registry) -> tuple[FieldRef, Source, int] | None:
    """The longest field name with which the text at ``at`` begins, argument included where it takes one."""
    found = _FIELD.match(data, at)
    if not found:
        return None
    name = found.group()[:200]
    argument = _ARGUMENT.match(data, at + len(name))
    if argument and (compiled := _compiled(FieldRef(name.decode(), _argument_text(argument)), fields)):
        return *compiled, argument.end()
    for length in range(len(name), 2, -1):
        if name[:length].decode() in fields:
            compiled = _compiled(FieldRef(name[:length].decode()), fields)
            if compiled:
                return *compiled, at + length
    return None


def _argument_text(found: re.Match[bytes]) -> bytes:
    quoted, bare = found.groups()
    if quoted is None:
        return bytes(bare)
    try:
        return unescape(quoted)
    except EscapeError:
        return b""


def _compiled(ref: FieldRef, fields: Registry) -> tuple[FieldRef, Source] | None:
    try:
        return ref, compile_side(ref, fields)
    except ConditionTypeError:
        return None


def _call(data: bytes, at: int, fields: Registry) -> tuple[Transformed, Source, int] | None:
    """The transformer call at ``at``, to its closing parenthesis and an argument after it."""
    depth = 0
    for found in _QUOTED_OR_PAREN.finditer(data, at):
        depth += {b"(": 1, b")": -1}.get(found.group(), 0)
        if depth == 0 and found.group() == b")":
            argument = _ARGUMENT.match(data, found.end())
            for end in (argument.end() if argument else found.end(), found.end()):
                if compiled := _compiled_call(data[at:end], fields):
                    return *compiled, end
            return None
    return None


def _compiled_call(text: bytes, fields: Registry) -> tuple[Transformed, Source] | None:
    try:
        tree = parse_condition(text + b" exists")
        assert isinstance(tree, Exists)
        assert isinstance(tree.left, Transformed)
        return tree.left, compile_side(tree.left, fields)
    except (ConditionSyntaxError, ConditionTypeError):
        return None


def _unknown(data: bytes, at: int, start: int, fields: Registry) -> OutputError:
    word = re.match(rb"[^\s%]{0,80}", data[start:])
    shown = (data[at:start] + (word.group() if word else b"")).decode("utf-8", "replace")
    name = _FIELD.match(data, start)
    guess = nearest(name.group()[:200].decode(), fields) if name else None
    remedy = (
        f"did you mean %{guess}?" if guess else "there is no escape for a literal %; docs/fields.md lists all fields"
    )
    return OutputError(f"'{shown}' names no field that can be shown", remedy, unknown_field=True)


def _text_of(side: FieldRef | Transformed, value: Any, source: Source) -> bytes:
    if source.kind is FieldType.IPNET:
        value = (_NETWORK,) * len(value) if source.is_list else _NETWORK
    if source.any_of:
        return b" ".join(item for item in value if item.__class__ is bytes)
    if source.is_list:
        return (b"(" + b",".join(map(_scalar_text, value)) + b")")[:_LIST_BYTES]
    if isinstance(side, FieldRef) and (clock := _CLOCKS.get(side.name)):
        return clock(value).encode()
    return _scalar_text(value)


def _scalar_text(value: Any) -> bytes:
    if value.__class__ is bytes:
        return bytes(value)
    return str(value).lower().encode() if value.__class__ is bool else str(value).encode()


def _json(value: Any, source: Source) -> JsonScalar:
    shown: JsonScalar = value
    if value.__class__ is not source.value_class or value == ():
        return None
    if source.any_of:
        return _text_of(FieldRef(""), value, source).decode("utf-8", "replace")
    if source.kind is FieldType.IPNET:
        word = _NETWORK.decode()
        return [word] * len(value) if isinstance(value, tuple) else word
    if value.__class__ is tuple:
        return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in value]
    return value.decode("utf-8", "replace") if value.__class__ is bytes else shown


def _clock(form: str, *, utc: bool = False, nanoseconds: bool = False, suffix: str = "") -> Callable[[int], str]:
    def shown(value: int) -> str:
        try:
            moment = (time.gmtime if utc else time.localtime)(value // 1_000_000_000)
        except (OverflowError, ValueError, OSError):
            return str(value)
        fraction = f".{value % 1_000_000_000:09d}" if nanoseconds else ""
        return time.strftime(form, moment) + fraction + suffix

    return shown


_CLOCKS = {
    "evt.time": _clock("%H:%M:%S", nanoseconds=True),
    "evt.time.s": _clock("%H:%M:%S"),
    "evt.time.iso8601": _clock("%Y-%m-%dT%H:%M:%S", utc=True, nanoseconds=True, suffix="+0000"),
    "evt.datetime": _clock("%Y-%m-%d %H:%M:%S", nanoseconds=True),
    "evt.datetime.s": _clock("%Y-%m-%d %H:%M:%S"),
}
"""How Falco shows the fields that are a moment."""
