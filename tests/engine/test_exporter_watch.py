"""The exporter runs when there is somewhere to export to, comes back when it dies, and never outlives the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from prempti_otel.settings.home import Home
from tests.support.claude_payloads import payload
from tests.support.engine_process import ONLY_OWN_RULES, READY_S, end, make_home, running_engine
from tests.support.otlp import OtlpReceiver, attributes

EXPORT = ONLY_OWN_RULES + "export:\n- name: nowhere\n  OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:9\n"


def exporters(home: Home) -> list[int]:
    """Process ids of the exporters of this home, zombies aside."""
    shown = subprocess.run(["ps", "-ww", "-eo", "pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    found = []
    for line in shown.splitlines():
        pid, state, args = line.split(None, 2)
        if "prempti_otel.telemetry" in args and str(home.root) in args.split() and not state.startswith("Z"):
            found.append(int(pid))
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + READY_S
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


def test_it_runs_only_while_a_destination_is_configured(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    with running_engine(home) as (_, client):
        assert exporters(home) == []
        home.config.write_text(EXPORT)
        wait_until(lambda: len(exporters(home)) == 1)
        home.config.write_text(ONLY_OWN_RULES)
        wait_until(lambda: exporters(home) == [])
        assert not client.status().degraded


def test_one_that_dies_is_told_and_started_again_and_holds_up_no_call(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", config=EXPORT)
    with running_engine(home) as (engine, client):
        wait_until(lambda: len(exporters(home)) == 1)
        (first,) = exporters(home)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: any("exporter" in sentence for sentence in client.status().degraded))
        assert b"deny" in client.hook("claude_code", payload("Bash", {"command": "deny-me"})).stdout
        wait_until(lambda: exporters(home) not in ([], [first]))
        end(engine)
        assert exporters(home) == []


def test_it_ends_when_the_engine_is_killed(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", config=EXPORT)
    with running_engine(home) as (engine, _):
        wait_until(lambda: len(exporters(home)) == 1)
        end(engine, signal.SIGKILL)
        wait_until(lambda: exporters(home) == [])


def test_a_destination_that_is_added_later_begins_at_the_next_record(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    with OtlpReceiver(protocol="grpc") as receiver, running_engine(home) as (_, client):
        client.hook("claude_code", payload("Bash", {"command": "deny-me before"}))
        export = EXPORT.replace("http://127.0.0.1:9", receiver.endpoint)
        home.config.write_text(export)
        wait_until(lambda: len(exporters(home)) == 1)
        client.hook("claude_code", payload("Bash", {"command": "deny-me after"}))
        wait_until(lambda: bool(receiver.spans()))
        commands = {attributes(span)["process.command_line"] for span in receiver.spans()}
    assert commands == {"deny-me after"}


def test_a_call_made_before_the_exporter_ever_ran_is_exported_after_any_kill(tmp_path: Path) -> None:
    with OtlpReceiver(protocol="grpc") as receiver:
        home = make_home(tmp_path / "home", config=EXPORT.replace("http://127.0.0.1:9", receiver.endpoint))
        with running_engine(home) as (engine, client):
            client.hook("claude_code", payload("Bash", {"command": "deny-me first"}))
            engine.kill()
            engine.wait()
        home.export_db.unlink(missing_ok=True)  # as if it had died before the first cursor was stored
        with running_engine(home):
            wait_until(lambda: bool(receiver.spans()))
        commands = {attributes(span)["process.command_line"] for span in receiver.spans()}
    assert "deny-me first" in commands
