"""``premptictl approve`` and ``approvals``: a person lets a call pass that an agent could not ask about.

The call is shown as it was recorded, and nothing is approved without an answer typed at the terminal. Whether this
process may approve at all is for the engine to say.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import ago, console, format_option, print_json, print_table, printable, shown, span
from prempti_otel.engine.approvals.calls import MAX_SECONDS
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from prempti_otel.audit.records import DecisionBody
    from prempti_otel.proto.prempti.v1 import engine_pb2 as pb

_UNITS = {"s": 1, "m": 60, "h": 3600}
MOST_LINES = 200
"""Of the call; what is left out is said."""


class Duration(click.ParamType[int]):
    """``90s``, ``30m``, ``1h``: seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds. Fails where it is no time, or a longer one than an approval may be in force."""
        found = re.fullmatch(r"([1-9][0-9]{0,4})([smh])", str(value))
        if not found:
            self.fail(f"{value!r} is no time such as 90s, 30m or 1h", param, ctx)
        length = int(found[1]) * _UNITS[found[2]]
        if length > MAX_SECONDS:
            self.fail("an approval is in force for at most 24h", param, ctx)
        return length


@click.command()
@click.argument("approval", metavar="ID", required=False)
@click.option("--last", is_flag=True, help="The call that was asked about last.")
@click.option("--for", "length", type=Duration(), help="Let the call pass for this time (30m, 1h), not just once.")
def approve(approval: str | None, last: bool, length: int | None) -> None:
    """Let a call pass that rules ask about and that its agent could not ask about.

    The agent was told the ID. The call is shown first, and has to be confirmed. The approval is for exactly this call,
    in its session, and lets it pass once. It can be given only at a terminal that no agent started.
    """
    from prempti_otel.engine.approvals.listener import Request, ask

    if bool(approval) == last:
        raise click.UsageError("name the ID that the agent was told, or --last")
    terminal = _terminal()
    home = Home.from_environment()
    name = approval or _last(home)
    waiting = ask(home, Request(name))
    _show(home, waiting.id, waiting.seq, length)
    if not _confirmed(terminal):
        click.echo("not approved")
        raise click.exceptions.Exit(ExitCode.FAILED)
    given = ask(home, Request(waiting.id, waiting.seq, length or 0, give=True))
    how = "as often as it is made" if length else "once"
    click.echo(f"approved: this call passes {how} within {span(given.seconds)}; let the agent try it again")


@click.command()
@format_option
def approvals(form: str) -> None:
    """Show the calls that wait for an approval, and the approvals that are in force."""
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.engine.client import EngineClient

    home = Home.from_environment()
    with EngineClient(home) as engine:
        found = engine.approvals().approvals
    if form == "json":
        print_json([_as_json(one) for one in found])
        return
    if not found:
        click.echo("no call waits for approval, and none is approved")
        return
    with StoreReader(home) as store:
        rows = []
        for one in found:
            record = store.get(one.seq)
            rows.append([one.id, _state(one), one.agent, one.session_id[:8], _call_line(record.body if record else {})])
    print_table(["ID", "STATE", "AGENT", "SESSION", "CALL"], rows)


def _terminal() -> Path:
    """The terminal that this process is controlled by. Raises PremptiError where a person is not sure to be there."""
    import os
    import sys

    terminal = Path("/dev/tty")
    try:
        with terminal.open("r+b", buffering=0) as opened:
            there = os.isatty(opened.fileno())
    except OSError:
        there = False
    if not there or not sys.stdin.isatty() or not sys.stdout.isatty():
        raise PremptiError(
            "approvals are given by a person at a terminal", remedy="run this in a terminal, without pipes"
        )
    return terminal


def _confirmed(terminal: Path) -> bool:
    """Whether a person types ``yes`` now; what was typed ahead does not count."""
    import termios

    with terminal.open("r+b", buffering=0) as opened:
        termios.tcflush(opened.fileno(), termios.TCIFLUSH)
        opened.write(b"Type yes to approve this call: ")
        return opened.read(64).strip().lower() == b"yes"


def _last(home: Home) -> str:
    from prempti_otel.engine.client import EngineClient

    with EngineClient(home) as engine:
        waiting = [one for one in engine.approvals().approvals if not one.given_ns]
    if not waiting:
        raise PremptiError("no call waits for approval")
    return max(waiting, key=lambda one: one.asked_ns).id


def _show(home: Home, name: str, seq: int, length: int | None) -> None:
    """The call, all of it that is recorded, and the rules that ask. Raises PremptiError where that is gone."""
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import DecisionBody, body_of

    with StoreReader(home) as store:
        record = store.get(seq)
    if record is None:
        raise PremptiError("the record of this call is gone, so nobody can see what it is", where=f"record {seq}")
    body = body_of(record, DecisionBody)
    call = body.call
    out = console()
    rows = [
        ("agent", f"{call.agent}, session {call.session_id}"),
        ("folder", call.real_cwd or call.cwd),
        ("asked", f"{ago(time.time() - record.time_ns / 1e9)}, record {seq}"),
    ]
    for title, text in rows:
        out.print(f"[dim]{title:<8}[/]{shown(text)}", soft_wrap=True)
    out.print(f"[dim]{'call':<8}[/][bold]{shown(call.tool)}[/]", soft_wrap=True)
    lines = _call_text(body).splitlines() or [""]
    for line in lines[:MOST_LINES]:
        out.print(f"        {shown(line)}", soft_wrap=True)
    if len(lines) > MOST_LINES:
        out.print(f"        [red]and {len(lines) - MOST_LINES} more lines: premptictl audit show {seq}[/]")
    if body.altered:
        out.print("[red]Some of it is redacted or cut here; what you approve is the call as it was made.[/]")
    for match in body.matches:
        if match.verdict == "ask":
            out.print(f"[dim]{'asks':<8}[/][yellow]{shown(match.rule)}[/]: {shown(match.output)}", soft_wrap=True)
    how = f"as often as it is made in the next {span(length)}" if length else "once"
    out.print(f"\n{name} lets exactly this call pass, in this session only, {how}.", soft_wrap=True)


def _call_text(body: DecisionBody) -> str:
    """A shell call's code, else the whole input, a line per argument."""
    import msgspec

    given = dict(body.call.input)
    lines = [body.call.command] if body.call.command else []
    if body.call.command:
        given = {name: value for name, value in given.items() if name != "command"}
    for name, value in given.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        lines.append(f"{name}: {text}")
    return "\n".join(lines)


def _call_line(body: Any) -> str:
    call = body.get("call", {})
    given = call.get("input", {})
    subject = (
        call.get("command") or call.get("file_path") or next((v for v in given.values() if isinstance(v, str)), "")
    )
    text = printable(f"{call.get('tool', '?')} {subject}".replace("\n", "⏎"))
    return text if len(text) <= 100 else text[:99] + "…"


def _state(one: pb.Approval) -> str:
    if not one.given_ns:
        return "waits"
    until = datetime.fromtimestamp(one.expires_ns / 1e9).astimezone().strftime("%H:%M:%S")
    return f"approved, {'once, ' if one.once else ''}until {until}"


def _as_json(one: pb.Approval) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": "approved" if one.given_ns else "waits",
        "agent": one.agent,
        "session_id": one.session_id,
        "tool": one.tool,
        "rules": list(one.rules),
        "seq": one.seq,
        "asked_ns": one.asked_ns,
        "given_ns": one.given_ns,
        "expires_ns": one.expires_ns,
        "once": one.once,
        "by": one.by,
    }
