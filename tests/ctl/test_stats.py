"""What was decided, counted and compared with what other rules would have said."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ctl import PREMPTICTL, Ctl

RULE = """
- rule: No echo
  desc: For this test.
  condition: proc.name = echo
  output: no echo
  priority: NOTICE
  source: coding_agent
  tags: [coding_agent_deny]
"""
TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctl]:
    """A guard that has judged five calls in two sessions."""
    home = tmp_path_factory.mktemp("stats") / "home"
    home.mkdir()
    ctl = Ctl(home)
    ctl.ok("start")
    ctl.judged("Bash", {"command": "echo one"})
    ctl.judged("Bash", {"command": "git reset --hard"})
    ctl.judged("Read", {"file_path": "/etc/shadow"}, session="other")
    ctl.judged("Bash", {"command": f"echo {TOKEN}"})
    ctl.judged("Bash", {"command": "true"})
    yield ctl
    ctl("stop", "--keep-hooks")


def test_stats_count_calls_by_verdict_rule_tool_agent_and_day(busy: Ctl) -> None:
    told = json.loads(busy.ok("audit", "stats", "--format", "json"))
    assert (told["calls"], told["sessions"]) == (5, 2)
    assert told["verdicts"] == {"defer": 3, "ask": 1, "deny": 1}
    assert told["tools"] == {"Bash": 4, "Read": 1}
    assert told["agents"] == {"claude_code": 5}
    assert told["stopped_by"]["Read credentials"] == 1
    assert sum(sum(counts.values()) for counts in told["days"].values()) == 5
    assert 0 < told["duration_seconds"]["p50"] <= told["duration_seconds"]["p99"]
    text = busy.ok("audit", "stats")
    assert "5 calls in 2 sessions" in text
    assert [line.split()[0] for line in text.splitlines() if line.isupper()] == [
        "VERDICT",
        "RULE",
        "TOOL",
        "AGENT",
        "DAY",
    ]
    assert "█" in text


def test_stats_of_no_calls_are_told_in_a_sentence(busy: Ctl) -> None:
    assert "0 calls" in busy.ok("audit", "stats", "--days", "1e-12")


def test_top_prints_one_frame_into_a_pipe(busy: Ctl) -> None:
    for arguments in (["top", "--once"], ["top"]):
        frame = busy.ok(*arguments)
        assert "5 calls in the last 60 min" in frame
        assert "2 sessions" in frame
        assert "Read credentials" in frame
        assert "git reset --hard" in frame


def test_top_goes_on_in_a_terminal_until_it_is_interrupted(busy: Ctl) -> None:
    ours, theirs = pty.openpty()
    top = subprocess.Popen(
        [PREMPTICTL, "top"], env=busy.env | {"TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        deadline = time.monotonic() + 60
        while seen.count(b"calls in the last") < 2 and time.monotonic() < deadline:
            if select.select([ours], [], [], 1)[0]:
                seen += os.read(ours, 65536)
    finally:
        top.send_signal(signal.SIGINT)
        code = top.wait(60)
        os.close(ours)
    assert seen.count(b"calls in the last") >= 2
    assert code == 130


def test_history_shows_what_an_added_rule_would_have_done(busy: Ctl, tmp_path: Path) -> None:
    rule = tmp_path / "mine.yaml"
    rule.write_text(RULE)
    told = json.loads(busy.ok("replay", "--history", "30", "--add", str(rule), "--format", "json"))
    assert (told["calls"], told["approximate"], told["skipped"]) == (5, 1, 0)
    changed = [(one["before"], one["after"], one["rules"], one["approximate"]) for one in told["changed"]]
    assert changed == [("defer", "deny", ["No echo"], False), ("defer", "deny", ["No echo"], True)]
    assert told["stopped_by"]["No echo"] == 2
    days = told["days"].values()
    assert [sum(day[what] for day in days) for what in ("calls", "stopped")] == [5, 4]
    text = busy.ok("replay", "--history", "30", "--add", str(rule), "--format", "text")
    assert "1 would get another verdict" in text
    assert "changed, approximate" in text
    assert "█" in text
    assert TOKEN not in text


def test_history_judged_by_the_same_rules_is_as_it_was(busy: Ctl) -> None:
    told = json.loads(busy.ok("replay", "--history", "1", "--format", "json"))
    assert told["changed"] == []


def test_history_shows_what_would_no_longer_be_stopped(busy: Ctl, tmp_path: Path) -> None:
    rule = tmp_path / "mine.yaml"
    rule.write_text(RULE)
    told = json.loads(busy.ok("replay", "--history", "30", "--rules", str(rule), "--format", "json"))
    freed = {tuple(one["rules"][:1]) for one in told["changed"] if one["after"] == "defer"}
    assert ("Read credentials",) in freed
