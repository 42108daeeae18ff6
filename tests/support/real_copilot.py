"""The real GitHub Copilot CLI: installed from npm once, run headless and offline against a scripted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import npm_agents
from tests.support.npm_agents import Outcome, Run, play
from tests.support.scripted_model import PROMPT, Asked, ScriptedModel

VERSION = "1.0.102"


def installed() -> Path:
    """Copilot CLI's program."""
    return npm_agents.installed("@github/copilot", VERSION, "copilot-cli", "copilot")


def run(
    program: Path,
    home: Path,
    project: Path,
    turns: Sequence[Sequence[tuple[str, dict[str, Any]]]],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> Run:
    """Let Copilot CLI play ``turns`` (its tool's name and input of each call) with this HOME, in this project.

    Nothing of the caller's environment reaches it. Only hooks stand between the model and the tools.
    """
    model = ScriptedModel([[Asked(tool, given) for tool, given in turn] for turn in turns])
    with model.serving():
        command = [str(program), "-p", PROMPT, "--allow-all-tools", "--allow-all-paths"]
        variables = {
            "COPILOT_OFFLINE": "true",
            "COPILOT_PROVIDER_TYPE": "anthropic",
            "COPILOT_PROVIDER_BASE_URL": model.url,
            "COPILOT_PROVIDER_API_KEY": "dummy",
            "COPILOT_MODEL": "claude-sonnet-4.5",
        } | dict(environment or {})
        code, stdout, stderr = play(command, home, project, variables, timeout)
    return Run([_outcome(call) for call in model.calls], code, stdout, stderr)


def _outcome(call: Asked) -> Outcome:
    text = call.result or ""
    denied_by = "hook" if text.startswith("Denied by preToolUse hook") else None
    return Outcome(call.id, call.tool, call.input, call.result, call.is_error, denied_by)
