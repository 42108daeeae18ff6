"""Writes the reference pages from the code: ``python -m prempti_otel.ctl.reference docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GENERATED = "<!-- Generated from the code by `make docs`; do not edit. -->\n\n"


def commands_page() -> str:
    """``docs/commands.md``: every command's help, and the exit codes."""
    from prempti_otel.ctl.app import cli
    from prempti_otel.ctl.exit_codes import ExitCode

    parts = [GENERATED, "# Commands\n"]
    for path, command in _walk(cli, ["premptictl"]):
        context = click.Context(command, info_name=" ".join(path), terminal_width=100, max_content_width=100)
        parts.append(f"\n## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n")
    parts.append("\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
    parts += [f"| {int(code)} | {code.meaning} |\n" for code in ExitCode]
    parts.append("| 130 | interrupted |\n| 141 | the reader of the output went away |\n")
    return "".join(parts)


def _walk(command: click.Command, path: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _walk(child, [*path, name])


def pages() -> dict[str, Callable[[], str]]:
    """File name below ``docs/`` → what writes it."""
    from prempti_otel.agents.reference import agents_page
    from prempti_otel.ctl.rules.reference_page import default_rules_page
    from prempti_otel.rules.reference import fields_page
    from prempti_otel.settings.reference import configuration_page
    from prempti_otel.telemetry.export_reference import audit_export_page
    from prempti_otel.telemetry.reference import telemetry_page

    return {
        "agents.md": agents_page,
        "audit-export.md": audit_export_page,
        "commands.md": commands_page,
        "configuration.md": configuration_page,
        "default-rules.md": default_rules_page,
        "fields.md": fields_page,
        "telemetry.md": telemetry_page,
    }


def main() -> None:
    """Write all pages into the folder given."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for name, page in pages().items():
        (folder / name).write_text(page(), encoding="utf-8")
        click.echo(folder / name)


if __name__ == "__main__":
    main()
