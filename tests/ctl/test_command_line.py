"""Errors are sentences with an exit code, whatever is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from prempti_otel.audit.store import Store
from prempti_otel.ctl import app
from prempti_otel.settings.home import Home
from prempti_otel.settings.template import config_template
from tests.support.ctl import PREMPTICTL, Ctl


def test_help_names_every_command(ctl: Ctl) -> None:
    text = ctl.ok("--help")
    for name in ("start", "stop", "status", "health", "mode", "logs", "hook", "rules", "replay", "audit"):
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nonsense"], 2, "No such command"),
        (["mode", "strict"], 2, "guardrails"),
        (["logs", "--tail", "-1"], 2, "--tail"),
        (["audit", "show", "0"], 2, "SEQ"),
        (["hook", "add", "claud_code"], 3, "claude_code"),
        (["rules", "check", "no-such-file.yaml"], 2, "no-such-file.yaml"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence(ctl: Ctl, arguments: list[str], code: int, says: str) -> None:
    done = ctl(*arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_home_that_is_not_absolute_is_refused(ctl: Ctl) -> None:
    done = ctl("status", env={"PREMPTI_HOME": "relative/home"})
    assert done.returncode == 3
    assert "PREMPTI_HOME" in done.stderr
    assert "absolute" in done.stderr


def test_a_broken_configuration_is_told_with_its_place(ctl: Ctl) -> None:
    ctl.guard_home.mkdir(mode=0o700)
    (ctl.guard_home / "config.yaml").write_text("mode: guardrails\nretntion: {days: 3}\n")
    done = ctl("mode")
    assert done.returncode == 3
    assert "config.yaml:2:1" in done.stderr
    assert "retention" in done.stderr


def test_status_tells_what_it_can_beside_a_broken_configuration(ctl: Ctl) -> None:
    ctl.guard_home.mkdir(mode=0o700)
    (ctl.guard_home / "config.yaml").write_text("mode: guardrails\nretntion: {days: 3}\n")
    done = ctl("status")
    assert done.returncode == 4
    assert "not running" in done.stdout
    assert "config.yaml:2:1" in done.stdout


def test_status_without_an_engine_says_how_to_get_one(ctl: Ctl) -> None:
    assert "premptictl install" in ctl("status").stdout
    ctl.guard_home.mkdir(mode=0o700)
    done = ctl("status")
    assert done.returncode == 4
    assert "premptictl start" in done.stdout


def test_status_as_json_is_one_object(ctl: Ctl) -> None:
    done = ctl("status", "--format", "json")
    assert json.loads(done.stdout)["running"] is False


def test_a_home_that_cannot_be_made_is_told_in_a_sentence(ctl: Ctl) -> None:
    ctl.guard_home.mkdir(mode=0o700)
    (ctl.guard_home / "log").write_text("in the way")
    done = ctl("start")
    assert done.returncode == 3
    assert f"{ctl.guard_home}/log: the folder cannot be made: " in done.stderr
    assert "another PREMPTI_HOME" in done.stderr


def test_an_error_that_nobody_foresaw_is_a_sentence_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("quotes a secret")

    monkeypatch.setattr(app.cli, "main", fail)
    assert app.run(["status"]) == 3
    said = capsys.readouterr().err
    assert "failed inside: ValueError in " in said
    assert "secret" not in said


def test_a_reader_that_has_had_enough_ends_it_without_a_word(ctl: Ctl) -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [PREMPTICTL, "rules", "list"], env=ctl.env, stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (141, "")


def test_a_mistyped_command_is_told_with_the_nearest_one(ctl: Ctl) -> None:
    done = ctl("modde")
    assert done.returncode == 2
    assert "Did you mean 'mode'?" in done.stderr
    assert "Did you mean" not in ctl("zzz").stderr


@pytest.mark.parametrize(
    "words",
    ["", "--version", "mode", "config get retention", "modde", "logs --verdict x", "rules show Nope", "replay -"],
)
def test_the_script_does_what_these_tests_run_in_its_place(ctl: Ctl, words: str) -> None:
    given = b'{"tool_name": 1}\n'
    script = subprocess.run(
        [PREMPTICTL, *words.split()], input=given, env=ctl.env, cwd=ctl.user_home, capture_output=True, check=False
    )
    forked = ctl(*words.split(), stdin=given)
    assert (script.returncode, script.stdout.decode(), script.stderr.decode()) == (
        forked.returncode,
        forked.stdout,
        forked.stderr,
    )


@pytest.mark.parametrize(
    ("words", "code"), [("health", 4), ("stop", 3), ("logs", 3), ("audit verify", 3), ("audit stats", 3), ("status", 4)]
)
def test_where_nothing_is_installed_a_command_says_so_and_makes_nothing(ctl: Ctl, words: str, code: int) -> None:
    done = ctl(*words.split())
    assert done.returncode == code
    assert "premptictl install" in done.stdout + done.stderr
    assert list(ctl.user_home.iterdir()) == []


def test_every_command_stands_below_what_it_is_for(ctl: Ctl) -> None:
    said = ctl.ok("--help")
    assert "See what happens:\n  logs " in said
    assert all(f"\n  {name} " in said for name in app.COMMANDS)


def test_hook_status_names_the_places_of_an_agent_only_where_that_is_asked(ctl: Ctl) -> None:
    lines = ctl("hook", "status").stdout.splitlines()
    assert len(lines) == len({line.split()[0] for line in lines}) == 6
    assert ctl("hook", "status", "codex").stdout.split()[-1].endswith("/.codex/hooks.json")


HEAVY = {
    *("asyncio", "difflib", "grpc", "lark", "opentelemetry", "re2", "rich", "tomlkit", "tree_sitter", "yaml"),
    *("hashlib", "socket", "sqlite3", "tempfile", "tomllib"),
    *("prempti_otel.agents.interface", "prempti_otel.audit.redaction", "prempti_otel.rules"),
}
"""What takes long to import, and no command needs that is done without an engine, a store or rules."""
SMALL = {
    "--help": {"msgspec"},
    "completion bash": {"msgspec"},
    "config get": {"json"},
    "config get retention.days": {"json"},
    "config path": {"msgspec", "json"},
    "config validate": {"json"},
    "default-action": {"json"},
    "hook status": {"msgspec", "subprocess", "shutil"},
    "logs": {"json", "prempti_otel.settings.config"},
    "mode": {"json"},
    "rules --help": {"msgspec"},
    "rules list --format json": {"json", "logging", "prempti_otel.rules.build", "prempti_otel.rules.language.parser"},
}
"""Commands that start in a moment, and what else each of them does without."""
ALLOWED = {"logs": {"sqlite3"}, "rules list --format json": {"hashlib", "prempti_otel.rules", "yaml"}}
"""What some of them are about."""


@pytest.mark.parametrize("installed", [False, True], ids=["nothing installed", "settings that are all comments"])
@pytest.mark.parametrize("words", SMALL)
def test_a_command_without_engine_store_and_rules_imports_little(ctl: Ctl, words: str, installed: bool) -> None:
    if installed:
        Home(ctl.guard_home).create()
        Home(ctl.guard_home).config.write_text(config_template())
    program = f"import sys; from prempti_otel.ctl.app import run; run({words.split()!r}); print(*sys.modules, file=sys.stderr)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", program], env=ctl.env, capture_output=True, text=True, check=True)
    allowed = ALLOWED.get(words, set())
    assert (HEAVY | SMALL[words]) & set(done.stderr.split()) <= allowed


def test_a_command_that_needs_an_engine_says_by_its_status_that_none_answers(ctl: Ctl) -> None:
    done = ctl("approvals")
    assert (done.returncode, done.stdout) == (4, "")
    assert "premptictl start" in done.stderr


@pytest.mark.parametrize("words", ["explain", "config set mode", "logs --rule", "logs --session", "mode"])
def test_an_argument_that_is_no_text_is_refused_with_a_sentence(ctl: Ctl, words: str) -> None:
    home = Home(ctl.guard_home)
    home.create()
    with Store.open(home):
        pass
    done = subprocess.run([PREMPTICTL, *words.split(), b"\xff\xfe"], env=ctl.env, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"report this" not in done.stderr
    assert b"\\udcff" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        f"audit show {2**63}",
        f"rules new {10**30}",
        "replay --history nan",
        "replay --history 1e9",
        "audit stats --days inf",
        "audit stats --days 0",
        "logs --since 9999-12-31T23:59",
        "logs --until 0001-01-01",
        f"logs --since {10**9}d",
        f"audit export --since {10**9}w --format ocsf --output -",
    ],
)
def test_a_number_or_time_beyond_all_records_is_refused(ctl: Ctl, words: str) -> None:
    done = ctl(*words.split())
    assert done.returncode == 2, done.stderr
    assert "Invalid value" in done.stderr


def test_a_value_that_begins_with_a_dash_is_no_option_of_config_set(ctl: Ctl) -> None:
    done = ctl("config", "set", "approvals.lifetime", "-1")
    assert done.returncode == 3
    assert "must be at least" in done.stderr
    assert "--help" in ctl.ok("config", "set", "--help")
