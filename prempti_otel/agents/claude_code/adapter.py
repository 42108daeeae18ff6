"""Claude Code: what its PreToolUse hook is given, and what it honours as an answer.

Seen on 2.1.330 and 2.1.197, headless. An answer that it takes for no opinion is what a broken hook
prints: nothing, or text that is not JSON. So every answer here is one JSON object, and the ones
that stop a call are all written by :func:`_stop`, which cannot leave out a part that they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
import re2

from prempti_otel.agents.calls import MCP, encodable, judged_event, said, split_mcp, tool_call
from prempti_otel.agents.claude_code import lifecycle
from prempti_otel.agents.hook_events import CLAUDE_CODE_JUDGED
from prempti_otel.agents.interface import Agent, Arrival, Facts, Reply
from prempti_otel.agents.payload import optional_text, required_object, required_text
from prempti_otel.agents.told import unasked
from prempti_otel.model.decision import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision
    from prempti_otel.model.lifecycle import Lifecycle

BYPASS = "bypassPermissions"
"""The permission mode in which Claude Code asks nobody."""

_PRINT = re2.compile("-[A-Za-z]*p[A-Za-z]*")
_ASKS = "--permission-prompt-tool"
_ALLOW_REASON = "no rule of prempti stops this call"
_NO_OPINION = Reply(b"{}")


class ClaudeCode(Agent):
    """The adapter."""

    name: ClassVar[str] = "claude_code"
    title: ClassVar[str] = "Claude Code"
    facts: ClassVar[Facts] = Facts(
        seen="2.1.330, headless; its answers also on 2.1.197",
        events=(CLAUDE_CODE_JUDGED,),
        verdicts="deny, ask, defer, allow. Where nobody can be asked `ask` becomes deny with a reason, or ends the run "
        "until a person approved (`approvals.headless`): with `-p`, by the process's arguments, and with permissions "
        "bypassed, for 2.1.330 then runs some of the calls that it should ask about, as a write outside the project",
        failure=(
            ("the hook cannot reach the engine, is missing or crashes", "blocked (exit status 2 and a line on stderr)"),
            (
                "the shell cannot run the command at all, or 15 s are over",
                'blocked by `"onFailure": "block"` from 2.1.295 on. **Earlier versions let the call run**',
            ),
            (
                "over HTTP: the engine is down, hangs, refuses the token or answers with an error",
                "blocked; `hook add --transport http` refuses versions before 2.1.295",
            ),
            (
                "over HTTP: another program answers in the engine's place",
                "no prompt begins; in the middle of a turn **that program decides** ([HTTP hooks](http-hooks.md))",
            ),
        ),
        gaps=(
            (
                "Hooks can be switched off: by `disableAllHooks` in any settings file, a project's own included, by an "
                "administrator's `allowManagedHooksOnly`, or by starting Claude Code with `--bare`. "
                "`premptictl hook status` shows the first two."
            ),
            "Files that a person names with `@` in a prompt are read without a tool call.",
            "Input that a tool refuses by its own check first never gets to a hook.",
        ),
    )

    def lifecycle(self, fields: dict[str, Any], arrival: Arrival) -> Lifecycle | None:
        """See :meth:`Agent.lifecycle`."""
        event = required_text(fields, "hook_event_name")
        if lifecycle.known(event):
            with unasked(event):
                return lifecycle.read(self.name, event, fields, arrival)
        return None

    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.call`."""
        event = judged_event(fields, CLAUDE_CODE_JUDGED)
        tool = required_text(fields, "tool_name")
        return tool_call(
            self.name,
            arrival,
            event=event,
            session=required_text(fields, "session_id"),
            cwd=required_text(fields, "cwd"),
            tool=tool,
            tool_input=required_object(fields, "tool_input"),
            mcp=_mcp(fields, tool),
            shared=fields,
            extra={name: fields[name] for name in ("effort", "mcp_server") if name in fields},
        )

    def can_ask(self, call: ToolCall) -> bool:
        """Not with permissions bypassed; else where nobody is there to be asked, Claude Code itself refuses the call.

        With permissions bypassed 2.1.330 refuses some calls on ``ask`` and runs others, such as a write outside
        the project.
        """
        return call.permission_mode != BYPASS

    def headless(self, arguments: Sequence[str]) -> bool:
        """See :meth:`Agent.headless`. A program that embeds Claude Code names a tool that asks in its stead."""
        options = [word.partition("=")[0] for word in arguments[1:]]
        return any(word == "--print" or _PRINT.fullmatch(word) for word in options) and _ASKS not in options

    def reply(self, call: ToolCall, decision: Decision) -> Reply:  # noqa: ARG002
        """See :meth:`Agent.reply`. An action that is none of the four is denied."""
        if decision.action is Verdict.DEFER:
            return _NO_OPINION
        if decision.suspends and decision.action is Verdict.DENY:
            return _answer("defer", said(decision.reason))
        if decision.action is Verdict.ALLOW:
            return _answer("allow", _ALLOW_REASON)
        return _stop("ask" if decision.action is Verdict.ASK else "deny", decision.reason)

    def block(self, sentence: str) -> Reply:
        """A deny in JSON: with exit status 2 the model would be shown the hook's command line."""
        return _stop("deny", sentence)

    def no_opinion(self, warning: str = "") -> Reply:
        """``{}``, or the warning as a message to the user, which is no opinion either."""
        return Reply(msgspec.json.encode({"systemMessage": encodable(warning)})) if warning else _NO_OPINION


def _mcp(fields: dict[str, Any], tool: str) -> tuple[str, str]:
    """MCP server and tool of ``mcp__SERVER__TOOL``; ``("", "")`` for other tools.

    The tool's name holds the server's with ``_`` for whatever is no letter, digit, ``_`` or ``-``;
    from 2.1.330 on (not in 2.1.197) ``mcp_server.name`` has it as it is.
    """
    server = ""
    if fields.get("mcp_server") is not None:
        server = optional_text(required_object(fields, "mcp_server"), "name", "mcp_server.")
    if not tool.startswith(MCP):
        return server, tool if server else ""
    if server:
        spelled = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in server)
        prefix = f"{MCP}{spelled}__"
        if tool.startswith(prefix):
            return server, tool[len(prefix) :]
    spelled, rest = split_mcp(tool)
    return server or spelled, rest


def _stop(how: Literal["deny", "ask"], reason: str) -> Reply:
    return _answer(how, said(reason))


def _answer(decision: Literal["deny", "ask", "allow", "defer"], reason: str) -> Reply:
    answer = {
        "hookEventName": CLAUDE_CODE_JUDGED,
        "permissionDecision": decision,
        "permissionDecisionReason": reason,
    }
    return Reply(msgspec.json.encode({"hookSpecificOutput": answer}))
