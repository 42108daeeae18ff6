"""``premptictl rules trust`` and ``untrust``: a person looks at a project's rules, and puts them in force.

What is trusted is the content that was shown, byte for byte.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import (
    VERDICT_STYLES,
    console,
    format_option,
    print_json,
    print_table,
    printable,
    printable_lines,
)
from prempti_otel.ctl.rules import projects
from prempti_otel.ctl.rules.project_places import root_at
from prempti_otel.engine.projects.trust import read_trust
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from rich.text import Text

    from prempti_otel.ctl.rules.projects import Project, ProjectFile

STYLES = {"trusted": "green", "changed": "red", "missing": "yellow", "unreadable": "yellow"}


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--list", "listing", is_flag=True, help="Show what is trusted, and whether it is still the same.")
@format_option
def trust(path: Path, yes: bool, listing: bool, form: str) -> int:
    """Look at the rules of a project, and put them in force for calls that are made in it.

    PATH is the project's folder, or one file in its `.prempti/rules`; by default the project around the current
    folder. A file counts as long as its content stays as it was shown. It can only stop more calls than the
    installed rules do, never fewer.
    """
    home = Home.from_environment()
    if listing:
        return _list(home, form)
    root, name = root_at(path, home)
    project = projects.load(root, home, load_config(home.config), name)
    wanted = [file for file in project.files if file.trust != "trusted" and name in ("", Path(file.path).name)]
    good = [file for file in wanted if project.result(file).successful]
    if form == "text":
        _show(project, wanted)
    if good and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here: look at the rules, then give --yes")
        click.confirm(f"\nTrust {'this file' if len(good) == 1 else f'these {len(good)} files'}?", abort=True)
    if good:
        projects.add(home, good)
    _told(project, wanted, good, form)
    return ExitCode.OK if len(good) == len(wanted) and not project.unreadable else ExitCode.FINDING


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def untrust(path: Path) -> int:
    """Take rules of a project out of force: PATH is a file that is trusted, or a folder with all below it."""
    gone = projects.remove(Home.from_environment(), path)
    for one in gone:
        click.echo(f"no longer trusted: {printable(one)}")
    if not gone:
        click.echo("nothing there was trusted")
    return ExitCode.OK if gone else ExitCode.FINDING


def _list(home: Home, form: str) -> int:
    files = read_trust(home)
    states = [projects.state(file) for file in files]
    if form == "json":
        print_json(
            [
                {"file": file.path, "state": state, "sha256": file.sha256, "by": file.by, "time_ns": file.time_ns}
                for file, state in zip(files, states, strict=True)
            ]
        )
    elif files:
        print_table(
            ["STATE", "SINCE", "BY", "FILE"],
            [
                (_styled(state), _when(file.time_ns), file.by, file.path)
                for file, state in zip(files, states, strict=True)
            ],
        )
    else:
        click.echo("no rules of any project are trusted")
    return ExitCode.OK if all(state == "trusted" for state in states) else ExitCode.FINDING


def _told(project: Project, wanted: Sequence[ProjectFile], good: Sequence[ProjectFile], form: str) -> None:
    if form == "json":
        print_json(
            {
                "project": project.root,
                "trusted": [{"file": file.path, "sha256": file.sha256} for file in good],
                "refused": [
                    {"file": file.path, "errors": [error.as_json() for error in project.result(file).errors]}
                    for file in wanted
                    if file not in good
                ],
                "unreadable": list(project.unreadable),
            }
        )
        return
    if not wanted:
        click.echo(f"all of it is trusted: {printable(project.root)}")
    for file in good:
        click.echo(f"trusted: {printable(file.path)}")
    if good:
        click.echo(f"in force for calls made in {printable(project.root)}; a running engine takes it over by itself")


def _show(project: Project, files: Sequence[ProjectFile]) -> None:
    """Every file with all that it defines, or with why it is refused."""
    out = console()
    for sentence in project.unreadable:
        out.print(_line((sentence, "red")))
    for file in files:
        result = project.result(file)
        note = "changed since it was trusted" if file.trust == "changed" else "new"
        out.print(_line(("\n", ""), (file.path, "bold"), (f"  {note}", "yellow" if file.trust == "changed" else "dim")))
        for diagnostic in (*result.errors, *result.warnings):
            out.print(_line((_indented(diagnostic.as_text(), 2), "red" if result.errors else "yellow")))
        if result.errors:
            out.print(_line(("  refused as a whole", "bold red")))
        for line in _rules(project, file):
            out.print(line)
    counts = Counter(str(rule.verdict) for file in files for rule in project.rules(file))
    for name, condition in project.loaded.macros.items():
        out.print(_line((f"  macro {name}  ", "bold"), (_folded(condition), "")))
    for name, items in project.loaded.lists.items():
        out.print(_line((f"  list {name}  ", "bold"), (", ".join(items), "")))
    if counts:
        said = {"deny": "to block calls", "ask": "to ask a person", "defer": "only to record"}
        out.print(_line(("\nrules: " + ", ".join(f"{n} {said[verdict]}" for verdict, n in counts.items()), "")))


def _rules(project: Project, file: ProjectFile) -> Iterator[Text]:
    for rule in project.rules(file):
        verdict = str(rule.verdict)
        word = {"defer": "inform"}.get(verdict, verdict)
        off = "" if rule.enabled else "  (switched off by config.yaml)"
        yield _line((f"  {word:<7}", VERDICT_STYLES[verdict]), (rule.name, "bold"), (off, "dim"))
        for what, text in (("why", rule.description), ("if", rule.condition), ("says", rule.output)):
            yield _line((f"          {what:<5}", "dim"), (_folded(text), ""))


def _line(*parts: tuple[str, str]) -> Text:
    from rich.text import Text

    text = Text()
    for part, style in parts:
        text.append(printable_lines(part), style=style)
    return text


def _folded(text: str) -> str:
    return " ".join(text.split())


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def _styled(state: str) -> Text:
    return _line((state, STYLES[state]))


def _when(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M") if time_ns else ""
