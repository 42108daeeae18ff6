"""The engine as a process: real sockets, real stores, real signals."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import DecisionBody, FallbackBody, body_of
from prempti_otel.audit.verify import verify
from prempti_otel.engine.client import EngineClient, EngineUnavailable
from prempti_otel.engine.server import SERVICE_NAME
from prempti_otel.model.record import RecordKind
from prempti_otel.proto.prempti.v1 import engine_pb2 as pb
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config
from tests.support.claude_payloads import payload
from tests.support.engine_process import ONLY_OWN_RULES, READY_S, end, make_home, running_engine, spawn
from tests.support.rulesets import RULES

AGENT = "claude_code"


def bash(command: str, **more: str) -> bytes:
    return payload("Bash", {"command": command}, **more)


def decision_of(reply: pb.HookReply) -> str:
    assert reply.complete
    if reply.exit_code:
        return "deny"
    return str(json.loads(reply.stdout).get("hookSpecificOutput", {}).get("permissionDecision", "defer"))


def wait_until(holds: Callable[[], bool]) -> None:
    """Waits for what another process does by itself; fails the test where it never does."""
    ends = time.monotonic() + READY_S
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


def records(home: Home, kind: RecordKind) -> list[dict[str, object]]:
    with StoreReader(home) as reader:
        return [dict(record.body) for record in reader.records(kinds=[kind])]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, EngineClient]]:
    """An engine for the tests that change nothing about it."""
    home = make_home(tmp_path_factory.mktemp("engine") / "home")
    with running_engine(home) as (_, client):
        yield home, client


def test_calls_are_answered_and_recorded(shared: tuple[Home, EngineClient]) -> None:
    home, client = shared
    before = client.status().last_seq
    commands = ("ls", "deny-me", "ask-me")
    assert [decision_of(client.hook(AGENT, bash(command))) for command in commands] == ["defer", "deny", "ask"]
    with StoreReader(home) as reader:
        stored = [body_of(record, DecisionBody) for record in reader.decisions(after_seq=before)]
    assert [record.decision.verdict for record in stored] == ["defer", "deny", "ask"]
    assert client.status().last_seq >= before + 3


def test_a_structured_call_is_answered_with_its_matches(shared: tuple[Home, EngineClient]) -> None:
    _, client = shared
    reply = client.evaluate(
        pb.EvaluateRequest(
            agent="ci", session_id="s", cwd="/", tool_name="Bash", tool_input='{"command": "deny-me"}', tool_use_id="u"
        )
    )
    assert (reply.verdict, reply.action, reply.error) == ("deny", "deny", "")
    assert [(match.rule, match.verdict, match.level) for match in reply.matches] == [("Deny marker", "deny", "tool")]
    assert reply.correlation_id > 0


@pytest.mark.parametrize(
    "request_",
    [
        pb.EvaluateRequest(),
        pb.EvaluateRequest(agent="Not A Name", tool_name="Bash", tool_input="{}"),
        pb.EvaluateRequest(agent="ci", session_id="s", cwd="/", tool_name="Bash", tool_input="{"),
        pb.EvaluateRequest(agent="ci", session_id="s", cwd="/", tool_name="Bash", tool_input="[]"),
        pb.EvaluateRequest(agent="ci", session_id="s", cwd="/", tool_name="", tool_input="{}"),
        pb.EvaluateRequest(agent="ci", session_id="s", cwd="/", tool_name="Bash", tool_input='{}, "tool_name": "Read"'),
    ],
    ids=str,
)
def test_a_structured_call_that_cannot_be_judged_is_denied_with_an_error(
    shared: tuple[Home, EngineClient], request_: pb.EvaluateRequest
) -> None:
    reply = shared[1].evaluate(request_)
    assert (reply.verdict, reply.action) == ("deny", "deny")
    assert reply.error


def test_four_mebibytes_pass_and_more_is_refused(shared: tuple[Home, EngineClient]) -> None:
    _, client = shared
    room = (4 << 20) - len(bash(""))
    assert decision_of(client.hook(AGENT, bash("x" * room))) == "defer"
    assert decision_of(client.hook(AGENT, bash("x" * (room + 1)))) == "deny"


def test_status_tells_what_is_in_force(shared: tuple[Home, EngineClient]) -> None:
    home, client = shared
    status = client.status()
    assert (status.mode, status.default_action, status.rules_loaded, status.rules_enabled) == (
        "guardrails",
        "defer",
        4,
        4,
    )
    assert (status.socket, list(status.degraded), status.ruleset_error) == (str(home.socket), [], "")
    assert status.ruleset_digest


def test_the_health_service_says_serving(shared: tuple[Home, EngineClient]) -> None:
    with grpc.insecure_channel(f"unix:{shared[0].socket}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE_NAME):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=READY_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_nothing_is_open_to_other_users(shared: tuple[Home, EngineClient]) -> None:
    home, client = shared
    client.hook(AGENT, bash("ls"))
    for path in [home.root, *home.root.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):  # a draft that was given its name meanwhile
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600


def test_a_second_engine_ends_at_once_and_leaves_the_first_alone(shared: tuple[Home, EngineClient]) -> None:
    home, client = shared
    second = spawn(home)
    assert second.wait(READY_S) == 3
    assert end(second) == 3
    assert not home.engine_failed.exists()
    assert decision_of(client.hook(AGENT, bash("ls"))) == "defer"


def test_of_engines_that_race_one_wins(home: Home) -> None:
    racers = [spawn(home) for _ in range(3)]
    try:
        with EngineClient(home) as client:
            winner = client.wait_ready(READY_S).pid
            wait_until(lambda: sum(racer.poll() == 3 for racer in racers) == 2)
            assert [racer.pid for racer in racers if racer.poll() is None] == [winner]
            assert decision_of(client.hook(AGENT, bash("deny-me"))) == "deny"
    finally:
        for racer in racers:
            end(racer)


def test_a_stale_socket_is_replaced(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home.socket))
    with running_engine(home) as (_, client):
        assert decision_of(client.hook(AGENT, bash("ls"))) == "defer"


def test_a_home_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    home = make_home(tmp_path / ("long" * 30) / "home")
    assert home.root not in home.socket.parents
    with running_engine(home) as (_, client):
        assert decision_of(client.hook(AGENT, bash("deny-me"))) == "deny"
        assert client.status().socket == str(home.socket)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_everything_in_order(home: Home, number: int) -> None:
    with running_engine(home) as (process, client):
        client.hook(AGENT, bash("ls"))
        assert end(process, number) == 0
    assert not home.socket.exists()
    assert not verify(home).problems
    actions = [body["action"] for body in records(home, RecordKind.ADMIN)]
    assert (actions[0], actions[-1]) == ("start", "stop")
    with EngineClient(home) as client, pytest.raises(EngineUnavailable, match="premptictl start"):
        client.status(timeout=2)


def test_calls_in_flight_at_a_stop_are_answered(home: Home) -> None:
    answers: list[str] = []
    failures: list[str] = []

    def call_on() -> None:
        with EngineClient(home) as client:
            while True:
                try:
                    answers.append(decision_of(client.hook(AGENT, bash("deny-me"))))
                except EngineUnavailable as error:
                    failures.append(error.diagnostics())
                    return

    with running_engine(home) as (process, _):
        callers = [threading.Thread(target=call_on) for _ in range(4)]
        for caller in callers:
            caller.start()
        wait_until(lambda: len(answers) > 200)
        assert end(process) == 0
        for caller in callers:
            caller.join()
    assert set(answers) == {"deny"}
    assert len(records(home, RecordKind.DECISION)) == len(answers)


def test_numbers_go_on_after_a_restart(home: Home) -> None:
    for _ in range(2):
        with running_engine(home) as (_, client):
            client.hook(AGENT, bash("ls"))
            client.hook(AGENT, bash("ls"))
    with StoreReader(home) as reader:
        numbers = [body_of(record, DecisionBody).call.correlation_id for record in reader.decisions()]
    assert len(set(numbers)) == 4
    assert numbers == sorted(numbers)


def test_marks_and_attempts_outlive_the_engine(home: Home) -> None:
    with running_engine(home) as (_, client):
        client.hook(AGENT, bash("note-me"))
    with running_engine(home) as (_, client):
        assert decision_of(client.hook(AGENT, bash("publish"))) == "deny"
    with StoreReader(home) as reader:
        assert [body_of(record, DecisionBody).attempt for record in reader.decisions()] == [1, 2]


def test_a_mode_switch_takes_effect_is_kept_and_flagged(home: Home) -> None:
    home.config.write_text("# mine\n" + ONLY_OWN_RULES)
    with running_engine(home) as (_, client):
        assert client.set_mode(mode="monitor").mode == "monitor"
        assert home.monitor_flag.exists()
        assert decision_of(client.hook(AGENT, bash("deny-me"))) == "defer"
        assert client.set_mode(default_action="allow").default_action == "allow"
    assert home.config.read_text() == "# mine\n" + ONLY_OWN_RULES + "mode: monitor\ndefault_action: allow\n"
    with running_engine(home) as (_, client):
        assert client.status().mode == "monitor"
        assert client.set_mode(mode="guardrails").error == ""
        assert not home.monitor_flag.exists()
        assert [decision_of(client.hook(AGENT, bash(word))) for word in ("ls", "deny-me")] == ["allow", "deny"]
    modes = [
        body_of_admin["detail"]
        for body_of_admin in records(home, RecordKind.ADMIN)
        if body_of_admin["action"] == "mode"
    ]
    assert [detail["mode"] for detail in modes if isinstance(detail, dict)] == ["monitor", "monitor", "guardrails"]


@pytest.mark.parametrize(
    ("mode", "action", "said"), [("monitr", "", "monitor"), ("", "deny", "defer, allow"), ("monitor", "x", "defer")]
)
def test_a_switch_to_something_unknown_changes_nothing(
    shared: tuple[Home, EngineClient], mode: str, action: str, said: str
) -> None:
    home, client = shared
    before = home.config.read_text()
    reply = client.set_mode(mode, action)
    assert (reply.mode, reply.default_action) == ("guardrails", "defer")
    assert said in reply.error
    assert home.config.read_text() == before


def test_edited_rules_come_into_force_by_themselves(home: Home) -> None:
    with running_engine(home) as (_, client):
        assert decision_of(client.hook(AGENT, bash("stop-me"))) == "defer"
        (home.user_rules / "more.yaml").write_text(RULES.replace("deny-me", "stop-me").replace("Deny marker", "Stop"))
        wait_until(lambda: decision_of(client.hook(AGENT, bash("stop-me"))) == "deny")
        assert decision_of(client.hook(AGENT, bash("deny-me"))) == "deny"
    assert [body["loaded"] for body in records(home, RecordKind.POLICY)] == [True, True]


def test_broken_rules_leave_the_last_good_ones_in_force(home: Home) -> None:
    with running_engine(home) as (_, client):
        good = client.status().ruleset_digest
        broken = home.user_rules / "broken.yaml"
        broken.write_text("- rule: half a rule\n")
        reply = client.reload()
        assert "broken.yaml" in reply.error
        assert not reply.changed
        status = client.status()
        assert status.ruleset_digest == good
        assert "broken.yaml" in status.ruleset_error
        assert any("broken.yaml" in sentence for sentence in status.degraded)
        assert decision_of(client.hook(AGENT, bash("deny-me"))) == "deny"
        broken.unlink()
        assert client.reload().error == ""
        status = client.status()
        assert (status.ruleset_error, list(status.degraded)) == ("", [])
    assert [body["loaded"] for body in records(home, RecordKind.POLICY)] == [True, False]


def test_a_restart_onto_broken_rules_judges_by_the_last_good_ones_and_says_so(home: Home) -> None:
    with running_engine(home) as (_, client):
        good = client.status().ruleset_digest
    (home.user_rules / "test.yaml").write_text("- rule: half a rule\n")
    with running_engine(home) as (_, client):
        status = client.status()
        assert status.ruleset_digest == good
        assert any("last good rules" in sentence for sentence in status.degraded)
        assert decision_of(client.hook(AGENT, bash("deny-me"))) == "deny"
        assert decision_of(client.hook(AGENT, bash("ls"))) == "defer"


def test_a_first_start_onto_broken_rules_blocks_every_call_and_names_the_place(home: Home) -> None:
    (home.user_rules / "test.yaml").write_text("- rule: half a rule\n")
    with running_engine(home) as (_, client):
        reply = client.hook(AGENT, bash("ls"))
        assert decision_of(reply) == "deny"
        assert b"test.yaml" in reply.stdout + reply.stderr
        client.set_mode(mode="monitor")
        assert decision_of(client.hook(AGENT, bash("ls"))) == "defer"


def test_settings_edited_by_hand_come_into_force_and_broken_ones_do_not(home: Home) -> None:
    with running_engine(home) as (_, client):
        home.config.write_text("mode: monitor\n" + ONLY_OWN_RULES)
        wait_until(lambda: client.status().mode == "monitor")
        assert home.monitor_flag.exists()
        home.config.write_text("mod: guardrails\n")
        assert "did you mean 'mode'" in client.reload().error
        status = client.status()
        assert (status.mode, status.rules_loaded) == ("monitor", 4)
        assert any("config.yaml:1:1" in sentence for sentence in status.degraded)
        home.config.write_text(ONLY_OWN_RULES)
        assert client.reload().error == ""
        assert (client.status().mode, list(client.status().degraded)) == ("guardrails", [])


def test_a_start_onto_broken_settings_uses_the_last_good_ones(home: Home) -> None:
    home.config.write_text("mode: monitor\n" + ONLY_OWN_RULES)
    with running_engine(home):
        pass
    home.config.write_text("mode: moni\n")
    with running_engine(home) as (_, client):
        status = client.status()
        assert status.mode == "monitor"
        assert any("config.yaml:1:7" in sentence for sentence in status.degraded)


def test_hooks_own_notes_become_records_once_each(home: Home) -> None:
    line = "2026-01-02T03:04:05.006Z\tclaude_code\tcall {}: the engine did not answer\n"
    home.fallbacks.write_text(line.format("blocked") + line.format("passed unjudged") + "half a li")
    with running_engine(home) as (_, client):
        wait_until(lambda: len(records(home, RecordKind.FALLBACK)) == 3)
        with home.fallbacks.open("a") as log:
            log.write(line.format("blocked"))
        wait_until(lambda: len(records(home, RecordKind.FALLBACK)) == 4)
        client.hook(AGENT, bash("ls"))
    assert not [path for path in home.log.iterdir() if path.name.startswith("fallbacks")]
    with StoreReader(home) as reader:
        stored = reader.records(kinds=[RecordKind.FALLBACK])
    bodies = [body_of(record, FallbackBody) for record in stored]
    assert [body.blocked for body in bodies] == [True, False, True, True]
    assert bodies[0].reason == "call blocked: the engine did not answer"
    assert stored[0].time_ns == 1_767_323_045_006_000_000


def test_notes_that_a_killed_engine_recorded_in_part_are_not_recorded_twice(home: Home) -> None:
    lines = [f"2026-01-02T03:04:05.006Z\tclaude_code\tcall blocked: number {n}" for n in range(5)]
    home.fallbacks.write_text("\n".join(lines[:3]) + "\n")
    with running_engine(home):
        wait_until(lambda: len(records(home, RecordKind.FALLBACK)) == 3)
    name = str(records(home, RecordKind.FALLBACK)[0]["log"])
    (home.log / name).write_text("\n".join(lines) + "\n")
    with running_engine(home):
        wait_until(lambda: not (home.log / name).exists())
    reasons = [str(body["reason"]) for body in records(home, RecordKind.FALLBACK)]
    assert reasons == [f"call blocked: number {n}" for n in range(5)]


def test_a_damaged_store_blocks_calls_with_a_sentence_and_is_left_as_it_is(home: Home) -> None:
    home.audit_db.write_bytes(b"not a database at all" * 500)
    before = home.audit_db.read_bytes()
    with running_engine(home) as (_, client):
        reply = client.hook(AGENT, bash("ls"))
        assert decision_of(reply) == "deny"
        assert b"audit" in reply.stdout + reply.stderr
        assert any("audit" in sentence for sentence in client.status().degraded)
        assert home.audit_db.read_bytes() == before
        client.set_mode(mode="monitor")
        reply = client.hook(AGENT, bash("deny-me"))
        assert decision_of(reply) == "defer"
        assert b"could not be recorded" in reply.stdout + reply.stderr
        for path in home.root.glob("audit.db*"):
            path.unlink()
        wait_until(lambda: client.hook(AGENT, bash("ls")).stderr == b"" and not client.status().degraded)
    assert len(records(home, RecordKind.DECISION)) >= 1


def test_a_start_that_fails_says_why_and_is_flagged(home: Home) -> None:
    home.socket.mkdir()
    process = spawn(home)
    _, said = process.communicate(timeout=READY_S)
    assert process.returncode == 1
    assert str(home.socket) in said.decode()
    assert str(home.socket) in home.engine_failed.read_text()


def test_settings_that_were_switched_are_read_back(home: Home) -> None:
    with running_engine(home) as (_, client):
        client.set_mode(mode="monitor")
    assert load_config(home.config).mode == "monitor"
