"""``premptictl status``: how the guard is doing, from the engine and from the files it keeps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prempti_otel.agents import registration
from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.lifecycle import services
from prempti_otel.ctl.lifecycle.process import holder
from prempti_otel.ctl.output import ago, console, format_option, print_json, shown, size, span
from prempti_otel.ctl.rules import projects
from prempti_otel.ctl.rules.notice import last_change
from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.settings.config import Config
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config
from prempti_otel.settings.text import ConfigError

if TYPE_CHECKING:
    from prempti_otel.agents.registration import HookStatus
    from prempti_otel.proto.prempti.v1.engine_pb2 import StatusReply


@click.command()
@format_option
def status(form: str) -> int:
    """Show how the guard is doing.

    Exit status 4 where no engine answers, 1 where it runs degraded.
    """
    home = Home.from_environment()
    config, settings_error = _settings(home)
    try:
        with EngineClient(home) as engine:
            reply: StatusReply | None = engine.status()
    except EngineUnavailable:
        reply = None
    service = services.installed(home)
    state: dict[str, Any] = {
        "home": str(home.root),
        "installed": home.root.is_dir(),
        "running": reply is not None,
        "hanging_pid": holder(home) if reply is None else 0,
        "stopped_by_user": home.stopped.exists(),
        "store_bytes": sum(path.stat().st_size for path in home.root.glob("audit.db*")),
        "service": service.manager if service else None,
        "hooks": hooks(home),
        "project_rules": projects.summary(home),
        "settings_error": settings_error,
        "destinations": _destinations(home, [destination.name for destination in config.export]),
    }
    if reply is not None:
        state |= _engine_state(reply) | {"rules_changed": last_change(home)}
    if form == "json":
        print_json(state)
    else:
        _print(state)
    if reply is None:
        return ExitCode.UNREACHABLE
    return ExitCode.FINDING if state["degraded"] or settings_error else ExitCode.OK


def _settings(home: Home) -> tuple[Config, str]:
    """The settings, and what is wrong with them: an engine goes on with those from before, which is worth knowing."""
    try:
        return load_config(home.config), ""
    except ConfigError as error:
        return Config(), error.diagnostics()


def hooks(home: Home) -> list[dict[str, Any]]:
    """Each registration that there is, for the user and in the current folder."""
    return [
        {
            "agent": state.agent,
            "scope": state.scope.value,
            "file": str(state.file),
            "fail_open": state.fail_open,
            "transport": state.transport.value,
            "problems": list(state.problems),
        }
        for agent in registration.agents()
        for state in _apart(registration.status(agent, home, Path.cwd()))
        if state.registered
    ]


def _apart(states: list[HookStatus]) -> list[HookStatus]:
    """Each file once: in the user's home, the user's settings are the project's, too."""
    return list({state.file: state for state in reversed(states)}.values())[::-1]


def _engine_state(reply: StatusReply) -> dict[str, Any]:
    return {
        "version": reply.version,
        "pid": reply.pid,
        "uptime_seconds": round((time.time_ns() - reply.started_ns) / 1e9, 1),
        "mode": reply.mode,
        "default_action": reply.default_action,
        "ruleset_digest": reply.ruleset_digest,
        "rules_loaded": reply.rules_loaded,
        "rules_enabled": reply.rules_enabled,
        "calls": reply.calls,
        "last_seq": reply.last_seq,
        "socket": reply.socket,
        "ruleset_error": reply.ruleset_error,
        "degraded": list(reply.degraded),
    }


def _hook_style(hook: dict[str, Any]) -> str:
    return "red" if hook["problems"] else "yellow" if hook["fail_open"] else ""


def _destinations(home: Home, names: list[str]) -> list[dict[str, Any]]:
    """Backlog and last error of each destination, as the exporter keeps them."""
    if not names:
        return []
    from prempti_otel.telemetry.state import destination_states

    return destination_states(home, names)


def _print(state: dict[str, Any]) -> None:
    out = console()

    def line(name: str, value: object, style: str = "") -> None:
        told = f"[{style}]{shown(value)}[/]" if style else shown(value)
        out.print(f"[bold]{name:<12}[/]{told}", soft_wrap=True)

    if not state["installed"]:
        line("engine", "nothing is installed here: premptictl install", "red")
    elif state["hanging_pid"]:
        line("engine", f"pid {state['hanging_pid']} does not answer: premptictl restart", "red")
    elif not state["running"]:
        stopped = " (stopped with premptictl stop)" if state["stopped_by_user"] else ""
        line("engine", f"not running{stopped}; start it with: premptictl start", "red")
    else:
        line("engine", f"running, pid {state['pid']}, up {span(state['uptime_seconds'])}, version {state['version']}")
        line("mode", f"{state['mode']}, default action {state['default_action']}")
        line(
            "rules",
            f"{state['rules_enabled']} in force of {state['rules_loaded']}, digest {state['ruleset_digest'][:12]}",
        )
        if changed := state["rules_changed"]:
            line("", f"changed {ago(changed['seconds'])}: {'; '.join(changed['changes'])}")
        line("calls", f"{state['calls']} judged since the start; last record {state['last_seq']}")
        line("socket", state["socket"])
    if state["service"]:
        line("service", f"{state['service']} starts the engine at login")
    for one in state["hooks"]:
        told = f"{one['agent']}, {one['scope']} settings" + (", fail-open" if one["fail_open"] else "")
        told += ", over HTTP" if one["transport"] == "http" else ""
        line("hook", f"{told}: {'; '.join(one['problems'])}" if one["problems"] else told, _hook_style(one))
    if not state["hooks"] and state["installed"]:
        way = "premptictl start puts hooks back" if state["stopped_by_user"] else "premptictl install"
        line("hook", f"none is registered, so no agent is guarded: {way}", "yellow")
    line("home", state["home"])
    if state["installed"]:
        line("store", size(state["store_bytes"]))
    projects = state["project_rules"]
    if projects["trusted"]:
        line("projects", f"trusted rules files of projects: {projects['trusted']} (premptictl rules trust --list)")
    if projects["problem"]:
        line("projects", projects["problem"], "yellow")
    for one in projects["not_in_force"]:
        line("", f"{one['file']} is {one['state']} and not in force: premptictl rules trust", "yellow")
    for destination in state["destinations"]:
        line(
            "export",
            f"{destination['name']}: {destination['backlog']} records waiting, "
            f"{destination['dead_letters']} set aside"
            + (f" (the last: {destination['last_refusal']})" if destination["last_refusal"] else "")
            + (f", last error: {destination['last_error']}" if destination["last_error"] else ""),
        )
    if broken := state["settings_error"]:
        line("settings", f"not in force as they are on disk: {broken}", "red")
    error = state.get("ruleset_error") or ""
    for sentence in state.get("degraded", []):
        if (not error or error not in sentence) and (not broken or broken not in sentence):
            line("degraded", sentence, "yellow")
    if error:
        line("rules error", "what is on disk does not load, so the rules from before stay in force:", "red")
        for text in error.splitlines():
            line("", text, "red")
