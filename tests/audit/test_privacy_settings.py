"""What is kept and exported of what people type and tools say, by the privacy settings of a running engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prempti_otel.audit.reader import StoreReader
from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from tests.support.claude_payloads import fields
from tests.support.engine_process import make_home, running_engine
from tests.support.guard import wait_until
from tests.support.otlp import OtlpReceiver, attributes

PROMPT, ARGUMENT, RESULT, BADGE = "what the user typed", "what the tool is given", "what the tool said", "badge 471147"
CONFIG = "rules: {{default: false}}\nexport: [{{name: test, OTEL_EXPORTER_OTLP_ENDPOINT: '{}'}}]\n"
EVERYTHING = """\
privacy:
  prompts: true
  arguments: true
  results: true
  user_name: true
  host_name: false
  redact: [{name: badge, pattern: 'badge ([0-9]{6})'}]
"""


def play(client: EngineClient, session: str) -> None:
    """One prompt with one call."""
    input_ = {"file_path": "/srv/a.txt", "content": f"{ARGUMENT}, {BADGE}"}
    same: dict[str, Any] = {"session_id": session, "prompt_id": f"{session}-1", "tool_use_id": f"{session}-2"}
    for payload in (
        fields("Write", {}, **same, hook_event_name="UserPromptSubmit", prompt=f"{PROMPT}, {BADGE}"),
        fields("Write", input_, **same),
        fields("Write", input_, **same, hook_event_name="PostToolUse", tool_response={"said": f"{RESULT}, {BADGE}"}),
        fields("Write", {}, **same, hook_event_name="Stop"),
    ):
        assert client.hook("claude_code", json.dumps(payload).encode()).complete


def records(home: Home, session: str) -> str:
    with StoreReader(home) as reader:
        return json.dumps([record.body for record in reader.records(session_id=session)])


def span_of(receiver: OtlpReceiver, session: str) -> dict[str, Any]:
    """The attributes of the session's call and of who sent it; empty while there is none."""
    for request in receiver.taken("traces"):
        for group in request.resource_spans:
            for scope in group.scope_spans:
                for span in scope.spans:
                    if attributes(span).get("gen_ai.tool.call.id") == f"{session}-2":
                        return attributes(group.resource) | attributes(span)
    return {}


def test_each_setting_takes_effect_in_a_running_engine(tmp_path: Path) -> None:
    with OtlpReceiver("grpc") as receiver:
        config = CONFIG.format(receiver.endpoint)
        home = make_home(tmp_path / "home", config=config)
        with running_engine(home) as (_, client):
            play(client, "before")
            wait_until(lambda: span_of(receiver, "before") != {}, "the first span")
            home.config.write_text(config + EVERYTHING)
            sessions = (f"after-{number}" for number in range(1000))
            last = ""

            def exported_with_arguments() -> bool:
                nonlocal last
                play(client, last := next(sessions))
                wait_until(lambda: span_of(receiver, last) != {}, "a span")
                return "gen_ai.tool.call.arguments" in span_of(receiver, last)

            wait_until(exported_with_arguments, "the settings to be in force")
            assert exported_with_arguments(), "a session that is all of it later"
        before, after = records(home, "before"), records(home, last)
    assert ARGUMENT in before, "calls are always kept"
    assert BADGE in before
    assert (PROMPT in before, RESULT in before) == (False, False)
    assert (PROMPT in after, ARGUMENT in after, RESULT in after) == (True, True, True)
    assert after.count("badge REDACTED_badge_") >= 3
    told = span_of(receiver, "before")
    assert told.keys() & {"gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "user.name"} == set()
    assert told["host.name"]
    told = span_of(receiver, last)
    assert ARGUMENT in told["gen_ai.tool.call.arguments"]
    assert RESULT in told["gen_ai.tool.call.result"]
    assert told["user.name"]
    assert "host.name" not in told
