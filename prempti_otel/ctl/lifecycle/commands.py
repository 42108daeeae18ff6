"""``premptictl start``, ``stop``, ``restart``, ``enable``, ``disable`` and ``daemon``: the engine's life.

A guard that was stopped must not brick an agent: `stop` takes the hooks out first, and `start` puts them back.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.hook import registry
from prempti_otel.ctl.lifecycle import process, services
from prempti_otel.ctl.output import printable
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.user_home import remember_user_home

if TYPE_CHECKING:
    from prempti_otel.agents.registration import Change
    from prempti_otel.proto.prempti.v1.engine_pb2 import StatusReply


@click.command()
def start() -> None:
    """Start the engine, and put back the hooks that `stop` took out.

    It runs as the service that was enabled, else as a process in the background.
    """
    home = Home.from_environment()
    already = process.running(home)
    status = process.start_engine(home)
    if already is None:
        _say_started(home, status)
    else:
        click.echo(f"engine is running already (pid {status.pid})")
    for change in put_back(home):
        click.echo(change)


@click.command()
@click.option("--keep-hooks", is_flag=True, help="Leave the hooks where they are: agents are blocked until `start`.")
def stop(keep_hooks: bool) -> None:
    """Take the hooks out of all agents, then stop the engine.

    Agents then work unguarded. `premptictl start` puts the hooks back.
    """
    home = Home.from_environment()
    if not home.root.is_dir():
        raise PremptiError("nothing is installed here", where=str(home.root), remedy="premptictl install")
    if keep_hooks:
        _say_stopped(process.stop_engine(home))
        click.echo("guarded agents are blocked until `premptictl start`, or until their hook is removed")
        return
    for change in take_out(home):
        click.echo(change)
    _say_stopped(process.stop_engine(home))
    if registry.read(home).hooks:
        click.echo("agents are NOT guarded now; `premptictl start` puts their hooks back")


@click.command()
def restart() -> None:
    """Stop the engine and start it again; hooks wait meanwhile, and store and settings stay."""
    home = Home.from_environment()
    _say_started(home, process.restart_engine(home))
    for change in put_back(home):
        click.echo(change)


@click.command()
def enable() -> None:
    """Have the engine started at login, by systemd or launchd.

    Without it, the engine starts with the first call that a hook sees.
    """
    home = Home.from_environment()
    service = services.available(home)
    if service is None:
        raise PremptiError(
            "there is no service manager for this user",
            remedy="nothing to do: the first guarded call starts the engine",
        )
    enable_service(home, service)
    status = process.restart_engine(home)
    click.echo(f"{service.manager} starts the engine at login: {service.file}")
    click.echo(f"engine started ({_described(status)})")


@click.command()
def disable() -> None:
    """Do not have the engine started at login; one that is running goes on in the background."""
    home = Home.from_environment()
    service = services.installed(home)
    if service is None:
        click.echo("no service is enabled")
        return
    was_running = process.running(home) is not None
    service.remove()
    click.echo(f"{service.manager} no longer starts the engine")
    if was_running:
        # Another one, for the manager may have told the old one to end without waiting for it.
        click.echo(f"engine started ({_described(process.restart_engine(home))})")


@click.command()
def daemon() -> None:
    """Run the engine in the foreground, for service managers and containers."""
    home = Home.from_environment()
    process.prepare(home)
    arguments = process.engine_arguments(home)
    os.execv(arguments[0], arguments)  # noqa: S606 - the engine takes this process over, its signals included


def enable_service(home: Home, service: services.Service) -> None:
    """Give the engine to ``service``; a running one is ended first. Raises PremptiError."""
    home.create()
    remember_user_home(home)
    process.end_engine(home)
    services.install(home, service)


def take_out(home: Home) -> list[str]:
    """Take the hooks of this home out of all agents; they stay in the list. What was done, a line each.

    Raises PremptiError where a settings file cannot be changed: then hooks are left, and the engine must go on.
    """
    done = []
    for one in registry.wanted(home, _here()):
        registry.keep(home, one)
        change = registry.take_out(home, one)
        if change.changed:
            done.append(line(change))
    return done


def put_back(home: Home) -> list[str]:
    """Register the hooks that are in the list; what was changed, a line each. Raises PremptiError."""
    done = []
    for one in registry.read(home).hooks:
        if one.project and not Path(one.project).is_dir():
            done.append(f"{one.agent}: {printable(one.project)} is gone, so its hook is forgotten")
            registry.forget(home, one)
            continue
        change = registry.add(home, one)
        if change.changed:
            done.append(line(change))
    return done


def line(change: Change) -> str:
    """What was done to a settings file."""
    return f"{change.agent}: hook {change.action.value} in {printable(str(change.file))}"


def _here() -> Path | None:
    """The current folder, whose settings may have a hook that the list does not know."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _say_stopped(pid: int) -> None:
    click.echo(f"engine stopped (pid {pid})" if pid else "no engine was running")


def _say_started(home: Home, status: StatusReply) -> None:
    click.echo(f"engine started ({_described(status)})")
    service = services.installed(home)
    if service is not None and not service.available():
        manager = service.manager
        click.echo(f"{manager} does not answer, as without a login, so the engine runs in the background, and nothing")
        click.echo(f"starts it again if it ends; once logged in, hand it over to {manager}: premptictl restart")


def _described(status: StatusReply) -> str:
    return f"pid {status.pid}, {status.rules_enabled} rules, mode {status.mode}"
