"""What Claude Code's settings say where it asks the engine over HTTP, and which versions may.

A server that answers ``{}`` or nothing lets a call run, and Claude Code asks whoever it finds on the port, or on the
way there through a proxy. Some events therefore stay commands: UserPromptSubmit, whose command lets no prompt begin
while calls would not get to the engine (``hook/prempti_http.py``); SessionEnd, which comes also where none began, so
that the token stays here then; and SessionStart, for which no HTTP hook is called. These start an engine that does not
run; HTTP cannot. Seen on 2.1.330.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prempti_otel.agents import hook_entries, hook_file
from prempti_otel.agents.hook_events import CLAUDE_CODE_JUDGED, CLAUDE_CODE_OUTCOMES, CLAUDE_CODE_TOLD
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from prempti_otel.settings.http_hooks import HttpHooks

COMMANDS = frozenset({"SessionStart", "UserPromptSubmit", "SessionEnd"})
"""The events that stay commands."""
TIMEOUT_SECONDS = 5
"""What a request may take; the hook's own deadline is the same."""
HONOURS_FAILURE = (2, 1, 295)
"""From this version on Claude Code knows ``onFailure``: a hook that fails or is missing blocks the call."""
VERSION_SECONDS = 10.0
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class UnknownVersionError(PremptiError):
    """A program does not tell which version it is."""


@dataclass(frozen=True)
class HttpForm:
    """The entries. ``told`` gives the entry of an event that is told of by a command."""

    told: Callable[[str], Callable[[str], hook_entries.Entry]]

    def entries(self, home: Home, *, fail_open: bool) -> dict[str, hook_entries.Entry]:
        """See :class:`prempti_otel.agents.hooks_json.HttpForm`."""
        from prempti_otel.settings.http_hooks import read_http_hooks

        try:
            hooks = read_http_hooks(home.http_hooks)
        except PremptiError:
            return {}  # as good as none; the problems tell it
        if hooks is None:
            return {}
        found = {CLAUDE_CODE_JUDGED: _entry(CLAUDE_CODE_JUDGED, hooks, blocks=not fail_open)}
        for event in CLAUDE_CODE_TOLD:
            if event not in COMMANDS:
                found[event] = _entry(event, hooks, blocks=False)
            elif event == "UserPromptSubmit" and not fail_open:
                found[event] = _watch(home, hooks)
            else:
                command = hook_file.command("claude_code", home, fail_open=fail_open, lifecycle=True)
                found[event] = self.told(event)(command)
        return found

    def fails_open(self, found: list[tuple[str, hook_entries.Entry]]) -> bool:
        """See :class:`prempti_otel.agents.hooks_json.HttpForm`."""
        judged = [
            hook for event, entry in found if event == CLAUDE_CODE_JUDGED for hook in hook_entries.http_entries(entry)
        ]
        return any(hook.get("onFailure") != "block" for hook in judged)

    def problems(self, home: Home, path: Path) -> list[str]:
        """See :class:`prempti_otel.agents.hooks_json.HttpForm`."""
        from prempti_otel.settings.http_hooks import read_http_hooks

        found = []
        try:
            hooks = read_http_hooks(home.http_hooks)
        except PremptiError as error:
            return [error.diagnostics()]
        if hooks is None:
            found.append(
                f"the engine has no port for HTTP hooks any more ({home.http_hooks} is gone): "
                "run premptictl hook add claude_code --transport http"
            )
        elif not home.http_port.exists():
            found.append(f"no engine listens on port {hooks.port}, so calls are blocked: see premptictl status")
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            found.append(f"{path} holds the engine's token, and others can read it: run chmod 600 {path}")
        return found


def installed_version() -> str:
    """The version of the ``claude`` that is found here. Raises UnknownVersionError."""
    import shutil

    program = shutil.which("claude")
    if program is None:
        raise UnknownVersionError(
            "Claude Code is not found, so its version is not known", remedy="have claude in PATH, or use a command"
        )
    return version_of(program)


def version_of(program: str) -> str:
    """What ``program --version`` says. Raises UnknownVersionError."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - the agent that this user runs
            [program, "--version"],
            capture_output=True,
            timeout=VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnknownVersionError(
            f"{program} --version did not answer: {error}", remedy="see whether claude runs at all"
        ) from error
    version = _VERSION.search(done.stdout.decode(errors="replace"))
    if version is None:
        raise UnknownVersionError(f"{program} tells no version", remedy="see whether claude runs at all")
    return version[0]


def honours_failure(version: str) -> bool:
    """Whether Claude Code of this version blocks a call when its hook fails."""
    return tuple(int(part) for part in version.split(".")) >= HONOURS_FAILURE


def require_version() -> None:
    """Raises PremptiError where Claude Code would let calls run while the engine is down."""
    version = installed_version()
    if not honours_failure(version):
        needed = ".".join(map(str, HONOURS_FAILURE))
        raise PremptiError(
            f"Claude Code {version} runs a call when an HTTP hook fails; {needed} and later do not",
            remedy="run claude update, or use --transport command",
        )


def _entry(event: str, hooks: HttpHooks, *, blocks: bool) -> hook_entries.Entry:
    hook: dict[str, Any] = {
        "type": "http",
        "url": hooks.url,
        "timeout": TIMEOUT_SECONDS,
        "headers": {"Authorization": hooks.authorization},
    }
    if blocks:
        hook["onFailure"] = "block"
    return (
        {"matcher": "*", "hooks": [hook]}
        if event == CLAUDE_CODE_JUDGED or event in CLAUDE_CODE_OUTCOMES
        else {"hooks": [hook]}
    )


def _watch(home: Home, hooks: HttpHooks) -> hook_entries.Entry:
    """UserPromptSubmit: waited for, and the prompt does not begin where it fails."""
    command = hook_file.command("claude_code", home, fail_open=False, http=hooks.port)
    return {"hooks": [{"type": "command", "command": command, "timeout": TIMEOUT_SECONDS * 3, "onFailure": "block"}]}
