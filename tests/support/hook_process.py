"""Runs the real hook as agents do, against a real grpcio server or a script of raw bytes."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from prempti_otel.proto.prempti.v1 import engine_pb2, engine_pb2_grpc
from prempti_otel.settings.home import Home
from prempti_otel.settings.resources import resource

HOOK = resource("hook/prempti_hook.py")
PYTHON: str = sys._base_executable  # type: ignore[attr-defined]
"""The interpreter that ``hook add`` registers: without the virtual environment."""
CAP = (4 << 20) + (64 << 10)
DEADLINE = "60"
"""Seconds: no hook runs out of time because the machine is busy."""


@dataclass(frozen=True)
class Done:
    """How a hook ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def blocked(self) -> bool:
        """Whether every known agent takes this for a refusal that names a reason."""
        return self.exit_code == 2 and self.stdout == b"" and one_sentence(self.stderr)


def one_sentence(text: bytes) -> bool:
    """Whether ``text`` is one line of the hook's own, with a remedy."""
    line = text.decode()
    return line.startswith("prempti: call ") and line.endswith(")\n") and line.count("\n") == 1


def command(home: Home, *arguments: str, agent: str = "claude_code", hook: Path = HOOK) -> list[str]:
    """The command line of the hook. It has plenty of time, unless ``arguments`` give it another deadline."""
    return [PYTHON, "-I", "-S", str(hook), agent, "--home", str(home.root), "--deadline", DEADLINE, *arguments]


def run_hook(
    home: Home,
    payload: bytes = b"{}",
    *arguments: str,
    agent: str = "claude_code",
    env: dict[str, str] | None = None,
    hook: Path = HOOK,
) -> Done:
    """One run of the hook."""
    done = subprocess.run(
        command(home, *arguments, agent=agent, hook=hook),
        input=payload,
        capture_output=True,
        env=env or {},
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def short_home() -> Iterator[Home]:
    """A new home whose socket path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="prempti-test-", dir="/tmp"))
    try:
        home = Home(folder / "home")
        home.create()
        yield home
    finally:
        shutil.rmtree(folder)


Answer = Callable[[engine_pb2.HookRequest], engine_pb2.HookReply]


@dataclass
class EngineStandIn(engine_pb2_grpc.EngineServicer):
    """A real grpcio server that answers ``Hook`` as told and keeps what it was asked."""

    answer: Answer
    requests: list[engine_pb2.HookRequest] = field(default_factory=list)

    def Hook(self, request: engine_pb2.HookRequest, context: grpc.ServicerContext) -> engine_pb2.HookReply:  # noqa: N802
        self.requests.append(request)
        return self.answer(request)


def reply(stdout: bytes = b'{"ok":1}', stderr: bytes = b"", exit_code: int = 0) -> engine_pb2.HookReply:
    """A complete reply."""
    return engine_pb2.HookReply(stdout=stdout, stderr=stderr, exit_code=exit_code, complete=True)


@contextlib.contextmanager
def serving(home: Home, answer: Answer | None = None) -> Iterator[EngineStandIn]:
    """The stand-in, listening where the hook looks."""
    stand_in = EngineStandIn(answer or (lambda _: reply()))
    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.max_receive_message_length", CAP), ("grpc.max_send_message_length", -1)],
    )
    engine_pb2_grpc.add_EngineServicer_to_server(stand_in, server)
    server.add_insecure_port(f"unix:{home.socket}")
    server.start()
    try:
        yield stand_in
    finally:
        server.stop(None).wait()


Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def scripted(home: Home, *scripts: Script) -> Iterator[list[BaseException]]:
    """A listener that runs one script per connection, in order, the last one again and again.

    Yields what the scripts raised, apart from a hook that hung up.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(home.socket))
    listener.listen(8)
    raised: list[BaseException] = []

    def serve() -> None:
        turn = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    scripts[min(turn, len(scripts) - 1)](connection)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                except Exception as error:  # noqa: BLE001 - handed to the test
                    raised.append(error)
            turn += 1

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield raised
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        home.socket.unlink(missing_ok=True)
