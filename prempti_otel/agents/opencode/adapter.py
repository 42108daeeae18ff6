"""OpenCode: it has no hooks that are commands, so a plugin of ours (``plugin.js``) asks the hook.

Payload and reply are the plugin's own: the call on standard input; ``{}`` lets it run, and whatever else comes
back, nothing included, makes the plugin throw, which is how a plugin stops a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from prempti_otel.agents.calls import PATCH_TOOL, judged_event, renamed, split_mcp, tool_call
from prempti_otel.agents.interface import Facts, Reply
from prempti_otel.agents.payload import optional_text, required_object, required_text
from prempti_otel.agents.unasked import UnaskedAgent

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import ToolCall

EVENT = "tool.execute.before"
"""The one event that is judged."""

_FILE = {"filePath": "file_path"}
_EDIT = _FILE | {"oldString": "old_string", "newString": "new_string", "replaceAll": "replace_all"}
_SHELL_FOLDER = "workdir"

TOOLS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "bash": ("Bash", {}),
        "read": ("Read", _FILE),
        "write": ("Write", _FILE),
        "edit": ("Edit", _EDIT),
        "multiedit": ("MultiEdit", _EDIT),
        "apply_patch": (PATCH_TOOL, {"patchText": "command"}),
        "patch": (PATCH_TOOL, {"patchText": "command"}),
        "grep": ("Grep", {"include": "glob"}),
        "glob": ("Glob", {}),
        "list": ("LS", {}),
        "webfetch": ("WebFetch", {}),
        "websearch": ("WebSearch", {}),
        "task": ("Agent", {}),
        "todowrite": ("TodoWrite", {}),
    }
)
"""OpenCode's tool → its normal name, and which of its input's keys have another normal name."""


class OpenCode(UnaskedAgent):
    """The adapter. A plugin can stop a call or let it run, and no more."""

    name: ClassVar[str] = "opencode"
    title: ClassVar[str] = "OpenCode"
    facts: ClassVar[Facts] = Facts(
        seen="1.18.33, headless (`opencode run`)",
        events=(EVENT,),
        verdicts="deny, defer. `ask` becomes deny with a reason; `allow` is defer",
        failure=(
            ("the hook cannot reach the engine, is missing, crashes or takes 15 s", "blocked: the plugin throws"),
            ("OpenCode cannot load the plugin", "**runs**, unjudged"),
        ),
        gaps=(
            "Versions before the end of 2025 did not ask plugins about the calls of subagents or MCP tools.",
            "Names of MCP tools do not tell server from tool: `mcp.server` is empty.",
            "Another plugin that comes later can change the call after it was judged.",
        ),
    )

    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.call`."""
        event = judged_event(fields, EVENT, key="event")
        original = required_text(fields, "tool")
        given = required_object(fields, "args")
        tool, keys = TOOLS.get(original, (original, {}))
        return tool_call(
            self.name,
            arrival,
            event=event,
            session=required_text(fields, "sessionID"),
            cwd=required_text(fields, "cwd"),
            tool=tool,
            tool_input=renamed(given, keys),
            place="args.",
            folder=optional_text(given, _SHELL_FOLDER, "args.") if tool == "Bash" else "",
            mcp=split_mcp(tool),
            use_id=optional_text(fields, "callID"),
            extra={"tool_name": original} if tool != original else None,
        )

    def deny(self, reason: str) -> Reply:
        """See :meth:`UnaskedAgent.deny`."""
        return Reply(msgspec.json.encode({"decision": "deny", "reason": reason}))
