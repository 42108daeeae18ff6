"""Strict reading of a hook's payload: JSON in, plain values out, one sentence for whatever is wrong.

Shared by all adapters and run on every call. It must never raise anything but PayloadError, never
quote a value of the payload (it may be a secret; names and types are enough), and never guess:
what two readers could read differently is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from prempti_otel.agents.errors import PayloadError

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue

MAX_BYTES = 4 * 1024 * 1024
"""Largest payload in bytes; the hook's own cap is the same."""
MAX_DEPTH = 128
"""Deepest nesting of objects and arrays: the limit of serde_json, which Prempti reads with."""
MAX_VALUES = 100_000
"""Most values, at all levels together: making more of them would hold up other verdicts."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder(order="deterministic")

_KINDS = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", int: "a number", float: "a number"}


def decode(payload: bytes) -> dict[str, Any]:
    """The JSON object in ``payload``. Raises PayloadError."""
    if len(payload) > MAX_BYTES:
        raise PayloadError(f"the payload has {len(payload)} bytes, more than the limit of {MAX_BYTES}")
    _check_size(payload)
    try:
        value = _decoder.decode(payload)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(payload, str(error)) from None
    if type(value) is not dict:
        raise PayloadError(f"the payload is {kind(value)}, not an object")
    _check_structure(value, payload)
    return value


def compact(value: JsonValue) -> str:
    """``value`` as JSON without blanks, object keys sorted.

    Rule field ``tool.input``: the form of serde_json's ``to_string`` over its default map, a BTreeMap.
    """
    return _encoder.encode(value).decode()


def required_text(fields: Mapping[str, Any], name: str, place: str = "") -> str:
    """The text ``name`` of ``fields``, which must be there and not empty. ``place`` is what comes before the name."""
    value = fields.get(name)
    if type(value) is str and value:
        return value
    if name not in fields:
        raise PayloadError(f"the payload has no {place}{name}")
    if value == "":
        raise PayloadError(f"{place}{name} in the payload is empty")
    raise _wrong_kind(value, place + name, "a text")


def optional_text(fields: Mapping[str, Any], name: str, place: str = "") -> str:
    """The same where it may be missing or null: ``""`` then."""
    value = fields.get(name)
    if value is None:
        return ""
    if type(value) is str:
        return value
    raise _wrong_kind(value, place + name, "a text")


def required_object(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object ``name`` of ``fields``, which must be there."""
    value = fields.get(name)
    if type(value) is dict:
        return value
    if name not in fields:
        raise PayloadError(f"the payload has no {name}")
    raise _wrong_kind(value, name, "an object")


def kind(value: object) -> str:
    """The JSON type of ``value`` in words."""
    return _KINDS.get(type(value), "null")


def _wrong_kind(value: object, name: str, wanted: str) -> PayloadError:
    return PayloadError(f"{name} in the payload is {kind(value)}, not {wanted}")


def _too_deep() -> PayloadError:
    return PayloadError(f"the payload is nested more than {MAX_DEPTH} levels deep")


def _check_size(payload: bytes) -> None:
    """Refuse too many values before they are made: each but the first follows a comma or opens a container."""
    if _values(payload) > MAX_VALUES and _values(_STRING.sub(b"", payload)) > MAX_VALUES:
        raise PayloadError(f"the payload has more than {MAX_VALUES} values")


def _values(text: bytes) -> int:
    """At least as many values as there are in JSON text; signs inside its strings count, too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _check_structure(value: dict[str, Any], payload: bytes) -> None:
    """Refuse what is nested too deep and objects that name a key twice.

    The decoder keeps the last of two equal keys, other readers the first, so rules would judge one
    call while another might run. Duplicates show in the number of colons: one for each key and one for each
    colon inside a text, unless something was dropped. Only where colons are escaped does that take a second look.
    """
    colons = depth = 0
    level: list[Any] = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        deeper: list[Any] = []
        for container in level:
            items = container
            if type(container) is dict:
                colons += len(container)
                for key in container:
                    colons += key.count(":")
                items = container.values()
            for item in items:
                if type(item) is str:
                    colons += item.count(":")
                elif type(item) is dict or type(item) is list:
                    deeper.append(item)
        level = deeper
    if colons != payload.count(b":") or b"\\u003a" in payload or b"\\u003A" in payload:
        json.loads(payload, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise PayloadError(f"an object in the payload has the key {key[:80]!r} twice")
        found[key] = value
    return found


def _unreadable(payload: bytes, problem: str) -> PayloadError:
    """Which of the ways to be no JSON it is. Off the hot path, so a second reader may take its time."""
    if not payload.strip():
        return PayloadError("the payload is empty")
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return PayloadError(f"the payload is not UTF-8 (byte {error.start})")
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except RecursionError:
        return _too_deep()
    except UnicodeEncodeError:
        return PayloadError("a text in the payload has a lone surrogate, which is no character")
    except ValueError as error:
        problem = str(error) if type(error) is json.JSONDecodeError else problem
    return PayloadError(f"the payload is not JSON: {problem}")
