"""HTTP hooks of the engine: the same verdicts as by the command hook, for nobody but who has the token."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.agents.interface import Reply
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import DecisionBody
from prempti_otel.engine.client import EngineClient
from prempti_otel.engine.health import Health
from prempti_otel.engine.http import server as http_server
from prempti_otel.engine.http.door import FORGET_S, REPORT_S, Door, Refusals
from prempti_otel.engine.http.server import BODY_BYTES, CONNECTIONS, CannotListenError, HttpServer
from prempti_otel.errors import PremptiError
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from prempti_otel.settings.http_hooks import ADDRESS, PATH, PORTS, HttpHooks, new_token, read_http_hooks
from tests.engine.test_server import records, wait_until
from tests.support.claude_payloads import TOOL_INPUTS, payload
from tests.support.engine_process import make_home, running_engine
from tests.support.http_hooks import SECONDS, Said, post, raw, set_up
from tests.support.ports import free_port

CALL = payload("Bash", {"command": "ls"})
DEFER = Reply(b"{}")


class Office:
    """A server whose answers are fixed, and all that it was asked and refused."""

    def __init__(self, threads: int = 4) -> None:
        self.hooks = HttpHooks(port=free_port(), token=new_token())
        self.asked: list[bytes] = []
        self.refused: list[str] = []
        self.reply: Reply | Exception = DEFER
        self.server = HttpServer(self.hooks, self.answer, self.refused.append, threads)

    def answer(self, body: bytes) -> Reply:
        self.asked.append(body)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.fixture
def office() -> Iterator[Office]:
    found = Office()
    yield found
    found.server.close()
    assert not any(thread.name == "http" for thread in threading.enumerate())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, EngineClient, HttpHooks]]:
    home = make_home(tmp_path_factory.mktemp("http") / "home")
    hooks = set_up(home)
    with running_engine(home) as (_, client):
        yield home, client, hooks


def session(tool: str, number: int, **more: str) -> bytes:
    """A call in one of the sessions, which are other ones over HTTP: neither transport sees what the other did."""
    tool_input = dict(TOOL_INPUTS[tool]) | ({"command": more.pop("command")} if "command" in more else {})
    return payload(tool, tool_input, session_id=f"session-{number}", **more)


PAYLOADS: list[bytes] = [
    *(session(tool, 1) for tool in TOOL_INPUTS),
    *(session("Bash", 2, command=command) for command in ("deny-me", "ask-me", "rm -rf /", "deny-me\nask-me")),
    session("Bash", 5, command="note-me"),
    session("Bash", 3, command="ask-me", permission_mode="bypassPermissions"),
    session("Bash", 4, command="ünïcode deny-me \U0001f600"),
    payload("Bash", {}),
    payload("Bash", {"command": 7}),
    payload("Bash", {"command": "ls"}, hook_event_name="EventOfTomorrow"),
    payload("Bash", {"command": "ls"}, hook_event_name="PostToolUse", tool_response={"stdout": ""}, duration_ms=3),
    payload("Bash", {"command": "ls"}, hook_event_name="Stop"),
    json.dumps({"hook_event_name": "SessionEnd"}).encode(),
    b"{not json",
    b"[]",
    b"\xff\xfe",
]


@pytest.mark.parametrize("body", PAYLOADS, ids=range(len(PAYLOADS)))
def test_both_transports_give_the_same_reply_and_the_same_record(
    engine: tuple[Home, EngineClient, HttpHooks], body: bytes
) -> None:
    home, client, hooks = engine
    before = client.status().last_seq
    by_command = client.hook("claude_code", body)
    by_http = post(hooks, body.replace(b'"session-', b'"another-'))
    assert (by_http.status, by_command.exit_code) == (200, 0)
    assert by_http.headers["Content-Type"] == "application/json"
    with StoreReader(home) as reader:
        stored = [record.body for record in reader.decisions(after_seq=before)]
    assert len(stored) in (0, 2)
    if not stored:
        assert (by_http.body, by_command.stdout) == (b"{}", b"{}")
        return
    one, other = stored
    assert alike(one, one) == alike(other, other)
    assert alike(by_command.stdout.decode(), one) == alike(by_http.body.decode(), other)


def alike(told: object, record: Mapping[str, object]) -> str:
    """``told`` without what differs: ids, times, what ails the engine, and the agent's process, which HTTP hides."""
    body = msgspec.convert(record, DecisionBody)
    if isinstance(told, Mapping):
        told = json.dumps({**told, "degraded": []}, sort_keys=True, ensure_ascii=False)
    text = str(told)
    text = text.replace(str(body.call.correlation_id), "ID").replace("another-", "session-")
    return re.sub(
        r'"(received_ns|duration|agent_pid|attempt|approval|call_hash)": [^,}]+,? ?|approve [A-Z0-9-]+', "", text
    )


REFUSED: dict[str, tuple[Mapping[str, object], int]] = {
    "no token": ({"headers": {"Authorization": None}}, 401),
    "empty token": ({"headers": {"Authorization": "Bearer "}}, 401),
    "another token": ({"headers": {"Authorization": "Bearer " + "0" * 64}}, 401),
    "token in another scheme": ({"headers": {"Authorization": "Basic " + "0" * 64}}, 401),
    "token with letters beyond ASCII": ({"headers": {"Authorization": "Bearer \xe9"}}, 401),
    "another path": ({"path": "/"}, 404),
    "a query": ({"path": PATH + "?a=b"}, 404),
    "a path that means the same": ({"path": "/prempti/./hook/claude_code"}, 404),
    "an absolute URL": ({"path": "http://example.org" + PATH}, 404),
    "GET": ({"method": "GET"}, 405),
    "PUT": ({"method": "PUT"}, 405),
    "a browser's preflight": ({"method": "OPTIONS", "headers": {"Access-Control-Request-Method": "POST"}}, 405),
    "no Host": ({"headers": {"Host": None}}, 421),
    "Host without port": ({"headers": {"Host": ADDRESS}}, 421),
    "Host of a rebound name": ({"headers": {"Host": "evil.example:80"}}, 421),
    "Host localhost": ({"headers": {"Host": "localhost:80"}}, 421),
    "Origin of a page": ({"headers": {"Origin": "https://evil.example"}}, 403),
    "Origin null": ({"headers": {"Origin": "null"}}, 403),
    "Origin empty": ({"headers": {"Origin": ""}}, 403),
    "a form": ({"headers": {"Content-Type": "text/plain"}}, 415),
    "no type": ({"headers": {"Content-Type": None}}, 415),
}


@pytest.mark.parametrize("name", REFUSED)
def test_whoever_is_not_the_agent_is_refused_and_counted(office: Office, name: str) -> None:
    changed, status = REFUSED[name]
    said = post(office.hooks, CALL, **changed)  # type: ignore[arg-type]
    assert said.status == status
    assert not said.could_be_consent
    assert office.asked == []
    assert len(office.refused) == 1
    assert not any(header.lower().startswith("access-control") for header in said.headers)


def test_the_right_token_with_the_right_head_is_answered(office: Office) -> None:
    said = post(office.hooks, CALL, headers={"Content-Type": "application/json; charset=utf-8"})
    assert (said.status, said.body, office.asked, office.refused) == (200, b"{}", [CALL], [])


def test_two_tokens_in_one_request_are_none(office: Office) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: {ADDRESS}:{office.hooks.port}\r\nContent-Type: application/json\r\n"
    twice = f"Authorization: Bearer {'1' * 64}\r\nAuthorization: {office.hooks.authorization}\r\n"
    assert raw(office.hooks, f"{head}{twice}Content-Length: 2\r\n\r\n{{}}".encode()).startswith(b"HTTP/1.1 401")


BROKEN: list[Reply | Exception] = [
    Reply(b""),
    Reply(b" "),
    Reply(b"not json"),
    Reply(b"[]"),
    Reply(b"null"),
    Reply(b"{}", exit_code=2),
    Reply(b"", b"blocked", 2),
    RuntimeError("a secret"),
    PremptiError("no"),
]


@pytest.mark.parametrize("reply", BROKEN, ids=repr)
def test_a_reply_that_an_agent_could_misread_never_leaves_as_success(office: Office, reply: Reply | Exception) -> None:
    office.reply = reply
    said = post(office.hooks, CALL)
    assert said.status == 500
    assert not said.could_be_consent
    assert b"secret" not in said.body


def test_a_body_may_have_four_mebibytes_and_not_one_byte_more(office: Office) -> None:
    assert post(office.hooks, b"x" * BODY_BYTES).status == 200
    assert office.asked == [b"x" * BODY_BYTES]
    # The head alone is enough to be refused, and nothing of the body is waited for.
    said = post(office.hooks, b"", headers={"Content-Length": str(BODY_BYTES + 1)})
    assert said.status == 413
    assert len(office.asked) == 1


def test_a_body_in_chunks_is_read_to_the_same_limit(office: Office) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    assert post(office.hooks, b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", headers=chunked).status == 200
    assert office.asked == [b"hello!"]
    part = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((ADDRESS, office.hooks.port), timeout=SECONDS) as sock:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {ADDRESS}:{office.hooks.port}\r\nContent-Type: application/json\r\n"
        sock.sendall(
            f"{head}Authorization: {office.hooks.authorization}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        with contextlib.suppress(OSError):  # the server hangs up in the middle
            for _ in range(BODY_BYTES // 0x10000 * 40):
                sock.sendall(part)
    assert len(office.asked) == 1
    assert office.refused == [f"exceeds max_body of {BODY_BYTES + 1}"]


def test_what_follows_a_refused_head_is_not_taken_for_another_request(office: Office) -> None:
    good = (
        f"POST {PATH} HTTP/1.1\r\nHost: {ADDRESS}:{office.hooks.port}\r\nContent-Type: application/json\r\n"
        f"Authorization: {office.hooks.authorization}\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    refused = f"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: {len(good)}\r\n\r\n"
    assert raw(office.hooks, (refused + good).encode()).count(b"HTTP/1.1") == 1
    assert raw(
        office.hooks, (refused.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n") + good).encode()
    ).startswith(b"HTTP/1.1 404")
    assert office.asked == []
    assert raw(office.hooks, (good + good).encode()).count(b"HTTP/1.1 200 OK") == 2


NO_REQUESTS = {
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half a line": b"POST\r\n\r\n",
    "two hosts": b"POST /prempti/hook/claude_code HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    "a negative length": b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "an unknown encoding": b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    "zeros": b"\0" * 100_000,
}


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_request_gets_no_answer_that_could_be_consent(office: Office, name: str) -> None:
    assert b" 200 " not in raw(office.hooks, NO_REQUESTS[name])
    assert office.asked == []
    assert post(office.hooks, CALL).status == 200


def test_bytes_at_random_neither_get_an_answer_nor_harm_the_server() -> None:
    office = Office()

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=400), st.booleans())
    def check(data: bytes, with_head: bool) -> None:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {ADDRESS}:{office.hooks.port}\r\n".encode() if with_head else b""
        assert b" 200 " not in raw(office.hooks, head + data)

    try:
        check()
        assert office.asked == []
        assert post(office.hooks, CALL).status == 200
    finally:
        office.server.close()


def test_connections_that_say_nothing_hold_up_nobody(office: Office) -> None:
    idle = [socket.create_connection((ADDRESS, office.hooks.port)) for _ in range(100)]
    for number, sock in enumerate(idle):
        sock.sendall(b"POST /pre"[: number % 10])
    try:
        assert post(office.hooks, CALL).status == 200
    finally:
        for sock in idle:
            sock.close()


def test_a_request_that_trickles_in_is_given_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "READ_S", 0.0)
    said = b""
    with socket.create_connection((ADDRESS, office.hooks.port), timeout=SECONDS) as sock, contextlib.suppress(OSError):
        while not said:  # parts that come together are one
            sock.sendall(b"x")
            said = sock.recv(100, socket.MSG_DONTWAIT) if select.select([sock], [], [], 0.1)[0] else b""
    assert said.startswith(b"HTTP/1.0 408")


def test_one_connection_serves_many_calls_and_many_connections_at_once(office: Office) -> None:
    connection = http.client.HTTPConnection(ADDRESS, office.hooks.port, timeout=SECONDS)
    assert {post(office.hooks, CALL, connection=connection).status for _ in range(20)} == {200}
    connection.close()
    with ThreadPoolExecutor(20) as pool:
        answers: list[Said] = list(pool.map(lambda number: post(office.hooks, b"%d" % number), range(100)))
    assert {said.status for said in answers} == {200}
    assert len(office.asked) == 120


def test_a_call_in_flight_is_answered_before_the_port_closes() -> None:
    office = Office()
    begun, go_on = threading.Event(), threading.Event()

    def slow(body: bytes) -> Reply:
        begun.set()
        go_on.wait(SECONDS)
        return DEFER

    office.server._ask = slow
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(post, office.hooks, CALL)
        assert begun.wait(SECONDS)
        closing = pool.submit(office.server.close)
        go_on.set()
        assert answer.result(SECONDS).status == 200
        closing.result(SECONDS)
    with pytest.raises(ConnectionRefusedError):
        post(office.hooks, CALL)


def test_a_port_that_another_program_has_is_told_and_is_no_answer(tmp_path: Path) -> None:
    with socket.create_server((ADDRESS, 0)) as other:
        hooks = HttpHooks(port=other.getsockname()[1], token=new_token())
        with pytest.raises(CannotListenError, match="in use"):
            HttpServer(hooks, lambda _: DEFER, lambda _: None, 1)


def test_without_its_file_there_is_no_port_and_no_server_is_loaded(home: Home) -> None:
    health = Health()
    door = Door(home, health, lambda _: DEFER, 2)
    door.tend()
    door.close()
    assert not home.http_port.exists()
    assert health.sentences() == ()


def test_the_door_follows_its_file(home: Home) -> None:
    health = Health()
    door = Door(home, health, lambda _: DEFER, 2)
    first = set_up(home)
    door.tend()
    try:
        assert home.http_port.read_text() == f"{first.port}\n"
        assert post(first, CALL).status == 200
        second = set_up(home, first.port)
        door.tend()
        assert post(first, CALL).status == 401
        assert post(second, CALL).status == 200
        home.http_hooks.write_text("{damaged")
        door.tend()
        assert not home.http_port.exists()
        assert "--rotate" in health.sentences()[0]
        with pytest.raises(ConnectionRefusedError):
            post(second, CALL)
        home.http_hooks.unlink()
        door.tend()
        assert not any("damaged" in sentence for sentence in health.sentences())
    finally:
        door.close()


def test_a_crowd_of_connections_is_told_and_passes(home: Home) -> None:
    health = Health()
    door = Door(home, health, lambda _: DEFER, 2)
    hooks = set_up(home)
    door.tend()
    crowd = [socket.create_connection((ADDRESS, hooks.port)) for _ in range(CONNECTIONS)]
    try:

        def told() -> bool:
            door.tend()
            return any("no more connections" in sentence for sentence in health.sentences())

        wait_until(told)
        for sock in crowd:
            sock.close()
        assert post(hooks, CALL).status == 200
    finally:
        for sock in crowd:
            sock.close()
        door.close()


def test_a_taken_port_is_tried_for_until_it_is_free(home: Home) -> None:
    health = Health()
    door = Door(home, health, lambda _: DEFER, 2)
    with socket.create_server((ADDRESS, free_port())) as other:
        hooks = set_up(home, other.getsockname()[1])
        door.tend()
        (sentence,) = health.sentences()
        assert str(hooks.port) in sentence
        assert "--rotate" in sentence
        assert not home.http_port.exists()
    door.tend()
    try:
        assert post(hooks, CALL).status == 200
        assert health.sentences() == ()
    finally:
        door.close()


def test_refusals_are_told_at_most_once_a_minute_and_forgotten_after_a_while() -> None:
    health, now = Health(), [1000.0]
    refusals = Refusals(health, lambda: now[0])
    refusals.tell()
    assert health.sentences() == ()
    for _ in range(500):
        refusals.count("wrong or missing token")
        refusals.tell()
    assert len(health.take_news()) == 1
    now[0] += REPORT_S
    refusals.tell()
    (sentence,) = health.sentences()
    assert "500 × wrong or missing token" in sentence
    now[0] += FORGET_S + 1
    refusals.tell()
    assert health.sentences() == ()


def test_a_damaged_file_is_told_without_its_token(tmp_path: Path) -> None:
    file = tmp_path / "http.json"
    for text in ('{"port": 25000, "token": "SECRET"}', '{"port": 1, "token": "' + "a" * 64 + '"}', "SECRET", "[]"):
        file.write_text(text)
        with pytest.raises(PremptiError) as told:
            read_http_hooks(file)
        assert "SECRET" not in told.value.diagnostics()
    assert read_http_hooks(tmp_path / "missing") is None
    assert "a" * 64 not in repr(HttpHooks(port=25000, token="a" * 64))


def test_ports_are_none_that_systems_give_to_outgoing_connections() -> None:
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(ephemeral.read_text().split()[0]) if ephemeral.exists() else 49152
    assert max(PORTS) < first


def test_the_engine_tells_of_refusals_in_its_status_and_trail(
    engine: tuple[Home, EngineClient, HttpHooks],
) -> None:
    home, client, hooks = engine
    post(hooks, CALL, headers={"Authorization": None})
    wait_until(lambda: any("wrong or missing token" in sentence for sentence in client.status().degraded))
    wait_until(lambda: any("HTTP requests" in str(record["detail"]) for record in records(home, RecordKind.ADMIN)))
    assert hooks.token not in home.engine_log.read_text()


def test_an_engine_that_ends_takes_its_port_and_flag_with_it(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    home.http_port.write_text("1\n")
    with running_engine(home) as (_, client):
        client.status()
        assert not home.http_port.exists(), "a flag of an engine that was killed"
        hooks = set_up(home)
        wait_until(home.http_port.exists)
        assert post(hooks, CALL).status == 200
    assert not home.http_port.exists()
    with pytest.raises(ConnectionRefusedError):
        post(hooks, CALL)
