"""Points in time as people type them: how long ago (``90m``, ``2h``, ``7d``), or a date with or without a time."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def as_moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """For ``callback`` of an option: its value as :func:`moment` reads it."""
    if value is None:
        return None
    try:
        return moment(value)
    except (ValueError, OverflowError, OSError):
        forms = "give 90m, 2h or 7d for so long ago, or 2026-01-31, or 2026-01-31T14:05"
        raise click.BadParameter(f"{value!r} is no time: {forms}") from None


def moment(text: str) -> int:
    """Unix time in nanoseconds; a time without a zone is local. Raises ValueError."""
    if found := _AGO.fullmatch(text.strip()):
        return time.time_ns() - int(found[1]) * _SECONDS[found[2]] * 1_000_000_000
    found_ns = int(datetime.fromisoformat(text.strip()).astimezone().timestamp() * 1_000_000) * 1000
    if abs(found_ns) >= 2**63:
        raise ValueError("no record can be of that time")
    return found_ns
