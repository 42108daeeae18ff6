"""A call in the common form: what adapters share once they know the normal name of the tool and its input.

Rules name tools and inputs as Claude Code does, so every adapter translates to that first. Nothing
here may let a call pass without the part that it would be judged by.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.payload import compact, optional_text, required_text
from prempti_otel.model.call import ToolCall
from prempti_otel.model.paths import AUTOMOUNTED, EXHAUSTIVE, LONGEST, PathResolver, lies_in

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import JsonValue

MCP = "mcp__"
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
LONGEST_ID = 1024
PATCH_TOOL = "apply_patch"
"""Its whole patch is in ``command``; the analysis makes one event of each file in it."""

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

OTHER_TEXTS = {
    "Glob": ("pattern",),
    "Grep": ("pattern",),
    "WebFetch": ("url",),
    "WebSearch": ("query",),
    PATCH_TOOL: ("command",),
}
"""What else a call cannot be judged without."""

OPTIONAL_TEXTS = {"Glob": ("path",), "Grep": ("path", "glob"), "LS": ("path",)}


def tool_call(
    agent: str,
    arrival: Arrival,
    *,
    event: str,
    session: str,
    cwd: str,
    tool: str,
    tool_input: Mapping[str, JsonValue],
    place: str = "tool_input.",
    folder: str = "",
    mcp: tuple[str, str] = ("", ""),
    use_id: str = "",
    turn_id: str = "",
    shared: Mapping[str, Any] = MappingProxyType({}),
    extra: Mapping[str, JsonValue] | None = None,
) -> ToolCall:
    """The call of ``tool``, by its normal name, with ``tool_input``, by its normal keys.

    ``place`` is what comes before an input's key in messages; ``folder`` is where a shell command runs,
    if the input says so; ``shared`` is the payload, where it has what else it tells under the names that agents took
    over from each other. Raises PayloadError where ``cwd`` is not absolute, the tool lacks its own input, or what is
    shared has the wrong type.
    """
    if not cwd.startswith("/"):
        raise PayloadError("cwd in the payload is not an absolute path")
    use_id = use_id or optional_text(shared, "tool_use_id")
    turn_id = turn_id or optional_text(shared, "turn_id")
    prompt_id, subagent_id = optional_text(shared, "prompt_id"), optional_text(shared, "agent_id")
    check_sizes(cwd, session, use_id, prompt_id, turn_id, subagent_id)
    command, file_path = _subject(tool, tool_input, place)
    paths = _paths(cwd)
    real_cwd = _readable(paths.resolve(cwd, "/"))
    paths.go_on_from(real_cwd)
    if command and folder and _readable(paths.resolve(folder, real_cwd)) != real_cwd:
        command = f"cd {shlex.quote(folder)}\n{command}"
    return ToolCall(
        agent=agent,
        hook_event=event,
        session_id=session,
        cwd=cwd,
        real_cwd=real_cwd,
        tool=tool,
        input=tool_input,
        input_json=compact(tool_input),
        use_id=use_id,
        prompt_id=prompt_id,
        turn_id=turn_id,
        permission_mode=optional_text(shared, "permission_mode"),
        transcript_path=optional_text(shared, "transcript_path"),
        model=optional_text(shared, "model"),
        subagent_id=subagent_id,
        subagent_type=optional_text(shared, "agent_type"),
        command=command,
        file_path=file_path,
        real_file_path=_readable(paths.resolve(expand_home(file_path), real_cwd)),
        mcp_server=mcp[0],
        mcp_tool=mcp[1],
        agent_pid=arrival.agent_pid,
        traceparent=arrival.traceparent,
        correlation_id=arrival.correlation_id,
        received_ns=arrival.received_ns,
        extra=extra or {},
    )


def judged_event(fields: Mapping[str, Any], *judged: str, key: str = "hook_event_name") -> str:
    """The event of a payload, under ``key``. Raises PayloadError where it is none of those ``judged``."""
    event = required_text(fields, key)
    if event not in judged:
        verb = "are" if len(judged) > 1 else "is"
        raise PayloadError(f"unknown hook event {event[:80]!r}", remedy=f"only {' and '.join(judged)} {verb} judged")
    return event


def check_sizes(cwd: str, *ids: str) -> None:
    """Raises PayloadError for a folder or an id of a length that none has; both are kept as long as the session."""
    if len(cwd) > LONGEST:
        raise PayloadError(f"cwd in the payload has {len(cwd)} characters, more than the limit of {LONGEST}")
    for text in ids:
        if len(text) > LONGEST_ID:
            raise PayloadError(f"an id in the payload has {len(text)} characters, more than the limit of {LONGEST_ID}")


def renamed(tool_input: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """``tool_input`` under the normal keys. Raises PayloadError where it has a key in both spellings."""
    found: dict[str, Any] = {}
    for key, value in tool_input.items():
        normal = keys.get(key, key)
        if normal in found:
            raise PayloadError(f"the tool's input has {normal} twice, once as {key[:80]!r}")
        found[normal] = value
    return found


def split_mcp(tool: str) -> tuple[str, str]:
    """Server and tool of ``mcp__SERVER__TOOL``, ``("", "")`` for other names."""
    if not tool.startswith(MCP):
        return "", ""
    server, _, rest = tool[len(MCP) :].partition("__")
    return server, rest


def encodable(text: str) -> str:
    """``text`` with ``?`` for lone surrogates, which no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def said(reason: str) -> str:
    """``reason`` as a reply can hold it; never blank, for agents take a blank one for no answer."""
    return encodable(reason) if reason.strip() else "stopped by prempti"


def expand_home(path: str) -> str:
    """``~`` and ``~/...`` below this user's home, as the file tools of Claude Code read them; no ``~user``."""
    if path == "~" or path.startswith("~/"):
        return os.path.expanduser("~") + path[1:]  # noqa: PTH111
    return path


def _paths(cwd: str) -> PathResolver:
    """Resolves what the agent itself names, on network mounts, too: it is at work there, so they answer."""
    if not lies_in(cwd, AUTOMOUNTED):
        return PathResolver(EXHAUSTIVE, avoid=AUTOMOUNTED)
    return PathResolver(EXHAUSTIVE, avoid=tuple(root for root in AUTOMOUNTED if not lies_in(cwd, (root,))))


def _readable(path: str) -> str:
    """``path`` with U+FFFD for bytes of a link's target that are no UTF-8, so that it can be written anywhere."""
    return path if path.isascii() else path.translate(_SURROGATES)


def _subject(tool: str, tool_input: Mapping[str, Any], place: str) -> tuple[str, str]:
    """Shell code and file path of a call, either may be ``""``. Raises PayloadError where the tool lacks its own."""
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
