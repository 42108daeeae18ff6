"""Latency at the hook while other work goes on: a backlog drains, rules reload.

Real hook processes, one after another, against the same engine at rest, then disturbed. A disturbance that did not
last as long as the measurement fails the benchmark rather than flatter it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import grpc

from bench import load
from bench.hook import milliseconds
from bench.rows import Row
from prempti_otel.agents import hook_file
from prempti_otel.audit.cursors import read_cursors
from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from prempti_otel.telemetry.state import destination_states

SINK = "bench"
DRAIN_S = 300.0


def disturbed(quick: bool) -> list[Row]:
    """Rows for rest, drain and reload, ratios to rest."""
    runs, backlog = (60, 2000) if quick else (300, 20_000)
    with sink() as port:
        config = f"export:\n- name: {SINK}\n  OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:{{}}\n"
        with load.home(config.format(9)) as home:
            hook_file.install(home)
            with load.engine(home):
                _wait(lambda: bool(read_cursors(home)))
                load.calls_per_second(home, 2, backlog // 2)
                home.config.write_text("")
                _reload(home)
                rest = hooks(home, runs)
                home.config.write_text(config.format(port))
                _reload(home)
                drained = drain(home, runs, backlog)
                reloaded = while_reloading(home, runs)
                load.check_healthy(home)
    return [
        *_rows("hook at rest", rest, rest, f"{runs} runs of the real hook"),
        *_rows(f"hook while {backlog:,} records drain", drained, rest),
        *_rows("hook while 1,000 rules reload", reloaded, rest),
    ]


def hooks(home: Home, runs: int, going: Callable[[], bool] = lambda: True) -> list[float]:
    """Milliseconds of that many hook processes, or of as many as fit while ``going``."""
    command = [hook_file.interpreter(), "-I", "-S", str(home.hook), load.AGENT, "--home", str(home.root)]
    text = home.root / "payload.json"
    text.write_bytes(load.payload(0))
    times = [milliseconds(command, text) for _ in range(3)][:0]
    while len(times) < runs and going():
        times.append(milliseconds(command, text))
    return times


def drain(home: Home, runs: int, backlog: int) -> list[float]:
    """Hooks while the exporter has something to send."""
    left = lambda: int(destination_states(home, [SINK])[0]["backlog"])  # noqa: E731
    if left() < backlog:
        raise RuntimeError(f"the backlog is {left()}, not {backlog}")
    _wait(lambda: left() < backlog)
    times = hooks(home, runs, lambda: left() > 50)
    if len(times) < 20:
        raise RuntimeError("the backlog was gone before enough hooks had run")
    _wait(lambda: left() == 0)
    return times


def while_reloading(home: Home, runs: int) -> list[float]:
    """Hooks while a thousand rules are loaded again and again."""
    over = threading.Event()
    reloads: list[int] = []

    def reload_on() -> None:
        while not over.is_set():
            (home.user_rules / "bench.yaml").write_text(f"# {len(reloads)}\n{load.rules_text(1000)}")
            _reload(home)
            reloads.append(1)

    thread = threading.Thread(target=reload_on)
    thread.start()
    try:
        times = hooks(home, runs)
    finally:
        over.set()
        thread.join()
    if not reloads:
        raise RuntimeError("no reload was done")
    return times


def _reload(home: Home) -> None:
    with EngineClient(home) as client:
        reply = client.reload()
    if reply.error:
        raise RuntimeError(reply.error)


def _wait(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + DRAIN_S
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError("it did not happen in time")
        time.sleep(0.1)


def _rows(name: str, times: list[float], rest: list[float], note: str = "") -> list[Row]:
    middle, tail = load.p50_p99(times)
    rest_middle, rest_tail = load.p50_p99(rest)
    return [
        Row(f"{name}, p50", middle, "ms", middle / rest_middle, note or f"{len(times)} runs"),
        Row(f"{name}, p99", tail, "ms", tail / rest_tail),
    ]


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """The port of an OTLP receiver in a process of its own, which takes everything."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sink, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


class _Anything(grpc.GenericRpcHandler):
    """Answers every method with an empty message, which is OTLP's full success."""

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda *_: b"")


def _sink(pipe: Connection) -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((_Anything(),))
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    pipe.recv()
    server.stop(None).wait()
