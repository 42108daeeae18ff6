"""Every command that the first page names is one, with options that it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from prempti_otel.ctl.app import cli

PAGE = Path(__file__).parents[2] / "docs" / "getting-started.md"
LINES = sorted(set(re.findall(r"^    premptictl (.+?)(?:\s+#.*)?$", PAGE.read_text(), re.MULTILINE)))


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_is_understood(line: str) -> None:
    words = shlex.split(line)
    command: click.Command = cli
    context = click.Context(cli, info_name="premptictl")
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    command.make_context(command.name, words, parent=context)


def test_the_page_has_commands() -> None:
    assert len(LINES) > 20
