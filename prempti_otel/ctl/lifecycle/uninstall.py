"""``premptictl uninstall``: takes the hooks out everywhere, ends the engine, and removes what was installed.

It removes only what prempti-otel itself puts into its home: a home that somebody pointed at a folder of
their own must not take their files with it.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.hook import registry
from prempti_otel.ctl.lifecycle import process, services
from prempti_otel.ctl.lifecycle.steps import Step, perform
from prempti_otel.ctl.output import format_option
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prempti_otel.agents.registration import Change

OWN = (
    "config.yaml",
    "audit.*",
    "export.db*",
    "hooks.json",
    "http.json",
    "trusted.json",
    "bin",
    "run",
    "log",
    "rules",
    "commands",
)
"""Everything of ours in a home."""


@click.command()
@click.option("--keep-user-rules", is_flag=True, help="Leave your own rules, in rules/user.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@format_option
def uninstall(keep_user_rules: bool, yes: bool, dry_run: bool, form: str) -> None:
    """Remove the guard: its hooks, its service, its engine, and its home with the audit trail.

    Afterwards the agents' settings are as they were before. On a terminal it asks first.
    """
    home = Home.from_environment()
    if not (yes or dry_run) and sys.stdin.isatty() and home.audit_db.exists():
        click.confirm(f"This removes the audit trail in {home.audit_db}, too. Go on?", abort=True)
    perform(_steps(home, keep_user_rules), dry_run=dry_run, form=form)


def _steps(home: Home, keep_user_rules: bool) -> Iterator[Step]:
    folders = registry.read(home).folders
    for one in registry.wanted(home):
        yield Step(
            f"take the hook out of {one.agent}, {registry.where(one)}",
            lambda one=one: _took(registry.take_out(home, one)),  # type: ignore[misc]
        )
    if process.running(home) is not None:
        yield Step("stop the engine", lambda: _stopped(home))
    service = services.installed(home)
    if service is not None:
        yield Step(f"remove the service from {service.manager} ({service.file})", lambda: _removed(service))
    if home.root.is_dir():
        kept = " except for rules/user" if keep_user_rules else ""
        yield Step(f"remove {home.root}{kept}", lambda: _remove(home, keep_user_rules))
    if folders:
        yield Step("remove folders made for settings, where they are empty", lambda: _folders(folders))


def _took(change: Change) -> str:
    return f"{change.action.value} in {change.file}"


def _stopped(home: Home) -> str:
    return f"pid {process.stop_engine(home)}"


def _removed(service: services.Service) -> str:
    service.remove()
    return ""


def _folders(folders: list[str]) -> str:
    registry.remove_folders(folders)
    return ""


def _remove(home: Home, keep_user_rules: bool) -> str:
    """Remove our files; what else there is, in a few words. Raises PremptiError."""
    try:
        for pattern in OWN:
            for path in home.root.glob(pattern):
                if path == home.user_rules.parent and keep_user_rules:
                    continue
                _delete(path)
        if home.socket.parent != home.run:
            _delete(home.socket.parent)
        left = sorted(path.name for path in home.root.iterdir())
        if not left:
            home.root.rmdir()
    except OSError as error:
        raise PremptiError(f"this cannot be removed: {error.strerror}", where=str(error.filename)) from error
    return f"left: {', '.join(left)}" if left else ""


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
