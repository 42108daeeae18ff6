"""Each fault that can be planted is found, told with a remedy, and cured by that remedy."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prempti_otel.ctl.health.findings import edit as edit_command
from prempti_otel.ctl.health.findings import failed
from prempti_otel.engine.client import EngineClient
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from tests.support.ctl import PREMPTICTL, Ctl
from tests.support.ports import free_port

Plant = Callable[[Ctl], None]
Cure = Callable[[Ctl, str], None]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctl]:
    """For all of these tests: each leaves its files as it found them."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    home.mkdir()
    programs = home.parent / "programs"
    programs.mkdir()
    (programs / "premptictl").symlink_to(PREMPTICTL)
    ctl = Ctl(home, path=f"{programs}:/usr/bin:/bin")
    ctl.ok("install", "--no-service")
    yield ctl
    ctl("stop", "--keep-hooks")


@pytest.fixture
def installed(installation: Ctl) -> Ctl:
    """The installation, whose engine has taken over what the test before changed, and will not do so later."""
    with EngineClient(Home(installation.guard_home)) as engine:
        assert engine.reload().error == ""
    return installation


def findings(ctl: Ctl) -> list[dict[str, str]]:
    done = ctl("doctor", "--format", "json")
    found: list[dict[str, str]] = json.loads(done.stdout)
    assert done.returncode == any(one["state"] == "fail" for one in found)
    return found


def ill(ctl: Ctl) -> list[dict[str, str]]:
    return [one for one in findings(ctl) if one["state"] != "ok"]


def settings(ctl: Ctl) -> Path:
    return ctl.user_home / ".claude/settings.json"


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def run(ctl: Ctl, remedy: str, editor: str = "false") -> None:
    """Do what the remedy says; ``editor`` is what the user works with."""
    env = ctl.env | {"EDITOR": editor}
    subprocess.run(["/bin/sh", "-c", remedy], env=env, cwd=ctl.user_home, check=True, capture_output=True, timeout=300)


def delete(ctl: Ctl, remedy: str) -> None:
    """Do what the remedy says, which is to edit a file: by deleting all of it."""
    assert remedy.startswith("${EDITOR:-vi} ")
    run(ctl, remedy, "rm -f --")


def put_in(ctl: Ctl, key: str, value: object) -> None:
    data = json.loads(settings(ctl).read_text())
    settings(ctl).write_text(json.dumps({**data, key: value}))


def end_engine(ctl: Ctl) -> None:
    ctl.ok("stop", "--keep-hooks")


def wrong_interpreter(ctl: Ctl) -> None:
    edit(settings(ctl), lambda text: text.replace("/bin/python", "/no/python"))


def another_homes(ctl: Ctl) -> None:
    edit(settings(ctl), lambda text: text.replace(f"--home {ctl.guard_home}", f"--home {ctl.user_home}/elsewhere"))


def stale_hook(ctl: Ctl) -> None:
    edit(ctl.guard_home / "bin/prempti_forward.py", lambda text: text + "\n")


def broken_rule(ctl: Ctl) -> None:
    (ctl.guard_home / "rules/user/mine.yaml").write_text("- rule: Broken\n")


def unfounded_service(ctl: Ctl) -> None:
    (ctl.guard_home / "run/service").write_text("systemd\n")


def unreadable(ctl: Ctl) -> None:
    edit(settings(ctl), lambda text: text.replace("{", "{  // mine\n", 1))


def mend(ctl: Ctl, remedy: str) -> None:
    assert remedy.startswith("${EDITOR:-vi} ")
    run(ctl, remedy, "sed -i 1s,//.mine,,")


def hang(ctl: Ctl) -> None:
    os.kill(int((ctl.guard_home / "run/engine.lock").read_text()), signal.SIGSTOP)


def flag(ctl: Ctl) -> None:
    """Plant the flag of monitor mode. An engine that takes over an edit would remove it."""
    (ctl.guard_home / "run/monitor").touch()


def project_switch(ctl: Ctl) -> None:
    (ctl.user_home / ".claude/settings.local.json").write_text('{"disableAllHooks": true}')


FAULTS: list[tuple[str, Plant, str, str, Cure]] = [
    ("hook not registered", lambda c: void(c("hook", "remove", "claude_code")), "fail", "no hook is registered", run),
    ("wrong interpreter", wrong_interpreter, "fail", "does not exist", run),
    ("the hook of another home", another_homes, "fail", "another home", run),
    ("a stale copy of the hook", stale_hook, "fail", "another version", run),
    ("hooks disabled", lambda c: put_in(c, "disableAllHooks", True), "fail", "disableAllHooks", run),
    ("hooks disabled here", project_switch, "fail", "disableAllHooks", run),
    ("hook passes on failure", lambda c: void(c("hook", "add", "claude_code", "--fail-open")), "warn", "unjudged", run),
    ("home open to others", lambda c: c.guard_home.chmod(0o755), "fail", "other users", run),
    ("store open to others", lambda c: (c.guard_home / "audit.db").chmod(0o644), "fail", "other users", run),
    ("monitor mode", lambda c: void(c("mode", "monitor")), "warn", "none is stopped", run),
    ("allow by default", lambda c: void(c("default-action", "allow")), "warn", "permission prompts", run),
    ("engine stopped", end_engine, "fail", "was stopped", run),
    ("rules that do not load", broken_rule, "fail", "do not load",
     delete),
    ("no rule in force", lambda c: void(c("config", "set", "rules.default", "false")), "fail", "no rule is in force",
     run),
    ("settings that do not load", lambda c: void((c.guard_home / "config.yaml").write_text("mode: [\n")), "fail",
     "config.yaml:2:1", delete),
    ("settings of the agent that it cannot read", unreadable, "fail", "ignores its settings", mend),
    ("rules of low priority off", lambda c: void(c("config", "set", "rules.minimum_priority", "critical")), "warn",
     "below priority critical", run),
    ("a flag that lets hooks pass", flag, "fail", "let calls pass", run),
    ("an engine that hangs", hang, "fail", "does not answer", run),
    ("a damaged list of hooks", lambda c: void((c.guard_home / "hooks.json").write_text("{")), "fail", "cannot be read",
     run),
    ("a service that is gone", unfounded_service, "fail", "is gone", run),
]  # fmt: skip


NAMES = [row[0] for row in FAULTS]


def void(_: object) -> None:
    """Drops a result."""


def test_an_installation_that_is_well_has_nothing_to_tell(installed: Ctl) -> None:
    found = findings(installed)
    # Tests that stop the engine may have been here before.
    assert [one for one in found if one["state"] != "ok" and one["check"] != "fallbacks"] == []
    assert any(one["check"] == "probe" and "was blocked" in one["says"] for one in found)
    assert "0 failed" in installed.ok("doctor")


@pytest.mark.parametrize(
    ("plant", "state", "says", "cure"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_planted_fault_is_found_and_its_remedy_cures_it(
    installed: Ctl, plant: Plant, state: str, says: str, cure: Cure
) -> None:
    plant(installed)
    told = [one for one in ill(installed) if says in one["says"]]
    assert told, findings(installed)
    assert told[0]["state"] == state
    assert told[0]["remedy"]
    cure(installed, told[0]["remedy"])
    deadline = time.monotonic() + 60  # the engine takes edits over within a round of its housekeeping
    while (left := [one for one in ill(installed) if one["check"] != "fallbacks"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("/h/config.yaml", "${EDITOR:-vi} /h/config.yaml"),
        ("/h/config.yaml:3", "${EDITOR:-vi} +3 /h/config.yaml"),
        ("/h/config.yaml:3:7", "${EDITOR:-vi} +3 /h/config.yaml"),
        ("/h/a b:c/config.yaml:3:7", "${EDITOR:-vi} +3 '/h/a b:c/config.yaml'"),
        ("/h/$(id).yaml", "${EDITOR:-vi} '/h/$(id).yaml'"),
    ],
)
def test_a_file_is_opened_at_the_place_that_is_told(place: str, command: str) -> None:
    assert edit_command(place) == command


def test_a_remedy_that_is_no_command_says_so_and_why() -> None:
    told = [
        failed("x", PremptiError("it broke", where="f", remedy=remedy))
        for remedy in (None, "premptictl mode", "mend it")
    ]
    assert [one.remedy for one in told] == ["premptictl status", "premptictl mode", "no command: mend it"]
    assert {one.says for one in told} == {"f: it broke"}


def test_status_tells_a_hanging_engine_from_none(installed: Ctl) -> None:
    pid = int((installed.guard_home / "run/engine.lock").read_text())
    hang(installed)
    try:
        assert f"pid {pid} does not answer" in installed("status").stdout
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "does not answer" not in installed.ok("status")


def test_an_engine_of_another_version_is_told(installed: Ctl) -> None:
    """The running engine is the old one here: premptictl is made to say that it is newer."""
    newer = "import prempti_otel, sys; prempti_otel.__version__ = '99.0'; from prempti_otel.ctl.app import run; "
    program = newer + "sys.exit(run(['doctor', '--format', 'json']))"
    done = subprocess.run([sys.executable, "-c", program], env=installed.env, capture_output=True, check=False)
    (told,) = [one for one in json.loads(done.stdout) if "of version" in one["says"]]
    assert (told["state"], told["remedy"]) == ("fail", "premptictl restart")


@pytest.mark.parametrize(
    ("version", "state"), [("2.1.294 (Claude Code)", "fail"), ("2.1.295 (Claude Code)", "ok"), ("what?", "warn")]
)
def test_a_claude_code_that_runs_calls_whose_hook_fails_is_told(installed: Ctl, version: str, state: str) -> None:
    program = Path(installed.path.split(":")[0]) / "claude"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    try:
        (told,) = [one for one in findings(installed) if one["check"] == "agent"]
        assert told["state"] == state
        assert (told["remedy"] == "claude update") == (state == "fail")
    finally:
        program.unlink()


def test_a_destination_that_cannot_be_reached_is_told_and_one_that_can_is_well(installed: Ctl) -> None:
    config = installed.guard_home / "config.yaml"
    with socket.create_server(("127.0.0.1", free_port())) as receiver:
        port = receiver.getsockname()[1]
        config.write_text(f"export:\n- name: local\n  OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:{port}\n")
        reached = [one for one in findings(installed) if one["check"] == "export"]
    closed = [one for one in findings(installed) if one["check"] == "export"]
    config.unlink()
    assert "cannot be reached" not in reached[0]["says"]
    assert closed[0]["state"] == "fail"
    assert closed[0]["remedy"].startswith("no command: ")
    assert f"127.0.0.1:{port}" in closed[0]["says"]


def test_an_edited_record_a_cut_end_and_a_record_of_tomorrow_are_told(installed: Ctl) -> None:
    home = Home(installed.guard_home)
    installed.ok("health")
    installed.ok("stop", "--keep-hooks")
    saved = {path: path.read_bytes() for path in home.root.glob("audit.*")}

    def after(statement: str, *values: object) -> set[str]:
        connection = sqlite3.connect(home.audit_db)
        with connection:
            connection.execute(statement, values)
        connection.close()
        home.stopped.touch()
        told = {one["says"] for one in ill(installed) if one["check"] in ("store", "clock")}
        for path in home.root.glob("audit.*"):
            path.unlink()
        for path, content in saved.items():
            path.write_bytes(content)
            path.chmod(0o600)
        return told

    newest = "(SELECT max(seq) FROM records)"
    assert "altered" in " ".join(after(f"UPDATE records SET session_id = 'x' WHERE seq = {newest} - 1"))
    assert "cut off" in " ".join(after(f"DELETE FROM records WHERE seq = {newest}"))
    tomorrow = time.time_ns() + 86_400_000_000_000
    assert "ahead of this machine's clock" in " ".join(after("UPDATE records SET time_ns = ?", tomorrow))
    installed.ok("start")
    assert [one for one in ill(installed) if one["check"] != "fallbacks"] == []


def test_rules_that_let_the_known_bad_call_pass_are_told(installed: Ctl) -> None:
    config = installed.guard_home / "config.yaml"
    config.write_text("rules:\n  default: false\n")
    rule = installed.guard_home / "rules/user/mine.yaml"
    rule.write_text(
        "- rule: Harmless\n  desc: x\n  condition: tool.name = Nothing\n  output: x\n"
        "  priority: NOTICE\n  source: coding_agent\n"
    )
    installed.ok("restart")
    told = [one["says"] for one in ill(installed)]
    rule.unlink()
    config.unlink()
    installed.ok("restart")
    assert any("let a known-bad call pass" in says for says in told)
    assert any("default rules are switched off" in says for says in told)


def test_a_command_that_a_repository_registered_is_told_and_not_run(installed: Ctl, tmp_path: Path) -> None:
    planted = f"touch {tmp_path}/sprung; # {installed.guard_home}/bin/prempti_hook.py"
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_text(
        json.dumps({"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": planted}]}]}})
    )
    done = subprocess.run(
        [PREMPTICTL, "doctor"], env=installed.env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "not tried" in done.stdout
    assert not (tmp_path / "sprung").exists()


def test_nothing_installed_is_told_and_nothing_is_made(ctl: Ctl) -> None:
    done = ctl("doctor")
    assert done.returncode == 1
    assert "premptictl install" in done.stdout
    assert list(ctl.user_home.iterdir()) == []
