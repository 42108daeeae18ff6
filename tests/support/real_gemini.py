"""The real Gemini CLI: installed from npm once, run headless against a scripted model (Gemini API)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support import npm_agents
from tests.support.npm_agents import Headless, Outcome
from tests.support.scripted_model import PROMPT, Asked, ScriptedModel

VERSION = "0.61.0"

SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
}
"""What it needs in its settings file to run headless; it takes settings from files only."""


def installed() -> Path:
    """Gemini CLI's program."""
    return npm_agents.installed("@google/gemini-cli", VERSION, "gemini-cli", "gemini")


def prepare(home: Path) -> Path:
    """Write the settings that it needs; the file."""
    file = home / ".gemini/settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(SETTINGS, indent=2) + "\n")
    return file


class GenerateContent(ScriptedModel):
    """The model in Google's form."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[str, bytes]:
        """Content type and body for one request."""
        if "enerateContent" not in path:
            return "application/json", b'{"totalTokens": 1}'
        answered = set()
        for content in body.get("contents", []):
            for part in content.get("parts", []):
                if "functionResponse" in part:
                    response = part["functionResponse"].get("response") or {}
                    text = response.get("error", response.get("output"))
                    call_id = part["functionResponse"].get("id", "")
                    answered.add(call_id)
                    is_error = "error" in response
                    self.note(call_id, text if isinstance(text, str) else json.dumps(response), is_error=is_error)
        for tool in body.get("tools") or []:
            self.tools_offered |= {each["name"] for each in tool.get("functionDeclarations", [])}
        # Requests without tools are the agent's own, for a summary and the like.
        due = self.due(answered) if body.get("tools") else ()
        parts: list[dict[str, Any]] = [
            {"functionCall": {"id": call.id, "name": call.tool, "args": call.input}} for call in due
        ]
        candidate = {
            "content": {"role": "model", "parts": parts or [{"text": "done"}]},
            "finishReason": "STOP",
            "index": 0,
        }
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        message = json.dumps({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"})
        if "alt=sse" in path:
            return "text/event-stream", f"data: {message}\n\n".encode()
        return "application/json", message.encode()


def _start(url: str) -> tuple[list[str], dict[str, str]]:
    arguments = ["-p", PROMPT, "--skip-trust", "-m", "gemini-2.5-pro", "-o", "stream-json", "--yolo"]
    return arguments, {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": url}


def _outcome(call: Asked) -> Outcome:
    text = call.result or ""
    denied_by = None
    if call.is_error and text.startswith("Tool execution blocked:"):
        denied_by = "hook"
    elif call.is_error and text.startswith("Path not in workspace"):
        denied_by = "config"
    failed = call.is_error or "\nExit Code: " in text
    return Outcome(call.id, call.tool, call.input, call.result, failed, denied_by)


run = Headless(_start, _outcome, GenerateContent)
