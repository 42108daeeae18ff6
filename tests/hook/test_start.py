"""How hooks start the engine, with a stand-in for it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.engine.__main__ import EXIT_RUNNING
from prempti_otel.settings.home import Home
from tests.support import http2
from tests.support.engine_process import kill
from tests.support.hook_modules import hook_start
from tests.support.hook_process import PYTHON, command, run_hook

ENGINE = """#!{python} -IS
import fcntl, json, os, socket, sys, time
home = sys.argv[-1]
facts = {{"pid": os.getpid(), "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "sid": os.getsid(0),
         "umask": os.umask(0o077), "fds": sorted(int(fd) for fd in os.listdir("/dev/fd")),
         "streams": [os.readlink(f"/dev/fd/{{fd}}") for fd in range(3)]}}
with open(home + "/starts", "a") as starts:
    starts.write(json.dumps(facts) + "\\n")
lock = os.open(home + "/run/engine.lock", os.O_RDWR | os.O_CREAT, 0o600)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit({running})
print("engine starting", flush=True)
time.sleep({delay})
{then}
listener = socket.socket(socket.AF_UNIX)
listener.bind(home + "/run/engine.sock")
listener.listen(64)
while True:
    connection, _ = listener.accept()
    if connection.recv(1 << 20):
        connection.sendall({answer!r})
    connection.close()
"""


def write_engine(home: Home, *, delay: float = 0.3, then: str = "") -> str:
    """A program that behaves as the engine does at its start."""
    path = home.root / "engine-python"
    path.write_text(ENGINE.format(python=PYTHON, running=EXIT_RUNNING, delay=delay, then=then, answer=http2.GOOD))
    path.chmod(0o700)
    return str(path)


def starts(home: Home) -> list[dict[str, object]]:
    path = home.root / "starts"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def home(home: Home) -> Iterator[Home]:
    """A home whose engines are ended with the test."""
    yield home
    for start in starts(home):
        kill(int(str(start["pid"])))


def test_the_first_hook_starts_the_engine_and_is_answered(home: Home) -> None:
    engine = write_engine(home)
    assert run_hook(home, b"{}", "--engine", engine).stdout == b'{"ok":1}'
    assert run_hook(home, b"{}", "--engine", engine).stdout == b'{"ok":1}'
    assert len(starts(home)) == 1


def test_an_engine_that_starts_slowly_is_given_more_time_than_one_that_answers_slowly(home: Home) -> None:
    assert run_hook(home, b"{}", "--engine", write_engine(home, delay=5.5)).stdout == b'{"ok":1}'


def test_an_engine_that_was_killed_is_started_again(home: Home) -> None:
    engine = write_engine(home, then="import contextlib, pathlib; pathlib.Path(home + '/run/engine.sock').unlink(True)")
    assert run_hook(home, b"{}", "--engine", engine).exit_code == 0
    kill(int(str(starts(home)[0]["pid"])))
    assert run_hook(home, b"{}", "--engine", engine).exit_code == 0
    assert len(starts(home)) == 2


def test_twenty_hooks_on_a_cold_start_start_one_engine(home: Home) -> None:
    words = command(home, "--engine", write_engine(home, delay=1))
    hooks = [subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(20)]
    assert {hook.communicate()[0] for hook in hooks} == {b'{"ok":1}'}
    assert {hook.returncode for hook in hooks} == {0}
    assert len(starts(home)) == 1


def test_the_engine_gets_nothing_of_the_hooks_surroundings(home: Home, tmp_path: Path) -> None:
    engine = write_engine(home)
    leak = os.open(tmp_path / "leak", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(leak, True)
    subprocess.run(
        command(home, "--engine", engine),
        input=b"{}",
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
        env={"PATH": "/evil", "PYTHONPATH": "/evil", "PREMPTI_HOME": "/evil", "LANG": "xx", "OTEL_EVIL": "1"},
        pass_fds=[leak],
        umask=0,
        check=True,
    )
    os.close(leak)
    (start,) = starts(home)
    environment = start["env"]
    assert isinstance(environment, dict)
    assert set(environment) <= {"PATH", "HOME", "LANG", "USER", "LOGNAME", "LC_CTYPE"}
    assert "evil" not in json.dumps(environment)
    assert start["argv"] == ["-I", "-m", "prempti_otel.engine", "--home", str(home.root)]
    assert (start["cwd"], start["umask"], start["sid"]) == ("/", 0o077, start["pid"])
    assert start["streams"] == ["/dev/null", str(home.engine_log), str(home.engine_log)]
    assert len(start["fds"]) <= 5  # type: ignore[arg-type] # the standard ones, the listing, the file of starts
    assert str(tmp_path) not in json.dumps(start)
    assert home.engine_log.read_text() == "engine starting\n"
    assert home.engine_log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("stopped", b"the engine is stopped (run premptictl start)"),
        ("failed", b"the engine failed to start: no rules"),
        ("no --engine", b"the engine is not running (run premptictl start)"),
    ],
)
def test_no_engine_is_started_where_that_was_ruled_out(home: Home, state: str, sentence: bytes) -> None:
    engine = write_engine(home)
    if state == "stopped":
        home.stopped.touch()
    if state == "failed":
        home.engine_failed.write_text("no rules\n")
    done = run_hook(home, b"{}", *([] if state.startswith("no") else ["--engine", engine]))
    assert done.blocked
    assert sentence in done.stderr
    assert starts(home) == []


def test_an_old_failure_does_not_keep_the_engine_down(home: Home) -> None:
    home.engine_failed.touch()
    long_ago = time.time() - hook_start.FAILED_SECONDS - 1
    os.utime(home.engine_failed, (long_ago, long_ago))
    assert run_hook(home, b"{}", "--engine", write_engine(home)).exit_code == 0


def test_an_engine_of_a_service_manager_is_waited_for_but_not_started(home: Home) -> None:
    engine = write_engine(home)
    home.service.touch()
    hook = subprocess.Popen(command(home, "--engine", engine), stdin=subprocess.DEVNULL)
    time.sleep(0.3)
    assert starts(home) == []
    service = subprocess.Popen([engine, "--home", str(home.root)], stdout=subprocess.DEVNULL)
    assert hook.wait() == 0
    service.kill()
    service.wait()


@pytest.mark.parametrize("then", ["sys.exit(1)", "os.kill(os.getpid(), 11)"], ids=["fails", "crashes"])
def test_an_engine_that_fails_to_start_is_not_waited_for_and_not_tried_again(home: Home, then: str) -> None:
    home.engine_failed.write_text("an old story")
    os.utime(home.engine_failed, (0, 0))
    engine = write_engine(home, then=then)
    for _ in range(2):
        done = run_hook(home, b"{}", "--engine", engine)
        assert done.blocked
        assert b"the engine failed to start (see " in done.stderr
    assert len(starts(home)) == 1


@pytest.mark.parametrize("what", ["is missing", "is not a program", "is a folder"])
def test_an_engine_that_cannot_be_run_blocks_the_call(home: Home, what: str) -> None:
    engine = home.root / "engine-python"
    if what == "is not a program":
        engine.write_bytes(b"\x7fELF, or so it says")
        engine.chmod(0o700)
    elif what == "is a folder":
        engine.mkdir()
    done = run_hook(home, b"{}", "--engine", str(engine))
    assert done.blocked
    assert (b"no program" if what == "is missing" else b"failed to start") in done.stderr


def test_a_start_lock_held_by_someone_else_is_waited_for(home: Home) -> None:
    lock = os.open(home.start_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = run_hook(home, b"{}", "--engine", write_engine(home), "--deadline", "0.6")
    os.close(lock)
    assert done.blocked
    assert b"waiting for the engine to start" in done.stderr
    assert starts(home) == []


def test_a_start_lock_passes_on_when_its_holder_dies(home: Home) -> None:
    program = (
        "import fcntl, os, sys, time; fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([PYTHON, "-c", program, str(home.start_lock)], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    words = command(home, "--engine", write_engine(home))
    hooks = [subprocess.Popen(words, stdin=subprocess.DEVNULL) for _ in range(3)]
    time.sleep(0.3)
    assert starts(home) == []
    holder.kill()
    assert {hook.wait() for hook in hooks} == {0}
    assert len(starts(home)) == 1
    holder.wait()
    holder.stdout.close()


def test_a_winner_killed_after_the_start_leaves_its_engine_to_the_others(home: Home) -> None:
    words = command(home, "--engine", write_engine(home, delay=1))
    winner = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    while not starts(home):
        time.sleep(0.01)
    winner.kill()
    winner.wait()
    assert subprocess.run(words, input=b"{}", capture_output=True, check=True).stdout == b'{"ok":1}'
    assert not home.engine_failed.exists()
