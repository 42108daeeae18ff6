"""Claude Code: what its PreToolUse hook is given, and what it honours as an answer.

Seen on 2.1.330 and 2.1.197, headless. An answer that it takes for no opinion is what a broken hook
prints: nothing, or text that is not JSON. So every answer here is one JSON object, and the ones
that stop a call are all written by :func:`_stop`, which cannot leave out a part that they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from prempti_otel.agents.interface import Agent, Arrival, PayloadError, Reply
from prempti_otel.agents.paths import expand_home, resolve
from prempti_otel.agents.payload import compact, decode, optional_text, required_object, required_text
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Verdict

if TYPE_CHECKING:
    from prempti_otel.model.decision import Decision

EVENT = "PreToolUse"
"""The one hook event that is judged."""

SHELL_TOOLS = {"Bash": True, "Monitor": False}
"""Tools with shell code in ``command``, and whether they must have it (Monitor may watch a socket instead)."""

FILE_TOOLS = {
    "Write": "file_path",
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "Read": "file_path",
    "NotebookEdit": "notebook_path",
}
"""Tools that name one file, and the input's key for it.

Prempti fills ``tool.file_path`` for Write, Edit and Read only. Its rules name the tool wherever they
name the path, so the other two change none of its verdicts. Glob and Grep name a folder to search: not a file.
"""

OTHER_TEXTS = {"Glob": ("pattern",), "Grep": ("pattern",), "WebFetch": ("url",), "WebSearch": ("query",)}
"""What else a call cannot be judged without."""

OPTIONAL_TEXTS = {"Glob": ("path",), "Grep": ("path", "glob")}

_NOTHING_ELSE = "stopped by prempti"
_ALLOW_REASON = "no rule of prempti stops this call"
_NO_OPINION = Reply(b"{}")
_MCP = "mcp__"


class ClaudeCode(Agent):
    """The adapter."""

    name: ClassVar[str] = "claude_code"
    title: ClassVar[str] = "Claude Code"

    def parse(self, payload: bytes, arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.parse`."""
        fields = decode(payload)
        event = required_text(fields, "hook_event_name")
        if event != EVENT:
            raise PayloadError(f"unknown hook event {event[:80]!r}", remedy=f"only {EVENT} is judged")
        session = required_text(fields, "session_id")
        cwd = required_text(fields, "cwd")
        if not cwd.startswith("/"):
            raise PayloadError("cwd in the payload is not an absolute path")
        tool = required_text(fields, "tool_name")
        tool_input = required_object(fields, "tool_input")
        command, file_path = _subject(tool, tool_input)
        real_cwd = resolve(cwd, "/")
        server, mcp_tool = _mcp(fields, tool)
        return ToolCall(
            agent=self.name,
            hook_event=event,
            session_id=session,
            cwd=cwd,
            real_cwd=real_cwd,
            tool=tool,
            input=tool_input,
            input_json=compact(tool_input),
            use_id=optional_text(fields, "tool_use_id"),
            prompt_id=optional_text(fields, "prompt_id"),
            turn_id=optional_text(fields, "turn_id"),
            permission_mode=optional_text(fields, "permission_mode"),
            transcript_path=optional_text(fields, "transcript_path"),
            model=optional_text(fields, "model"),
            subagent_id=optional_text(fields, "agent_id"),
            subagent_type=optional_text(fields, "agent_type"),
            command=command,
            file_path=file_path,
            real_file_path=resolve(expand_home(file_path), real_cwd),
            mcp_server=server,
            mcp_tool=mcp_tool,
            agent_pid=arrival.agent_pid,
            traceparent=arrival.traceparent,
            correlation_id=arrival.correlation_id,
            received_ns=arrival.received_ns,
            extra={name: fields[name] for name in ("effort", "mcp_server") if name in fields},
        )

    def can_ask(self, call: ToolCall) -> bool:  # noqa: ARG002
        """Always: where nobody is there to be asked, headless, Claude Code itself refuses the call."""
        return True

    def reply(self, call: ToolCall, decision: Decision) -> Reply:  # noqa: ARG002
        """See :meth:`Agent.reply`. An action that is none of the four is denied."""
        if decision.action is Verdict.DEFER:
            return _NO_OPINION
        if decision.action is Verdict.ALLOW:
            return _answer("allow", _ALLOW_REASON)
        return _stop("ask" if decision.action is Verdict.ASK else "deny", decision.reason)

    def block(self, sentence: str) -> Reply:
        """A deny in JSON: with exit status 2 the model would be shown the hook's command line."""
        return _stop("deny", sentence)

    def no_opinion(self, warning: str = "") -> Reply:
        """``{}``, or the warning as a message to the user, which is no opinion either."""
        return Reply(msgspec.json.encode({"systemMessage": _encodable(warning)})) if warning else _NO_OPINION


def _subject(tool: str, tool_input: dict[str, Any]) -> tuple[str, str]:
    """Shell code and file path of a call, either may be ``""``. Raises PayloadError where the tool lacks its own."""
    place = "tool_input."
    command = file_path = ""
    if tool in SHELL_TOOLS:
        command = (required_text if SHELL_TOOLS[tool] else optional_text)(tool_input, "command", place)
    elif tool in FILE_TOOLS:
        file_path = required_text(tool_input, FILE_TOOLS[tool], place)
    else:
        for name in OTHER_TEXTS.get(tool, ()):
            required_text(tool_input, name, place)
        for name in OPTIONAL_TEXTS.get(tool, ()):
            optional_text(tool_input, name, place)
    return command, file_path


def _mcp(fields: dict[str, Any], tool: str) -> tuple[str, str]:
    """MCP server and tool of ``mcp__SERVER__TOOL``; ``("", "")`` for other tools.

    The tool's name holds the server's with ``_`` for whatever is no letter, digit, ``_`` or ``-``;
    from 2.1.330 on (not in 2.1.197) ``mcp_server.name`` has it as it is.
    """
    server = ""
    if fields.get("mcp_server") is not None:
        server = optional_text(required_object(fields, "mcp_server"), "name", "mcp_server.")
    if not tool.startswith(_MCP):
        return server, tool if server else ""
    if server:
        spelled = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in server)
        prefix = f"{_MCP}{spelled}__"
        if tool.startswith(prefix):
            return server, tool[len(prefix) :]
    spelled, _, rest = tool[len(_MCP) :].partition("__")
    return server or spelled, rest


def _stop(how: Literal["deny", "ask"], reason: str) -> Reply:
    return _answer(how, reason if reason.strip() else _NOTHING_ELSE)


def _answer(decision: Literal["deny", "ask", "allow"], reason: str) -> Reply:
    answer = {
        "hookEventName": EVENT,
        "permissionDecision": decision,
        "permissionDecisionReason": _encodable(reason),
    }
    return Reply(msgspec.json.encode({"hookSpecificOutput": answer}))


def _encodable(text: str) -> str:
    """``text`` with ``?`` for lone surrogates, which no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()
