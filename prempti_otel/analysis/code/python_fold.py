"""Python expressions whose value can be told without running anything: text, numbers, paths, encodings.

Only functions that compute from their arguments are here. Every result is bounded before it is made,
so that ``'x' * 10**9`` or a compressed bomb costs nothing.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import posixpath
import string
import zlib
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

from prempti_otel.analysis.code.values import (
    MAX_TEXT,
    Items,
    PathText,
    Plain,
    Table,
    Text,
    Unknown,
    Value,
    as_text,
    concat,
    decoded,
    is_small,
    variables_in,
)

MAX_ITEMS = 256
"""Longest sequence that is kept item by item."""

KEEPING = frozenset(
    {
        "strip", "lstrip", "rstrip", "lower", "upper", "swapcase", "title", "encode", "decode", "split", "rsplit",
        "splitlines", "partition", "rpartition", "removeprefix", "removesuffix", "replace", "format", "join", "hex",
        "zfill", "center", "ljust", "rjust", "translate", "expandtabs",
    }
)  # fmt: skip
"""Methods that give a good part of the text that they are called on."""
_MOST_WRITTEN = 4096
"""Parts of a value that is written as JSON."""
_SHORT = 10
"""Characters of a value from which on a part of it counts."""

_CASES: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "capitalize": str.capitalize,
    "swapcase": str.swapcase,
    "casefold": str.casefold,
}
_TRIMS: dict[str, Callable[[str, str | None], str]] = {
    "strip": str.strip,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
}


def is_short(start: int | None, stop: int | None) -> bool:
    """Whether a slice surely has fewer than :data:`_SHORT` characters."""
    start = start or 0
    if stop is None:
        return -_SHORT < start < 0
    return 0 <= stop - start < _SHORT and (start < 0) == (stop < 0)


def text_method(receiver: Text, name: str, args: Sequence[Value]) -> Value | None:
    """``receiver.name(*args)`` for a string or bytes; None where it is not told."""
    texts = [arg for arg in args if isinstance(arg, Text)]
    if name in ("encode", "decode"):
        return _recoded(receiver, name, texts)
    if name == "join" and len(args) == 1 and isinstance(args[0], Items):
        return _joined(receiver, args[0].values)
    if name == "format":
        return _formatted(receiver, args)
    if not receiver.known or len(texts) != len(args):
        return None
    plain = [text.text for text in texts]
    if name in _CASES and not args:
        return Text(_CASES[name](receiver.text), binary=receiver.binary)
    if name in _TRIMS and len(args) <= 1:
        return Text(_TRIMS[name](receiver.text, plain[0] if plain else None), binary=receiver.binary)
    if name in ("removeprefix", "removesuffix") and len(args) == 1:
        return Text(getattr(receiver.text, name)(plain[0]), binary=receiver.binary)
    if name == "replace" and len(args) == 2:
        return _replaced(receiver, plain[0], plain[1])
    if name in ("split", "rsplit") and len(args) <= 1 and (not plain or plain[0]):
        return _texts(receiver.text.split(plain[0] if plain else None), receiver.binary)
    if name == "splitlines" and not args:
        return _texts(receiver.text.splitlines(), receiver.binary)
    if name == "hex" and not args:
        return Text(receiver.text.encode("latin-1", "replace").hex())
    return None


def _texts(parts: list[str], binary: bool) -> Value | None:
    return Items(tuple(Text(part, binary=binary) for part in parts)) if len(parts) <= MAX_ITEMS else None


def _recoded(receiver: Text, name: str, args: list[Text]) -> Value | None:
    """``encode`` and ``decode``; text encodings only, and the toy codecs that hide text."""
    codec = args[0].text.lower().replace("_", "-") if args else "utf-8"
    if codec in ("rot13", "rot-13") and receiver.known:
        return Text(codecs.encode(receiver.text, "rot13"))
    if codec in ("hex", "hex-codec", "base64", "base64-codec"):
        data = receiver.text.encode("latin-1", "replace")
        return decode_bytes(base64.b64decode if codec.startswith("base64") else bytes.fromhex, data)
    if name == "encode" and not receiver.binary:
        return Text(receiver.text.encode("utf-8", "replace").decode("latin-1"), receiver.known, receiver.pattern, True)
    if name == "decode" and receiver.binary:
        return Text(decoded(receiver), receiver.known, receiver.pattern)
    return None


def decode_bytes(decoder: Callable[..., bytes], data: bytes) -> Value | None:
    """The bytes that ``decoder`` makes of ``data``; None where it cannot."""
    try:
        made = decoder(data.decode("latin-1") if decoder == bytes.fromhex else data)
    except (ValueError, binascii.Error, zlib.error):
        return None
    return Text(made[:MAX_TEXT].decode("latin-1"), len(made) <= MAX_TEXT, binary=True)


def inflate(data: bytes) -> bytes:
    """``zlib.decompress`` that stops after ``MAX_TEXT`` bytes. Raises zlib.error."""
    return zlib.decompressobj(wbits=47).decompress(data, MAX_TEXT + 1)


def _joined(glue: Text, values: Sequence[Value]) -> Value:
    parts: list[Value] = []
    for value in values:
        parts += [glue, value]
    return concat(parts[1:])


def _replaced(receiver: Text, old: str, new: str) -> Value | None:
    grown = receiver.text.count(old) * len(new) + len(receiver.text)
    return Text(receiver.text.replace(old, new), binary=receiver.binary) if grown <= MAX_TEXT else None


def _formatted(receiver: Text, args: Sequence[Value]) -> Value | None:
    """``str.format`` with positional arguments and no format specifications."""
    parts: list[Value] = []
    following = iter(args)
    try:
        fields = list(string.Formatter().parse(receiver.text))
    except ValueError:
        return None
    for literal, name, spec, conversion in fields:
        parts.append(Text(literal))
        if name is None:
            continue
        if spec or conversion:
            return None
        value = next(following, None) if name == "" else _at(args, name)
        parts.append(Unknown(name or "...") if value is None else value)
    return concat(parts)


def _at(args: Sequence[Value], name: str) -> Value | None:
    return args[int(name)] if name.isascii() and name.isdigit() and int(name) < len(args) else None


def percent(left: Text, right: Value) -> Value:
    """``left % right`` with ``%s`` and ``%d`` only."""
    values = right.values if isinstance(right, Items) else (right,)
    pieces = left.text.replace("%d", "%s").split("%s")
    if len(pieces) != len(values) + 1 or any("%" in piece.replace("%%", "") for piece in pieces):
        return Unknown("...")
    parts: list[Value] = [Text(pieces[0].replace("%%", "%"))]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += [value, Text(piece.replace("%%", "%"))]
    return concat(parts)


def arithmetic(sign: str, left: Value, right: Value) -> Value | None:
    """``left sign right`` for text, sequences, paths and small numbers; None where it is not told."""
    if sign == "Add" and isinstance(left, Items) and isinstance(right, Items):
        both = left.values + right.values
        return Items(both) if len(both) <= MAX_ITEMS else None
    if sign == "Mult" and isinstance(left, Text) and isinstance(right, Plain) and isinstance(right.value, int):
        times = right.value
        return Text(left.text * times, left.known) if times >= 0 and times * len(left.text) <= MAX_TEXT else None
    if isinstance(left, Plain) and isinstance(right, Plain):
        return _numbers(sign, left.value, right.value)
    return None


def _numbers(sign: str, left: object, right: object) -> Value | None:
    if not isinstance(left, int) or not isinstance(right, int) or abs(left) > 2**64 or abs(right) > 2**64:
        return None
    match sign:
        case "Add":
            return Plain(left + right)
        case "Sub":
            return Plain(left - right)
        case "Mult":
            return Plain(left * right)
        case "BitXor":
            return Plain(left ^ right)
        case "BitOr":
            return Plain(left | right)
        case _:
            return None


def join_path(parts: Sequence[Value]) -> Value:
    """``os.path.join``: an absolute part starts anew."""
    kept: list[Value] = []
    for part in parts:
        text = as_text(part)
        if text.known and text.text.startswith("/"):
            kept = [part]
        else:
            glue = kept and not as_text(kept[-1]).text.endswith("/")
            kept += [Text("/"), part] if glue else [part]
    return concat(kept)


def path_attribute(path: Text, name: str) -> Value | None:
    """An attribute of a path object that is part of its text."""
    folder, _, last = path.text.rstrip("/").rpartition("/")
    stem, suffix = posixpath.splitext(last)
    match name:
        case "parent":
            return PathText(Text(folder or ("/" if path.text.startswith("/") else "."), path.known, path.pattern))
        case "name":
            return Text(last, path.known, path.pattern)
        case "stem":
            return Text(stem, path.known, path.pattern)
        case "suffix":
            return Text(suffix, path.known)
        case "path":
            return path
        case _:
            return None


def to_json(value: Value) -> Value:
    """``json.dumps(value)`` with Python's default spacing."""
    try:
        if is_small(value, _MOST_WRITTEN):
            return Text(json.dumps(_native(value)))
    except (TypeError, ValueError, RecursionError):
        pass
    return Unknown("json", variables=variables_in([value]))


def _native(value: Value) -> object:
    match value:
        case Text(text, True, False, False):
            return text
        case Plain(plain):
            return plain
        case Items(values):
            return [_native(item) for item in values]
        case Table(pairs):
            return {str(_native(key)): _native(item) for key, item in pairs}
        case _:
            raise ValueError("not known")


def from_json(text: Text) -> Value | None:
    """``json.loads(text)``; None where it is no JSON."""
    try:
        return of_native(json.loads(text.text)) if text.known else None
    except (ValueError, RecursionError):
        return None


def of_native(value: object) -> Value:
    """A Python object of literals as a value."""
    match value:
        case str():
            return Text(value)
        case bytes():
            return Text(value.decode("latin-1"), binary=True)
        case bool() | int() | float() | None:
            return Plain(value)
        case list() | tuple() if len(value) <= MAX_ITEMS:
            return Items(tuple(of_native(item) for item in value))
        case dict():
            return Table(tuple((of_native(key), of_native(item)) for key, item in value.items()))
        case _:
            return Unknown("...")


def url_quoted(text: Text, *, undo: bool) -> Value:
    """``urllib.parse.quote`` and ``unquote``."""
    return Text((unquote if undo else quote)(decoded(text)), text.known)
