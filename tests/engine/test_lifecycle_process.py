"""Whole lifecycles through real engine processes, as an OTLP receiver gets them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from tests.support.claude_payloads import fields
from tests.support.engine_process import make_home, running_engine
from tests.support.guard import wait_until
from tests.support.otlp import OtlpReceiver, attributes

AGENT = "claude_code"


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver("grpc") as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, receiver: OtlpReceiver) -> Home:
    export = f"export: [{{name: test, OTEL_EXPORTER_OTLP_ENDPOINT: {receiver.endpoint}}}]\n"
    return make_home(tmp_path / "home", config=f"rules:\n  default: false\n{export}")


def send(client: EngineClient, event: str, command: str = "ls", **more: Any) -> dict[str, Any]:
    """What the agent gets for an event about a shell call."""
    payload = fields("Bash", {"command": command}, hook_event_name=event, tool_use_id=f"id of {command}", **more)
    reply = client.hook(AGENT, json.dumps(payload).encode())
    assert reply.exit_code == 0
    answer: dict[str, Any] = json.loads(reply.stdout)
    return answer


def outcomes(receiver: OtlpReceiver) -> dict[str, str]:
    """By call; each span is told once, or as it was before."""
    contents: dict[bytes, bytes] = {}
    found = {}
    for span in receiver.spans():
        content = span.SerializeToString(deterministic=True)
        assert contents.setdefault(span.span_id, content) == content
        told = attributes(span)
        if span.name.startswith("execute_tool"):
            found[str(told["gen_ai.tool.call.id"]).removeprefix("id of ")] = str(told["prempti.outcome"])
    return found


def test_calls_are_exported_when_they_are_denied_or_their_outcome_is_known(home: Home, receiver: OtlpReceiver) -> None:
    with running_engine(home) as (_, client):
        send(client, "SessionStart", source="startup")
        send(client, "UserPromptSubmit", prompt="do it")
        for command in ("deny-me", "one", "two", "three"):
            send(client, "PreToolUse", command)
        assert send(client, "PostToolUseFailure", "two", error="no", duration_ms=7) == {}
        assert send(client, "PostToolUse", "one", tool_response={}, duration_ms=21) == {}
        wait_until(lambda: len(outcomes(receiver)) == 3, "the calls that are over")
        assert outcomes(receiver) == {"deny-me": "denied", "one": "ok", "two": "error"}
        send(client, "PermissionDenied", "three", reason="not now")
        send(client, "Stop")
        send(client, "SessionEnd", reason="other")
        wait_until(lambda: any(span.name == "invoke_agent claude_code" for span in receiver.spans()), "the prompt")
        wait_until(lambda: len(outcomes(receiver)) == 4, "the refused call")
    assert outcomes(receiver)["three"] == "refused"
    whole = {span.name: span for span in receiver.spans()}["invoke_agent claude_code"]
    assert {span.parent_span_id for span in receiver.spans() if span is not whole} == {whole.span_id}
    assert {log.event_name for log in receiver.logs()} >= {"session.start", "session.end"}
    metrics = receiver.metrics()
    tools = {
        attributes(point).get("error.type", ""): point.sum
        for point in metrics["gen_ai.execute_tool.duration"].histogram.data_points
    }
    assert tools == {"": pytest.approx(0.021), "tool_error": pytest.approx(0.007)}
    (active,) = metrics["prempti.sessions.active"].gauge.data_points
    assert (attributes(active), active.as_int) == ({"gen_ai.agent.name": AGENT}, 0)


def test_a_killed_engine_joins_what_was_asked_before_with_what_is_told_after(
    home: Home, receiver: OtlpReceiver
) -> None:
    with running_engine(home) as (process, client):
        for command in ("one", "two"):
            send(client, "PreToolUse", command)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with running_engine(home) as (_, client):
        send(client, "PostToolUse", "two", tool_response={})
        send(client, "PreToolUse", "one")
        send(client, "PostToolUse", "one", tool_response={})
        send(client, "PostToolUse", "never", tool_response={})
        wait_until(lambda: len(outcomes(receiver)) == 2, "both calls")
        wait_until(lambda: len(receiver.spans()) == 3, "the first attempt of the resumed call")
        late = "prempti.outcome.late"
        wait_until(lambda: [log.event_name for log in receiver.logs()].count(late) == 1, "the late outcome")
    attempts = {
        (str(attributes(span)["gen_ai.tool.call.id"]), attributes(span).get("prempti.call.attempt", 1)): str(
            attributes(span)["prempti.outcome"]
        )
        for span in receiver.spans()
    }
    assert attempts == {("id of one", 1): "unknown", ("id of one", 2): "ok", ("id of two", 1): "ok"}


@pytest.mark.parametrize("broken", [{"session_id": 1}, {"prompt_id": []}, {"tool_name": ""}])
def test_an_event_that_cannot_be_read_holds_nothing_up_and_is_told(home: Home, broken: dict[str, Any]) -> None:
    with running_engine(home) as (_, client):
        assert send(client, "PostToolUse", **broken) == {}
        assert any("event could not be read" in sentence for sentence in client.status().degraded)
        assert send(client, "PostToolUse", "fine", tool_response={}) == {}
        assert not client.status().degraded
