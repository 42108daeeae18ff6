"""Bounds the size of what a record keeps, without letting half a secret through at a cut.

A text that is too long is taken with a margin beyond its bound, redacted, and only then cut: a secret that lies
across the cut is still seen whole enough to be recognised. Must never look at what a text means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from prempti_otel.audit.redaction import Redactor

CALL_TEXT = 64 * 1024
"""Bytes kept of a text of the call."""
EVENT_TEXT = 4 * 1024
"""Bytes kept of a field of a predicted event, of an output or a reason."""
EVIDENCE_TEXT = 512
"""Bytes kept of what a rule matched."""
MARGIN = 4 * 1024
"""Characters beyond the bound that are looked at before the cut."""
DEEPEST = 64
"""Levels of nesting kept of a tool's input."""
LONGEST_LIST = 1024
"""Items kept of a list or mapping."""
TOO_DEEP = "[nested too deep]"
"""Stands for what lies below."""
_json = msgspec.json.Decoder()


class Alteration(msgspec.Struct, frozen=True):
    """What is known of a text that a record does not hold as it was."""

    length: int
    """In bytes of UTF-8, before cut and redaction."""
    hmac: str
    """``hmac-sha256:...`` of the whole text."""


class Bounds:
    """Cuts and redacts the texts of one body; used for one record, by one thread."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._altered: dict[str, dict[str, object]] = {}
        self.spent = 0
        """Characters let through so far, for a caller that keeps a budget."""

    def text(self, text: str, bound: int, place: str = "") -> str:
        """``text``, cut if it is longer than ``bound`` bytes. ``place`` is its name among the altered texts."""
        if len(text) * 4 > bound and _size(text) > bound:
            if place:
                self._alter(place, text)
            seen = self._redactor.redact_text(text[: bound + MARGIN])
            cut = seen[:-MARGIN] if len(text) > bound + MARGIN else seen
            text = cut.encode("utf-8", "replace")[:bound].decode("utf-8", "ignore")
        self.spent += len(text)
        return text

    def value(self, value: object, place: str, bound: int) -> Any:
        """A JSON value with its texts cut, deep nesting and long lists ended. Raises TypeError for anything else."""
        try:
            encoded = msgspec.json.encode(value)
        except (UnicodeEncodeError, RecursionError):
            return self._value(value, place, bound, 0)
        if len(encoded) > bound or encoded.count(b"{") + encoded.count(b"[") > DEEPEST:
            return self._value(value, place, bound, 0)
        # Within the bound as a whole, so each of its texts is; decoded, it shares nothing with the call.
        self.spent += len(encoded)
        return _json.decode(encoded)

    def _value(self, value: object, place: str, bound: int, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value, bound, place)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= DEEPEST:
            return TOO_DEEP
        if isinstance(value, Mapping):
            return {
                self.text(key, bound): self._value(item, f"{place}.{key}" if place else "", bound, depth + 1)
                for key, item in list(value.items())[:LONGEST_LIST]
            }
        if isinstance(value, Sequence):
            kept = [
                self._value(item, f"{place}.{number}" if place else "", bound, depth + 1)
                for number, item in enumerate(value[:LONGEST_LIST])
            ]
            return kept if len(value) <= LONGEST_LIST else [*kept, f"[{len(value) - LONGEST_LIST} more]"]
        raise TypeError(f"{type(value).__name__} is not a JSON value")

    def finish(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body redacted, with a note of each text of its ``call`` that is not there as it was."""
        redacted = self._redactor.redact(body)
        if redacted is not body:
            self._compare(body.get("call"), redacted.get("call"), "")
        if self._altered:
            redacted = {**redacted, "altered": self._redactor.redact(self._altered)}
        return redacted

    def _compare(self, before: Any, after: Any, place: str) -> None:
        if isinstance(before, str):
            if before != after and place not in self._altered:
                self._alter(place, before)
        elif isinstance(before, dict):
            for (key, item), changed in zip(before.items(), after.values(), strict=True):
                self._compare(item, changed, f"{place}.{key}" if place else key)
        elif isinstance(before, list):
            for number, (item, changed) in enumerate(zip(before, after, strict=True)):
                self._compare(item, changed, f"{place}.{number}")

    def _alter(self, place: str, text: str) -> None:
        self._altered[place[:EVIDENCE_TEXT]] = {"length": _size(text), "hmac": self._redactor.fingerprint(text)}


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
