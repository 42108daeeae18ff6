"""PreToolUse payloads as Claude Code writes them, one for each tool: written for the tests."""

from __future__ import annotations

import json
from typing import Any

PROJECT = "/home/ada/engine"

TOOL_INPUTS: dict[str, dict[str, Any]] = {
    "Bash": {"command": "make test 2>&1 | tail -3", "description": "Run the tests", "timeout": 60000},
    "Monitor": {"command": "tail -F build.log", "description": "watch the build", "timeout_ms": 300000},
    "Write": {"file_path": f"{PROJECT}/notes/plan.md", "content": "# Plan\n\n- ünïcode: 1\n"},
    "Edit": {
        "file_path": f"{PROJECT}/src/main.py",
        "old_string": "x = 1",
        "new_string": "x = {'a': 2}",
        "replace_all": False,
    },
    "MultiEdit": {
        "file_path": f"{PROJECT}/src/main.py",
        "edits": [{"old_string": "a", "new_string": "b"}, {"old_string": "c", "new_string": "d"}],
    },
    "NotebookEdit": {"notebook_path": f"{PROJECT}/lab.ipynb", "cell_id": "c7", "new_source": "plot(x)"},
    "Read": {"file_path": f"{PROJECT}/README.md", "offset": 10, "limit": 5},
    "Glob": {"pattern": "**/*.py", "path": f"{PROJECT}/src"},
    "Grep": {"pattern": "def .*main", "path": f"{PROJECT}/src", "output_mode": "content", "-n": True},
    "WebFetch": {"url": "https://example.org/api?q=1:2", "prompt": "summarise"},
    "WebSearch": {"query": "difference engine", "allowed_domains": ["example.org"]},
    "Agent": {"description": "look around", "prompt": "Find the tests", "subagent_type": "general-purpose"},
    "Task": {"description": "look around", "prompt": "Find the tests", "subagent_type": "general-purpose"},
    "TodoWrite": {"todos": [{"content": "one", "status": "pending", "activeForm": "doing one"}]},
    "mcp__tracker__create_issue": {"title": "leak", "labels": ["bug"], "weight": 1.5, "parent": None},
    "ToolOfTomorrow": {"anything": {"goes": [1, 2.5, True, None, "x"]}},
}
"""Tool name → input."""


def fields(tool: str, tool_input: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The payload's object for a call of ``tool``."""
    found: dict[str, Any] = {
        "session_id": "5e0c1f9a-0000-4000-8000-000000000001",
        "transcript_path": "/home/ada/.claude/projects/-home-ada-engine/5e0c1f9a.jsonl",
        "cwd": PROJECT,
        "prompt_id": "prompt-1",
        "permission_mode": "default",
        "effort": {"level": "medium"},
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": TOOL_INPUTS.get(tool, {}) if tool_input is None else tool_input,
        "tool_use_id": "toolu_0123456789abcdef",
    }
    if tool.startswith("mcp__"):
        found["mcp_server"] = {"name": tool.split("__")[1], "source": "user"}
    return found | more


def payload(tool: str, tool_input: dict[str, Any] | None = None, **more: Any) -> bytes:
    """The same as the hook reads it."""
    return json.dumps(fields(tool, tool_input, **more), separators=(",", ":"), ensure_ascii=False).encode()
