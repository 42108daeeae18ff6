"""The engine as a service: what is written for the managers, and how they are talked to."""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.ctl.lifecycle.services import Launchd, Systemd
from prempti_otel.settings.home import Home
from tests.support.ctl import Ctl
from tests.support.guard import Guard

ODD = "ho me%n $HOME \"q\" 'a'\\b;c"
"""A folder's name with all that unit files treat specially."""

MANAGER = """#!/bin/sh
# Knows of systemctl what premptictl uses: `start` runs what ExecStart says, `stop` ends it.
echo "$@" >> "$HOME/asked"
unit="$HOME/.config/systemd/user/$3"
case "$2" in
start) (exec $(sed -n 's/^ExecStart=//p' "$unit")) >/dev/null 2>&1 & echo $! > "$HOME/pid" ;;
stop|disable) [ -f "$HOME/pid" ] && kill "$(cat "$HOME/pid")" 2>/dev/null; rm -f "$HOME/pid" ;;
esac
exit 0
"""


@pytest.fixture
def managed(ctl: Ctl, tmp_path: Path) -> Iterator[Ctl]:
    """premptictl with a systemctl that answers: none does in containers."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(MANAGER)
    (programs / "systemctl").chmod(0o755)
    yield Ctl(ctl.user_home, path=f"{programs}:/usr/bin:/bin")
    pid = ctl.user_home / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), 15)


@pytest.mark.parametrize("root", ["/home/dev/.prempti", f"/home/dev/{ODD}"])
def test_systemd_accepts_the_unit(tmp_path: Path, root: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    service = Systemd(Home(Path(root)))
    unit = tmp_path / service.name
    unit.write_bytes(service.definition())
    done = subprocess.run(
        [program, "--user", "--man=no", "verify", str(unit)],
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_gets_each_argument_as_it_is() -> None:
    """Unquoted here by systemd's rules: shell quoting, then %% and $$."""
    service = Systemd(Home(Path(f"/home/dev/{ODD}")))
    (line,) = [line for line in service.definition().decode().splitlines() if line.startswith("ExecStart=")]
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line.partition("=")[2])]
    assert words == service.engine()


def test_launchd_gets_a_property_list_with_the_engines_command() -> None:
    service = Launchd(Home(Path(f"/Users/dev/{ODD}")))
    told = plistlib.loads(service.definition())
    assert told["ProgramArguments"] == service.engine()
    assert told["Label"] == service.name
    assert told["RunAtLoad"] is True
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    assert told["Umask"] == 0o077


def test_each_home_has_a_service_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    usual, one, other = (Home(tmp_path / name) for name in (".prempti", "one", "other"))
    assert Systemd(usual).name == "prempti.service"
    assert len({Systemd(home).name for home in (usual, one, other)}) == 3
    assert len({Launchd(home).name for home in (usual, one, other)}) == 3


def test_without_a_service_manager_enable_says_that_nothing_is_needed(ctl: Ctl) -> None:
    done = Ctl(ctl.user_home, path="/nowhere")("enable")
    assert done.returncode == 3
    assert "no service manager" in done.stderr
    assert "no service is enabled" in ctl.ok("disable")


def test_an_enabled_service_is_started_stopped_and_left(managed: Ctl) -> None:
    home = Home(managed.guard_home)
    engines = Guard(managed.user_home).engines
    managed.ok("start")
    background = engines()
    managed.ok("enable")
    unit = managed.user_home / ".config/systemd/user/prempti.service"
    assert unit.exists()
    assert home.service.read_text() == "systemd\n"
    (owned,) = engines()
    assert [owned] != background
    managed.ok("stop", "--keep-hooks")
    assert engines() == []
    managed.ok("start")
    managed.ok("restart")
    assert len(engines()) == 1
    managed.ok("disable")
    assert not home.service.exists()
    assert not unit.exists()
    assert json.loads(managed.ok("status", "--format", "json"))["running"] is True
    asked = (managed.user_home / "asked").read_text()
    for words in ("daemon-reload", "enable prempti.service", "start prempti.service", "stop prempti.service"):
        assert f"--user {words}\n" in asked


def test_install_uses_the_service_manager_and_uninstall_leaves_nothing_of_it(managed: Ctl) -> None:
    managed.ok("install")
    assert (managed.guard_home / "run/service").exists()
    assert "keep the engine running" in managed.ok("install")
    managed.ok("uninstall")
    assert [path.name for path in managed.user_home.rglob("*")] == ["asked"]
