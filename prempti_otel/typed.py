"""Data read into declared types, from any thread.

msgspec learns a type when it is first used, and hands what it has learnt so far to whoever asks meanwhile: two threads
that read the same Struct for the first time at the same moment crash the process (a null pointer in ``convert``, seen
with 0.22). Here one thread at a time lets it learn; nothing else of the package calls msgspec for that.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

_Shape = TypeVar("_Shape")
_learning = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(data: bytes | bytearray | memoryview | str, shape: type[_Shape]) -> _Shape:
    """JSON text as ``shape``. Raises msgspec.DecodeError; its ValidationError where the text is of another shape."""
    decoded: _Shape = (_decoders.get(shape) or _learnt(shape)).decode(data)
    return decoded


def convert(value: object, shape: type[_Shape], *, strict: bool = True) -> _Shape:
    """What JSON or YAML gave, as ``shape``; unless ``strict``, text may stand for numbers. Raises ValidationError."""
    if shape not in _decoders:
        _learnt(shape)
    return msgspec.convert(value, shape, strict=strict)  # noqa: TID251 - learnt by now


def _learnt(shape: type[_Shape]) -> msgspec.json.Decoder[_Shape]:
    with _learning:
        decoder = _decoders[shape] = msgspec.json.Decoder(shape)
    return decoder
