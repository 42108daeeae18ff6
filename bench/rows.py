"""One line of a benchmark's result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, and against what."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    """``value`` against the floor or the rival of the same run."""
    note: str = ""
