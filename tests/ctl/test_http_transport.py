"""HTTP hooks as a person sets them up: one command each way, refused where unsafe, gone with the rest."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prempti_otel.settings.home import Home
from prempti_otel.settings.http_hooks import ADDRESS, HttpHooks, read_http_hooks
from tests.support.claude_payloads import payload
from tests.support.ctl import Ctl
from tests.support.http_hooks import post

LIFECYCLE = {
    "PostToolUse",
    "PostToolUseFailure",
    "PermissionDenied",
    "PostToolBatch",
    "SubagentStart",
    "SubagentStop",
    "Stop",
}


def claude(folder: Path, says: str) -> None:
    """A program of that name that tells a version and nothing else."""
    program = folder / "claude"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)


@pytest.fixture
def ctl(tmp_path: Path) -> Iterator[Ctl]:
    """A user with Claude Code 2.1.330."""
    home, programs = tmp_path / "home", tmp_path / "programs"
    home.mkdir()
    programs.mkdir()
    claude(programs, "2.1.330 (Claude Code)")
    found = Ctl(home, path=f"{programs}:/usr/bin:/bin")
    yield found
    found("stop")


def settings(ctl: Ctl) -> Path:
    return ctl.user_home / ".claude/settings.json"


def hooks(ctl: Ctl) -> dict[str, list[dict[str, Any]]]:
    """Event → all hooks for it."""
    groups = json.loads(settings(ctl).read_text())["hooks"]
    return {event: [hook for group in entries for hook in group["hooks"]] for event, entries in groups.items()}


def port_of(ctl: Ctl) -> HttpHooks:
    found = read_http_hooks(Home(ctl.guard_home).http_hooks)
    assert found is not None
    return found


def state(ctl: Ctl) -> dict[str, Any]:
    done = ctl("hook", "status", "claude_code", "--format", "json")
    found: dict[str, Any] = json.loads(done.stdout)[0]
    assert done.returncode == bool(found["problems"] or not found["registered"])
    return found


def test_one_command_registers_http_and_the_engine_listens(ctl: Ctl) -> None:
    assert "hook added" in ctl.ok("hook", "add", "claude_code", "--transport", "http")
    port = port_of(ctl)
    found = hooks(ctl)
    assert found["PreToolUse"] == [
        {
            "type": "http",
            "url": port.url,
            "timeout": 5,
            "headers": {"Authorization": port.authorization},
            "onFailure": "block",
        }
    ]
    assert {event for event, (hook,) in found.items() if hook["type"] == "http"} == {"PreToolUse", *LIFECYCLE}
    assert all("onFailure" not in found[event][0] for event in LIFECYCLE)
    (watch,) = found["UserPromptSubmit"]
    assert f"--http {port.port}" in watch["command"]
    assert (watch["onFailure"], watch.get("async")) == ("block", None)
    assert "--lifecycle" in found["SessionStart"][0]["command"]
    assert port.token not in "".join(hook.get("command", "") for (hook,) in found.values())
    for file in (settings(ctl), Home(ctl.guard_home).http_hooks):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert post(port, payload("Bash", {"command": "ls"})).status == 200
    assert (state(ctl)["transport"], state(ctl)["current"], state(ctl)["problems"]) == ("http", True, [])
    assert "over HTTP" in ctl.ok("hook", "status", "claude_code")
    assert "over HTTP" in ctl.ok("status")
    assert "unchanged" in ctl.ok("hook", "add", "claude_code")
    assert port_of(ctl) == port


def test_switching_leaves_one_registration_and_going_back_closes_the_port(ctl: Ctl) -> None:
    settings(ctl).parent.mkdir()
    settings(ctl).write_text('{"model": "opus"}')
    settings(ctl).chmod(0o644)
    for transport, kind in (("command", "command"), ("http", "http"), ("command", "command")):
        ctl.ok("hook", "add", "claude_code", "--transport", transport)
        assert [hook["type"] for hook in hooks(ctl)["PreToolUse"]] == [kind]
        assert all(len(found) == 1 for found in hooks(ctl).values())
    assert not Home(ctl.guard_home).http_hooks.exists()
    ctl.ok("hook", "add", "claude_code", "--transport", "http")
    ctl.ok("hook", "remove", "claude_code")
    assert settings(ctl).read_text() == '{"model": "opus"}'
    assert not Home(ctl.guard_home).http_hooks.exists()


def test_stop_takes_http_hooks_out_and_start_puts_the_same_ones_back(ctl: Ctl) -> None:
    ctl.ok("hook", "add", "claude_code", "--transport", "http")
    port, before = port_of(ctl), settings(ctl).read_text()
    ctl.ok("stop")
    assert not settings(ctl).exists()
    with pytest.raises(ConnectionRefusedError):
        post(port, b"{}")
    ctl.ok("start")
    assert (settings(ctl).read_text(), port_of(ctl)) == (before, port)
    ctl.ok("install", "--no-service", "--agent", "claude_code")
    assert (settings(ctl).read_text(), port_of(ctl)) == (before, port)
    ctl.ok("uninstall", "--yes")
    assert not ctl.guard_home.exists()
    assert not settings(ctl).exists()


def test_rotating_changes_port_and_token_at_once(ctl: Ctl) -> None:
    ctl.ok("hook", "add", "claude_code", "--transport", "http")
    before = port_of(ctl)
    assert "started anew" in ctl.ok("hook", "add", "claude_code", "--transport", "http", "--rotate")
    after = port_of(ctl)
    assert before.token != after.token
    assert before.port != after.port
    assert hooks(ctl)["PreToolUse"][0]["url"] == after.url
    assert post(after, payload("Bash", {"command": "ls"})).status == 200
    with pytest.raises(ConnectionRefusedError):
        post(before, b"{}")
    done = ctl("hook", "add", "claude_code", "--transport", "command", "--rotate")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "says", "sentence"),
    [
        (("claude_code",), "2.1.294 (Claude Code)", "2.1.295 and later do not"),
        (("claude_code",), "1.0.3", "claude update"),
        (("claude_code",), "hello", "tells no version"),
        (("claude_code", "--scope", "project"), "2.1.330", "use the scope user"),
        (("claude_code", "--scope", "local"), "2.1.330", "use the scope user"),
        (("claude_code", "--scope", "managed"), "2.1.330", "use the scope user"),
        (("codex",), "2.1.330", "codex has no HTTP hooks"),
        (("gemini",), "2.1.330", "gemini has no HTTP hooks"),
        (("nobody",), "2.1.330", "nobody"),
    ],
)
def test_http_is_refused_where_it_would_not_be_safe_and_nothing_is_changed(
    ctl: Ctl, arguments: tuple[str, ...], says: str, sentence: str
) -> None:
    claude(Path(ctl.path.partition(":")[0]), says)
    done = ctl("hook", "add", *arguments, "--transport", "http")
    assert done.returncode not in (0, 4)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not settings(ctl).exists()
    assert not Home(ctl.guard_home).http_hooks.exists()


def test_without_claude_code_its_version_is_not_known_and_http_is_refused(ctl: Ctl) -> None:
    (Path(ctl.path.partition(":")[0]) / "claude").unlink()
    done = ctl("hook", "add", "claude_code", "--transport", "http")
    assert done.returncode not in (0, 4)
    assert "not known" in done.stderr
    ctl.ok("hook", "add", "claude_code", "--transport", "http", "--fail-open")
    assert "onFailure" not in hooks(ctl)["PreToolUse"][0]
    assert state(ctl)["fail_open"] is True


def test_a_port_that_another_program_took_is_refused_told_and_cured_by_its_remedy(ctl: Ctl) -> None:
    ctl.ok("hook", "add", "claude_code", "--transport", "http")
    port = port_of(ctl)
    ctl.ok("stop")
    with socket.create_server((ADDRESS, port.port)):
        done = ctl("start")
        assert done.returncode not in (0, 4)
        assert f"port {port.port}" in done.stderr
        assert "--rotate" in done.stderr
        assert not settings(ctl).exists(), "agents must not be sent to a port that is somebody else's"
        assert f"port {port.port}" in ctl("status").stdout
        ctl.ok("hook", "add", "claude_code", "--transport", "http", "--rotate")
        assert port_of(ctl).port != port.port
        assert state(ctl)["problems"] == []


def test_the_status_tells_when_others_can_read_the_token_and_when_no_engine_listens(ctl: Ctl) -> None:
    ctl.ok("hook", "add", "claude_code", "--transport", "http")
    settings(ctl).chmod(0o644)
    assert "chmod 600" in state(ctl)["problems"][0]
    ctl.ok("hook", "add", "claude_code")
    assert state(ctl)["problems"] == []
    ctl.ok("stop", "--keep-hooks")
    assert "no engine listens" in state(ctl)["problems"][0]
    ctl.ok("start")
    assert state(ctl)["problems"] == []
    Home(ctl.guard_home).http_hooks.write_text("{")
    assert "--rotate" in state(ctl)["problems"][0]
    ctl.ok("hook", "add", "claude_code", "--transport", "http", "--rotate")
    assert state(ctl)["problems"] == []
    Home(ctl.guard_home).http_hooks.unlink()
    assert "--transport http" in state(ctl)["problems"][0]
    ctl.ok("hook", "add", "claude_code")
    assert state(ctl)["problems"] == []


def test_the_doctor_tries_the_port_as_the_agent_would(ctl: Ctl) -> None:
    ctl.ok("hook", "add", "claude_code", "--transport", "http")

    def probe() -> dict[str, str]:
        found = json.loads(ctl("doctor", "--format", "json").stdout)
        return next(one for one in found if one["check"] == "probe")

    assert probe()["state"] == "ok"
    ctl.ok("stop", "--keep-hooks")
    assert probe()["state"] == "fail"
    ctl.ok("start")
    assert probe()["state"] == "ok"
