"""From a real engine through both collectors: what Jaeger, the log backend and the archive then have."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from prempti_otel.telemetry import names
from tests.stack.conftest import until
from tests.support.otlp import attributes
from tests.support.stack import Stack, attributes_of
from tests.support.stack_calls import Call

VERDICTS = ("defer", "deny", "ask", "defer")
RULES_THAT_HOLD = ((), ("Deny marker",), ("Ask marker",), ("Notice marker",))


def test_each_call_is_a_span_with_the_attributes_of_the_schema(stack: Stack, made: list[Call]) -> None:
    for call in made:
        span = stack.trace(call.trace_id)[call.span_id]
        found = attributes_of(span)
        assert span["name"] == "execute_tool Bash"
        assert found[names.TOOL_CALL_ID] == call.use_id
        assert found[names.COMMAND_LINE] == call.command
        assert found[names.SESSION_ID] == call.session
        assert found[names.VERDICT] == VERDICTS[call.number % 4]
        assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"])
        unknown = set(found) - set(names.ATTRIBUTES)
        assert {name for name in unknown if not name.startswith("redaction.")} == set()


def test_each_match_is_an_event_on_its_span(stack: Stack, made: list[Call]) -> None:
    for call in made:
        events = stack.trace(call.trace_id)[call.span_id].get("events", [])
        assert {event["name"] for event in events} <= {names.RULE_MATCH_EVENT}
        rules = tuple(attributes_of(event)[names.RULE_NAME] for event in events)
        assert rules == RULES_THAT_HOLD[call.number % 4]


def test_who_sent_it_comes_along(stack: Stack, made: list[Call]) -> None:
    span = stack.trace(made[0].trace_id)[made[0].span_id]
    resource = attributes_of({"attributes": span["resource"]})
    assert resource[names.SERVICE_NAME] == names.SERVICE
    assert resource.keys() >= {names.SERVICE_INSTANCE_ID, names.HOST_NAME, names.OS_TYPE}


def test_the_log_backend_has_a_decision_and_the_matches_of_each_call(stack: Stack, made: list[Call]) -> None:
    def of(event: str) -> list[str]:
        return [
            str(attributes(record)[names.TOOL_CALL_ID])
            for record in stack.logs.logs()
            if attributes(record).get(names.EVENT_NAME) == event
        ]

    until(lambda: len(set(of(names.DECISION_EVENT))) == len(made))
    matching = {call.use_id for call in made if RULES_THAT_HOLD[call.number % 4]}
    until(lambda: set(of(names.RULE_MATCH_EVENT)) == matching)


def test_the_archive_has_what_the_backends_have(stack: Stack, made: list[Call]) -> None:
    archived = {span["spanId"]: span for span in stack.archived("spans")}
    for call in made:
        shown = attributes_of(stack.trace(call.trace_id)[call.span_id])
        assert as_badger_has_it(attributes_of(archived[call.span_id])) == shown
    logged = {attributes_of(record).get(names.TOOL_CALL_ID) for record in stack.archived("logRecords")}
    assert logged >= {call.use_id for call in made}


def as_badger_has_it(found: dict[str, Any]) -> dict[str, Any]:
    """Jaeger's embedded store keeps lists as JSON."""
    return {
        name: json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value
        for name, value in found.items()
    }


def test_the_calls_of_a_prompt_hang_below_the_agents_span(stack: Stack, made: list[Call]) -> None:
    trace = made[0].trace_id
    parents = {stack.trace(trace)[call.span_id]["parentSpanId"] for call in made}
    assert len(parents) == 1
    (parent,) = parents
    until(lambda: parent in stack.trace(trace))
    assert stack.trace(trace)[parent]["name"].startswith(names.INVOKE_AGENT)


SECRETS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "sk-ant-api03-" + "x" * 24,
    "xoxb-123456789012-abcdefghij",
    "Bearer abcdefghijklmnop0123456789",
    "postgres://ada:correct-horse@db/engine",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln",
    "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA==\n-----END EC PRIVATE KEY-----",
]
HARMLESS = ["REDACTED_aws_1a2b3c4d", "hmac-sha256:" + "0f" * 32, "git push origin main", "https://example.org/a:b@c"]


def test_the_agent_catches_what_was_not_redacted_before(stack: Stack) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=stack.endpoint, insecure=True)))
    with provider.get_tracer("tests").start_as_current_span("second net") as span:
        for number, text in enumerate(SECRETS):
            span.set_attribute(f"secret.{number}", f"before {text} after")
            span.add_event("matched", {"evidence": f"curl {text}"})
        for number, text in enumerate(HARMLESS):
            span.set_attribute(f"harmless.{number}", text)
    provider.shutdown()
    until(lambda: any(span["name"] == "second net" for span in stack.archived("spans")))
    (found,) = (span for span in stack.archived("spans") if span["name"] == "second net")
    kept = attributes_of(found)
    assert [kept[f"harmless.{number}"] for number in range(len(HARMLESS))] == HARMLESS
    for number, text in enumerate(SECRETS):
        assert text not in kept[f"secret.{number}"]
        assert kept[f"secret.{number}"].startswith("before ")
        assert text not in attributes_of(found["events"][number])["evidence"]


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": "Bearer wrong"}, 401)])
def test_the_gateway_takes_nothing_without_a_token(stack: Stack, headers: dict[str, str], status: int) -> None:
    context = ssl.create_default_context(cafile=str(stack.folder / "tls" / "ca.pem"))
    request = urllib.request.Request(
        f"https://127.0.0.1:{stack.port['gateway_http']}/v1/traces",
        data=b"{}",
        headers={"Content-Type": "application/json", **headers},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=context)
    refused.value.close()
    assert refused.value.code == status
