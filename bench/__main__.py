"""``make bench``: every benchmark, side by side in one run.

Absolute times depend on the machine; ratios are taken against a floor or a rival measured in the same run.
``python -m bench --quick`` takes fewer samples; ``python -m bench hook engine`` runs only those.
"""

from __future__ import annotations

import argparse
import importlib
import platform

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.rows import Row

MODULES = ("hook", "transport", "peers", "engine", "stages", "store", "exporter", "analysis")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[[], *MODULES], help="only these")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{platform.platform()}, Python {platform.python_version()}, {platform.machine()}")
    for name in arguments.modules or MODULES:
        module = importlib.import_module(f"bench.{name}")
        title = (module.__doc__ or name).strip().splitlines()[0]
        console.print(_table(title, module.run(arguments.quick)))


def _table(title: str, rows: list[Row]) -> Table:
    table = Table(title=f"\n{escape(title)}", title_justify="left", box=None, header_style="bold")
    table.add_column("WHAT", overflow="fold")
    table.add_column("VALUE", justify="right")
    table.add_column("UNIT")
    table.add_column("RATIO", justify="right")
    table.add_column("NOTE", overflow="fold")
    for row in rows:
        ratio = f"{row.ratio:.2f}×" if row.ratio is not None else ""
        table.add_row(escape(row.name), f"{row.value:,.3f}", row.unit, ratio, escape(row.note))
    return table


if __name__ == "__main__":
    main()
