"""What each agent's hook is given for the same calls, in that agent's own form: written for the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

PROJECT = "/home/ada/engine"
PATCH = "*** Begin Patch\n*** Update File: a.txt\n@@\n-x\n+y\n*** Delete File: b.txt\n*** End Patch\n"


def codex(tool: str, tool_input: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "session_id": "0199-c0de",
        "turn_id": "turn-1",
        "transcript_path": "/home/ada/.codex/sessions/2026/rollout-1.jsonl",
        "cwd": PROJECT,
        "hook_event_name": "PreToolUse",
        "model": "gpt-5.5",
        "permission_mode": "bypassPermissions",
        "tool_name": tool,
        "tool_input": tool_input,
        "tool_use_id": "call_1",
    } | more


def gemini(tool: str, tool_input: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "session_id": "9e31-9e31",
        "transcript_path": "/home/ada/.gemini/tmp/engine/chats/session-1.jsonl",
        "cwd": PROJECT,
        "hook_event_name": "BeforeTool",
        "timestamp": "2026-01-02T03:04:05.006Z",
        "tool_name": tool,
        "tool_input": tool_input,
    }
    if tool.startswith("mcp_"):
        server, name = tool.split("_", 2)[1:]
        found["mcp_context"] = {"server_name": server, "tool_name": name, "command": "server", "args": ["--x"]}
    return found | more


def copilot(tool: str, tool_input: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    given = tool_input if isinstance(tool_input, str) else json.dumps(tool_input)
    return {
        "sessionId": "c0-9110",
        "timestamp": 1767323045006,
        "cwd": PROJECT,
        "toolName": tool,
        "toolArgs": given,
    } | more


def cursor(tool: str, tool_input: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "conversation_id": "c-1",
        "generation_id": "g-1",
        "model": "a-model",
        "hook_event_name": "preToolUse",
        "cursor_version": "2.5.0",
        "workspace_roots": [PROJECT],
        "user_email": None,
        "tool_name": tool,
        "tool_input": tool_input,
        "tool_use_id": "call_1",
        "cwd": PROJECT,
        "agent_message": "I shall do it.",
    } | more


def opencode(tool: str, tool_input: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "event": "tool.execute.before",
        "sessionID": "ses_1",
        "callID": "call_1",
        "tool": tool,
        "args": tool_input,
        "cwd": PROJECT,
    } | more


FORMS: dict[str, Callable[..., dict[str, Any]]] = {
    "codex": codex,
    "gemini": gemini,
    "copilot": copilot,
    "cursor": cursor,
    "opencode": opencode,
}
"""Agent → the payload's object for a call of its own tool, with that tool's own input."""

FILE = f"{PROJECT}/a.txt"
SAMPLES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "codex": [
        ("Bash", {"command": "make test"}),
        ("apply_patch", {"command": PATCH}),
        ("mcp__demo__echo", {"text": "hi"}),
    ],
    "gemini": [
        ("run_shell_command", {"command": "make test", "description": "run it"}),
        ("write_file", {"file_path": FILE, "content": "x\n"}),
        ("replace", {"file_path": FILE, "instruction": "i", "old_string": "x", "new_string": "y"}),
        ("read_file", {"file_path": FILE, "start_line": 1}),
        ("glob", {"pattern": "*.txt", "dir_path": "src"}),
        ("grep_search", {"pattern": "x", "dir_path": "src", "include_pattern": "*.py"}),
        ("list_directory", {"dir_path": "src"}),
        ("web_fetch", {"prompt": "summarise https://example.org/a and http://example.net/b"}),
        ("google_web_search", {"query": "engines"}),
        ("mcp_demo_echo", {"text": "hi"}),
    ],
    "copilot": [
        ("bash", {"command": "make test", "description": "run it", "sessionId": "s", "async": False}),
        ("create", {"path": FILE, "file_text": "x\n"}),
        ("edit", {"path": FILE, "old_str": "x", "new_str": "y"}),
        ("view", {"path": FILE}),
        ("grep", {"pattern": "x", "path": "src", "glob": "*.py"}),
        ("glob", {"pattern": "*.txt"}),
        ("web_fetch", {"url": "https://example.org/a"}),
        ("demo-echo", {"text": "hi"}),
    ],
    "cursor": [
        ("Shell", {"command": "make test", "working_directory": PROJECT}),
        ("Write", {"path": FILE, "contents": "x\n"}),
        ("StrReplace", {"path": FILE, "old_string": "x", "new_string": "y"}),
        ("Read", {"target_file": FILE}),
        ("Delete", {"path": FILE}),
        ("Grep", {"pattern": "x", "path": "src"}),
        ("MCP:echo", {"text": "hi"}),
    ],
    "opencode": [
        ("bash", {"command": "make test", "description": "run it", "timeout": 1000}),
        ("write", {"filePath": FILE, "content": "x\n"}),
        ("edit", {"filePath": FILE, "oldString": "x", "newString": "y", "replaceAll": True}),
        ("read", {"filePath": FILE, "offset": 1}),
        ("apply_patch", {"patchText": PATCH}),
        ("grep", {"pattern": "x", "path": "src", "include": "*.py"}),
        ("list", {"path": "src"}),
        ("webfetch", {"url": "https://example.org/a", "format": "text"}),
        ("demo_echo", {"text": "hi"}),
    ],
}
"""Agent → its own tools and inputs."""


def payload(agent: str, tool: str, tool_input: dict[str, Any] | str, **more: Any) -> bytes:
    """The same as the hook reads it."""
    return json.dumps(FORMS[agent](tool, tool_input, **more), ensure_ascii=False).encode()
