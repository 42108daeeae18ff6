"""premptictl as a process of its own, without the time that Python takes to start and to load it.

A server that has loaded all of premptictl, and done nothing with it, forks for each command: the child gets the
arguments, environment, folder and standard streams, and runs the same ``main``. What differs from a new process is
what is loaded, so the few tests of that, and of the script itself, start one.

As a program, this file is the server. It ends with the process that started it.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NoReturn

LOADED = (
    "prempti_otel.ctl.app",
    "prempti_otel.ctl.health.doctor",
    "prempti_otel.ctl.lifecycle.install",
    "prempti_otel.ctl.lifecycle.uninstall",
    "prempti_otel.ctl.rules.commands",
    "prempti_otel.ctl.rules.unit_tests",
    "prempti_otel.audit.redaction",
    "prempti_otel.audit.verify",
    "prempti_otel.engine.client",
    "prempti_otel.engine.offline",
    "prempti_otel.rules.explain",
    "prempti_otel.settings.save",
    "rich.console",
    "rich.table",
    "rich.text",
    "rich.tree",
)
_REQUEST_BYTES = 1 << 20


class ForkedCtl:
    """The server, as a test process sees it: started with the first command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._place = ""

    def run(
        self, arguments: list[str], env: dict[str, str], cwd: Path, stdin: bytes, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Exit status, standard output and standard error. Raises subprocess.TimeoutExpired."""
        self._start()
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin)
            given.seek(0)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.connect(self._place)
                request = json.dumps({"arguments": arguments, "env": env, "cwd": str(cwd)}).encode()
                descriptors = array.array("i", [given.fileno(), out.fileno(), err.fileno()])
                connection.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
                child = int(connection.recv(64))
                connection.settimeout(timeout)
                try:
                    status = os.waitstatus_to_exitcode(int(connection.recv(64)))
                except TimeoutError:
                    os.kill(child, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(arguments, timeout) from None
            out.seek(0)
            err.seek(0)
            return status, out.read(), err.read()

    def _start(self) -> None:
        with self._lock:
            if self._server is not None:
                return
            folder = tempfile.mkdtemp(prefix="prempti-ctl-", dir="/tmp")
            self._place = f"{folder}/socket"
            self._server = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-W", "error", __file__, self._place],
                env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": folder},
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert self._server.stdout is not None
            assert self._server.stdout.readline() == b"ready\n"
            atexit.register(self._end, folder)

    def _end(self, folder: str) -> None:
        assert self._server is not None
        self._server.communicate()
        with contextlib.suppress(OSError):
            Path(self._place).unlink()
            Path(folder).rmdir()


def _serve(place: str) -> NoReturn:
    """Answer commands until standard input ends."""
    for module in LOADED:
        importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(place)
    listener.listen(16)
    os.write(1, b"ready\n")
    while True:
        ready, _, _ = select.select([0, listener], [], [], 1.0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if 0 in ready:
            os._exit(0)
        if listener in ready:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()


def _answer(connection: socket.socket) -> NoReturn:
    """Run the command that is asked for in a process of its own, and tell how it ended."""
    request, ancillary, _, _ = connection.recvmsg(_REQUEST_BYTES, socket.CMSG_SPACE(3 * 4))
    descriptors = array.array("i")
    descriptors.frombytes(ancillary[0][2])
    child = os.fork()
    if child == 0:
        connection.close()
        _become(json.loads(request), list(descriptors))
    for descriptor in (0, 1, 2, *descriptors):
        os.close(descriptor)
    connection.send(str(child).encode())
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):  # whoever asked has had enough
        connection.send(str(status).encode())
    os._exit(0)


def _become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """premptictl, with these standard streams."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["premptictl", *request["arguments"]]
    from prempti_otel.ctl import main

    status = 1
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
