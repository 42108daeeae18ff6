"""The real Claude Code: installed from npm once, run headless against a scripted model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import npm_agents
from tests.support.npm_agents import Outcome, Run, play
from tests.support.scripted_model import PROMPT, Asked, ScriptedModel

VERSION = "2.1.330"
QUIET = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


def installed() -> Path:
    """Claude Code's program."""
    return npm_agents.installed("@anthropic-ai/claude-code", VERSION, "claude-code", "claude")


def bash(command: str) -> tuple[str, dict[str, Any]]:
    """A call of its shell, for a script."""
    return "Bash", {"command": command, "description": "part of a test"}


def run(
    program: Path,
    home: Path,
    project: Path,
    turns: Sequence[Sequence[tuple[str, dict[str, Any]]]],
    *,
    subagent: Sequence[Sequence[tuple[str, dict[str, Any]]]] = (),
    environment: Mapping[str, str] | None = None,
    own_permissions: bool = False,
    resume: str = "",
    timeout: float = 120,
) -> Run:
    """Let Claude Code play ``turns`` (tool name and input of each call) with this HOME, in this project.

    Nothing of the caller's environment reaches it. Without ``own_permissions`` only hooks stand between
    the model and the tools. ``resume`` is the session that is gone on with, by nothing but what was left undone.
    """
    script, inner = (
        [[Asked(tool, tool_input) for tool, tool_input in turn] for turn in part] for part in (turns, subagent)
    )
    model = ScriptedModel(script, inner)
    with model.serving(), tempfile.TemporaryDirectory() as scratch:
        debug = Path(scratch) / "debug.log"
        begin = ["-p", "--resume", resume] if resume else ["-p", PROMPT]
        command = [str(program), *begin, "--output-format", "stream-json", "--verbose", "--strict-mcp-config"]
        command += ["--debug-file", str(debug)]
        variables = QUIET | {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "dummy"} | dict(environment or {})
        if not own_permissions:
            command.append("--dangerously-skip-permissions")
            variables["IS_SANDBOX"] = "1"  # or else it refuses that option to root
        code, stdout, stderr = play(command, home, project, variables, timeout)
        log = debug.read_text(errors="replace") if debug.exists() else ""
    refused = _refused(json.loads(line) for line in stdout.splitlines() if line.startswith("{"))
    calls = [Outcome(c.id, c.tool, c.input, c.result, c.is_error, refused.get(c.id)) for c in model.calls]
    return Run(calls, code, stdout, stderr, log)


def _refused(report: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Who refused which call."""
    found = {}
    for line in report:
        for item in line.get("tool_result_meta") or []:
            verdict = item.get("permission_decision") or {}
            if verdict.get("decision") == "reject":
                found[item["id"]] = str(verdict.get("source"))
    return found
