"""A process that is told to end does, whichever of its threads the system has the signal taken by."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import AdminBody, body_of
from prempti_otel.engine.health import Health
from prempti_otel.engine.keeper import Keeper
from prempti_otel.engine.trail import Trail
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from tests.support.engine_process import READY_S, end, make_home, running_engine, spawn
from tests.support.guard import wait_until

LIBRARY = ctypes.CDLL(None)
pytestmark = pytest.mark.skipif(not hasattr(LIBRARY, "tgkill"), reason="signals one thread by tgkill(3), Linux only")

WAITS = """
import os, threading
from prempti_otel.ending import told_to_end
told = told_to_end()
threading.Thread(target=threading.Event().wait, daemon=True).start()
os.read(told, 1)
"""
EXPORT = "export:\n- name: nowhere\n  OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:9\n"


def signal_another_thread(pid: int, number: int) -> None:
    """The main thread is not woken by it, as where it only begins to wait."""
    wait_until(lambda: bool(_caught(pid) >> (number - 1) & 1 and _others(pid)), "what takes the signal, and a thread")
    assert LIBRARY.tgkill(pid, _others(pid)[0], number) == 0


def _caught(pid: int) -> int:
    """The signals that have a handler, as proc(5) tells them: bit 0 is for signal 1."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:")]
    return int(line.split()[1], 16)


def _others(pid: int) -> list[int]:
    """All threads but the main one."""
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir() if int(task.name) != pid]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_waits_to_be_told_is(number: int) -> None:
    waiting = subprocess.Popen([sys.executable, "-c", WAITS])
    signal_another_thread(waiting.pid, number)
    assert waiting.wait(READY_S) == 0


def test_an_engine_ends(tmp_path: Path) -> None:
    with running_engine(make_home(tmp_path / "home")) as (engine, _):
        signal_another_thread(engine.pid, signal.SIGTERM)
        assert engine.wait(READY_S) == 0


def test_an_engine_that_is_told_to_end_while_it_starts_leaves_everything_in_order(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    engine = spawn(home)
    wait_until(lambda: bool(_caught(engine.pid) >> (signal.SIGTERM - 1) & 1), "what takes the signal")
    assert end(engine) == 0
    with StoreReader(home) as reader:
        actions = [body_of(record, AdminBody).action for record in reader.records(kinds=[RecordKind.ADMIN])]
    assert actions == ["start", "stop"]
    assert not home.socket.exists()


def test_what_an_engine_makes_ready_does_not_hold_up_its_end(home: Home) -> None:
    health = Health()
    keeper = Keeper(home, health, Trail(home, health))
    keeper.load_config()
    keeper.load_rules()
    keeper.serving = True
    keeper.poll()
    keeper.end()
    before = keeper.policy
    with pytest.raises(SystemExit):
        keeper.poll()
    assert keeper.policy is before


def test_an_exporter_ends(home: Home) -> None:
    home.config.write_text(EXPORT)
    exporter = subprocess.Popen(
        [sys.executable, "-I", "-m", "prempti_otel.telemetry", "--home", str(home.root)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with exporter:
        assert exporter.stderr is not None
        assert b"no audit store yet" in exporter.stderr.readline()
        signal_another_thread(exporter.pid, signal.SIGTERM)
        assert exporter.wait(READY_S) == 0
