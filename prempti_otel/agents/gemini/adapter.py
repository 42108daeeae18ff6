"""Gemini CLI: what its BeforeTool hook is given, and what it honours as an answer.

Seen on 0.61.0, headless. ``ask`` makes a headless run wait for ever and Claude Code's form of a deny is
ignored, so a call is only ever stopped by :meth:`Gemini.deny`. There is no id of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec
import re2

from prempti_otel.agents.calls import judged_event, renamed, tool_call
from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.gemini import lifecycle
from prempti_otel.agents.hook_events import GEMINI_JUDGED
from prempti_otel.agents.interface import Facts, Reply
from prempti_otel.agents.payload import optional_text, required_object, required_text
from prempti_otel.agents.told import unasked
from prempti_otel.agents.unasked import UnaskedAgent

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.lifecycle import Lifecycle

FOLDER = "dir_path"

TOOLS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "run_shell_command": ("Bash", {}),
        "write_file": ("Write", {}),
        "replace": ("Edit", {"allow_multiple": "replace_all"}),
        "read_file": ("Read", {}),
        "glob": ("Glob", {FOLDER: "path"}),
        "grep_search": ("Grep", {FOLDER: "path", "include_pattern": "glob"}),
        "search_file_content": ("Grep", {FOLDER: "path", "include": "glob"}),
        "list_directory": ("LS", {FOLDER: "path"}),
        "web_fetch": ("WebFetch", {}),
        "google_web_search": ("WebSearch", {}),
        "write_todos": ("TodoWrite", {}),
    }
)
"""Gemini CLI's tool → its normal name, and which of its input's keys have another normal name.

Names and keys are those of the tool definitions in 0.61.0; ``search_file_content`` is what
``grep_search`` was called before.
"""

_URL = re2.compile(r"(?i)\b(?:https?|file)://[^\s<>\"'`]+")
_MCP = "mcp_"


class Gemini(UnaskedAgent):
    """The adapter. An ask would make a headless run wait for ever, and nothing tells whether it is one."""

    name: ClassVar[str] = "gemini"
    title: ClassVar[str] = "Gemini CLI"
    allow: ClassVar[Reply] = Reply(b'{"decision":"allow"}')
    warning_key: ClassVar[str] = "systemMessage"
    facts: ClassVar[Facts] = Facts(
        seen="0.61.0, headless (`gemini -p`)",
        events=(GEMINI_JUDGED,),
        verdicts="deny, defer, allow. `ask` becomes deny with a reason",
        failure=(
            ("the hook cannot reach the engine, is missing or crashes", "blocked (exit status 2 and a line on stderr)"),
            (
                "the hook takes longer than 15 s",
                "**runs**: there is no setting for that; the hook ends itself at 5 s, with the engine's start at 12 s",
            ),
        ),
        gaps=(
            "Calls have no id of their own (`tool.use_id` is empty).",
            "Files outside the project are refused by Gemini CLI itself before the hook is asked; there is no record.",
            "Hooks can be switched off in Gemini CLI's settings (`hooksConfig`).",
            "`web_fetch` has its URLs in a prompt: `url` is the first, the one that `net.*` tells of; `urls` are all.",
            "Subagents were not tried.",
        ),
    )

    def lifecycle(self, fields: dict[str, Any], arrival: Arrival) -> Lifecycle | None:
        """See :meth:`Agent.lifecycle`."""
        event = required_text(fields, "hook_event_name")
        if event == lifecycle.AFTER_TOOL:
            with unasked(event):
                used = _used(fields)
                return lifecycle.ended(self.name, fields, arrival, used.tool, used.input)
        if event in lifecycle.EVENTS:
            with unasked(event):
                return lifecycle.read(self.name, event, fields, arrival)
        return None

    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.call`."""
        event = judged_event(fields, GEMINI_JUDGED)
        used = _used(fields)
        return tool_call(
            self.name,
            arrival,
            event=event,
            session=required_text(fields, "session_id"),
            cwd=required_text(fields, "cwd"),
            tool=used.tool,
            tool_input=used.input,
            folder=optional_text(used.given, FOLDER, "tool_input.") if used.tool == "Bash" else "",
            mcp=used.mcp,
            shared=fields,
            extra={"tool_name": used.original} if used.tool != used.original else None,
        )

    def deny(self, reason: str) -> Reply:
        """See :meth:`UnaskedAgent.deny`."""
        return Reply(msgspec.json.encode({"decision": "deny", "reason": reason}))


class _Used(NamedTuple):
    """The tool of a call: as Gemini CLI has it, and by the normal names."""

    original: str
    given: dict[str, Any]
    tool: str
    input: dict[str, Any]
    mcp: tuple[str, str]


def _used(fields: dict[str, Any]) -> _Used:
    original = required_text(fields, "tool_name")
    given = required_object(fields, "tool_input")
    mcp = _mcp(fields, original)
    tool, keys = (f"mcp__{mcp[0]}__{mcp[1]}", {}) if mcp[0] else TOOLS.get(original, (original, {}))
    tool_input = renamed(given, keys)
    if tool == "WebFetch":
        tool_input = _with_urls(tool_input)
    return _Used(original, given, tool, tool_input, mcp)


def _mcp(fields: dict[str, Any], tool: str) -> tuple[str, str]:
    """Server and tool of an MCP call, from ``mcp_context``; else from ``mcp_SERVER_TOOL``, where ``_`` is ambiguous."""
    if fields.get("mcp_context") is not None:
        context = required_object(fields, "mcp_context")
        return (
            required_text(context, "server_name", "mcp_context."),
            required_text(context, "tool_name", "mcp_context."),
        )
    if not tool.startswith(_MCP):
        return "", ""
    server, _, rest = tool[len(_MCP) :].partition("_")
    return server, rest


def _with_urls(tool_input: dict[str, Any]) -> dict[str, Any]:
    """The input of ``web_fetch`` with ``url``, the first URL that it names, and ``urls`` where it names several."""
    given = optional_text(tool_input, "url", "tool_input.")
    prompt = optional_text(tool_input, "prompt", "tool_input.")
    urls = list(dict.fromkeys([*([given] if given else []), *_URL.findall(prompt)]))
    if not urls:
        raise PayloadError("tool_input in the payload names no URL to fetch")
    return tool_input | {"url": urls[0]} | ({"urls": urls} if len(urls) > 1 else {})
