"""Explain shows effects and reasons, and runs nothing."""

from __future__ import annotations

import json

from tests.support.ctl import Ctl


def test_effects_stand_below_what_causes_them(ctl: Ctl) -> None:
    text = ctl.ok("explain", "sudo rm -rf /usr/x")
    lines = [line.rstrip() for line in text.splitlines()]
    depths = [
        next(line.index(word) for line in lines if word in line)
        for word in ("process sudo", "process rm", "file delete -r /usr/x")
    ]
    assert depths == sorted(set(depths))
    assert "verdict: deny" in text


def test_the_part_that_did_not_hold_is_shown_with_its_value(ctl: Ctl) -> None:
    text = ctl.ok("explain", "--rule", "Read credentials", "cat README.md")
    assert "did not hold" in text
    assert "✗ file.home_path pmatch" in text


def test_only_what_decided_is_shown_unless_all_is_asked_for(ctl: Ctl) -> None:
    text = ctl.ok("explain", "cat ~/.ssh/id_rsa")
    assert "✓ file.home_path pmatch (~/.ssh)   file.home_path = ~/.ssh/id_rsa" in text
    assert "~/.aws" not in text
    assert "without a say in the verdict: Mark that a secret was read" in text
    assert "✗ file.home_path pmatch (~/.aws" in ctl.ok("explain", "--full", "cat ~/.ssh/id_rsa")


def test_nothing_is_run(ctl: Ctl) -> None:
    ctl.ok("explain", "touch proof")
    assert not (ctl.user_home / "proof").exists()
    assert not ctl.guard_home.exists()


def test_json_names_each_event_and_branch(ctl: Ctl) -> None:
    answer = json.loads(ctl.ok("explain", "--format", "json", "git reset --hard"))
    assert answer["verdict"] == "ask"
    assert answer["events"][1]["fields"]["proc.subcommand"] == "reset"
    branch = answer["rules"][0]["branches"][0]
    assert branch["held"] is True
    assert branch["event"] == 1


def test_a_payload_is_explained_like_a_command(ctl: Ctl) -> None:
    payload = {
        "session_id": "s",
        "cwd": "/home/dev/project",
        "hook_event_name": "PreToolUse",
        "tool_name": "Read",
        "tool_input": {"file_path": "/etc/shadow"},
        "tool_use_id": "t",
    }
    text = ctl.ok("explain", "--payload", "-", stdin=json.dumps(payload).encode())
    assert "file read /etc/shadow" in text
    assert "verdict: deny" in text


def test_an_unknown_rule_is_told_with_the_nearest_name(ctl: Ctl) -> None:
    done = ctl("explain", "--rule", "Read credential", "ls")
    assert done.returncode == 3
    assert "'Read credentials'" in done.stderr


def test_a_command_and_a_payload_exclude_each_other(ctl: Ctl) -> None:
    assert ctl("explain").returncode == 2
    assert ctl("explain", "ls", "--payload", "-").returncode == 2
