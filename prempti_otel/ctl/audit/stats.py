"""``premptictl audit stats``: what was asked and decided, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.output import console, format_option, print_json, print_table, seconds
from prempti_otel.ctl.parameters import DAYS
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from collections import Counter

    from prempti_otel.ctl.audit.tally import Tally

MOST_ROWS = 15


@click.command()
@click.option(
    "--days",
    metavar="DAYS",
    type=DAYS,
    default=30,
    show_default=True,
    help="How far back.",
)
@format_option
def stats(days: float, form: str) -> None:
    """Count recorded calls by verdict, rule, tool, agent and day."""
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.ctl.audit.tally import Tally, decisions_since

    tally = Tally()
    with StoreReader(Home.from_environment()) as store:
        for record in decisions_since(store, days):
            tally.add(record)
    if form == "json":
        print_json(tally.as_json())
    else:
        _print(tally, days)


def _print(tally: Tally, days: float) -> None:
    from prempti_otel.ctl.audit.tally import bar, room

    out = console()
    out.print(
        f"{_so_many(tally.calls, 'call')} in {_so_many(len(tally.sessions), 'session')} in the last {days:g} days"
    )
    if not tally.calls:
        return
    p50, p99 = seconds(tally.percentile(0.5)), seconds(tally.percentile(0.99))
    out.print(f"decided within {p50} (half of them), {p99} (99 of 100)\n")
    for title, counts in (
        ("VERDICT", tally.verdicts),
        ("RULE", tally.rules),
        ("TOOL", tally.tools),
        ("AGENT", tally.agents),
    ):
        if counts:
            _counted(title, counts)
    most = max(sum(counts.values()) for counts in tally.days.values())
    rows = [
        (name, sum(counts.values()), counts["deny"], counts["ask"], bar(sum(counts.values()), most, room(out)))
        for name, counts in sorted(tally.days.items())
    ]
    print_table(["DAY", "CALLS", "DENY", "ASK", ""], rows)


def _counted(title: str, counts: Counter[str]) -> None:
    rows: list[tuple[object, object]] = list(counts.most_common(MOST_ROWS))
    if len(counts) > MOST_ROWS:
        rows.append((f"{len(counts) - MOST_ROWS} more", sum(counts.values()) - sum(int(str(row[1])) for row in rows)))
    print_table([title, "CALLS"], rows)
    console().print()


def _so_many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
