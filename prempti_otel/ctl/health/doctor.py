"""``premptictl doctor``: looks for every known way in which the guard can be off without anyone noticing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.health import checks_guard, checks_hooks
from prempti_otel.ctl.health.findings import Finding, Patient, State, edit, fail, failed
from prempti_otel.ctl.lifecycle import process
from prempti_otel.ctl.output import console, format_option, print_json, shown
from prempti_otel.errors import PremptiError
from prempti_otel.settings.config import Config
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    checks_guard.permissions,
    checks_guard.engine,
    checks_guard.mode,
    checks_guard.rules,
    checks_hooks.hooks,
    checks_hooks.agent_versions,
    checks_guard.store,
    checks_guard.destinations,
)
UNINSTALLED = (checks_guard.permissions, checks_hooks.hooks)
"""Those that have something to look at where nothing is installed."""
STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


@click.command()
@format_option
def doctor(form: str) -> int:
    """Look for every known way that the guard can be off, and say what helps.

    A call that the default rules deny is sent through each registered hook, exactly as its agent would, to see
    that it is blocked; it is recorded in the session prempti-doctor, and never run. Settings of the current folder
    count, too. Exit status 1 if anything fails.
    """
    findings = list(examine(Home.from_environment(), Path.cwd()))
    if form == "json":
        print_json(
            [{"check": one.check, "state": one.state.value, "says": one.says, "remedy": one.remedy} for one in findings]
        )
    else:
        _print(findings)
    return ExitCode.FINDING if any(one.state is State.FAIL for one in findings) else ExitCode.OK


def examine(home: Home, project: Path) -> Iterator[Finding]:
    """Everything there is to find; a check that cannot be made is a finding, too."""
    try:
        config = load_config(home.config)
    except PremptiError as error:
        yield fail("settings", error.diagnostics(), edit(error.where or home.config))
        config = Config()
    patient = Patient(home, project, config, process.running(home))
    for check in CHECKS if home.root.is_dir() else UNINSTALLED:
        try:
            yield from check(patient)
        except PremptiError as error:
            yield failed(check.__name__, error)
        except OSError as error:
            place = shlex.quote(str(error.filename or home.root))
            yield fail(check.__name__, f"{error.filename}: {error.strerror}", f"ls -ld {place}; chmod u+rwX {place}")


def _print(findings: list[Finding]) -> None:
    out = console()
    for one in findings:
        out.print(f"[{STYLES[one.state]}]{one.state.value:<5}[/]{one.check:<12}{shown(one.says)}", soft_wrap=True)
        if one.remedy:
            out.print(f"     → {shown(one.remedy)}", soft_wrap=True)
    counts = {state: sum(one.state is state for one in findings) for state in State}
    warnings = "1 warning" if counts[State.WARN] == 1 else f"{counts[State.WARN]} warnings"
    out.print(f"\n{counts[State.OK]} ok, {warnings}, {counts[State.FAIL]} failed")
