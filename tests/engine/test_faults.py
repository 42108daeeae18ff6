"""Whatever happens to the engine, a verdict that was delivered is in the store and the chain holds."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import AdminBody, DecisionBody, body_of
from prempti_otel.audit.verify import verify
from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from tests.support.claude_payloads import payload
from tests.support.engine_process import READY_S, end, make_home, running_engine, spawn
from tests.support.hook_process import run_hook

CLIENTS = 8
KILLS = 4
AGENT = "claude_code"
WORDS = ("ls", "deny-me", "ask-me", "note-me")


class Caller(threading.Thread):
    """Makes calls one after another, each until it is answered, and keeps what was delivered."""

    def __init__(self, home: Home, name: str) -> None:
        super().__init__(name=name)
        self.home = home
        self.delivered: dict[str, bytes] = {}
        self.unanswered = 0
        self.enough = threading.Event()

    def run(self) -> None:
        with EngineClient(self.home) as client:
            for number in count():
                if self.enough.is_set():
                    return
                use_id = f"{self.name}-{number}"
                call = payload("Bash", {"command": WORDS[number % 4]}, tool_use_id=use_id, session_id=self.name)
                while use_id not in self.delivered:
                    try:
                        self.delivered[use_id] = client.hook(AGENT, call).stdout
                    except EngineUnavailable:
                        self.unanswered += 1
                        client.wait_ready(READY_S)


def test_every_verdict_delivered_under_kills_is_in_the_store(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    chance = random.Random(4)
    engine = spawn(home)
    callers = [Caller(home, f"session-{n}") for n in range(CLIENTS)]
    with EngineClient(home) as client:
        client.wait_ready(READY_S)
    for caller in callers:
        caller.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 1.0))
            assert end(engine, signal.SIGKILL) == -signal.SIGKILL
            engine = spawn(home)
            with EngineClient(home) as client:
                client.wait_ready(READY_S)
    finally:
        for caller in callers:
            caller.enough.set()
        for caller in callers:
            caller.join()
        end(engine)
    assert sum(caller.unanswered for caller in callers) > 0
    assert all(caller.delivered for caller in callers)
    delivered = {use_id: stdout for caller in callers for use_id, stdout in caller.delivered.items()}
    assert not verify(home).problems
    _compare(home, delivered)


def _compare(home: Home, delivered: dict[str, bytes]) -> None:
    """Each delivered verdict is recorded; calls whose answer got lost were asked again and are there twice."""
    recorded: dict[str, list[str]] = {}
    after = 0
    with StoreReader(home) as reader:
        while records := reader.decisions(after_seq=after, limit=5000):
            after = records[-1].seq
            for record in records:
                body = body_of(record, DecisionBody)
                recorded.setdefault(body.call.use_id, []).append(body.decision.action)
    for use_id, stdout in delivered.items():
        for action in recorded[use_id]:
            assert action == "defer" or action.encode() in stdout, use_id
        assert recorded[use_id], use_id
    assert recorded.keys() == delivered.keys()


def test_a_call_through_the_real_hook_is_judged_and_a_dead_engine_is_noted(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    denied = payload("Bash", {"command": "deny-me"})
    with running_engine(home) as (engine, _):
        done = run_hook(home, denied)
        assert done.exit_code in (0, 2)
        assert b"Deny marker" in done.stdout + done.stderr
        assert run_hook(home, payload("Bash", {"command": "ls"})).stdout.strip() == b"{}"
        end(engine, signal.SIGKILL)
        assert run_hook(home, denied).blocked
    assert home.fallbacks.exists()
    with running_engine(home), StoreReader(home) as reader:
        ends = time.monotonic() + READY_S
        while not (records := reader.records(kinds=[RecordKind.FALLBACK])):
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert len(records) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set with prlimit(2), Linux only")
def test_a_full_disk_blocks_calls_harms_nothing_and_recovers(tmp_path: Path) -> None:
    """The limit on file sizes stands for the full disk: a write beyond it fails."""
    home = make_home(tmp_path / "home")
    with running_engine(home) as (engine, client):
        client.hook(AGENT, payload("Bash", {"command": "ls"}))
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        reply = client.hook(AGENT, payload("Bash", {"command": "ls"}))
        assert b"could not be recorded" in reply.stdout + reply.stderr
        assert b'"deny"' in reply.stdout or reply.exit_code == 2
        assert any("could not be recorded" in sentence for sentence in client.status().degraded)
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert client.hook(AGENT, payload("Bash", {"command": "ls"})).stdout.strip() == b"{}"
        assert not any("could not be recorded" in sentence for sentence in client.status().degraded)
    assert not verify(home).problems
    with StoreReader(home) as reader:
        assert len(reader.decisions()) == 2


def test_a_store_that_was_removed_is_noticed_told_and_begun_anew(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    with running_engine(home) as (_, client):
        client.hook(AGENT, payload("Bash", {"command": "ls"}))
        for path in home.root.glob("audit.db*"):
            path.unlink()
        ends = time.monotonic() + READY_S
        renewed = False
        while not renewed:
            assert time.monotonic() < ends
            exists = home.audit_db.exists()
            reply = client.hook(AGENT, payload("Bash", {"command": "deny-me"}))
            assert b'"deny"' in reply.stdout or reply.exit_code == 2
            renewed = exists and b"Deny marker" in reply.stdout
    with StoreReader(home) as reader:
        assert reader.decisions(action="deny")
        admin = [body_of(record, AdminBody) for record in reader.records(kinds=[RecordKind.ADMIN])]
    assert any("was removed" in str(body.detail.get("reason")) for body in admin)


@pytest.mark.parametrize("arguments", [[], ["--home"], ["--home", "relative"], ["--home", "/proc/nowhere"]])
def test_an_engine_that_cannot_have_its_home_says_so_and_fails(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "prempti_otel.engine", *arguments],
        capture_output=True,
        timeout=READY_S,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert done.stderr.strip()
    assert b"Traceback" not in done.stderr
