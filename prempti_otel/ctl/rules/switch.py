"""``premptictl rules show``, ``enable`` and ``disable``: one rule, and whether it is in force."""

from __future__ import annotations

import shlex
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

import click

from prempti_otel.ctl.output import VERDICT_STYLES, console, format_option, plain, print_json, printable
from prempti_otel.ctl.rules.listing import head
from prempti_otel.ctl.rules.project_places import here
from prempti_otel.engine.rulesets import installed_rule_files, selection
from prempti_otel.errors import PremptiError, nearest
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prempti_otel.ctl.rules.projects import Project
    from prempti_otel.rules.outline import Outline
    from prempti_otel.rules.rule import DefinedRule, Rule
    from prempti_otel.rules.ruleset import Ruleset
    from prempti_otel.settings.config import Config

KEY = "rules.disable"
R = TypeVar("R", bound="DefinedRule")


@click.command()
@click.argument("name")
@format_option
def show(name: str, form: str) -> None:
    """Show one rule whole: what it looks for, what it does, and where it stands."""
    home = Home.from_environment()
    config = load_config(home.config)
    rule = _of_project(name, home, config) or _compiled(name, home, config)
    told = told_of(rule)
    if form == "json":
        print_json(told)
        return
    out = console()
    out.print(f"[bold]{printable(rule.name)}[/]", markup=True)
    for key in ("verdict", "priority", "enabled", "tags", "levels", "place"):
        value = told[key]
        text = " ".join(value) if isinstance(value, list) else plain(value)
        style = VERDICT_STYLES.get(text, "") if key == "verdict" else ""
        out.print(_line(key, text, style))
    out.print(f"\n{printable(rule.description.strip())}\n", markup=False)
    out.print(_line("condition", printable(rule.condition.strip())))
    out.print(_line("output", printable(rule.output.strip())))


@click.command()
@click.argument("name")
def disable(name: str) -> None:
    """Take a rule out of force: adds NAME to rules.disable in config.yaml.

    NAME may hold `*` for any run of characters. A running engine takes it over by itself.
    """
    home = Home.from_environment()
    config = load_config(home.config)
    rules = defined(home, config)
    _check_whose(name, rules, home, config)
    names = _matching(rules, name)
    from prempti_otel.settings.lists import update_list

    home.create()
    update_list(home.config, KEY, add=[name])
    click.echo(f"no longer in force: {', '.join(map(printable, names))}")


@click.command()
@click.argument("name")
def enable(name: str) -> None:
    """Put a rule into force again: takes NAME out of rules.disable in config.yaml."""
    home = Home.from_environment()
    config = load_config(home.config)
    if name in config.rules.disable:
        from prempti_otel.settings.lists import update_list

        config = update_list(home.config, KEY, remove=[name])
    rules = defined(home, config)
    if "*" in name:
        click.echo(f"in force: {', '.join(r.name for r in rules if fnmatchcase(r.name, name) and r.enabled)}")
        return
    _check_whose(name, rules, home, config)
    rule = find(rules, name)
    if not rule.enabled:
        raise PremptiError(f"{name!r} is still not in force: {_why(rule, config)}", where=str(home.config))
    click.echo(f"in force: {printable(name)}")


def installed(home: Home, config: Config) -> Ruleset:
    """The installed rules. Raises PremptiError where they do not load."""
    from prempti_otel.rules.loader import load

    result = load(installed_rule_files(home, config), selection=selection(config))
    if result.ruleset is None:
        raise PremptiError(result.as_text().strip(), remedy="correct the rules")
    return result.ruleset


def defined(home: Home, config: Config) -> Sequence[DefinedRule]:
    """The installed rules, not compiled. Raises PremptiError where their files cannot be read as such."""
    return _outline(home, config)[0]


def _outline(home: Home, config: Config) -> tuple[Sequence[DefinedRule], Outline]:
    from prempti_otel.rules.outline import outline

    result = outline(installed_rule_files(home, config), selection(config))
    if result.rules is None:
        raise PremptiError(result.as_text().strip(), remedy="correct the rules")
    return result.rules, result


def _compiled(name: str, home: Home, config: Config) -> Rule:
    from prempti_otel.rules.diagnostics import LoadError

    rules, whole = _outline(home, config)
    rule = find(rules, name)
    try:
        return whole.compiled(rule)
    except LoadError:
        # A rule alone does not tell which of the macros it needs is wrong as all of them do.
        return find(installed(home, config).rules, name)


def find(rules: Sequence[R], name: str) -> R:
    """The rule called ``name``. Raises PremptiError with the nearest name."""
    for rule in rules:
        if rule.name == name:
            return rule
    close = nearest(name, [rule.name for rule in rules])
    raise PremptiError(
        f"there is no rule {name!r}", remedy=f"did you mean {close!r}?" if close else "premptictl rules list"
    )


def _of_project(name: str, home: Home, config: Config) -> Rule | None:
    """The rule of that name of the project around the current folder, trusted or not."""
    found = _project_and_rule(name, home, config)
    return found[1] if found is not None else None


def _project_and_rule(name: str, home: Home, config: Config) -> tuple[Project, Rule] | None:
    root = here(home)
    if not root:
        return None
    from prempti_otel.ctl.rules import projects

    project = projects.load(root, home, config)
    ruleset = project.loaded.ruleset
    return next(((project, rule) for rule in ruleset.rules if rule.name == name), None) if ruleset else None


def _check_whose(name: str, rules: Sequence[DefinedRule], home: Home, config: Config) -> None:
    """Raises PremptiError where ``name`` is that of a project's rule alone, and says what can be done about it."""
    if any(fnmatchcase(rule.name, name) for rule in rules):
        return
    found = _project_and_rule(name, home, config)
    if found is None:
        return
    project, rule = found
    problem = f"{name!r} is a rule of the project {printable(project.root)}, whose rules are trusted file by file"
    if any(file.path == rule.file and file.trust == "trusted" for file in project.files):
        raise PremptiError(
            problem,
            remedy=f"take its file out of force: premptictl rules untrust {printable(shlex.quote(rule.file))}; "
            f"or have {home.config} name it under {KEY}, which holds in all projects",
        )
    raise PremptiError(
        f"{problem}; its file is not, so it is not in force", remedy="look at it: premptictl rules trust"
    )


def told_of(rule: Rule) -> dict[str, Any]:
    """A rule as scripts read it."""
    return head(rule) | {
        "levels": [level.label for level in rule.levels],
        "place": f"{rule.file}:{rule.line}",
        "description": rule.description,
        "condition": rule.condition,
        "output": rule.output,
    }


def _matching(rules: Sequence[DefinedRule], name: str) -> list[str]:
    if "*" not in name:
        return [find(rules, name).name]
    names = [rule.name for rule in rules if fnmatchcase(rule.name, name)]
    if not names:
        raise PremptiError(f"no rule's name matches {name!r}", remedy="premptictl rules list")
    return names


def _why(rule: DefinedRule, config: Config) -> str:
    for pattern in config.rules.disable:
        if fnmatchcase(rule.name, pattern):
            return f"rules.disable has {pattern!r}"
    for tag in rule.tags:
        if tag in config.rules.disable_tags:
            return f"rules.disable_tags has {tag!r}"
    return f"its own file says so, or its priority is below rules.minimum_priority ({rule.file}:{rule.line})"


def _line(key: str, text: str, style: str = "") -> Any:
    from rich.text import Text

    line = Text(f"{key:<10} ", style="dim")
    line.append(text, style=style or "not dim")
    return line
