"""The real OpenCode: installed from npm once, run headless against a scripted model (Anthropic)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import npm_agents
from tests.support.npm_agents import Headless, Outcome
from tests.support.scripted_model import PROMPT, Asked

VERSION = "1.18.33"


def installed() -> Path:
    """OpenCode's program."""
    return npm_agents.installed("opencode-ai", VERSION, "opencode", "opencode")


def _start(url: str) -> tuple[list[str], dict[str, str]]:
    provider = {"options": {"baseURL": f"{url}/v1", "apiKey": "dummy"}, "models": {"scripted": {}}}
    settings = {
        "autoupdate": False,
        "share": "disabled",
        "permission": "allow",
        "provider": {"anthropic": provider},
    }
    return ["run", "-m", "anthropic/scripted", PROMPT], {"OPENCODE_CONFIG_CONTENT": json.dumps(settings)}


def _outcome(call: Asked) -> Outcome:
    text = call.result or ""
    denied_by = "hook" if call.is_error and ("correlation id: " in text or "prempti" in text) else None
    return Outcome(call.id, call.tool, call.input, call.result, call.is_error, denied_by)


run = Headless(_start, _outcome)
