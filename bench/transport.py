"""What Claude Code waits for per call: the command hook and the HTTP hook, with the same engine and the same calls.

In turns, so that noise falls on all alike. The command is the whole registered line, by /bin/sh as agents run it. HTTP
goes over one connection that is kept, as Claude Code 2.1.330 does, and the floor is a server of the same library that
answers ``{}`` to everything. The client is a bare socket: what the agent's own client takes is not in it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from bench import hook, load
from bench.rows import Row
from prempti_otel.agents import hook_file
from prempti_otel.ctl.hook import http_port
from prempti_otel.settings.http_hooks import ADDRESS, PATH, HttpHooks, new_token

COMMAND, HTTP, FLOOR = "command hook", "HTTP hook", "HTTP floor: {} from the same library"
BARE = """
import sys
import waitress
def answer(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"{}"]
server = waitress.create_server(answer, host="127.0.0.1", port=0, ident=None, asyncore_use_poll=True)
print(server.effective_port, flush=True)
server.run()
"""


class Connection:
    """One connection that is kept."""

    def __init__(self, hooks: HttpHooks) -> None:
        self._hooks = hooks
        self._sock = socket.create_connection((ADDRESS, hooks.port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def milliseconds(self, payload: bytes) -> float:
        """From before the request to the last byte of its answer. Raises RuntimeError if that is not 200."""
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {ADDRESS}:{self._hooks.port}\r\nContent-Type: application/json\r\n"
            f"Authorization: {self._hooks.authorization}\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        begin = time.perf_counter_ns()
        self._sock.sendall(head.encode() + payload)
        answer = b""
        while True:
            answer += self._sock.recv(65536)
            told, found, body = answer.partition(b"\r\n\r\n")
            if found and len(body) >= int(told.lower().partition(b"content-length:")[2].split()[0]):
                break
        spent = time.perf_counter_ns() - begin
        if not told.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(answer[:200])
        return spent / 1e6


def run(quick: bool) -> list[Row]:
    """Median and 99th percentile of each, in milliseconds."""
    rounds = 60 if quick else 400
    bare = subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True)
    try:
        assert bare.stdout is not None
        floor = Connection(HttpHooks(port=int(bare.stdout.readline()), token=new_token()))
        with load.home() as home:
            hooks = http_port.rotate(home)
            hook_file.install(home)
            with load.engine(home):
                times = _times(rounds, hook_file.command(load.AGENT, home, fail_open=False), hooks, floor, home.root)
    finally:
        bare.kill()
        bare.communicate()
    return _rows(times)


def _times(rounds: int, line: str, hooks: HttpHooks, floor: Connection, folder: Path) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {COMMAND: [], HTTP: [], FLOOR: []}
    over_http, file = Connection(hooks), folder / "payload.json"
    for turn in range(-20, rounds):
        payload = load.payload(turn % 60)
        file.write_bytes(payload)
        took = {
            COMMAND: hook.milliseconds(["/bin/sh", "-c", line], file),
            HTTP: over_http.milliseconds(payload),
            FLOOR: floor.milliseconds(payload),
        }
        if turn >= 0:
            for name, value in took.items():
                times[name].append(value)
    return times


def _rows(times: dict[str, list[float]]) -> list[Row]:
    taken = {name: load.p50_p99(values) for name, values in times.items()}
    rows = [Row("HTTP is faster than the command, p50", taken[COMMAND][0] / taken[HTTP][0], "times")]
    for name, (middle, tail) in taken.items():
        floor_middle, floor_tail = taken[FLOOR]
        rows.append(Row(f"{name}, p50", middle, "ms", middle / floor_middle, f"{len(times[name])} calls"))
        rows.append(Row(f"{name}, p99", tail, "ms", tail / floor_tail))
    return rows
