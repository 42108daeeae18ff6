"""How premptictl prints: tables and colours for people, JSON for scripts.

Colour and width follow the terminal, ``NO_COLOR`` and pipes (rich does that). The JSON of
``--format json`` is the stable interface; text may change.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

VERDICT_STYLES = {"deny": "bold red", "ask": "yellow", "defer": "green", "allow": "green"}
"""Colour of each verdict, everywhere."""


def format_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--format text|json`` as parameter ``form``."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="For a person, or for a script.",
    )(command)


PIPED_WIDTH = 4096
"""Columns where no terminal sets a limit: lines stay whole for grep."""


def console() -> Console:
    """Standard output for people."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(highlight=False, width=width)


def styled(text: str, **style: Any) -> str:
    """``text`` in colour, without rich, whose import takes longer than small commands do."""
    return text if "NO_COLOR" in os.environ else click.style(text, **style)


def print_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    import msgspec  # small commands start without it

    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, *, cut_last: bool = False
) -> None:
    """A plain table; cells are text, numbers, which stand flush right, or rich renderables.

    ``cut_last``: where the terminal is too narrow, text of the last column is cut off, and no line is folded for it.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    all_rows = list(rows)
    for number, column in enumerate(columns):
        counts = bool(all_rows) and all(type(row[number]) is int for row in all_rows)
        whole = cut_last and number < len(columns) - 1
        overflow: Literal["ellipsis", "fold"] = "ellipsis" if whole else "fold"
        table.add_column(column, overflow=overflow, justify="right" if counts else "left", no_wrap=whole)
    for row in all_rows:
        cells = [cell if hasattr(cell, "__rich_console__") else shown(cell) for cell in row]
        if cut_last:
            cells[-1] = Text(printable(str(row[-1])), no_wrap=True, overflow="ellipsis")
        table.add_row(*cells)
    out = console()
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as capture:  # without the blanks that fill up lines, which nobody sees there
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def shown(value: Any) -> str:
    """Text of a cell, with markup characters and terminal control sequences defused."""
    from rich.markup import escape

    return escape(printable(str(value)))


def plain(value: object) -> str:
    """A value as the JSON has it, where Python's own word is another."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def printable(text: str) -> str:
    """``text`` with control characters as escapes, so that recorded data cannot drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """The same for text that has lines of its own."""
    return "\n".join(map(printable, text.split("\n")))


def size(count: int) -> str:
    """Bytes as people read them."""
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count / 1024:.0f} KiB"


def span(value: float) -> str:
    """A time to wait, or since when something is so, in seconds: as people say it, in whole units."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 2 * 86_400)):
        if value < most:
            return f"{value / length:.0f} {unit}"
    return f"{value / 86_400:.0f} days"


def ago(value: float) -> str:
    """How many seconds it is since, as people say it."""
    return "just now" if value < 2 else f"{span(value)} ago"


def seconds(value: float) -> str:
    """A measured duration."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.1f} ms"
    if value < 90:
        return f"{value:.1f} s"
    if value < 5400:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"
