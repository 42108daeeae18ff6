"""A call that the default rules deny, as each agent would put it to its hook. Nothing of it is ever run."""

from __future__ import annotations

import http.client
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prempti_otel.agents import hook_entries, hook_file
from prempti_otel.agents.registration import Transport
from prempti_otel.agents.settings_file import Form, load
from prempti_otel.settings.http_hooks import ADDRESS, PATH, read_http_hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from prempti_otel.agents.registration import HookStatus
    from prempti_otel.settings.home import Home

SESSION = "prempti-doctor"
"""The session that these calls belong to."""
COMMAND = "cat ~/.ssh/id_rsa"
SECONDS = 15.0
"""The same limit that agents are given."""
BLOCKED = 2
"""The exit status by which agents know a refusal."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registered command answered."""

    code: int
    stdout: str
    stderr: str

    @property
    def blocks(self) -> bool:
        """Whether the agent would not run the call: exit status 2, or a deny in its own form."""
        return self.code == BLOCKED or any(word in self.stdout for word in ('"deny"', '"block"'))


def send(state: HookStatus, home: Home, cwd: str, marker: str) -> Answer:
    """Ask as the agent would, by the registered command or over HTTP, with a call that carries ``marker``.

    A repository's settings can hold any command: the caller sees to it that this one is ours.
    Raises OSError, PremptiError, and subprocess.TimeoutExpired.
    """
    payload = _PAYLOADS[state.agent](f"{COMMAND}  # {marker}", cwd)
    if state.transport is Transport.HTTP:
        return _post(state, home, payload)
    done = subprocess.run(  # noqa: S603 - the command that agents run
        ["/bin/sh", "-c", registered(state, home)],
        input=json.dumps(payload).encode(),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stderr.decode(errors="replace").strip()
    return Answer(done.returncode, done.stdout.decode(errors="replace"), said)


def _post(state: HookStatus, home: Home, payload: dict[str, Any]) -> Answer:
    """What the engine's port answers; anything but status 200 is a failure, on which the agent does as registered."""
    hooks = read_http_hooks(home.http_hooks)
    if hooks is None:
        return Answer(0 if state.fail_open else BLOCKED, "", "there is no port for HTTP hooks")
    connection = http.client.HTTPConnection(ADDRESS, hooks.port, timeout=SECONDS)
    try:
        headers = {"Content-Type": "application/json", "Authorization": hooks.authorization}
        connection.request("POST", PATH, json.dumps(payload), headers)
        reply = connection.getresponse()
        body = reply.read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"port {hooks.port} does not speak HTTP ({type(error).__name__})") from error
    finally:
        connection.close()
    if reply.status == http.client.OK:
        return Answer(0, body, "")
    return Answer(0 if state.fail_open else BLOCKED, "", f"HTTP {reply.status} from port {hooks.port}")


def registered(state: HookStatus, home: Home) -> str:
    """The command in the settings; where they are no JSON, what would be registered there now."""
    try:
        data = load(state.file.read_text("utf-8-sig"), form=Form.COMMENTED_JSON)
    except (ValueError, OSError):
        data = {}
    for _, entry in hook_entries.registered(data):
        for command in hook_entries.commands(entry):
            return command
    return hook_file.command(state.agent, home, fail_open=state.fail_open)


def _claude_form(tool: str, event: str) -> Callable[[str, str], dict[str, Any]]:
    """The form that Claude Code has, and others took over."""

    def payload(command: str, cwd: str) -> dict[str, Any]:
        return {
            "session_id": SESSION,
            "conversation_id": SESSION,
            "transcript_path": "",
            "cwd": cwd,
            "hook_event_name": event,
            "tool_name": tool,
            "tool_input": {"command": command, "description": "known-bad call of premptictl doctor; not run"},
            "tool_use_id": SESSION,
        }

    return payload


def _copilot(command: str, cwd: str) -> dict[str, Any]:
    return {"sessionId": SESSION, "cwd": cwd, "toolName": "bash", "toolArgs": json.dumps({"command": command})}


def _opencode(command: str, cwd: str) -> dict[str, Any]:
    event = "tool.execute.before"
    return {"event": event, "sessionID": SESSION, "cwd": cwd, "tool": "bash", "args": {"command": command}}


_PAYLOADS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "claude_code": _claude_form("Bash", "PreToolUse"),
    "codex": _claude_form("Bash", "PreToolUse"),
    "gemini": _claude_form("run_shell_command", "BeforeTool"),
    "cursor": _claude_form("Shell", "preToolUse"),
    "copilot": _copilot,
    "opencode": _opencode,
}
