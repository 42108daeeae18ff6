"""The hook as a process: start to exit, against its floor and against the same hook written with grpcio.

All three run in turns against one grpcio server that answers at once, so that noise falls on all alike.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from bench.rows import Row
from prempti_otel.agents import hook_file
from prempti_otel.proto.prempti.v1 import engine_pb2, engine_pb2_grpc
from prempti_otel.settings.home import Home

PAYLOAD = (
    b'{"session_id":"5a2f","transcript_path":"/home/dev/t.jsonl","cwd":"/home/dev/project","hook_event_name":"PreToolUse",'
    b'"tool_name":"Bash","tool_input":{"command":"make test"},"tool_use_id":"toolu_01"}'
)
GRPCIO_HOOK = """
import sys
import grpc
from prempti_otel.proto.prempti.v1 import engine_pb2, engine_pb2_grpc
with grpc.insecure_channel("unix:" + sys.argv[1]) as channel:
    request = engine_pb2.HookRequest(agent="claude_code", payload=sys.stdin.buffer.read())
    reply = engine_pb2_grpc.EngineStub(channel).Hook(request, timeout=5)
sys.stdout.buffer.write(reply.stdout)
sys.stderr.buffer.write(reply.stderr)
sys.exit(reply.exit_code)
"""
FLOOR, OURS, GRPCIO = "python -I -S -c pass", "hook", "the same hook with grpcio"
GOAL_MS = 4.0


class Instant(engine_pb2_grpc.EngineServicer):
    """Answers at once."""

    def Hook(self, request: engine_pb2.HookRequest, context: grpc.ServicerContext) -> engine_pb2.HookReply:  # noqa: ARG002, N802
        return engine_pb2.HookReply(stdout=b"{}", complete=True)


@contextlib.contextmanager
def installed() -> Iterator[Home]:
    """A home with the hook in it and a server on its socket."""
    folder = Path(tempfile.mkdtemp(prefix="prempti-bench-", dir="/tmp"))
    home = Home(folder / "home")
    hook_file.install(home)
    server = grpc.server(ThreadPoolExecutor(4))
    engine_pb2_grpc.add_EngineServicer_to_server(Instant(), server)
    server.add_insecure_port(f"unix:{home.socket}")
    server.start()
    try:
        yield home
    finally:
        server.stop(None).wait()
        shutil.rmtree(folder)


def milliseconds(command: list[str], payload: Path, environment: dict[str, str] | None = None) -> float:
    """From before the start of a process to its end. Raises RuntimeError if it fails."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, str(payload), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
    ]
    begin = time.perf_counter_ns()
    child = os.posix_spawn(command[0], command, environment or {"PATH": os.defpath}, file_actions=actions)
    _, status = os.waitpid(child, 0)
    spent = time.perf_counter_ns() - begin
    if status:
        raise RuntimeError(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return spent / 1e6


def run(quick: bool) -> list[Row]:
    """Median and 99th percentile of each, in milliseconds."""
    rounds = 60 if quick else 400
    python = hook_file.interpreter()
    with installed() as home:
        payload = home.root / "payload.json"
        payload.write_bytes(PAYLOAD)
        root = str(Path(__file__).resolve().parent.parent)
        rival = f"import sys; sys.path.insert(0, {root!r}){GRPCIO_HOOK}"
        commands = {
            FLOOR: [python, "-I", "-S", "-c", "pass"],
            OURS: [python, "-I", "-S", str(home.hook), "claude_code", "--home", str(home.root)],
            GRPCIO: [sys.executable, "-I", "-c", rival, str(home.socket)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            milliseconds(command, payload)
        for turn in range(rounds):
            for name, command in commands.items():
                if name != GRPCIO or turn % 5 == 0:  # an order of magnitude slower; a fifth of the samples will do
                    times[name].append(milliseconds(command, payload))
    return rows(times)


def rows(times: dict[str, list[float]]) -> list[Row]:
    """The table, from the times of each program in milliseconds."""
    middle = {name: statistics.median(values) for name, values in times.items()}
    tail = {name: statistics.quantiles(values, n=100)[98] for name, values in times.items()}
    above = middle[OURS] - middle[FLOOR]
    out = [
        Row(
            "hook above floor, p50", above, "ms", note=f"goal {GOAL_MS:g} ms: {'met' if above <= GOAL_MS else 'missed'}"
        )
    ]
    for name in times:
        samples = f"{len(times[name])} runs"
        out.append(Row(f"{name}, p50", middle[name], "ms", middle[name] / middle[FLOOR], samples))
        out.append(Row(f"{name}, p99", tail[name], "ms", tail[name] / tail[FLOOR]))
    return out
