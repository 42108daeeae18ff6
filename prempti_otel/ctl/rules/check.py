"""``premptictl rules check`` and ``test``: whether rules load, and whether they do what their tests say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import format_option, print_json, printable, printable_lines
from prempti_otel.ctl.rules import project_view
from prempti_otel.engine.rulesets import installed_rule_files, read_rule_files, selection
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config
from prempti_otel.settings.resources import resource

if TYPE_CHECKING:
    from prempti_otel.rules.loader import LoadResult
    from prempti_otel.rules.project import ProjectLoad


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@format_option
def check(paths: tuple[Path, ...], form: str) -> int:
    """Validate rule files, in the order given; without PATHS, all that are installed.

    Files of a project, in its `.prempti/rules`, are validated as such: on top of the installed rules, which they can
    only tighten. The JSON is that of `falco --validate`. Exit status 1 if any file is invalid.
    """
    from prempti_otel.rules.loader import load, results_json

    home = Home.from_environment()
    config = load_config(home.config)
    others, projects = project_view.checked(paths, home, config)
    results: list[LoadResult | ProjectLoad] = [*projects]
    if others or not projects:
        results.insert(0, load(read_rule_files(others) if paths else installed_rule_files(home, config)))
    if form == "json":
        read = [pair for result in results for pair in zip(result.files, result.given, strict=False)]
        print_json(results_json([result for result, _ in read], [file for _, file in read]))
    else:
        said = "\n".join(result.as_text().rstrip("\n") for result in results)
        click.echo(printable_lines(said) or "there are no rules files")
    return ExitCode.OK if all(result.successful for result in results) else ExitCode.FINDING


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--rules", "rule_paths", multiple=True, type=click.Path(exists=True, path_type=Path), help="Test these rules."
)
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write the results as JUnit XML.")
@format_option
def test(paths: tuple[Path, ...], rule_paths: tuple[Path, ...], junit: Path | None, form: str) -> int:
    """Run unit tests of rules.

    A test file lists calls and what each must get; see docs/writing-rules.md. Without PATHS, the tests in
    folders `tests` beside rules are run: those of the default rules by these alone, as shipped, and
    your own by all that is installed. Tests of a project, in its `.prempti/rules/tests`, are judged by its
    rules, too, trusted or not. Exit status 1 if any case fails.
    """
    from prempti_otel.ctl.rules import unit_tests
    from prempti_otel.rules.loader import load

    home = Home.from_environment()
    config = load_config(home.config)
    installed = load(
        read_rule_files(rule_paths) if rule_paths else installed_rule_files(home, config), selection=selection(config)
    )
    runs = [(list(paths) or [home.user_rules], installed)]
    if not paths and not rule_paths:
        shipped = resource("rules/default")
        runs.insert(0, ([shipped], load(read_rule_files([shipped]))))
    results = []
    for places, loaded in runs:
        if loaded.ruleset is None:
            click.echo(printable_lines(loaded.as_text().rstrip("\n")), err=True)
            return ExitCode.FINDING
        files = unit_tests.find(places)
        results += unit_tests.run(
            files, loaded.ruleset, lambda file: None if rule_paths else project_view.tested_by(file, home, config)
        )
    if junit is not None:
        junit.write_text(unit_tests.junit(results), encoding="utf-8")
    failed = [one for one in results if one.failure]
    if form == "json":
        print_json(
            [{"name": one.name, "place": one.place, "ok": not one.failure, "failure": one.failure} for one in results]
        )
    else:
        for one in failed:
            click.echo(f"FAILED {one.place} {printable(one.name)}\n       {printable(one.failure)}")
        click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return ExitCode.FINDING if failed or not results else ExitCode.OK
