"""Giving memory back a little at a time: what is freed at once holds up all other threads meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_STEP = 64


def let_go(*tables: dict[Any, Any] | list[Any]) -> Iterator[None]:
    """Empty these, which nobody else uses any more; yields between small steps."""
    for table in tables:
        pop = table.popitem if isinstance(table, dict) else table.pop
        while table:
            for _ in range(min(len(table), _STEP)):
                pop()
            yield
