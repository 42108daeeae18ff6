"""How far a long run through the audit trail has got, on standard error, and only where somebody looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watched(doing: str, first: int, last: int) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told the sequence number of each record that is done, of ``first`` to ``last``."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    told = 0.0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=max(1, last - first + 1))

        def done(seq: int) -> None:
            nonlocal told
            if time.monotonic() - told > 0.1:
                told = time.monotonic()
                progress.update(task, completed=seq - first + 1)

        yield done
