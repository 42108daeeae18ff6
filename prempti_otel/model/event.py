"""What a condition is evaluated on: the call itself, or one effect that it is predicted to have."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from prempti_otel.model.fields import Level

if TYPE_CHECKING:
    from prempti_otel.model.call import ToolCall

Scalar: TypeAlias = "str | int | bool"
Value: TypeAlias = "Scalar | tuple[Scalar, ...] | Mapping[str, Scalar] | Mapping[str, tuple[Scalar, ...]]"
"""A field's value: one, a list field's many, or (fields with a key argument) one by key."""
RawScalar: TypeAlias = "bytes | int | bool"
RawValue: TypeAlias = "RawScalar | tuple[RawScalar, ...] | Mapping[str, RawScalar | tuple[RawScalar, ...]]"
"""The same with text as UTF-8 bytes (``surrogatepass``), which is what conditions compare."""


class Event:
    """Field values of one event; a field that is not there is *missing* in Falco's sense.

    Values are held at the level they belong to; a deeper event has the shallower one as its
    ``base`` and shows its fields too: file and network events rest on the process that causes
    them, processes on the call. Text is encoded at most once, where it is held.
    """

    __slots__ = ("base", "encoded", "known", "level", "values")

    def __init__(self, level: Level, values: dict[str, Value], base: Event | None = None) -> None:
        self.level = level
        self.values = values
        self.base = base
        self.encoded: dict[str, RawValue] = {}
        """Values with text as bytes, as far as somebody asked for them."""
        self.known: dict[object, bool] = {}
        """Which parts of conditions hold of it, while its call is judged."""

    def forget(self) -> None:
        """Let whatever is known of it and its bases be found out anew."""
        event: Event | None = self
        while event is not None:
            if event.known:
                event.known = {}
            event = event.base

    def get(self, name: str) -> Value | None:
        """The value of field ``name`` (without argument), or None where it is missing."""
        event: Event | None = self
        while event is not None:
            value = event.values.get(name)
            if value is not None:
                return value
            event = event.base
        return None

    def raw(self, name: str) -> RawValue | None:
        """The same with text as bytes, or None where the field is missing."""
        event: Event | None = self
        while event is not None:
            raw = event.encoded.get(name)
            if raw is not None:
                return raw
            value = event.values.get(name)
            if value is not None:
                raw = event.encoded[name] = encode(value)
                return raw
            event = event.base
        return None

    def set(self, name: str, value: Value) -> None:
        """Give a field of this event's own level a value, or another one."""
        self.values[name] = value
        self.encoded.pop(name, None)


def encode(value: Value) -> RawValue:
    """Text as UTF-8 bytes, lone surrogates kept; numbers and booleans as they are."""
    kind = value.__class__
    if kind is str:
        return value.encode("utf-8", "surrogatepass")  # type: ignore[union-attr]
    if kind is bool or kind is int:
        return value  # type: ignore[return-value]
    if isinstance(value, tuple):
        # Not by _encode_scalar: a call each would take longer than the encoding.
        return tuple([item.encode("utf-8", "surrogatepass") if isinstance(item, str) else item for item in value])
    if isinstance(value, Mapping):
        return {key: _encode_item(item) for key, item in value.items()}
    return _encode_scalar(value)


def _encode_item(item: Scalar | tuple[Scalar, ...]) -> RawScalar | tuple[RawScalar, ...]:
    return tuple([_encode_scalar(scalar) for scalar in item]) if isinstance(item, tuple) else _encode_scalar(item)


def _encode_scalar(value: Scalar) -> RawScalar:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def tool_event(call: ToolCall) -> Event:
    """The event of the call itself. Prempti's own fields are never missing, ``mcp.*`` may be."""
    prefix = call.real_cwd if call.real_cwd.endswith("/") or not call.real_cwd else call.real_cwd + "/"
    values: dict[str, Value] = {
        "correlation.id": call.correlation_id,
        "agent.name": call.agent,
        "agent.os": AGENT_OS,
        "agent.pid": call.agent_pid,
        "agent.hook_event_name": call.hook_event,
        "agent.session_id": call.session_id,
        "agent.model": call.model,
        "agent.turn_id": call.turn_id,
        "agent.permission_mode": call.permission_mode,
        "agent.transcript_path": call.transcript_path,
        "agent.cwd": call.cwd,
        "agent.real_cwd": call.real_cwd,
        "agent.real_cwd_prefix": prefix,
        "tool.use_id": call.use_id,
        "tool.name": call.tool,
        "tool.input": call.input_json,
        "tool.input_command": call.command,
        "tool.file_path": call.file_path,
        "tool.file_name": call.file_path.rpartition("/")[2],
        "tool.real_file_path": call.real_file_path,
        "tool.patch_op": call.patch_op,
        "evt.num": call.correlation_id,
        "evt.time": call.received_ns,
        "evt.source": EVENT_SOURCE,
    }
    if call.mcp_server:
        values["mcp.server"] = call.mcp_server
        values["mcp.tool"] = call.mcp_tool
    return Event(Level.TOOL, values)


EVENT_SOURCE = "coding_agent"
"""The Falco event source of every rule and event here, as in Falco's Prempti."""
AGENT_OS = "macos" if sys.platform == "darwin" else "linux"
"""Prempti's names of operating systems (field ``agent.os``)."""
