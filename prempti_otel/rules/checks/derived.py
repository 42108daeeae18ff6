"""Values of fields that no event holds because they follow from others: time in its forms, constants."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from prempti_otel.model.event import EVENT_SOURCE

if TYPE_CHECKING:
    from prempti_otel.model.event import Event, RawValue

_SECOND = 1_000_000_000
_started = time.time_ns()


def _time(event: Event) -> int | None:
    value = event.raw("evt.time")
    return value if value.__class__ is int else None


def _since_start(event: Event) -> int | None:
    value = _time(event)
    return None if value is None else max(0, value - _started)


def _part(whole: Callable[[Event], int | None], part: Callable[[int], int]) -> Callable[[Event], RawValue | None]:
    def get(event: Event) -> RawValue | None:
        value = whole(event)
        return None if value is None else part(value)

    return get


@cache
def _hostname() -> bytes:
    return socket.gethostname().encode("utf-8", "surrogateescape")


def _summary(event: Event) -> RawValue | None:
    tool, given = event.raw("tool.name"), event.raw("tool.input")
    return b"%b %b" % (tool, given) if isinstance(tool, bytes) and isinstance(given, bytes) else None


DERIVED: dict[str, Callable[[Event], RawValue | None]] = {
    "evt.time.s": _time,
    "evt.time.iso8601": _time,
    "evt.datetime": _time,
    "evt.datetime.s": _time,
    "evt.rawtime": _time,
    "evt.rawtime.s": _part(_time, lambda value: value // _SECOND),
    "evt.rawtime.ns": _part(_time, lambda value: value % _SECOND),
    "evt.reltime": _since_start,
    "evt.reltime.s": _part(_since_start, lambda value: value // _SECOND),
    "evt.reltime.ns": _part(_since_start, lambda value: value % _SECOND),
    "evt.pluginname": lambda _: EVENT_SOURCE.encode(),
    "evt.plugininfo": _summary,
    "evt.is_async": lambda _: False,
    "evt.hostname": lambda _: _hostname(),
}
"""How to come by a field that the event itself does not hold."""
