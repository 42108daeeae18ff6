"""Calls of a session that is made up, sent to a real engine as Claude Code's hook would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from prempti_otel.engine.client import EngineClient
from prempti_otel.telemetry import ids
from tests.support.claude_payloads import fields, payload

AGENT = "claude_code"
CALLS_PER_PROMPT = 50
WORDS = ("ls", "deny-me", "ask-me", "note-me")
"""What tests.support.rulesets.RULES answers to: nothing, a deny, an ask, a notice."""


@dataclass(frozen=True)
class Call:
    """One call of one session."""

    session: str
    number: int

    @property
    def use_id(self) -> str:
        return f"toolu_{self.session}_{self.number:06d}"

    @property
    def prompt(self) -> str:
        return f"{self.session}-prompt-{self.number // CALLS_PER_PROMPT}"

    @property
    def command(self) -> str:
        return f"echo {WORDS[self.number % len(WORDS)]} {self.number}"

    @property
    def denied(self) -> bool:
        return "deny-me" in self.command

    @property
    def span_id(self) -> str:
        return f"{ids.span_id(self.session, self.use_id, 1):016x}"

    @property
    def trace_id(self) -> str:
        return f"{ids.trace_id(self.session, self.prompt):032x}"

    def make(self, client: EngineClient) -> None:
        """Ask about the call and, if it may run, tell how it ended."""
        input_ = {"command": self.command, "description": "a call of the tests"}
        same = {"session_id": self.session, "prompt_id": self.prompt, "tool_use_id": self.use_id}
        client.hook(AGENT, payload("Bash", input_, **same))
        if not self.denied:
            ended = fields("Bash", input_, **same, hook_event_name="PostToolUse", duration_ms=12)
            ended["tool_response"] = {"stdout": "", "stderr": "", "interrupted": False}
            client.hook(AGENT, json.dumps(ended).encode())


def calls(session: str, first: int, last: int) -> Iterator[Call]:
    """The calls of ``session`` numbered ``first`` to ``last - 1``."""
    return (Call(session, number) for number in range(first, last))


def tell(client: EngineClient, event: str, call: Call) -> None:
    """Tell of a lifecycle event of the prompt that ``call`` belongs to: ``UserPromptSubmit``, ``Stop``."""
    known = fields("Bash", {})
    told = {name: known[name] for name in ("transcript_path", "cwd", "permission_mode")}
    told |= {"hook_event_name": event, "session_id": call.session, "prompt_id": call.prompt, "prompt": "do it"}
    client.hook(AGENT, json.dumps(told).encode())
