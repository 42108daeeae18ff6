"""Nothing that a payload says, in any of its texts and keys, reaches a person's terminal as a control character."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from prempti_otel.ctl.lifecycle.process import end_engine
from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from tests.support.ctl import Ctl

HOSTILE = "\x1b]0;title\x07\x1b[2J\x1b[1;1H\r\x9b31m\x85\u2028\u202e\u200b\x00"
KINDS_THAT_DRIVE_A_TERMINAL = {"Cc", "Cf", "Zl", "Zp"}


def hostile(tool: str) -> dict[str, Any]:
    return {
        "session_id": f"s{HOSTILE}",
        "cwd": f"/tmp/{HOSTILE.rstrip(chr(0))}",
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": {
            f"key{HOSTILE}": {HOSTILE: HOSTILE},
            "command": f"rm -rf ~ {HOSTILE}",
            "path": f"/etc/{HOSTILE}",
        },
        "tool_use_id": f"t{HOSTILE}",
        "permission_mode": f"p{HOSTILE}",
        "model": f"m{HOSTILE}",
        "agent_id": f"a{HOSTILE}",
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctl]:
    """premptictl with an engine that serves all of these tests."""
    ctl = Ctl(tmp_path_factory.mktemp("home"))
    ctl.ok("start")
    yield ctl
    end_engine(Home(ctl.guard_home))


@pytest.mark.parametrize("tool", ["Bash", f"Tool{HOSTILE}", f"mcp__server{HOSTILE}__tool{HOSTILE}"])
def test_no_command_prints_a_control_character_of_a_payload(running: Ctl, tool: str) -> None:
    ctl = running
    payload = json.dumps(hostile(tool)).encode()
    with EngineClient(Home(ctl.guard_home)) as engine:
        assert engine.hook("claude_code", payload).complete
    call = json.loads(ctl.ok("logs", "-n", "1", "--format", "json"))["seq"]
    for arguments in (
        ("logs",),
        ("top", "--once"),
        ("audit", "show", str(call)),
        ("audit", "stats"),
        ("approvals",),
        ("status",),
        ("explain", "--payload", "-"),
        ("explain", "--full", "--payload", "-"),
    ):
        shown = ctl(*arguments, stdin=payload)
        assert shown.stdout or shown.stderr, arguments
        assert not driving(shown.stdout + shown.stderr), arguments


def driving(shown: str) -> set[str]:
    return {char for char in shown.replace("\n", "") if unicodedata.category(char) in KINDS_THAT_DRIVE_A_TERMINAL}


QUOTED = json.dumps(HOSTILE)
"""As YAML has it, too."""
RULE = "  desc: d\n  output: o\n  priority: WARNING\n  source: coding_agent\n"


@pytest.mark.parametrize(
    "text",
    [
        f"- rule: {QUOTED}\n  condition: nope.x = 1\n{RULE}",
        f"- rule: r\n  condition: {QUOTED}\n{RULE}",
        f"- rule: r\n  condition: tool.name = x\n{RULE.replace('WARNING', QUOTED)}",
        f"- rule: r\n  condition: tool.name = x\n{RULE}  tags: [{QUOTED}]\n  {QUOTED}: 1\n",
        f"- rule: r\n  condition: tool.name = x\n{RULE.replace(': o', f': {QUOTED}')}",
        f"- macro: {QUOTED}\n  condition: tool.name = x\n- list: {QUOTED}\n  items: [{QUOTED}]\n",
        f"- {HOSTILE}\n",
    ],
    ids=["name", "condition", "priority", "tags and keys", "output", "macro and list", "no YAML"],
)
def test_no_command_prints_a_control_character_of_a_rules_file(ctl: Ctl, text: str) -> None:
    folder = ctl.user_home / "project" / ".prempti" / "rules"
    folder.mkdir(parents=True)
    for file in (folder / f"own{HOSTILE.rstrip(chr(0))}.yaml", folder / "own.yaml", ctl.user_home / "other.yaml"):
        file.write_text(text)
    in_project = Ctl(ctl.user_home, folder=ctl.user_home / "project")
    for arguments in (
        ("rules", "check", "../other.yaml"),
        ("rules", "check", ".prempti/rules"),
        ("rules", "list"),
        ("rules", "list", "--rules", "../other.yaml"),
        ("rules", "show", HOSTILE.rstrip("\0")),
        ("rules", "trust", "--yes"),
        ("rules", "test", ".prempti/rules/own.yaml"),
        ("rules", "test", "--rules", "../other.yaml", "../other.yaml"),
        ("replay", "--add", "../other.yaml"),
        ("explain", "--rules", "../other.yaml", "ls"),
    ):
        shown = in_project(*arguments, stdin=b"{}\n")
        assert shown.stdout or shown.stderr, arguments
        assert not driving(shown.stdout + shown.stderr), arguments
