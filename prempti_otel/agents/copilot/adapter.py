"""GitHub Copilot CLI: its preToolUse hook, by GitHub's hooks reference, and as seen on 1.0.102, headless.

The payload does not name its event, so what was added for another event is told by its fields. Nothing tells a
run that a person watches from one without, so an ask is never sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from prempti_otel.agents.calls import PATCH_TOOL, renamed, split_mcp, tool_call
from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.hook_events import COPILOT_JUDGED
from prempti_otel.agents.interface import Facts, Reply
from prempti_otel.agents.payload import decode, required_text
from prempti_otel.agents.unasked import UnaskedAgent

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import ToolCall

_AFTERWARDS = ("toolResult", "error")
"""Fields of the events behind a call."""
_FILE = {"path": "file_path"}

TOOLS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "bash": ("Bash", {}),
        "write_bash": ("Bash", {"input": "command"}),
        "view": ("Read", _FILE),
        "create": ("Write", _FILE | {"file_text": "content"}),
        "edit": ("Edit", _FILE | {"old_str": "old_string", "new_str": "new_string"}),
        "str_replace_editor": ("Edit", _FILE | {"old_str": "old_string", "new_str": "new_string"}),
        "apply_patch": (PATCH_TOOL, {"input": "command", "patch": "command"}),
        "grep": ("Grep", {}),
        "rg": ("Grep", {}),
        "glob": ("Glob", {}),
        "web_fetch": ("WebFetch", {}),
        "web_search": ("WebSearch", {}),
        "task": ("Agent", {}),
        "update_todo": ("TodoWrite", {}),
    }
)
"""Copilot CLI's tool → its normal name, and which of its input's keys have another normal name."""


class Copilot(UnaskedAgent):
    """The adapter. Nothing tells whether somebody is there to be asked."""

    name: ClassVar[str] = "copilot"
    title: ClassVar[str] = "GitHub Copilot CLI"
    allow: ClassVar[Reply] = Reply(b'{"permissionDecision":"allow"}')
    facts: ClassVar[Facts] = Facts(
        seen="1.0.102, headless (`copilot -p`) and offline; the rest by GitHub's hooks reference",
        events=(COPILOT_JUDGED,),
        verdicts="deny, defer, allow. `ask` becomes deny with a reason: what a run without a person makes of it is not "
        "documented",
        failure=(
            (
                "the hook cannot reach the engine, is missing or crashes",
                "blocked: any exit status but 0 is a deny; the model is told why, of a missing hook only the status",
            ),
            (
                "the hook takes longer than 15 s",
                "**runs**: a timeout is always open; the hook ends itself at 5 s, with the engine's start at 12 s",
            ),
        ),
        gaps=(
            "Names of MCP tools do not tell server from tool: `mcp.server` is empty, `tool.name` is as Copilot has it.",
            "`disableAllHooks` in a repository's settings switches hooks off, save those of scope `managed`.",
            "Calls have no id of their own (`tool.use_id` is empty).",
        ),
    )

    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """See :meth:`Agent.call`."""
        original = required_text(fields, "toolName")
        for name in _AFTERWARDS:
            if name in fields:
                raise PayloadError(
                    f"the payload has {name}: the call is over", remedy=f"only {COPILOT_JUDGED} is judged"
                )
        tool, keys = TOOLS.get(original, (original, {}))
        return tool_call(
            self.name,
            arrival,
            event=COPILOT_JUDGED,
            session=required_text(fields, "sessionId"),
            cwd=required_text(fields, "cwd"),
            tool=tool,
            tool_input=renamed(_arguments(fields, tool), keys),
            place="toolArgs.",
            mcp=split_mcp(tool),
            extra={"tool_name": original} if tool != original else None,
        )

    def deny(self, reason: str) -> Reply:
        """See :meth:`UnaskedAgent.deny`."""
        return Reply(msgspec.json.encode({"permissionDecision": "deny", "permissionDecisionReason": reason}))


def _arguments(fields: dict[str, Any], tool: str) -> dict[str, Any]:
    """``toolArgs``, which is an object or the JSON text of one; of a patch it may be the patch itself."""
    given = fields.get("toolArgs")
    if type(given) is dict:
        return given
    if type(given) is not str:
        raise PayloadError("the payload has no toolArgs that are an object or its JSON text")
    if tool == PATCH_TOOL and not given.lstrip().startswith("{"):
        return {"command": given}
    try:
        return decode(given.encode())
    except PayloadError as error:
        raise PayloadError(f"toolArgs in the payload: {error.message}") from None
