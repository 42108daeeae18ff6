"""What ``install`` and ``uninstall`` consist of: steps that are told, and done unless it is a dry run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.output import print_json, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    says: str
    """What, as a person reads it."""
    do: Callable[[], str]
    """Does it; what came of it in a few words, or nothing. Raises PremptiError."""


def perform(steps: Iterable[Step], *, dry_run: bool, form: str) -> None:
    """Tell and do each step; the first that fails ends it. Raises PremptiError."""
    told = []
    for step in steps:
        result = "" if dry_run else step.do()
        if form == "json":
            told.append({"step": step.says, "done": not dry_run, "result": result})
        else:
            click.echo(
                f"{'would ' if dry_run else ''}{printable(step.says)}{f': {printable(result)}' if result else ''}"
            )
    if form == "json":
        print_json(told)
    elif dry_run:
        click.echo("dry run: nothing was changed")
