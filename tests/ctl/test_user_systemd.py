"""The engine as a service of a real ``systemd --user``: installed, killed, stopped, gone with a logout, removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.support.ctl import Ctl
from tests.support.user_systemd import SECONDS, UserSystemd, missing

UNIT = "prempti.service"

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


class Seat(NamedTuple):
    """A user with a service manager, and premptictl there."""

    ctl: Ctl
    systemd: UserSystemd

    def engine(self) -> str:
        """The process that systemd runs as the engine; ``0`` where it runs none."""
        return self.systemd.systemctl("show", "--property=MainPID", "--value", UNIT)

    def state(self) -> tuple[str, str]:
        return self.systemd.systemctl("is-active", UNIT), self.systemd.systemctl("is-enabled", UNIT)


@pytest.fixture(scope="module")
def seat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """An installation for all of these tests: each leaves the service as it found it."""
    home = tmp_path_factory.mktemp("seat") / "home"
    (home / ".claude").mkdir(parents=True)
    systemd = UserSystemd(home)
    try:
        systemd.login()
        ctl = Ctl(home, path="/usr/bin:/bin", prefix=systemd.prefix)
        assert "have systemd start the engine at login" in ctl.ok("install")
        yield Seat(ctl, systemd)
    finally:
        systemd.close()


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_install_has_systemd_run_the_engine_and_hooks_reach_it(seat: Seat) -> None:
    assert seat.state() == ("active", "enabled")
    assert f", pid {seat.engine()}," in seat.ctl.ok("status")
    assert "systemd starts the engine at login" in seat.ctl.ok("status")
    assert seat.systemd.systemctl("show", "--property=ControlGroup", "--value", UNIT).endswith(f"/app.slice/{UNIT}")
    assert seat.ctl.ok("health").startswith("OK")
    assert "0 failed" in seat.ctl.ok("doctor")


def test_a_killed_engine_is_started_again_and_answers(seat: Seat) -> None:
    before = seat.engine()
    seat.systemd.systemctl("kill", "--signal=KILL", UNIT)
    until(lambda: seat.ctl("health").stdout.startswith("OK"))
    assert seat.engine() not in ("0", before)
    assert seat.systemd.systemctl("show", "--property=NRestarts", "--value", UNIT) != "0"


def test_stop_ends_the_unit_for_good_and_start_runs_it_again(seat: Seat) -> None:
    assert "hook removed" in seat.ctl.ok("stop")
    assert seat.state() == ("inactive", "enabled")
    assert "not running (stopped with premptictl stop)" in seat.ctl("status").stdout
    assert "hook added" in seat.ctl.ok("start")
    assert seat.state() == ("active", "enabled")


def test_restart_puts_another_process_of_the_unit_in_its_place(seat: Seat) -> None:
    before = seat.engine()
    seat.ctl.ok("restart")
    assert seat.engine() not in ("0", before)
    assert seat.ctl.ok("health").startswith("OK")


def test_a_disabled_service_leaves_the_engine_to_the_background_until_it_is_enabled(seat: Seat) -> None:
    seat.ctl.ok("disable")
    assert seat.state()[0] == "inactive"
    assert seat.ctl.ok("health").startswith("OK")
    assert not list(seat.ctl.user_home.glob(".config/systemd/user/*.service"))
    seat.ctl.ok("enable")
    assert seat.state() == ("active", "enabled")
    assert seat.ctl.ok("health").startswith("OK")


def test_a_second_engine_of_the_home_is_not_started_again_and_again(seat: Seat) -> None:
    before = seat.engine()
    arguments = seat.systemd.systemctl("show", "--property=ExecStart", "--value", UNIT)
    command = arguments.partition("argv[]=")[2].partition(" ; ")[0].split()
    properties = [f"--property={line}" for line in ("Restart=on-failure", "RestartPreventExitStatus=3")]
    seat.systemd.run("systemd-run", "--user", "--unit=second", *properties, *command)
    until(lambda: seat.systemd.systemctl("is-active", "second") == "failed")
    assert seat.systemd.systemctl("show", "--property=NRestarts", "--value", "second") == "0"
    assert seat.systemd.systemctl("show", "--property=ExecMainStatus", "--value", "second") == "3"
    assert seat.engine() == before


def test_after_the_last_logout_calls_are_blocked_and_a_login_brings_the_engine_back(seat: Seat) -> None:
    seat.systemd.logout()
    blocked = seat.ctl("health")
    assert blocked.returncode != 0
    assert "call blocked" in blocked.stderr
    seat.systemd.login()
    assert seat.state() == ("active", "enabled")
    assert seat.ctl.ok("health").startswith("OK")


def test_without_a_login_the_engine_can_be_run_in_the_background_and_a_login_leaves_it_alone(seat: Seat) -> None:
    seat.systemd.logout()
    assert "so the engine runs in the background" in seat.ctl.ok("start")
    assert seat.ctl.ok("health").startswith("OK")
    assert "so the engine runs in the background" in seat.ctl.ok("restart")
    seat.systemd.login()
    until(lambda: seat.state()[0] == "failed")
    assert seat.ctl.ok("health").startswith("OK")
    seat.ctl.ok("restart")
    assert seat.state() == ("active", "enabled")


def test_without_a_login_it_can_be_stopped_and_disabled(seat: Seat) -> None:
    seat.systemd.logout()
    seat.ctl.ok("start")
    assert "engine stopped" in seat.ctl.ok("stop")
    seat.ctl.ok("disable")
    assert not list(seat.ctl.user_home.glob(".config/systemd/user/*"))
    seat.systemd.login()
    assert seat.engine() == "0"
    seat.ctl.ok("start")
    seat.ctl.ok("enable")
    assert seat.state() == ("active", "enabled")


def test_uninstall_leaves_nothing_to_systemd(seat: Seat) -> None:
    seat.ctl.ok("uninstall", "--yes")
    assert UNIT not in seat.systemd.systemctl("list-units", "--all", "--plain")
    assert UNIT not in seat.systemd.systemctl("list-unit-files")
    assert [path.name for path in seat.ctl.user_home.rglob("*")] == [".claude"]
    seat.ctl.ok("install")
