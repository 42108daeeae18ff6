"""``premptictl audit``: is the trail whole, and what does a record say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from prempti_otel.ctl.audit.export import export
from prempti_otel.ctl.audit.stats import stats
from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.logs import as_json
from prempti_otel.ctl.output import console, format_option, plain, print_json, printable
from prempti_otel.ctl.parameters import SEQ
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home


@click.group()
def audit() -> None:
    """Verify, show, count and export the audit trail."""


audit.add_command(stats)
audit.add_command(export)


@audit.command()
@format_option
def verify(form: str) -> int:
    """Check the hash chain: edits, gaps, and records cut off the end.

    Exit status 1 if anything is wrong.
    """
    from prempti_otel.audit.verify import verify as verify_store

    result = verify_store(Home.from_environment())
    if form == "json":
        print_json(
            {
                "ok": result.ok,
                "records": result.records,
                "first_seq": result.first_seq,
                "last_seq": result.last_seq,
                "pruned": result.pruned,
                "problems": [
                    {"kind": problem.kind, "seq": problem.seq, "message": problem.message}
                    for problem in result.problems
                ],
            }
        )
    elif result.ok:
        pruned = f", {result.pruned} older ones pruned" if result.pruned else ""
        click.echo(f"OK: {result.records} records in an unbroken chain{pruned}")
    else:
        for problem in result.problems:
            click.echo(f"{problem.kind}  record {problem.seq}: {printable(problem.message)}")
        count = len(result.problems)
        click.echo(f"BROKEN: {count} {'problem' if count == 1 else 'problems'} in {result.records} records", err=True)
    return ExitCode.OK if result.ok else ExitCode.FINDING


@audit.command(short_help="Show one record whole, by default the newest.")
@click.argument("seq", type=SEQ, required=False)
@format_option
def show(seq: int | None, form: str) -> None:
    """Show one record whole, by its sequence number; the newest without SEQ."""
    from prempti_otel.audit.reader import StoreReader

    with StoreReader(Home.from_environment()) as store:
        chosen = seq or store.last_seq()
        record = store.get(chosen) if chosen else None
        oldest, newest = store.first_seq(), store.last_seq()
    if record is None:
        known = f"there are records {oldest} to {newest}" if newest else "the store is empty"
        raise PremptiError(f"there is no record {chosen}", remedy=known)
    if form == "json":
        print_json(as_json(record))
        return
    when = datetime.fromtimestamp(record.time_ns / 1e9).astimezone().isoformat(timespec="milliseconds")
    console().print(f"[bold]record {record.seq}[/]  {record.kind.value}  {when}")
    console().print(f"[dim]hash {record.hash}\nprev {record.prev_hash}[/]")
    _print_tree(record.body)


def _print_tree(value: Any) -> None:
    from rich.tree import Tree

    root = Tree("", hide_root=True)
    _grow(root, value)
    console().print(root)


def _grow(tree: Any, value: Any) -> None:
    from rich.text import Text

    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in entries:
        name = printable(str(key))
        if isinstance(item, (dict, list)):
            if item:
                _grow(tree.add(Text(name, style="bold")), item)
        else:
            label = Text(f"{name}: ", style="bold")
            label.append(printable(plain(item)), style="not bold")
            tree.add(label)
