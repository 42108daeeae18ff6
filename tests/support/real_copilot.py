"""The real GitHub Copilot CLI: installed from npm once, run headless and offline against a scripted model."""

from __future__ import annotations

from pathlib import Path

from tests.support import npm_agents
from tests.support.npm_agents import Headless, Outcome
from tests.support.scripted_model import PROMPT, Asked

VERSION = "1.0.102"


def installed() -> Path:
    """Copilot CLI's program."""
    return npm_agents.installed("@github/copilot", VERSION, "copilot-cli", "copilot")


def _start(url: str) -> tuple[list[str], dict[str, str]]:
    return ["-p", PROMPT, "--allow-all-tools", "--allow-all-paths"], {
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_TYPE": "anthropic",
        "COPILOT_PROVIDER_BASE_URL": url,
        "COPILOT_PROVIDER_API_KEY": "dummy",
        "COPILOT_MODEL": "claude-sonnet-4.5",
    }


def _outcome(call: Asked) -> Outcome:
    text = call.result or ""
    denied_by = "hook" if text.startswith("Denied by preToolUse hook") else None
    return Outcome(call.id, call.tool, call.input, call.result, call.is_error, denied_by)


run = Headless(_start, _outcome)
