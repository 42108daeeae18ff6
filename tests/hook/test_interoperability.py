"""The hook against grpcio's own server."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from prempti_otel.settings.home import Home
from tests.support.hook_process import Done, command, reply, run_hook, serving

KIB, MIB = 1 << 10, 1 << 20
SIZES = [1, 2, 100, 16_300, 16_384, 16_385, 65_535, 65_536, 100_000, MIB, 4 * MIB]


def filled(size: int) -> bytes:
    """``size`` bytes without a period that frames could share."""
    return (bytes(range(1, 252)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("size", [0, *SIZES])
def test_a_payload_of_any_size_arrives_byte_for_byte(home: Home, size: int) -> None:
    with serving(home) as engine:
        assert run_hook(home, filled(size)) == Done(0, b'{"ok":1}', b"")
    assert [request.payload for request in engine.requests] == [filled(size)]


@pytest.mark.parametrize("size", SIZES)
def test_a_reply_of_any_size_comes_back_byte_for_byte(home: Home, size: int) -> None:
    with serving(home, lambda _: reply(filled(size))):
        assert run_hook(home) == Done(0, filled(size), b"")


def test_payload_and_reply_may_both_be_large(home: Home) -> None:
    with serving(home, lambda request: reply(request.payload)):
        assert run_hook(home, filled(4 * MIB)) == Done(0, filled(4 * MIB), b"")


@pytest.mark.parametrize("exit_code", [0, 1, 2, 3, 255])
def test_exit_code_and_both_outputs_are_the_engines(home: Home, exit_code: int) -> None:
    with serving(home, lambda _: reply(b"out\xff\x00", b"err\n", exit_code)):
        assert run_hook(home) == Done(exit_code, b"out\xff\x00", b"err\n")


def test_a_refusal_without_a_reason_gets_one(home: Home) -> None:
    with serving(home, lambda _: reply(b"", b"", 2)):
        assert run_hook(home).blocked


@pytest.mark.parametrize(
    ("traceparent", "passed_on"),
    [
        (None, ""),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
        ("not a traceparent", None),
        ("x" * 256, None),
        ("x" * 257, ""),
        ("ünicode", ""),
    ],
)
def test_the_trace_context_is_passed_on_as_data(home: Home, traceparent: str | None, passed_on: str | None) -> None:
    with serving(home) as engine:
        assert run_hook(home, env={} if traceparent is None else {"TRACEPARENT": traceparent}).exit_code == 0
    assert engine.requests[0].traceparent == (traceparent if passed_on is None else passed_on)


def test_the_engine_is_told_the_agent_and_the_hooks_parent(home: Home) -> None:
    program = "import os, subprocess, sys; print(os.getpid(), flush=True); subprocess.run(sys.argv[1:])"
    with serving(home) as engine:
        parent = subprocess.run(
            [sys.executable, "-c", program, *command(home, agent="codex")], capture_output=True, input=b"", check=True
        )
    assert (engine.requests[0].agent, engine.requests[0].parent_pid) == ("codex", int(parent.stdout.split()[0]))


def test_an_agent_name_that_is_not_utf8_still_reaches_the_engine(home: Home) -> None:
    with serving(home) as engine:
        assert run_hook(home, agent="a\udcff").exit_code == 0
    assert engine.requests[0].agent == "a?"


def test_a_slow_engine_is_waited_for(home: Home) -> None:
    def slowly(_: object) -> object:
        time.sleep(0.7)
        return reply()

    with serving(home, slowly):  # type: ignore[arg-type]
        assert run_hook(home).exit_code == 0


def test_an_engine_that_is_too_slow_is_not_waited_for(home: Home) -> None:
    def too_slowly(_: object) -> object:
        time.sleep(1.5)
        return reply()

    with serving(home, too_slowly):  # type: ignore[arg-type]
        done = run_hook(home, b"{}", "--deadline", "0.5")
    assert done.blocked
    assert b"no reply within 0.5 s" in done.stderr


@pytest.mark.parametrize("trouble", ["error status", "over the limit"])
def test_a_call_that_grpc_itself_refuses_is_blocked(home: Home, trouble: str) -> None:
    def fails(_: object) -> object:
        raise ValueError("the engine broke")

    answer = fails if trouble == "error status" else (lambda _: reply(b"x" * 9 * MIB))
    with serving(home, answer):  # type: ignore[arg-type]
        assert run_hook(home).blocked


def test_many_hooks_at_once_are_all_answered(home: Home) -> None:
    with serving(home, lambda request: reply(request.payload)):
        hooks = [subprocess.Popen(command(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(20)]
        outputs = [hook.communicate(str(number).encode()) for number, hook in enumerate(hooks)]
    assert [out for out, _ in outputs] == [str(number).encode() for number in range(20)]
    assert {hook.returncode for hook in hooks} == {0}
