"""``premptictl hook``: registers the hook with coding agents, and takes it out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prempti_otel.agents import registration
from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import format_option, print_json, printable, styled
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from prempti_otel.ctl.hook.registry import Wanted

_scope = click.option(
    "--scope",
    type=click.Choice([scope.value for scope in registration.Scope]),
    default="user",
    show_default=True,
    help="Whose settings: the user's, a project's shared ones, a project's local ones, or an administrator's.",
)
_project = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    default=".",
    show_default="the current folder",
    help="The project, for the scopes project and local.",
)


@click.group()
def hook() -> None:
    """Register the hook with a coding agent."""


@hook.command()
@click.argument("agent", metavar="AGENT")
@_scope
@_project
@click.option(
    "--fail-open",
    is_flag=True,
    help="Let calls pass unjudged while the guard does not answer. Not what you want, most of the time.",
)
@click.option(
    "--transport",
    type=click.Choice([transport.value for transport in registration.Transport]),
    show_default="as it is registered, else command",
    help="Whether the agent runs the hook, or asks the engine itself over HTTP: no process per call. "
    "For Claude Code from 2.1.295 on.",
)
@click.option("--rotate", is_flag=True, help="A new port and token for HTTP; sessions under way must be restarted.")
@format_option
def add(agent: str, scope: str, project: Path, fail_open: bool, transport: str | None, rotate: bool, form: str) -> None:
    """Register the hook with AGENT; repeating it changes nothing.

    AGENT is claude_code, codex, gemini, copilot, cursor or opencode. Only Claude Code knows HTTP.

    The settings file keeps everything else that is in it; a copy from before the first change is
    kept beside it.
    """
    import msgspec

    from prempti_otel.ctl.hook import registry

    home = Home.from_environment()
    one = _wanted(agent, scope, project, fail_open)
    so_far = registry.transport(home, one)
    chosen = registration.Transport(transport) if transport else so_far
    if chosen is registration.Transport.HTTP:
        _prepare_http(home, one, rotate)
    elif rotate:
        raise click.UsageError("--rotate is for --transport http")
    change = registry.add(home, msgspec.structs.replace(one, transport=chosen))
    if so_far is registration.Transport.HTTP and (rotate or chosen is not so_far):
        note = "calls of sessions that are under way are blocked until those are started anew"
        change = replace(change, notes=(*change.notes, note))
    _print_change(change, form)


def _prepare_http(home: Home, one: Wanted, rotate: bool) -> None:
    """Raises PremptiError where HTTP hooks could not be relied on."""
    from prempti_otel.agents.claude_code.http import require_version
    from prempti_otel.ctl.hook import http_port

    registration.require_http(one.agent, one.scope)
    if not one.fail_open:
        require_version()
    if rotate:
        http_port.rotate(home)


@hook.command(short_help="Take the hook out of AGENT's settings.")
@click.argument("agent", metavar="AGENT")
@_scope
@_project
@format_option
def remove(agent: str, scope: str, project: Path, form: str) -> None:
    """Take the hook out of AGENT's settings; its calls are no longer judged."""
    from prempti_otel.ctl.hook import registry

    _print_change(registry.remove(Home.from_environment(), _wanted(agent, scope, project)), form)


@hook.command("switch-on", short_help="Take out the setting by which AGENT ignores all hooks.")
@click.argument("agent", metavar="AGENT")
@_scope
@_project
def switch_on(agent: str, scope: str, project: Path) -> None:
    """Take out the setting by which AGENT ignores all hooks: disableAllHooks of Claude Code.

    Hooks of others run again, too.
    """
    from prempti_otel.ctl.hook import switch

    file, found = switch.switch_on(agent, registration.Scope(scope), project)
    click.echo(
        f"{agent}: hooks switched on in {file}" if found else f"{agent}: nothing to do, {file} has no such setting"
    )


@hook.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@_project
@format_option
def status(agents: tuple[str, ...], project: Path, form: str) -> int:
    """Show where the hook is registered.

    Of an agent without it, the places where it could be are shown if the agent is named. Exit status 1 where a
    registration has a problem, or there is none.
    """
    home = Home.from_environment()
    states = [state for agent in agents or registration.agents() for state in registration.status(agent, home, project)]
    if form == "json":
        print_json([_state(state) for state in states])
    else:
        _print_states(states, in_full=bool(agents))
    well = any(state.registered for state in states) and not any(state.problems for state in states)
    return ExitCode.OK if well else ExitCode.FINDING


def _wanted(agent: str, scope: str, project: Path, fail_open: bool = False) -> Wanted:
    from prempti_otel.ctl.hook import registry  # takes msgspec along, without which `hook status` starts

    chosen = registration.Scope(scope)
    folder = str(project) if registry.in_project(chosen) else ""
    return registry.Wanted(agent=agent, scope=chosen, project=folder, fail_open=fail_open)


def _print_change(change: registration.Change, form: str) -> None:
    if form == "json":
        print_json(
            {
                "agent": change.agent,
                "scope": change.scope.value,
                "file": str(change.file),
                "action": change.action.value,
                "backup": str(change.backup) if change.backup else None,
                "notes": list(change.notes),
            }
        )
        return
    backup = f" (the file as it was: {change.backup})" if change.backup and change.changed else ""
    click.echo(f"{change.agent}: hook {change.action.value} in {change.file}{backup}")
    for note in change.notes:
        click.echo(f"  {printable(note)}")


def _state(state: registration.HookStatus) -> dict[str, Any]:
    return {
        "agent": state.agent,
        "scope": state.scope.value,
        "file": str(state.file),
        "registered": state.registered,
        "current": state.current,
        "fail_open": state.fail_open,
        "transport": state.transport.value,
        "problems": list(state.problems),
    }


def _print_states(states: list[registration.HookStatus], in_full: bool) -> None:
    last = None
    told = {state.agent for state in states if state.registered or state.problems}
    for state in states:
        if not in_full and not (state.registered or state.problems):
            if state.agent not in told:
                told.add(state.agent)
                click.echo(f"{state.agent:<12}{'':<8} {styled('not registered', dim=True)}")
            continue
        if last is not None and (state.agent, state.file) == (last.agent, last.file):
            continue  # in the user's home, the user's settings are the project's, too
        last = state
        word = styled("registered", fg="green") if state.registered else styled("not registered", dim=True)
        if state.registered and state.fail_open:
            word += f" {styled('fail-open', fg='yellow')}"
        if state.registered and state.transport is registration.Transport.HTTP:
            word += " over HTTP"
        click.echo(f"{state.agent:<12}{state.scope.value:<8} {word}  {printable(str(state.file))}")
        for problem in state.problems:
            click.echo(f"  {styled(printable(problem), fg='yellow')}")
