"""A tool call as the agent declared it, normalised over agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""What a JSON text can hold."""


class ToolCall(msgspec.Struct, frozen=True):
    """One call, before it runs. Text fields are ``""`` where the agent gives none."""

    agent: str
    """``claude_code``, ``codex``, ``gemini``, ...: rule field ``agent.name``."""
    hook_event: str
    """The agent's own name of the hook event, such as ``PreToolUse``."""
    session_id: str
    cwd: str
    """As the agent gave it."""
    real_cwd: str
    """Absolute, symlinks followed; ``""`` where ``cwd`` is not absolute."""
    tool: str
    """Rule field ``tool.name``: the normalised name, as Claude Code spells it (``Bash``, ``Write``, ...)."""
    input: Mapping[str, JsonValue]
    """The tool's arguments."""
    input_json: str
    """The same as compact JSON text: rule field ``tool.input``."""
    use_id: str = ""
    """The agent's own id of this call (``tool_use_id``)."""
    prompt_id: str = ""
    turn_id: str = ""
    permission_mode: str = ""
    transcript_path: str = ""
    model: str = ""
    subagent_id: str = ""
    subagent_type: str = ""
    command: str = ""
    """Shell text, for shell tools only: rule field ``tool.input_command``."""
    file_path: str = ""
    """The one file that the tool names, as the agent gave it; ``""`` for tools that name none."""
    real_file_path: str = ""
    """Absolute: existing ancestors canonicalised, symlinks followed, a missing suffix kept."""
    patch_op: str = ""
    """``Add``, ``Update``, ``Delete`` or ``Move`` (Prempti's words) for a patch tool's file."""
    mcp_server: str = ""
    mcp_tool: str = ""
    agent_pid: int = 0
    """Process id of the agent as far as known, else 0."""
    traceparent: str = ""
    """W3C trace context that the hook was started with; untrusted data."""
    correlation_id: int = 0
    """This call's number in the engine: positive, unique within an installation."""
    received_ns: int = 0
    """Unix time in nanoseconds at which the engine had the payload."""
    extra: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    """What else the agent sent and a record may want, by the agent's own names."""
