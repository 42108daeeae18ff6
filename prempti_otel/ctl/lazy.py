"""Command groups whose commands are imported when they are asked for: each starts fast, and so does help."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import click

from prempti_otel.errors import nearest

Sections: TypeAlias = Mapping[str, Mapping[str, tuple[str, str]]]
"""By section of the help, by name: a command's ``module:attribute``, and its one-line help."""


class LazyGroup(click.Group):
    """A group of the commands in a table."""

    def __init__(self, *args: Any, sections: Sections, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sections = sections
        self._table = {name: entry for commands in sections.values() for name, entry in commands.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, sorted."""
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        if cmd_name not in self._table:
            close = nearest(cmd_name, self._table)
            if close is not None:
                ctx.fail(f"No such command '{cmd_name}'. Did you mean '{close}'?")
            return None
        module, _, attribute = self._table[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The lists in ``--help``, from the table."""
        widest = max(map(len, self._table))
        for title, commands in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{widest}}", meaning) for name, (_, meaning) in commands.items()])
