"""Codex: what its PreToolUse and PermissionRequest hooks are given, and what they honour as an answer.

PreToolUse was seen on 0.169.0, headless; PermissionRequest, which cannot be reached there, is as its
documentation has it. Codex runs a call on anything that it does not understand: ``ask``, ``defer``, a deny
without a reason, exit status 2 with nothing on standard error. So only two answers are ever given: ``{}``,
and a deny with a reason, which :func:`_deny` alone writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from prempti_otel.agents.calls import encodable, judged_event, said, split_mcp, tool_call
from prempti_otel.agents.codex import lifecycle
from prempti_otel.agents.hook_events import CODEX_CALL, CODEX_PERMISSION
from prempti_otel.agents.interface import Agent, Facts, Reply
from prempti_otel.agents.payload import required_object, required_text
from prempti_otel.agents.told import unasked
from prempti_otel.model.decision import Verdict

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision
    from prempti_otel.model.lifecycle import Lifecycle

_NO_OPINION = Reply(b"{}")


class Codex(Agent):
    """The adapter."""

    name: ClassVar[str] = "codex"
    title: ClassVar[str] = "Codex"
    facts: ClassVar[Facts] = Facts(
        seen="0.169.0, headless (`codex exec`); `PermissionRequest` by its documentation only",
        events=(CODEX_CALL, CODEX_PERMISSION),
        verdicts="deny, defer. `ask` becomes deny with a reason; `allow` is defer, except in `PermissionRequest`",
        failure=(
            ("the hook cannot reach the engine, is missing or crashes", "blocked (exit status 2 and a line on stderr)"),
            (
                "the hook takes longer than 15 s",
                "**runs**: Codex has no setting for that; the hook ends itself at 5 s, with the engine's start at 12 s",
            ),
            ("the shell itself cannot be started", "**runs**"),
        ),
        gaps=(
            (
                "A hook that is not trusted does not run and nothing says so; `hook add` trusts ours where `codex` is "
                "installed, `hook status` tells the trust where it can."
            ),
            "A hook of type `http` in the same file makes Codex ignore the whole file.",
            "A project's `.codex/hooks.json` is read only in a project that Codex trusts.",
            "A shell command that fails ends `ok`: Codex does not tell its exit status.",
            "An MCP tool that fails ends `unknown`: Codex does not tell that it ended.",
            "Subagents were not tried.",
        ),
    )

    def lifecycle(self, fields: dict[str, Any], arrival: Arrival) -> Lifecycle | None:
        """See :meth:`Agent.lifecycle`."""
        event = required_text(fields, "hook_event_name")
        if event in lifecycle.EVENTS:
            with unasked(event):
                return lifecycle.read(self.name, fields, arrival)
        return None

    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.call`."""
        event = judged_event(fields, CODEX_CALL, CODEX_PERMISSION)
        tool = required_text(fields, "tool_name")
        return tool_call(
            self.name,
            arrival,
            event=event,
            session=required_text(fields, "session_id"),
            cwd=required_text(fields, "cwd"),
            tool=tool,
            tool_input=required_object(fields, "tool_input"),
            mcp=split_mcp(tool),
            shared=fields,
        )

    def can_ask(self, call: ToolCall) -> bool:  # noqa: ARG002
        """Never: Codex runs a call on ``ask``."""
        return False

    def reply(self, call: ToolCall, decision: Decision) -> Reply:
        """See :meth:`Agent.reply`. An action that is none of the four is denied."""
        if decision.action is Verdict.DEFER:
            return _NO_OPINION
        if decision.action is Verdict.ALLOW:
            if call.hook_event == CODEX_PERMISSION:
                return _permission({"behavior": "allow"})
            return _NO_OPINION
        return _deny(call.hook_event, said(decision.reason))

    def block(self, sentence: str) -> Reply:
        """Exit status 2 with the sentence on standard error, for which event it is may be unknown."""
        return Reply(b"", said(sentence).encode() + b"\n", 2)

    def no_opinion(self, warning: str = "") -> Reply:
        """``{}``, or the warning as a message to the user."""
        return Reply(msgspec.json.encode({"systemMessage": encodable(warning)})) if warning else _NO_OPINION


def _deny(event: str, reason: str) -> Reply:
    if event == CODEX_PERMISSION:
        return _permission({"behavior": "deny", "message": reason})
    answer = {"hookEventName": CODEX_CALL, "permissionDecision": "deny", "permissionDecisionReason": reason}
    return Reply(msgspec.json.encode({"hookSpecificOutput": answer}))


def _permission(decision: dict[str, Any]) -> Reply:
    answer = {"hookEventName": CODEX_PERMISSION, "decision": decision}
    return Reply(msgspec.json.encode({"hookSpecificOutput": answer}))
