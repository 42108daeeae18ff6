"""Replay judges lines in order; a bad one gives an error in its place."""

from __future__ import annotations

import json
from typing import Any

from tests.support.ctl import Ctl


def payload(command: str, **more: Any) -> dict[str, Any]:
    return {
        "session_id": "s",
        "cwd": "/home/dev/project",
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": command},
        "tool_use_id": "t",
    } | more


def lines(*values: Any) -> bytes:
    return b"".join((v if isinstance(v, bytes) else json.dumps(v).encode()) + b"\n" for v in values)


RULES = """
- rule: No zebras
  desc: d
  condition: tool.input_command contains zebra
  output: saw %tool.input_command
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_deny]
"""


def test_each_line_is_answered_in_its_place(ctl: Ctl) -> None:
    (ctl.user_home / "rules.yaml").write_text(RULES)
    done = ctl(
        "replay",
        "--rules",
        "rules.yaml",
        "--format",
        "json",
        stdin=lines(payload("echo zebra"), payload("echo horse"), b"{broken", {"payload": payload("zebra")}),
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("verdict") for answer in answers] == ["deny", "defer", None, "deny"]
    assert answers[0]["rules"] == ["No zebras"]
    assert "saw echo zebra" in answers[0]["reason"]
    assert answers[2]["error"]["line"] == 3
    assert done.returncode == 1


def test_lines_that_are_all_well_end_with_success(ctl: Ctl) -> None:
    (ctl.user_home / "rules.yaml").write_text(RULES)
    done = ctl("replay", "-", "--rules", "rules.yaml", stdin=lines(payload("ls")))
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "defer"


def test_the_agent_may_stand_beside_the_payload(ctl: Ctl) -> None:
    (ctl.user_home / "rules.yaml").write_text(RULES)
    done = ctl(
        "replay",
        "--rules",
        "rules.yaml",
        stdin=lines(
            {"agent": "claude_code", "payload": payload("zebra")},
            {"agent": "clippy", "payload": payload("zebra")},
            {"agent": 7, "payload": payload("zebra")},
        ),
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["verdict"] == "deny"
    assert "clippy" in answers[1]["error"]["message"]
    assert "agent" in answers[2]["error"]["message"]


def test_nothing_is_recorded(ctl: Ctl) -> None:
    ctl.ok("replay", stdin=lines(payload("ls")))
    assert not (ctl.guard_home / "audit.db").exists()


def test_a_rules_file_that_does_not_load_is_told(ctl: Ctl) -> None:
    (ctl.user_home / "rules.yaml").write_text(RULES.replace("contains", "contain"))
    done = ctl("replay", "--rules", "rules.yaml", stdin=lines(payload("ls")))
    assert done.returncode == 3
    assert "LOAD_ERR_COMPILE_CONDITION" in done.stderr
    assert not done.stdout
