"""``premptictl top``: what the guard is doing now. It reads the store, so it also shows what was done without it."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.output import VERDICT_STYLES, console, printable, seconds
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from rich.console import Group

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.model.record import StoredRecord

REFRESH_SECONDS = 1.0
LAST_CALLS = 10
MOST_CALLS = 10_000
"""Kept of the window; older ones are left out of the counts."""


@click.command()
@click.option("--once", is_flag=True, help="Print one frame and end, as into a pipe.")
@click.option(
    "--minutes",
    metavar="MINUTES",
    type=click.IntRange(1, 1440),
    default=60,
    show_default=True,
    help="What the counts are of.",
)
def top(once: bool, minutes: int) -> None:
    """Watch calls, verdicts, latency and sessions; ends with Ctrl-C."""
    from prempti_otel.audit.reader import StoreReader

    with StoreReader(Home.from_environment()) as store:
        window = Window(store, minutes)
        window.update()
        if once or not sys.stdout.isatty():
            console().print(window.frame())
            return
        from rich.live import Live

        with Live(window.frame(), console=console(), screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(REFRESH_SECONDS)
                window.update()
                live.update(window.frame(), refresh=True)


class Window:
    """The calls of the last minutes."""

    def __init__(self, store: StoreReader, minutes: int) -> None:
        self._store = store
        self._minutes = minutes
        self._records: deque[StoredRecord] = deque(maxlen=MOST_CALLS)
        self._after = max(store.first_since(self._start()) - 1, store.last_seq() - MOST_CALLS)

    def update(self) -> None:
        """Take in what is new and let go of what is old."""
        while records := self._store.records(self._after, kinds=[RecordKind.DECISION]):
            self._records.extend(records)
            self._after = records[-1].seq
        start = self._start()
        while self._records and self._records[0].time_ns < start:
            self._records.popleft()

    def frame(self) -> Group:
        """What is shown."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        from prempti_otel.ctl.audit.tally import Tally, bar
        from prempti_otel.ctl.logs import line

        tally = Tally()
        for record in self._records:
            tally.add(record)
        head = Text(f"{tally.calls} calls in the last {self._minutes} min", style="bold")
        head.append(
            f"   latency p50 {seconds(tally.percentile(0.5))}, p99 {seconds(tally.percentile(0.99))}"
            f"   {len(tally.sessions)} sessions",
            style="not bold",
        )
        verdicts = Table(box=None, pad_edge=False, show_header=False)
        for verdict in ("deny", "ask", "defer", "allow"):
            count = tally.verdicts[verdict]
            verdicts.add_row(Text(verdict, style=VERDICT_STYLES[verdict]), str(count), bar(count, tally.calls, 30))
        busiest = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("SESSION", "CALLS", "STOPPING RULE", "CALLS"):
            busiest.add_column(title)
        sessions, rules = tally.sessions.most_common(5), tally.stopped_by.most_common(5)
        for at in range(max(len(sessions), len(rules))):
            cells = [*_cells(sessions, at), *_cells(rules, at)]
            busiest.add_row(*(Text(cell) for cell in cells))
        last = [line(record) for record in list(self._records)[-LAST_CALLS:]]
        return Group(head, Text(), verdicts, Text(), busiest, Text(), *last)

    def _start(self) -> int:
        return time.time_ns() - self._minutes * 60_000_000_000


def _cells(counted: list[tuple[str, int]], at: int) -> tuple[str, str]:
    if at >= len(counted):
        return "", ""
    name, count = counted[at]
    return printable(name)[:40], str(count)
