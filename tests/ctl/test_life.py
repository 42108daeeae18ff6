"""The engine from start to stop, as a person runs it."""

from __future__ import annotations

import json

import pytest

from prempti_otel.settings.home import Home
from tests.support.ctl import Ctl


@pytest.fixture(autouse=True)
def few_rules(ctl: Ctl) -> None:
    """An engine starts in half the time without the default rules, of which nothing here depends."""
    Home(ctl.guard_home).create()
    (ctl.guard_home / "config.yaml").write_text("rules:\n  default: false\n")


def test_a_guard_lives_from_start_to_stop(ctl: Ctl) -> None:
    assert "engine started" in ctl.ok("start")
    assert "running already" in ctl.ok("start")
    assert ctl.ok("health") == "OK: pipeline healthy (synthetic event → defer)\n"
    state = json.loads(ctl.ok("status", "--format", "json"))
    assert state["running"] is True
    assert state["mode"] == "guardrails"
    assert state["calls"] == 1
    assert "prempti-health" not in ctl.ok("logs")
    assert "Bash true" in ctl.ok("logs")
    assert ctl.ok("audit", "verify").startswith("OK: ")
    assert json.loads(ctl.ok("audit", "show", "--format", "json"))["seq"] == state["last_seq"]
    assert "engine stopped" in ctl.ok("stop")
    assert ctl("status").returncode == 4


def test_mode_and_default_action_are_switched_while_it_runs_and_kept(ctl: Ctl) -> None:
    ctl.ok("start")
    assert ctl.ok("mode") == "guardrails\n"
    assert ctl.ok("mode", "monitor") == "monitor\n"
    assert ctl.ok("default-action", "allow") == "allow\n"
    assert ctl.ok("health") == "OK: pipeline healthy (synthetic event → allow)\n"
    ctl.ok("restart")
    assert ctl.ok("mode") == "monitor\n"
    assert "mode: monitor" in (ctl.guard_home / "config.yaml").read_text()


def test_status_tells_of_the_engine_also_where_the_settings_do_not_load(ctl: Ctl) -> None:
    ctl.ok("start")
    (ctl.guard_home / "config.yaml").write_text("mod: monitor\n")
    done = ctl("status")
    assert done.returncode == 1
    assert "running, pid" in done.stdout
    assert done.stdout.count("there is no key 'mod' (did you mean 'mode'?)") == 1
    state = json.loads(ctl("status", "--format", "json").stdout)
    assert "config.yaml:1:1" in state["settings_error"]
    ctl.ok("stop")
    assert ctl("status").returncode == 4


def test_mode_is_kept_without_an_engine(ctl: Ctl) -> None:
    assert ctl.ok("mode", "monitor") == "monitor\n"
    assert "mode: monitor" in (ctl.guard_home / "config.yaml").read_text()


def test_health_without_an_engine_starts_one_unless_it_was_stopped(ctl: Ctl) -> None:
    assert "OK" in ctl.ok("health")
    ctl.ok("stop")
    done = ctl("health")
    assert done.returncode == 4
    assert "premptictl start" in done.stderr


def test_the_hook_is_registered_and_taken_out(ctl: Ctl) -> None:
    settings = ctl.user_home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"model": "opus"}')
    assert "hook added" in ctl.ok("hook", "add", "claude_code")
    assert "unchanged" in ctl.ok("hook", "add", "claude_code")
    assert "prempti_hook.py" in settings.read_text()
    assert json.loads(ctl.ok("hook", "status", "--format", "json"))[0]["registered"] is True
    ctl.ok("hook", "remove", "claude_code")
    assert json.loads(settings.read_text()) == {"model": "opus"}
    assert ctl("hook", "status").returncode == 1
