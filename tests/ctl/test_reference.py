"""The pages below docs/ that are generated say what the code says."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from prempti_otel.ctl.app import cli
from prempti_otel.ctl.reference import pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_reference_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name](), "stale: run `make docs`"


def groups(command: click.Command, path: str) -> Iterator[tuple[str, click.Group]]:
    if isinstance(command, click.Group):
        yield path, command
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from groups(child, f"{path} {name}")


@pytest.mark.parametrize(("path", "group"), list(groups(cli, "premptictl")))
def test_what_a_group_says_of_its_commands_fits_into_80_columns(path: str, group: click.Group) -> None:
    said = group.get_help(click.Context(group, info_name=path, terminal_width=80, max_content_width=80))
    assert [line for line in said.splitlines()[1:] if line.endswith("...")] == []
