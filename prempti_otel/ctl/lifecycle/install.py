"""``premptictl install``: from nothing to a guarded agent, step by step; repeating it mends and upgrades.

What a person wrote (settings, rules) is never changed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prempti_otel import __version__
from prempti_otel.agents import hook_file
from prempti_otel.agents.registration import Scope
from prempti_otel.ctl.files import write_private
from prempti_otel.ctl.hook import registry
from prempti_otel.ctl.lifecycle import process, services
from prempti_otel.ctl.lifecycle.commands import enable_service
from prempti_otel.ctl.lifecycle.steps import Step, perform
from prempti_otel.ctl.output import format_option, printable
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config
from prempti_otel.settings.template import config_template

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPILE_SECONDS = 30.0
FALCO_PREMPTI = ("bin/falco", "bin/claude-interceptor", "config/falco.yaml", "share/libcoding_agent.so")
"""Files of an installation of Falco's Prempti, whose folder has the same name (its `installers/linux/README.md`)."""

NEXT = """\

Your next tool call is judged before it runs. From here:
  premptictl logs -f            watch calls and verdicts
  premptictl explain 'COMMAND'  what a command would do, and what it would get
  premptictl mode monitor       only record for now, stop nothing
  premptictl doctor             is anything in the way?
  premptictl uninstall          remove it all"""


@click.command()
@click.option(
    "--agent", "agents", multiple=True, metavar="AGENT", help="Guard this agent, instead of those found here."
)
@click.option("--no-service", is_flag=True, help="Run the engine in the background, without systemd or launchd.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@format_option
def install(agents: tuple[str, ...], no_service: bool, dry_run: bool, form: str) -> None:
    """Set up the guard: home, settings, hook, engine, and the hook in each coding agent that is found.

    Repeating it is harmless, and upgrades an older installation; settings and rules of your own stay.
    """
    home = Home.from_environment()
    _refuse_falco_prempti(home)
    load_config(home.config)
    for agent in agents:
        _check(agent)
    perform(_steps(home, list(agents) or registry.detected(), no_service), dry_run=dry_run, form=form)
    if not dry_run and form == "text":
        click.echo(NEXT)


def _refuse_falco_prempti(home: Home) -> None:
    found = next((name for name in FALCO_PREMPTI if (home.root / name).exists()), None)
    if found is not None:
        raise PremptiError(
            f"this folder belongs to Falco's Prempti (it holds {found})",
            where=str(home.root),
            remedy=f"remove it, keeping your rules: {home.root / 'bin/premptictl'} uninstall --keep-user-rules",
        )


def _check(agent: str) -> None:
    from prempti_otel import agents

    agents.get(agent)


def _steps(home: Home, agents: list[str], no_service: bool) -> Iterator[Step]:
    yield Step(f"{'keep' if home.root.is_dir() else 'make'} the folder {home.root}", lambda: _make(home))
    if home.config.exists():
        yield Step(f"keep your settings in {home.config}", _nothing)
    else:
        yield Step(f"write settings with comments to {home.config}", lambda: _write_config(home))
    yield Step(f"copy the hook to {home.bin}", lambda: install_hook(home))
    yield from _engine_steps(home, no_service)
    for agent in agents:
        one = registry.Wanted(agent=agent, scope=Scope.USER)
        yield Step(f"register the hook with {agent}", lambda one=one: _register(home, one))  # type: ignore[misc]
    others = [one for one in registry.read(home).hooks if one.scope is not Scope.USER]
    for one in others:
        yield Step(f"register the hook with {one.agent}, {registry.where(one)}", lambda one=one: _register(home, one))  # type: ignore[misc]
    yield Step("send a harmless call through the hook and the engine", lambda: _verify(home))


def _engine_steps(home: Home, no_service: bool) -> Iterator[Step]:
    current = services.installed(home)
    service = None if no_service else services.available(home)
    if current is not None and no_service:
        yield Step(f"take the engine out of {current.manager}", lambda: _leave(current))
    elif service is not None and not _is_current(service):
        yield Step(f"have {service.manager} start the engine at login ({service.file})", lambda: _enable(home, service))
    status = process.running(home)
    if status is not None and status.version != __version__:
        yield Step(f"restart the engine, which is of version {status.version}", lambda: _restart(home))
    else:
        where = "" if service or (current and not no_service) else " in the background"
        yield Step("keep the engine running" if status else f"start the engine{where}", lambda: _start(home))


def install_hook(home: Home) -> str:
    """Copy the hook and compile its modules, so that the first call is as fast as any. Raises PremptiError."""
    changed = hook_file.install(home)
    files = [str(path) for path in sorted(home.bin.glob("prempti_*.py"))]
    # Whatever keeps this from working costs the first call some milliseconds and nothing else.
    subprocess.run(  # noqa: S603 - the interpreter that runs the hook, on the hook
        [hook_file.interpreter(), "-I", "-S", "-m", "py_compile", *files],
        capture_output=True,
        timeout=COMPILE_SECONDS,
        umask=0o077,
        check=False,
    )
    return "" if changed else "it is the same"


def _make(home: Home) -> str:
    home.create()
    return ""


def _nothing() -> str:
    return ""


def _write_config(home: Home) -> str:
    write_private(home.config, config_template().encode())
    return ""


def _is_current(service: services.Service) -> bool:
    try:
        return service.home.service.exists() and service.file.read_bytes() == service.definition()
    except OSError:
        return False


def _enable(home: Home, service: services.Service) -> str:
    enable_service(home, service)
    return ""


def _leave(service: services.Service) -> str:
    service.remove()
    return ""


def _start(home: Home) -> str:
    status = process.start_engine(home)
    return f"pid {status.pid}, {status.rules_enabled} rules, mode {status.mode}"


def _restart(home: Home) -> str:
    status = process.restart_engine(home)
    return f"pid {status.pid}, version {status.version}"


def _register(home: Home, one: registry.Wanted) -> str:
    if one.project and not Path(one.project).is_dir():
        registry.forget(home, one)
        return "that folder is gone, so the hook is forgotten"
    known = next((k for k in registry.read(home).hooks if (k.agent, k.scope, k.project) == _key(one)), one)
    change = registry.add(home, known)
    notes = "".join(f"; {printable(note)}" for note in change.notes)
    return f"{change.action.value} in {change.file}{notes}"


def _key(one: registry.Wanted) -> tuple[str, Scope, str]:
    return one.agent, one.scope, one.project


def _verify(home: Home) -> str:
    from prempti_otel.ctl.health.probe import probe

    return f"OK, verdict {probe(home)}"
