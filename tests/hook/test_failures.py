"""What an agent gets when the hook cannot reach a reply."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prempti_otel.settings.home import Home
from tests.support import http2
from tests.support.hook_process import HOOK, PYTHON, command, one_sentence, reply, run_hook, scripted, serving

SHORT = "3"
"""Seconds to wait for, and enough to get an answer on a busy machine."""
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[^\t ]+\t(call blocked|call passed unjudged): [^\t]+")


def fallbacks(home: Home) -> list[str]:
    return home.fallbacks.read_text().splitlines()


def sends(answer: bytes) -> object:
    def script(connection: socket.socket) -> None:
        http2.Peer(connection).request()
        connection.sendall(answer)

    return script


def byte_by_byte(connection: socket.socket) -> None:
    http2.Peer(connection).request()
    for byte in http2.GOOD:
        connection.sendall(bytes([byte]))
        time.sleep(0.0005)


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def never_ending_pings(connection: socket.socket) -> None:
    while True:
        connection.sendall(http2.frame(http2.PING, bytes(8)))


ANSWERED = {
    "merged": sends(http2.GOOD),
    "byte by byte": byte_by_byte,
}
UNANSWERED = {
    "closes at once": lambda _: None,
    "closes after the request": sends(b""),
    "HTTP/1": sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "garbage": sends(os.urandom(5000)),
    "dies in its answer": sends(http2.GOOD[:-60]),
    "RST_STREAM": sends(http2.settings() + http2.frame(http2.RST_STREAM, struct.pack(">I", 8), 0, 1)),
    "incomplete reply": sends(http2.settings() + http2.headers() + http2.data(http2.reply_message(complete=False))),
    "silent": silent,
    "never-ending pings": never_ending_pings,
    "always stopping": sends(http2.settings() + http2.frame(http2.GOAWAY, bytes(8))),
}


@pytest.mark.parametrize("script", ANSWERED.values(), ids=ANSWERED.keys())
def test_a_server_may_answer_in_any_pieces(home: Home, script: object) -> None:
    with scripted(home, script) as raised:  # type: ignore[arg-type]
        done = run_hook(home)
    assert (done.exit_code, done.stdout, done.stderr, raised) == (0, b'{"ok":1}', b"", [])


@pytest.mark.parametrize("script", UNANSWERED.values(), ids=UNANSWERED.keys())
def test_whatever_else_listens_there_the_call_is_blocked(home: Home, script: object) -> None:
    with scripted(home, script):  # type: ignore[arg-type]
        assert run_hook(home, b"{}", "--deadline", "0.7").blocked
    assert len(fallbacks(home)) == 1
    assert LINE.fullmatch(fallbacks(home)[0])


def test_an_engine_that_is_stopping_gives_way_to_the_next_one(home: Home) -> None:
    stopping = sends(http2.settings() + http2.frame(http2.GOAWAY, bytes(8)))
    refusing = sends(http2.settings() + http2.frame(http2.RST_STREAM, struct.pack(">I", 7), 0, 1))
    with scripted(home, stopping, refusing, sends(http2.GOOD)):  # type: ignore[arg-type]
        assert run_hook(home).stdout == b'{"ok":1}'


def test_an_engine_killed_in_the_middle_of_a_call_blocks_it(home: Home) -> None:
    program = (
        "import sys, os, signal; from pathlib import Path\n"
        "from prempti_otel.settings.home import Home\n"
        "from tests.support.hook_process import serving\n"
        "with serving(Home(Path(sys.argv[1])), lambda _: os.kill(os.getpid(), signal.SIGKILL)):\n"
        "    print('up', flush=True); signal.pause()\n"
    )
    root = str(HOOK.parent.parent)
    engine = subprocess.Popen([sys.executable, "-c", program, str(home.root)], stdout=subprocess.PIPE, cwd=root)
    assert engine.stdout
    assert engine.stdout.readline() == b"up\n"
    assert run_hook(home).blocked
    engine.wait()
    engine.stdout.close()


MISREGISTERED = [
    [],
    ["--home", "/tmp"],
    ["claude_code"],
    ["claude_code", "--home"],
    ["claude_code", "--home", "relative"],
    ["claude_code", "--home", "/tmp", "--engine", "python3"],
    ["claude_code", "--home", "/tmp", "--deadline", "0"],
    ["claude_code", "--home", "/tmp", "--deadline", "nan"],
    ["claude_code", "--home", "/tmp", "--deadline", "601"],
    ["claude_code", "--home", "/tmp", "--unknown"],
    ["claude_code", "--home", "/tmp", "\udcff\n"],
]


@pytest.mark.parametrize("arguments", MISREGISTERED, ids=repr)
def test_arguments_that_nobody_registers_block_the_call(arguments: list[str]) -> None:
    done = subprocess.run([PYTHON, "-I", "-S", HOOK, *arguments], input=b"{}", capture_output=True, check=False)
    assert (done.returncode, done.stdout, one_sentence(done.stderr)) == (2, b"", True)
    assert b"hook is not registered properly" in done.stderr


def test_a_payload_over_the_cap_is_blocked_and_noted(home: Home) -> None:
    with serving(home) as engine:
        done = run_hook(home, bytes((4 << 20) + 1))
    assert done.blocked
    assert b"larger than 4 MiB" in done.stderr
    assert engine.requests == []
    assert "larger than 4 MiB" in fallbacks(home)[0]


@pytest.mark.parametrize("closed", [0, 1, 2])
@pytest.mark.parametrize("flags", [[], ["--fail-open"]], ids=["closed", "open"])
def test_a_closed_standard_stream_is_never_silence(home: Home, closed: int, flags: list[str]) -> None:
    with serving(home) as engine:
        shell = ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", *command(home, *flags)]
        done = subprocess.run(shell, input=b"{}", capture_output=True, check=False)
    expected = (0, b"{}\n") if flags and closed != 1 else (2, b"")
    assert (done.returncode, done.stdout) == expected
    assert done.stderr == b"" if closed == 2 else one_sentence(done.stderr)
    assert engine.requests == []
    assert LINE.fullmatch(fallbacks(home)[0])


@pytest.mark.parametrize("flags", [[], ["--fail-open"]], ids=["closed", "open"])
def test_a_reply_that_cannot_be_written_blocks_the_call(home: Home, flags: list[str]) -> None:
    with serving(home), Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(home, *flags), input=b"{}", stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, one_sentence(done.stderr)) == (2, True)


def test_a_reader_that_hangs_up_blocks_the_call(home: Home) -> None:
    with serving(home, lambda _: reply(b"x" * 1_000_000)):
        hook = subprocess.Popen(command(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert hook.stdin
        assert hook.stdout
        assert hook.stderr
        hook.stdout.close()
        hook.stdin.close()
        said = hook.stderr.read()
        hook.stderr.close()
        assert (hook.wait(), one_sentence(said)) == (2, True)


@pytest.mark.parametrize("stuck", ["stdin that never closes", "reader that never reads"])
def test_the_deadline_holds_for_the_standard_streams_too(home: Home, stuck: str) -> None:
    with serving(home, lambda _: reply(b"x" * 1_000_000)):
        hook = subprocess.Popen(
            command(home, "--deadline", SHORT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert hook.stdin
        assert hook.stdout
        assert hook.stderr
        hook.stdin.write(b"{}")
        hook.stdin.flush()
        if stuck.startswith("reader"):
            hook.stdin.close()
        assert hook.wait(60) == 2
        said = hook.stderr.read()
        for stream in (hook.stdin, hook.stdout, hook.stderr):
            stream.close()
    assert one_sentence(said)
    assert (b"reading standard input" if stuck.startswith("stdin") else b"writing the reply") in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=str)
def test_a_signal_ends_the_hook_with_a_refusal(home: Home, number: signal.Signals) -> None:
    asked, ended = threading.Event(), threading.Event()

    def answer(_: object) -> object:
        asked.set()
        ended.wait(60)
        return reply()

    with serving(home, answer):  # type: ignore[arg-type]
        hook = subprocess.Popen(command(home), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert asked.wait(60)
        hook.send_signal(number)
        _, said = hook.communicate(timeout=300)
        ended.set()
    assert (hook.returncode, one_sentence(said)) == (2, True)


def test_signals_that_an_agent_blocks_or_ignores_do_not_disarm_the_deadline(home: Home) -> None:
    disarm = (
        "import os, signal, sys; signal.signal(signal.SIGALRM, signal.SIG_IGN);"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGTERM]);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = [sys.executable, "-c", disarm, *command(home, "--deadline", "0.5")]
    with scripted(home, silent):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)
    assert (done.returncode, one_sentence(done.stderr)) == (2, True)


def test_non_blocking_pipes_are_waited_for(home: Home) -> None:
    stdin, ours = os.pipe()
    theirs, stdout = os.pipe()
    for end in (stdin, stdout):
        os.set_blocking(end, False)
    with (
        serving(home, lambda request: reply(request.payload)),
        os.fdopen(ours, "wb") as feed,
        os.fdopen(theirs, "rb") as output,
    ):
        hook = subprocess.Popen(command(home), stdin=stdin, stdout=stdout)
        os.close(stdin)
        os.close(stdout)
        time.sleep(0.1)
        feed.write(b"y" * 300_000)
        feed.close()
        time.sleep(0.1)
        assert output.read() == b"y" * 300_000
        assert hook.wait() == 0


def test_running_out_of_memory_blocks_the_call(home: Home) -> None:
    payload = b"z" * (4 << 20)
    said = []
    with serving(home, lambda request: reply(request.payload)):
        for mebibytes in range(12, 60, 4):
            shell = ["/bin/sh", "-c", f'ulimit -v {mebibytes << 10}; exec "$@"', "sh", *command(home)]
            done = subprocess.run(shell, input=payload, capture_output=True, check=False)
            assert (done.returncode == 0) == (done.stdout == payload)
            assert b"Traceback" not in done.stderr
            said.append(done.stderr.decode())
    assert any("MemoryError" in text for text in said)


def test_without_a_home_the_call_is_blocked(home: Home) -> None:
    missing = Home(home.root / "missing")
    done = run_hook(missing)
    assert done.blocked
    assert not missing.root.exists()


@pytest.mark.parametrize("how", ["log is a folder", "log is missing", "log is a link"])
def test_a_fallback_log_that_cannot_be_written_is_part_of_the_sentence(home: Home, how: str, tmp_path: Path) -> None:
    if how == "log is a folder":
        home.fallbacks.mkdir()
    elif how == "log is missing":
        home.log.rmdir()
    else:
        home.fallbacks.symlink_to(tmp_path / "elsewhere")
    done = run_hook(home)
    assert done.blocked
    assert b"fallbacks.log" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("how", ["--fail-open", "monitor"])
def test_failing_open_passes_the_call_with_a_warning_and_a_note(home: Home, how: str) -> None:
    if how == "monitor":
        home.monitor_flag.touch()
    done = run_hook(home, b"{}", *([how] if how != "monitor" else []))
    assert (done.exit_code, done.stdout, one_sentence(done.stderr)) == (0, b"{}\n", True)
    assert b"call passed unjudged" in done.stderr
    assert LINE.fullmatch(fallbacks(home)[0])
    assert "call passed unjudged" in fallbacks(home)[0]


def test_a_note_is_one_bounded_line_of_a_private_file(home: Home) -> None:
    assert run_hook(home, agent="a\tb\nc \udcff" + "x" * 1000).blocked
    run_hook(home, b"{}", "--engine", "/" + "\n" * 5000)
    text = home.fallbacks.read_text()
    assert home.fallbacks.stat().st_mode & 0o777 == 0o600
    assert text.count("\n") == 2
    assert all(LINE.fullmatch(line) and len(line) < 1000 for line in text.splitlines())


def test_notes_of_hooks_that_fail_together_are_all_whole(home: Home) -> None:
    hooks = [subprocess.Popen(command(home), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(16)]
    assert {hook.wait() for hook in hooks} == {2}
    assert len([line for line in fallbacks(home) if LINE.fullmatch(line)]) == 16


def test_a_damaged_hook_blocks_the_call(home: Home, tmp_path: Path) -> None:
    alone = tmp_path / HOOK.name
    alone.write_bytes(HOOK.read_bytes())
    assert run_hook(home, hook=alone).blocked
    (tmp_path / "prempti_forward.py").write_text("def broken(:")
    assert run_hook(home, hook=alone).blocked
    (tmp_path / "prempti_forward.py").write_bytes(b"\0\xff")
    assert run_hook(home, hook=alone).blocked
    assert run_hook(home, b"{}", "--fail-open", hook=alone).stdout == b"{}\n"


def test_an_event_that_nobody_is_asked_about_is_never_held_up_and_its_loss_is_noted(home: Home) -> None:
    (home.run / "stopped").touch()
    done = run_hook(home, b"{}", "--lifecycle")
    assert (done.exit_code, done.stdout) == (0, b"{}\n")
    assert done.stderr.startswith(b"prempti: event not recorded: ")
    (line,) = fallbacks(home)
    assert "\tevent not recorded: " in line


DENIAL = '{"decision":"deny","why":"%s"}'


@pytest.mark.parametrize("agent", ["copilot", 'a"\\b', "\x07é"])
def test_an_agent_that_reads_why_on_standard_output_finds_the_sentence_there(home: Home, agent: str) -> None:
    done = run_hook(home, b"{}", "--denial", DENIAL, "--deadline", f'0"\\{agent}', agent="copilot")
    assert done.exit_code == 2
    assert json.loads(done.stdout) == {"decision": "deny", "why": done.stderr.decode().rstrip("\n")}
    assert one_sentence(done.stderr)


def test_a_denial_is_never_put_behind_a_reply_that_was_begun(home: Home) -> None:
    with serving(home, lambda _: reply(b"x" * 1_000_000)):
        process = subprocess.Popen(
            command(home, "--denial", DENIAL, "--deadline", SHORT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.wait(60) == 2, "nobody reads the reply"
        said, _ = process.communicate()
    assert b"deny" not in said


@pytest.mark.parametrize("flags", [["--fail-open"], ["--lifecycle"]])
def test_a_call_that_passes_is_not_denied_as_well(home: Home, flags: list[str]) -> None:
    done = run_hook(home, b"{}", "--denial", DENIAL, *flags)
    assert (done.exit_code, done.stdout) == (0, b"{}\n")
