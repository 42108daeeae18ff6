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
        lines = (shown.stdout + shown.stderr).split("\n")
        driving = {char for line in lines for char in line if unicodedata.category(char) in KINDS_THAT_DRIVE_A_TERMINAL}
        assert not driving, arguments
