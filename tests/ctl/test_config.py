"""Settings from the command line."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.ctl import Ctl

TEXT = """# my settings
mode: monitor  # for a week
export:
  - name: team
    OTEL_EXPORTER_OTLP_ENDPOINT: https://otel.example:4317
    OTEL_EXPORTER_OTLP_HEADERS: authorization=Bearer%20hunter2
"""


@pytest.fixture
def settings(ctl: Ctl) -> Ctl:
    ctl.guard_home.mkdir(mode=0o700)
    (ctl.guard_home / "config.yaml").write_text(TEXT)
    return ctl


def test_a_setting_is_read_by_its_key(settings: Ctl) -> None:
    assert settings.ok("config", "get", "mode") == "monitor\n"
    assert settings.ok("config", "get", "retention.days") == "90\n"
    assert json.loads(settings.ok("config", "get", "rules", "--format", "json"))["default"] is True


def test_a_setting_is_changed_and_comments_stay(settings: Ctl) -> None:
    settings.ok("config", "set", "mode", "guardrails")
    settings.ok("config", "set", "retention.days", "7")
    text = (settings.guard_home / "config.yaml").read_text()
    assert "mode: guardrails  # for a week" in text
    assert settings.ok("config", "get", "retention.days") == "7\n"
    assert "hunter2" in text


def test_tokens_are_never_printed(settings: Ctl) -> None:
    shown = settings.ok("config", "get") + settings.ok("config", "get", "--format", "json")
    assert "hunter2" not in shown
    assert "otel.example" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["get", "retention.day"], "retention.days"),
        (["set", "mod", "monitor"], "mode"),
        (["set", "retention.days", "many"], "number"),
        (["set", "rules.default", "maybe"], "true or false"),
        (["set", "mode", "strict"], "mode"),
        (["set", "export", "x"], "edit"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(settings: Ctl, arguments: list[str], says: str) -> None:
    done = settings("config", *arguments)
    assert done.returncode == 3
    assert says in done.stderr
    assert (settings.guard_home / "config.yaml").read_text() == TEXT


def test_validate_tells_the_place_of_what_is_wrong(settings: Ctl) -> None:
    assert settings.ok("config", "validate").endswith("OK\n")
    (settings.guard_home / "config.yaml").write_text("mode: [\n")
    done = settings("config", "validate")
    assert done.returncode == 3
    assert "config.yaml:2:1" in done.stderr


def test_bash_takes_the_completion_script(ctl: Ctl) -> None:
    script = ctl.ok("completion", "bash")
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
