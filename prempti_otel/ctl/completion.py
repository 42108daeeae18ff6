"""``premptictl completion``: the line that makes a shell complete commands, from click itself."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    For instance: premptictl completion bash >> ~/.bashrc
    """
    from prempti_otel.ctl.app import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "premptictl", "_PREMPTICTL_COMPLETE").source())
