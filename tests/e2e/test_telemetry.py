"""The real Claude Code, seen from an OTLP receiver: each prompt a trace, each call a span with its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import real_claude
from tests.support.guard import Guard, wait_until
from tests.support.otlp import OtlpReceiver, attributes
from tests.support.real_claude import bash

pytestmark = pytest.mark.e2e


@pytest.fixture
def receiver(guard: Guard) -> Iterator[OtlpReceiver]:
    """Where the guard, registered and started, exports to."""
    with OtlpReceiver("grpc") as found:
        guard.home.config.write_text(
            f"rules: {{default: false}}\nexport: [{{name: e2e, OTEL_EXPORTER_OTLP_ENDPOINT: {found.endpoint}}}]\n"
        )
        guard.ctl("hook", "add", "claude_code")
        guard.ctl("start")
        yield found


def spans_of(receiver: OtlpReceiver) -> dict[str, Any]:
    """By the call's id, else by name."""
    return {str(attributes(span).get("gen_ai.tool.call.id", span.name)): span for span in receiver.spans()}


def test_a_run_is_a_trace_with_every_call_its_parent_outcome_and_duration(
    claude: Path, home: Path, project: Path, guard: Guard, receiver: OtlpReceiver
) -> None:
    turns: list[list[tuple[str, dict[str, Any]]]] = [
        [bash("echo x > ran.txt")],
        [bash("rm -rf ~/important")],
        [bash("sleep 0.2; exit 3")],
        [bash("sleep 0.3; ls"), ("Read", {"file_path": str(project / "ran.txt")})],
        [("Agent", {"description": "sub", "prompt": "SUBAGENT", "subagent_type": "general-purpose"})],
    ]
    run = real_claude.run(claude, home, project, turns, subagent=[[bash("echo from-the-subagent")]])
    allowed, denied, failed, slow, read, agent, inner = [call.id for call in run.calls]
    ids = {allowed, denied, failed, slow, read, agent, inner}
    wait_until(lambda: ids <= set(spans_of(receiver)), f"all calls: {run}")
    wait_until(lambda: "invoke_agent claude_code" in spans_of(receiver), "the agent's own span")
    wait_until(lambda: "invoke_agent general-purpose" in spans_of(receiver), "the subagent's span")
    spans = spans_of(receiver)
    outcomes = {call: attributes(spans[call])["prempti.outcome"] for call in ids}
    assert outcomes == dict.fromkeys(ids, "ok") | {denied: "denied", failed: "error"}
    main = [span for span in receiver.spans() if span.span_id == spans[allowed].parent_span_id]
    sub = spans["invoke_agent general-purpose"]
    assert [span.name for span in main] == ["invoke_agent claude_code"]
    assert main[0].parent_span_id == b""
    for call in ids - {inner}:
        assert spans[call].parent_span_id == main[0].span_id
    assert sub.parent_span_id == spans[agent].span_id
    assert spans[inner].parent_span_id == sub.span_id
    assert {spans[call].trace_id for call in ids} | {sub.trace_id} == {main[0].trace_id}
    assert spans[failed].status.code == spans[failed].status.STATUS_CODE_ERROR
    assert spans[denied].status.code == spans[denied].status.STATUS_CODE_UNSET
    assert attributes(spans[failed])["error.type"] == "tool_error"
    for call, least in ((failed, 0.2), (slow, 0.3)):
        assert attributes(spans[call])["prempti.tool.duration"] >= least
        assert spans[call].end_time_unix_nano - spans[call].start_time_unix_nano >= least * 1e9
    assert main[0].start_time_unix_nano <= min(spans[call].start_time_unix_nano for call in ids)
    assert main[0].end_time_unix_nano >= max(spans[call].end_time_unix_nano for call in ids)
    assert sub.start_time_unix_nano <= spans[inner].start_time_unix_nano
    assert len({span.span_id for span in receiver.spans()}) == len(receiver.spans())
    wait_until(lambda: {"session.start", "session.end"} <= {log.event_name for log in receiver.logs()}, "the session")


def test_a_call_that_the_agent_itself_refuses_is_told_as_refused_at_once(
    claude: Path, home: Path, project: Path, guard: Guard, receiver: OtlpReceiver
) -> None:
    turns = [[bash("touch /not-allowed-by-its-own-rules"), bash("echo harmless")]]
    run = real_claude.run(claude, home, project, turns, own_permissions=True)
    outside, harmless = [call.id for call in run.calls]
    wait_until(lambda: {outside, harmless} <= set(spans_of(receiver)), f"all calls: {run}")
    refused, ran = (attributes(spans_of(receiver)[call]) for call in (outside, harmless))
    assert (refused["prempti.outcome"], ran["prempti.outcome"]) == ("refused", "ok")
    assert refused["prempti.outcome.reason"] == run.calls[0].result
