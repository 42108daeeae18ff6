"""``premptictl rules list``: which rules there are, and what each does in a word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import VERDICT_STYLES, format_option, print_json, print_table, printable_lines
from prempti_otel.ctl.rules.project_places import here, root_at
from prempti_otel.engine.rulesets import installed_rule_files, read_rule_files, selection
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from prempti_otel.rules.rule import DefinedRule
    from prempti_otel.settings.config import Config


@click.command("list")
@click.option("--rules", "paths", multiple=True, type=click.Path(exists=True, path_type=Path), help="These files only.")
@click.option(
    "--project",
    type=click.Path(exists=True, path_type=Path),
    help="Also the rules of this project.",
    show_default="the one around the current folder",
)
@format_option
def list_(paths: tuple[Path, ...], project: Path | None, form: str) -> int:
    """List rules with their verdict, priority and state; those of a project apart.

    Conditions are not compiled for it: what is wrong with one, `premptictl rules check` tells.
    """
    from prempti_otel.rules.outline import outline

    home = Home.from_environment()
    config = load_config(home.config)
    files = read_rule_files(paths) if paths else installed_rule_files(home, config)
    result = outline(files, selection(config))
    if result.rules is None:
        click.echo(printable_lines(result.as_text().rstrip("\n")), err=True)
        return ExitCode.FINDING
    root = root_at(project, home)[0] if project else "" if paths else here(home)
    if form == "json":
        told = {"digest": result.digest, "rules": [row(rule) for rule in result.rules]}
        print_json(told | {"project": _project(root, home, config, form) if root else None})
        return ExitCode.OK
    print_table(
        ["VERDICT", "PRIORITY", "RULE", "TAGS"],
        [
            (
                verdict(rule),
                rule.priority,
                rule.name,
                " ".join(t for t in rule.tags if not t.startswith("coding_agent_")),
            )
            for rule in result.rules
        ],
        cut_last=True,
    )
    click.echo(f"\n{len(result.rules)} rules, digest {result.digest[:12]}")
    if root:
        _project(root, home, config, form)
    return ExitCode.OK


def _project(root: str, home: Home, config: Config, form: str) -> dict[str, Any]:
    from prempti_otel.ctl.rules import project_view, projects

    own = projects.load(root, home, config)
    if form == "text":
        project_view.show(own)
    return project_view.as_json(own)


def row(rule: DefinedRule) -> dict[str, Any]:
    """A rule, installed or of a project, as scripts read it in a list."""
    return head(rule) | {"file": rule.file, "line": rule.line, "description": rule.description.strip()}


def head(rule: DefinedRule) -> dict[str, Any]:
    """What scripts read first of a rule, wherever it is shown."""
    return {
        "rule": rule.name,
        "verdict": str(rule.verdict),
        "priority": str(rule.priority),
        "enabled": rule.enabled,
        "tags": list(rule.tags),
    }


def verdict(rule: DefinedRule) -> object:
    """What a rule does in a word, in its colour; ``off`` where `rules.disable` or the like takes it out of force."""
    from rich.text import Text

    if not rule.enabled:
        return Text("off", style="dim")
    said = str(rule.verdict)
    return Text({"defer": "inform"}.get(said, said), style=VERDICT_STYLES[said])
