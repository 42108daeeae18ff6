"""The real OpenCode: installed from npm once, run headless against a scripted model (Anthropic)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import npm_agents
from tests.support.npm_agents import Outcome, Run, play
from tests.support.scripted_model import PROMPT, Asked, ScriptedModel

VERSION = "1.18.33"


def installed() -> Path:
    """OpenCode's program."""
    return npm_agents.installed("opencode-ai", VERSION, "opencode", "opencode")


def run(
    program: Path,
    home: Path,
    project: Path,
    turns: Sequence[Sequence[tuple[str, dict[str, Any]]]],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> Run:
    """Let OpenCode play ``turns`` (its tool's name and input of each call) with this HOME, in this project.

    Nothing of the caller's environment reaches it. Only plugins stand between the model and the tools.
    """
    model = ScriptedModel([[Asked(tool, given) for tool, given in turn] for turn in turns])
    with model.serving():
        provider = {"options": {"baseURL": f"{model.url}/v1", "apiKey": "dummy"}, "models": {"scripted": {}}}
        settings = {
            "autoupdate": False,
            "share": "disabled",
            "permission": "allow",
            "provider": {"anthropic": provider},
        }
        command = [str(program), "run", "-m", "anthropic/scripted", PROMPT]
        variables = {"OPENCODE_CONFIG_CONTENT": json.dumps(settings)} | dict(environment or {})
        code, stdout, stderr = play(command, home, project, variables, timeout)
    return Run([_outcome(call) for call in model.calls], code, stdout, stderr)


def _outcome(call: Asked) -> Outcome:
    text = call.result or ""
    denied_by = "hook" if call.is_error and ("correlation id: " in text or "prempti" in text) else None
    return Outcome(call.id, call.tool, call.input, call.result, call.is_error, denied_by)
