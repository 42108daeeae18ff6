"""Whose ``~`` is meant in calls: that of the agent's shell, also where an engine was started by a hook."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from prempti_otel.agents import hook_file
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import DecisionBody, body_of
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.user_home import account_home, remember_user_home, remembered_user_home
from tests.support.ctl import Ctl
from tests.support.hook_process import DEADLINE

PAYLOAD = {
    "session_id": "s",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "cat ~/.ssh/id_rsa"},
    "tool_use_id": "t",
}


def test_an_engine_that_a_hook_starts_goes_by_the_home_that_premptictl_had_and_not_by_the_hooks(ctl: Ctl) -> None:
    home = Home(ctl.guard_home)
    ctl.ok("hook", "add", "claude_code")
    hook = hook_file.command("claude_code", home, fail_open=False).replace(
        "--engine", f"--deadline {DEADLINE} --engine"
    )
    payload = json.dumps(PAYLOAD | {"cwd": str(ctl.user_home)}).encode()
    env = {"HOME": "/nonexistent/set/by/a/repository", "PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(["/bin/sh", "-c", hook], input=payload, env=env, capture_output=True, check=False)
        assert json.loads(done.stdout)["hookSpecificOutput"]["permissionDecision"] == "deny", done.stderr
        with StoreReader(home) as store:
            body = body_of(store.decisions(newest=True, limit=1)[0], DecisionBody)
        read = [event.fields["file.path"] for event in body.events if event.fields.get("file.op") == "read"]
        assert read == [f"{ctl.user_home}/.ssh/id_rsa"]
    finally:
        ctl("stop")


def test_the_home_is_written_down_only_where_it_is_not_the_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "guard")
    home.create()
    for named, expected in [(str(tmp_path), str(tmp_path)), (account_home(), ""), ("not/absolute", "")]:
        monkeypatch.setenv("HOME", named)
        remember_user_home(home)
        assert remembered_user_home(home) == expected
    assert not home.user_home.exists()


@pytest.mark.parametrize("content", [b"", b"~", b"relative", b"/a\0b", b"/" + b"a" * 5000])
def test_what_is_no_path_is_an_error_and_not_a_guess(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path / "guard")
    home.create()
    home.user_home.write_bytes(content)
    with pytest.raises(PremptiError, match="no absolute path"):
        remembered_user_home(home)
