"""The real Claude Code asking over HTTP: the same verdicts, and whatever fails on the way blocks the call.

What it does not close is tested as well, so that the documents stay true.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prempti_otel.engine.client import EngineClient
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.http_hooks import ADDRESS, HttpHooks, read_http_hooks
from tests.support import npm_agents, real_claude
from tests.support.forbidden import REMOVE
from tests.support.guard import PREMPTICTL, Guard, wait_until
from tests.support.real_claude import bash

pytestmark = pytest.mark.e2e

WRITE = bash("echo x > ran.txt")


@pytest.fixture
def guarded(guard: Guard, claude: Path) -> Guard:
    """The guard, registered over HTTP."""
    guard.path = f"{claude.parent}:{npm_agents.system_path()}"
    guard.ctl("hook", "add", "claude_code", "--transport", "http")
    return guard


def port_of(guard: Guard) -> HttpHooks:
    found = read_http_hooks(guard.home.http_hooks)
    assert found is not None
    return found


def ran(project: Path) -> bool:
    return (project / "ran.txt").exists()


def test_the_verdicts_and_reasons_are_those_of_the_command(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    outcome = real_claude.run(claude, home, project, [[WRITE], [bash(REMOVE)], [bash("echo y > publish.txt")]])
    undecided, denied, asked = outcome.calls
    assert undecided.ran, outcome
    assert ran(project)
    assert kept.exists()
    assert (denied.denied_by, asked.denied_by) == ("hook", "hook")
    assert "Recursive removal: `rm -rf ~/important` removes whole folders; remove single files" in (denied.result or "")
    assert "Publishing: `echo y > publish.txt` publishes something" in (asked.result or "")
    assert not (project / "publish.txt").exists()
    decisions = guarded.decisions()
    assert [decision.decision.verdict for decision in decisions] == ["defer", "deny", "ask"]
    assert [decision.call.use_id for decision in decisions] == [call.id for call in outcome.calls]
    assert {decision.call.agent_pid for decision in decisions} == {0}, "one of them came by a command"

    def told() -> set[str]:
        return {str(record.body["hook_event"]) for record in guarded.records(RecordKind.LIFECYCLE)}

    wait_until(lambda: {"UserPromptSubmit", "Stop", "SessionEnd"} <= told(), "all that the agent tells")
    assert [record.body["outcome"] for record in guarded.records(RecordKind.OUTCOME)].count("ok") == 1


def test_with_its_own_permissions_on_ask_is_honoured_and_allow_skips_its_prompt(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    asked = real_claude.run(claude, home, project, [[bash("echo y > publish.txt")]], own_permissions=True).calls[0]
    assert asked.denied_by
    assert "Publishing: `echo y > publish.txt` publishes something" in (asked.result or "")
    guarded.ctl("default-action", "allow")
    allowed = real_claude.run(claude, home, project, [[WRITE]], own_permissions=True)
    assert allowed.calls[0].ran, allowed
    assert ran(project)


def test_calls_at_once_are_all_judged(claude: Path, home: Path, project: Path, guarded: Guard, kept: Path) -> None:
    outcome = real_claude.run(claude, home, project, [[*(bash(f"echo {n}") for n in range(12)), bash(REMOVE)]])
    assert [call.ran for call in outcome.calls] == [True] * 12 + [False], outcome
    assert kept.exists()


def test_an_engine_that_was_killed_is_started_by_the_next_prompt(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    killed = guarded.kill()
    outcome = real_claude.run(claude, home, project, [[WRITE], [bash(REMOVE)]])
    assert outcome.calls[0].ran, outcome
    assert outcome.calls[1].denied_by == "hook"
    assert guarded.engines() == [guarded.pid()]
    assert guarded.pid() != killed


def test_an_engine_that_is_restarted_between_two_calls_answers_the_next(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    restart = bash(f"HOME={home} {PREMPTICTL} restart")
    outcome = real_claude.run(claude, home, project, [[bash("echo 1")], [restart], [WRITE], [bash(REMOVE)]])
    assert [call.ran for call in outcome.calls] == [True, True, True, False], outcome
    assert kept.exists()


def test_with_the_engine_stopped_no_prompt_begins(claude: Path, home: Path, project: Path, guarded: Guard) -> None:
    guarded.ctl("stop", "--keep-hooks")
    outcome = real_claude.run(claude, home, project, [[WRITE]])
    assert not ran(project), outcome
    assert outcome.calls[0].result is None
    assert "the engine is stopped" in str(outcome)
    assert guarded.engines() == []


def test_an_engine_that_dies_between_two_calls_blocks_the_next(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    outcome = real_claude.run(claude, home, project, [[bash(f"kill -9 {guarded.pid()}")], [WRITE]])
    assert outcome.calls[0].ran, outcome
    assert outcome.calls[1].denied_by == "hook"
    assert not ran(project)


def test_an_engine_that_hangs_blocks(claude: Path, home: Path, project: Path, guarded: Guard) -> None:
    pid = guarded.pid()
    try:
        outcome = real_claude.run(claude, home, project, [[bash(f"kill -STOP {pid}")], [WRITE]])
    finally:
        os.kill(pid, signal.SIGCONT)
    assert outcome.calls[0].ran, outcome
    assert outcome.calls[1].denied_by == "hook"
    assert not ran(project)


@pytest.mark.parametrize("header", ["Bearer " + "0" * 64, "", None])
def test_a_wrong_token_blocks(claude: Path, home: Path, project: Path, guarded: Guard, header: str | None) -> None:
    file = home / ".claude/settings.json"
    settings = json.loads(file.read_text())
    for group in settings["hooks"]["PreToolUse"]:
        group["hooks"][0]["headers"] = {} if header is None else {"Authorization": header}
    file.write_text(json.dumps(settings))
    outcome = real_claude.run(claude, home, project, [[WRITE]])
    assert outcome.calls[0].denied_by == "hook", outcome
    assert not ran(project)
    with EngineClient(guarded.home) as engine:
        wait_until(lambda: bool(engine.status().degraded), "the refusal to be told")
    assert "wrong or missing token" in guarded.ctl("status", fails=True)
    assert guarded.decisions() == []


@dataclass
class Stranger:
    """A server that is not the engine."""

    port: int
    seen: list[str] = field(default_factory=list)


@contextlib.contextmanager
def stranger(port: int = 0) -> Iterator[Stranger]:
    """Answers ``{}`` to everybody, also as a proxy to whom a tunnel is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode(errors="replace")
            found.seen.append(f"{self.path} {body}")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_CONNECT(self) -> None:
            found.seen.append(f"CONNECT {self.path}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((ADDRESS, port), Handler) as server:
        found = Stranger(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def test_a_stranger_on_the_port_gets_no_call_and_no_prompt_begins(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    guarded.kill()
    with stranger(port_of(guarded).port) as other:
        outcome = real_claude.run(claude, home, project, [[WRITE]])
        assert not ran(project), outcome
        assert outcome.calls[0].result is None
        assert "prompt blocked: the engine does not listen on port" in str(outcome)
        assert not any("PreToolUse" in line for line in other.seen)
        assert "could let them pass" in guarded.ctl("status", fails=True)


@pytest.mark.parametrize("where", ["project", "environment"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"])
def test_a_proxy_between_agent_and_engine_gets_no_call_and_no_prompt_begins(
    claude: Path, home: Path, project: Path, guarded: Guard, where: str, variable: str
) -> None:
    with stranger() as proxy:
        variables = {variable: f"http://{ADDRESS}:{proxy.port}"}
        if where == "project":
            (project / ".claude").mkdir()
            (project / ".claude/settings.json").write_text(json.dumps({"env": variables | {"NO_PROXY": "x"}}))
            variables = {}
        outcome = real_claude.run(claude, home, project, [[WRITE]], environment=variables)
    assert not ran(project), outcome
    assert f"prompt blocked: the variable {variable}" in str(outcome)
    assert not any("PreToolUse" in line or str(port_of(guarded).port) in line for line in proxy.seen)


@pytest.mark.parametrize("patterns", [[], ["http://example.org/*"]], ids=str)
def test_a_project_that_forbids_http_hooks_blocks_itself(
    claude: Path, home: Path, project: Path, guarded: Guard, patterns: list[str]
) -> None:
    (project / ".claude").mkdir()
    (project / ".claude/settings.json").write_text(json.dumps({"allowedHttpHookUrls": patterns}))
    outcome = real_claude.run(claude, home, project, [[WRITE]])
    assert outcome.calls[0].denied_by == "hook", outcome
    assert not ran(project)


SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(sys.argv[2]))
        self.send_header("Content-Length", str(len(sys.argv[3])))
        self.end_headers()
        self.wfile.write(sys.argv[3].encode())
while True:
    try:
        server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
        break
    except OSError:
        time.sleep(0.05)  # the engine still has the port
open(sys.argv[4], "w").write("ready")
server.serve_forever()
"""


@pytest.mark.parametrize(
    ("status", "body", "blocks"),
    [
        (500, "{}", True),
        (403, "{}", True),
        (301, "{}", True),
        (200, "hello", True),
        # What nothing on this side can close: see the threat model.
        (200, "{}", False),
        (200, "", False),
        (204, "", False),
    ],
)
def test_a_stranger_that_takes_the_port_in_the_middle_of_a_turn(
    claude: Path, home: Path, project: Path, guarded: Guard, tmp_path: Path, status: int, body: str, blocks: bool
) -> None:
    script, ready, number = tmp_path / "server.py", tmp_path / "ready", tmp_path / "pid"
    script.write_text(SERVER)
    start = f"setsid {sys.executable} {script} {port_of(guarded).port} {status} '{body}' {ready} >/dev/null 2>&1"
    taken = f"kill -9 {guarded.pid()}; {start} & echo $! > {number}; until [ -e {ready} ]; do sleep 0.1; done"
    try:
        outcome = real_claude.run(claude, home, project, [[bash(taken)], [WRITE]])
    finally:
        with contextlib.suppress(FileNotFoundError):
            end_group(int(number.read_text()))
    assert ready.exists(), outcome
    assert ran(project) is not blocks, outcome
    assert (outcome.calls[1].denied_by == "hook") is blocks


def end_group(pid: int) -> None:
    """End what the agent's shell started in the background."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)

    def gone() -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text()
        return True

    wait_until(gone, "the server to end")


def test_the_port_is_the_engines_alone_while_it_runs(guarded: Guard) -> None:
    for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        with socket.socket() as other:
            if option is not None:
                other.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind((ADDRESS, port_of(guarded).port))


def test_going_back_to_the_command_leaves_one_registration_that_works(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    guarded.ctl("hook", "add", "claude_code", "--transport", "command")
    outcome = real_claude.run(claude, home, project, [[bash(REMOVE)]])
    assert outcome.calls[0].denied_by == "hook"
    assert kept.exists()
    (decision,) = guarded.decisions()
    assert decision.call.agent_pid > 0
    assert not guarded.home.http_hooks.exists()
