"""Work in small steps, beside which other threads can run; memory is given back so, too."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

_STEP = 64
T = TypeVar("T")


def finish(steps: Generator[None, None, T], pause: Callable[[], None] | None) -> T:
    """What the steps come to; ``pause`` is called between them."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            result: T = finished.value
            return result
        if pause is not None:
            pause()


def let_go(*tables: dict[Any, Any] | list[Any]) -> Iterator[None]:
    """Empty these, which nobody else uses any more; yields between small steps."""
    for table in tables:
        pop = table.popitem if isinstance(table, dict) else table.pop
        while table:
            for _ in range(min(len(table), _STEP)):
                pop()
            yield
