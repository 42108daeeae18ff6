"""``premptictl health``: a harmless call through the real hook and the whole pipeline."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import format_option, print_json, printable
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home

SESSION = "prempti-health"
"""The session that synthetic calls belong to."""
SECONDS = 15.0
"""The same limit that agents are given."""


class UnhealthyError(PremptiError):
    """The call did not come back, or was not recorded."""

    def __init__(
        self, message: str, *, remedy: str | None, where: str | None = None, code: ExitCode = ExitCode.UNREACHABLE
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.exit_code = code


@click.command()
@format_option
def health(form: str) -> None:
    """Send a harmless call through the whole pipeline and print the verdict that came back.

    The call goes through the very hook that agents run, is judged, recorded and exported like any other.
    """
    home = Home.from_environment()
    verdict = probe(home)
    if form == "json":
        print_json({"healthy": True, "verdict": verdict})
    else:
        click.echo(f"OK: pipeline healthy (synthetic event → {verdict})")


def probe(home: Home) -> str:
    """The recorded verdict on a synthetic call. Raises UnhealthyError."""
    from prempti_otel.agents import hook_file
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import DecisionBody, body_of

    if not home.root.is_dir():
        raise UnhealthyError("nothing is installed here", where=str(home.root), remedy="premptictl install")
    hook_file.install(home)
    use_id = f"prempti-health-{os.urandom(8).hex()}"
    payload = {
        "session_id": SESSION,
        "transcript_path": "",
        "cwd": str(Path.home()),
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "true", "description": "synthetic call of premptictl health"},
        "tool_use_id": use_id,
    }
    try:
        done = subprocess.run(  # noqa: S603 - the installed hook with its own arguments
            ["/bin/sh", "-c", hook_file.command("claude_code", home, fail_open=False)],
            input=json.dumps(payload).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnhealthyError(f"the hook did not run: {error}", remedy="premptictl restart") from error
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode or said:
        message = said.removeprefix("prempti: ") or f"the hook ended with status {done.returncode}"
        remedy = None if "premptictl" in said else "premptictl status"
        raise UnhealthyError(message, remedy=remedy, code=_code(home))
    with StoreReader(home) as store:
        for record in store.decisions(session_id=SESSION, limit=50, newest=True):
            body = body_of(record, DecisionBody)
            if body.call.use_id == use_id:
                return body.decision.verdict
    reason = _reason(done.stdout)
    if reason:
        raise UnhealthyError(f"the call was blocked: {reason}", remedy="premptictl status", code=ExitCode.FINDING)
    message = "the call was answered but is not in the store"
    raise UnhealthyError(message, remedy="premptictl audit verify", code=ExitCode.FINDING)


def _reason(reply: bytes) -> str:
    """Why Claude Code is told not to run the call; empty where it is not told so."""
    try:
        told = json.loads(reply)["hookSpecificOutput"]["permissionDecisionReason"]
    except (ValueError, LookupError, TypeError):
        return ""
    return printable(str(told))


def _code(home: Home) -> ExitCode:
    """An engine that answers, but could not record the call for instance, is not one that cannot be reached."""
    from prempti_otel.ctl.lifecycle import process

    return ExitCode.UNREACHABLE if process.running(home) is None else ExitCode.FINDING
