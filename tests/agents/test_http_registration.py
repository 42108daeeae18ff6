"""HTTP hooks in Claude Code's settings: ours are known and replaced as a whole, those of others are left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prempti_otel.agents.claude_code import hooks as claude_code_hooks
from prempti_otel.agents.registration import Action, HookStatus, Scope, Transport, add, remove, status
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from tests.support.http_hooks import set_up

AGENT = "claude_code"
THEIRS = {"type": "http", "url": "http://127.0.0.1:8080/their/hook", "timeout": 3}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own, with a hook of somebody else's."""
    (tmp_path / "home/.claude").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setattr(claude_code_hooks, "MANAGED", tmp_path / "managed.json")
    settings(tmp_path).write_text(json.dumps({"hooks": {"PreToolUse": [{"hooks": [THEIRS]}]}}, indent=1))
    return tmp_path


@pytest.fixture
def home(place: Path) -> Home:
    found = Home(place / "home/.prempti")
    found.create()
    found.http_port.write_text(f"{set_up(found).port}\n")
    return found


def settings(place: Path) -> Path:
    return place / "home/.claude/settings.json"


def hooks(place: Path) -> list[dict[str, Any]]:
    groups = json.loads(settings(place).read_text())["hooks"]["PreToolUse"]
    return [hook for group in groups for hook in group["hooks"]]


def user(place: Path, home: Home) -> HookStatus:
    return next(found for found in status(AGENT, home, place) if found.scope is Scope.USER)


def test_hooks_of_others_stay_whatever_becomes_of_ours(place: Path, home: Home) -> None:
    before = settings(place).read_text()
    assert not user(place, home).registered
    assert add(AGENT, Scope.USER, home, place, transport=Transport.HTTP).action is Action.ADDED
    assert add(AGENT, Scope.USER, home, place, transport=Transport.HTTP).action is Action.UNCHANGED
    assert hooks(place)[0] == THEIRS
    assert len(hooks(place)) == 2
    assert add(AGENT, Scope.USER, home, place).action is Action.UPDATED
    assert [hook["type"] for hook in hooks(place)] == ["http", "command"]
    assert add(AGENT, Scope.USER, home, place, transport=Transport.HTTP).action is Action.UPDATED
    assert remove(AGENT, Scope.USER, home, place).action is Action.REMOVED
    assert settings(place).read_text() == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", "http://127.0.0.1:1/prempti/hook/claude_code"),
        ("url", "https://evil.example/prempti/hook/claude_code"),
        ("headers", {}),
        ("timeout", 600),
    ],
)
def test_a_registration_that_was_changed_is_told_and_mended(place: Path, home: Home, key: str, value: object) -> None:
    add(AGENT, Scope.USER, home, place, transport=Transport.HTTP)
    good = settings(place).read_text()
    data = json.loads(good)
    data["hooks"]["PreToolUse"][1]["hooks"][0][key] = value
    settings(place).write_text(json.dumps(data))
    found = user(place, home)
    assert (found.registered, found.current, found.transport) == (True, False, Transport.HTTP)
    assert any("hook add" in problem for problem in found.problems)
    add(AGENT, Scope.USER, home, place, transport=Transport.HTTP)
    assert user(place, home).problems == ()
    assert json.loads(settings(place).read_text()) == json.loads(good)


def test_an_entry_that_no_longer_blocks_on_failure_is_shown_as_failing_open(place: Path, home: Home) -> None:
    add(AGENT, Scope.USER, home, place, transport=Transport.HTTP)
    data = json.loads(settings(place).read_text())
    del data["hooks"]["PreToolUse"][1]["hooks"][0]["onFailure"]
    settings(place).write_text(json.dumps(data))
    assert (user(place, home).fail_open, user(place, home).current) == (True, False)


def test_a_command_and_an_http_hook_at_once_are_told(place: Path, home: Home) -> None:
    add(AGENT, Scope.USER, home, place)
    command = hooks(place)[1]
    add(AGENT, Scope.USER, home, place, transport=Transport.HTTP)
    data = json.loads(settings(place).read_text())
    data["hooks"]["PreToolUse"].append({"matcher": "*", "hooks": [command]})
    settings(place).write_text(json.dumps(data))
    assert not user(place, home).current
    add(AGENT, Scope.USER, home, place, transport=Transport.HTTP)
    assert [hook["type"] for hook in hooks(place)] == ["http", "http"]


def test_without_a_port_nothing_is_entered(place: Path, home: Home) -> None:
    home.http_hooks.unlink()
    before = settings(place).read_text()
    with pytest.raises(PremptiError, match="no port"):
        add(AGENT, Scope.USER, home, place, transport=Transport.HTTP)
    assert settings(place).read_text() == before
