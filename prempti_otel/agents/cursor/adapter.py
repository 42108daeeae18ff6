"""Cursor: its preToolUse hook, by Cursor's documentation; not yet seen with the program itself.

Cursor has two families of events before a call. This one covers every tool. The other
(beforeShellExecution, beforeMCPExecution, beforeReadFile) has none before a file is written or deleted,
and together they would judge a command twice, so it is not used. Of preToolUse, Cursor enforces ``deny`` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from prempti_otel.agents.calls import PATCH_TOOL, judged_event, renamed, split_mcp, tool_call
from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.hook_events import CURSOR_JUDGED
from prempti_otel.agents.interface import Facts, Reply
from prempti_otel.agents.payload import optional_text, required_object, required_text
from prempti_otel.agents.unasked import UnaskedAgent

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import ToolCall

_FILE = {"path": "file_path", "target_file": "file_path"}
_SHELL_FOLDER = "working_directory"

TOOLS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "Shell": ("Bash", {}),
        "Read": ("Read", _FILE),
        "Write": ("Write", _FILE | {"contents": "content"}),
        "TabWrite": ("Write", _FILE | {"contents": "content"}),
        "StrReplace": ("Edit", _FILE),
        "Edit": ("Edit", _FILE),
        "Grep": ("Grep", {}),
        "Glob": ("Glob", {"glob_pattern": "pattern", "target_directory": "path"}),
        "Task": ("Agent", {}),
    }
)
"""Cursor's tool → its normal name, and which of its input's keys have another normal name.

``Delete`` has no such name: it becomes a patch that deletes the file.
"""

_MCP = "MCP:"


class Cursor(UnaskedAgent):
    """The adapter. Cursor lets a call run on ``ask``."""

    name: ClassVar[str] = "cursor"
    title: ClassVar[str] = "Cursor"
    allow: ClassVar[Reply] = Reply(b'{"permission":"allow"}')
    warning_key: ClassVar[str] = "user_message"
    facts: ClassVar[Facts] = Facts(
        seen="not yet; by Cursor's documentation",
        events=(CURSOR_JUDGED,),
        verdicts="deny, defer, allow. `ask` becomes deny with a reason: Cursor does not enforce it for this event",
        failure=(
            ("the hook cannot reach the engine, is missing or crashes", "blocked (exit status 2)"),
            ("the shell cannot run the command, or 15 s are over", "blocked by `failClosed`, where Cursor knows it"),
        ),
        gaps=(
            "Of the two families of events only this one is used: the other has none before a file is written.",
            "Completions while typing (Tab) are not tool calls.",
            "The server of an MCP tool is not told: `mcp.server` is empty.",
            "A project's hooks run in trusted workspaces only.",
        ),
    )

    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.call`."""
        event = judged_event(fields, CURSOR_JUDGED)
        original = required_text(fields, "tool_name")
        given = required_object(fields, "tool_input")
        tool, tool_input, mcp = _normal(original, given)
        return tool_call(
            self.name,
            arrival,
            event=event,
            session=required_text(fields, "conversation_id"),
            cwd=optional_text(fields, "cwd") or _first_root(fields),
            tool=tool,
            tool_input=tool_input,
            folder=optional_text(given, _SHELL_FOLDER, "tool_input.") if tool == "Bash" else "",
            mcp=mcp,
            turn_id=optional_text(fields, "generation_id"),
            shared=fields,
            extra={"tool_name": original} if tool != original else None,
        )

    def deny(self, reason: str) -> Reply:
        """See :meth:`UnaskedAgent.deny`."""
        answer = {"permission": "deny", "user_message": reason, "agent_message": reason}
        return Reply(msgspec.json.encode(answer))


def _normal(tool: str, given: dict[str, Any]) -> tuple[str, dict[str, Any], tuple[str, str]]:
    """Normal name and input, MCP server and tool."""
    if tool.startswith(_MCP):
        return f"mcp____{tool[len(_MCP) :]}", given, ("", tool[len(_MCP) :])
    if tool == "Delete":
        path = required_text(renamed(given, _FILE), "file_path", "tool_input.")
        if "\n" in path or "\r" in path:
            raise PayloadError("tool_input.file_path in the payload has a line break")
        return PATCH_TOOL, {"command": f"*** Begin Patch\n*** Delete File: {path}\n*** End Patch"}, ("", "")
    name, keys = TOOLS.get(tool, (tool, {}))
    return name, renamed(given, keys), split_mcp(tool)


def _first_root(fields: dict[str, Any]) -> str:
    roots = fields.get("workspace_roots")
    if isinstance(roots, list) and roots and isinstance(roots[0], str) and roots[0]:
        return roots[0]
    raise PayloadError("the payload has neither cwd nor workspace_roots")
