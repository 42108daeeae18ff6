"""The real Codex: installed from npm once, run headless against a scripted model (OpenAI Responses, streamed)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import npm_agents
from tests.support.npm_agents import Headless, Outcome
from tests.support.scripted_model import PROMPT, Asked, ScriptedModel

VERSION = "0.169.0"
MODEL = "gpt-5.5"
"""A name that Codex knows: with another it offers no ``apply_patch``."""

_HOOK = re.compile(r"(Command|Tool call) blocked by PreToolUse hook")
_OWN = re.compile(r"approval policy is Never; reject|patch rejected|exec_command failed: .*[Rr]ejected", re.DOTALL)
_FAILED = re.compile(r"(Process exited with code|Exit code:) (?!0\b)\d+")


def installed() -> Path:
    """Codex's program."""
    return npm_agents.installed("@openai/codex", VERSION, "codex", "codex")


class Responses(ScriptedModel):
    """The model in OpenAI's form."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[str, bytes]:
        """Content type and body for one request."""
        if not path.split("?")[0].endswith("/responses"):
            return "application/json", b'{"models": [], "data": []}'
        answered = set()
        for item in body.get("input", []):
            if str(item.get("type", "")).endswith("call_output"):
                answered.add(item.get("call_id", ""))
                self.note(item.get("call_id", ""), _text(item.get("output")))
        items = [_call(call) for call in self.due(answered)]
        if not items:
            content = [{"type": "output_text", "text": "done"}]
            items = [{"type": "message", "id": "msg_done", "role": "assistant", "content": content}]
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _streamed(items))
        return "text/event-stream", text.encode()


def _start(url: str) -> tuple[list[str], dict[str, str]]:
    """Hook trust is as it is in the HOME."""
    provider = f'{{name="scripted",base_url="{url}/v1",env_key="SCRIPTED_KEY",wire_api="responses",'
    provider += "request_max_retries=0,stream_max_retries=0}"
    options = {
        "model": f'"{MODEL}"',
        "model_provider": '"scripted"',
        "model_providers.scripted": provider,
        "check_for_update_on_startup": "false",
        "analytics.enabled": "false",
        "approval_policy": '"never"',
        "sandbox_mode": '"danger-full-access"',
    }
    arguments = ["exec", "--skip-git-repo-check", "--json"]
    for key, value in options.items():
        arguments += ["-c", f"{key}={value}"]
    return [*arguments, PROMPT], {"SCRIPTED_KEY": "dummy"}


def _outcome(call: Asked) -> Outcome:
    text = call.result or ""
    denied_by = "hook" if _HOOK.match(text) else "config" if _OWN.match(text) else None
    return Outcome(call.id, call.tool, call.input, call.result, bool(_FAILED.search(text)), denied_by)


run = Headless(_start, _outcome, Responses)


def _call(call: Asked) -> dict[str, Any]:
    if isinstance(call.input, str):
        kind, given = "custom_tool_call", {"input": call.input}
    else:
        kind, given = "function_call", {"arguments": json.dumps(call.input)}
    return {"type": kind, "id": f"item_{call.id}", "call_id": call.id, "name": call.tool} | given


def _streamed(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield {"type": "response.created", "response": {"id": "resp"}}
    for index, item in enumerate(items):
        yield {"type": "response.output_item.added", "output_index": index, "item": item}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    usage = {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1}
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}
    yield {"type": "response.completed", "response": {"id": "resp", "output": items, "usage": usage}}


def _text(content: Any) -> str:
    parts = content if isinstance(content, list) else [{"text": content or ""}]
    return "\n".join(str(part.get("text", "")) for part in parts)
