"""A line per call, that no recorded text can spoil."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime

from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from tests.support.ctl import PREMPTICTL, Ctl


def call(ctl: Ctl, command: str, session: str = "s") -> None:
    payload = {
        "session_id": session,
        "cwd": str(ctl.user_home),
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": command},
        "tool_use_id": "t",
    }
    with EngineClient(Home(ctl.guard_home)) as engine:
        assert engine.hook("claude_code", json.dumps(payload).encode()).complete


def test_each_call_is_a_line_with_its_verdict_and_rule(ctl: Ctl) -> None:
    ctl.ok("start")
    call(ctl, "ls")
    call(ctl, "git reset --hard")
    lines = ctl.ok("logs").splitlines()
    assert len(lines) == 2
    assert "defer" in lines[0]
    assert "ask" in lines[1]
    assert "git reset --hard" in lines[1]
    assert "Discard uncommitted or unpushed work" in lines[1]


def test_filters_and_tail_choose_lines(ctl: Ctl) -> None:
    ctl.ok("start")
    for number in range(5):
        call(ctl, f"echo {number}", session=f"s{number}")
    call(ctl, "git reset --hard")
    assert len(ctl.ok("logs", "--tail", "2").splitlines()) == 2
    assert "git reset" in ctl.ok("logs", "--verdict", "ask")
    assert len(ctl.ok("logs", "--verdict", "ask").splitlines()) == 1
    assert "echo 3" in ctl.ok("logs", "--session", "s3")
    assert len(ctl.ok("logs", "--rule", "Discard uncommitted or unpushed work").splitlines()) == 1
    assert ctl.ok("logs", "--tail", "0") == ""
    assert len(ctl.ok("logs", "--tool", "Bash").splitlines()) == 6
    assert ctl.ok("logs", "--tool", "Read") == ctl.ok("logs", "--agent", "codex") == ""
    assert len(ctl.ok("logs", "--agent", "claude_code", "--session", "s").splitlines()) == 1


def test_a_span_of_time_chooses_lines(ctl: Ctl) -> None:
    ctl.ok("start")
    for number in range(25):
        call(ctl, f"echo {number}")
    assert len(ctl.ok("logs", "--since", "1h").splitlines()) == 25
    assert ctl.ok("logs", "--until", "1h") == ""
    assert ctl.ok("logs", "--since", "2100-01-01") == ""
    times = [json.loads(line)["time_ns"] for line in ctl.ok("logs", "-n", "25", "--format", "json").splitlines()]
    middle = times[12] // 1000 * 1000
    after = datetime.fromtimestamp(middle // 10**9, UTC).replace(microsecond=middle // 1000 % 10**6).isoformat()
    assert len(ctl.ok("logs", "--since", after).splitlines()) == sum(time_ns >= middle for time_ns in times)
    done = ctl("logs", "--since", "yesterday")
    assert done.returncode == 2
    assert "'yesterday' is no time" in done.stderr


def test_control_characters_are_shown_not_sent(ctl: Ctl) -> None:
    ctl.ok("start")
    call(ctl, "echo '\x1b]0;title\x07\x1b[2J'")
    text = ctl.ok("logs") + ctl.ok("audit", "show")
    assert "\x1b" not in text
    assert "\\x1b" in text


def test_following_shows_calls_as_they_come(ctl: Ctl) -> None:
    ctl.ok("start")
    call(ctl, "echo first")
    follower = subprocess.Popen(
        [PREMPTICTL, "logs", "--follow", "--format", "json"], env=ctl.env, stdout=subprocess.PIPE, text=True
    )
    assert follower.stdout is not None
    try:
        assert json.loads(follower.stdout.readline())["body"]["call"]["command"] == "echo first"
        call(ctl, "echo second")
        assert json.loads(follower.stdout.readline())["body"]["call"]["command"] == "echo second"
    finally:
        follower.terminate()
        follower.communicate(timeout=300)


def test_a_call_that_was_blocked_without_the_engine_is_shown_after_the_next_start(ctl: Ctl) -> None:
    ctl.ok("start")
    ctl.ok("stop")
    assert ctl("health").returncode == 4
    ctl.ok("start")
    deadline = time.monotonic() + 60
    while "without the engine" not in ctl.ok("logs") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "blocked claude_code without the engine" in ctl.ok("logs")
