"""Made-up secrets in everything that agents send: through the real hook, engine and exporter, none is told anywhere."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest

from prempti_otel.audit.cursors import SIGNALS
from prempti_otel.audit.key import key_path
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.redaction import PLACEHOLDER
from prempti_otel.engine.client import EngineClient
from prempti_otel.settings.home import Home
from tests.support.claude_payloads import fields
from tests.support.ctl import Ctl
from tests.support.engine_process import end, make_home, running_engine
from tests.support.exports import exported
from tests.support.guard import wait_until
from tests.support.hook_process import run_hook
from tests.support.otlp import OtlpReceiver
from tests.support.seeded_secrets import fragments, seeded, told

SECRETS = 500
HOOKS_AT_ONCE = 4
MALFORMED = 60
LOGS = ("logs", "-n", "10000")
RULES = """\
- rule: Tell all
  desc: Puts into its output whatever a call has.
  condition: tool.name exists
  output: "%tool.name %tool.input %tool.input_command %tool.file_path"
  priority: NOTICE
  source: coding_agent
- rule: Tell all of a process
  desc: The same for what would be run.
  condition: proc.name exists and proc.name != nothing
  output: "%proc.name %proc.cmdline %proc.args %proc.argv %proc.stdin"
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_ask]
- rule: Stop what reaches out
  desc: A denial tells its reason.
  condition: net.host exists and net.host != nothing
  output: "%net.host %proc.cmdline"
  priority: ERROR
  source: coding_agent
  tags: [coding_agent_deny]
"""
CONFIG = """\
rules: {{default: false}}
privacy: {{prompts: true, arguments: true, results: true, user_name: true, host_name: true}}
export: [{{name: test, OTEL_EXPORTER_OTLP_ENDPOINT: "{}"}}]
"""


def told_after(event: str, tool: str, input_: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """A call and what is told of it afterwards."""
    return [fields(tool, input_), fields(tool, input_, hook_event_name=event, **more)]


def payloads(text: str, number: int) -> list[dict[str, Any]]:
    """What an agent sends that has ``text`` in it, in one of the places where there is room for it."""
    quiet = {"command": "make", "description": "build"}
    ways: list[list[dict[str, Any]]] = [
        [fields("Bash", {"command": text, "description": "try it"})],
        [fields("Bash", {"command": f"cat > .env <<'EOF'\n{text}\nEOF\nmake", "description": text})],
        [fields("Write", {"file_path": "/srv/a/config.txt", "content": f"# settings\n{text}\n"})],
        [fields("Edit", {"file_path": "/srv/a/b.py", "old_string": "x = 1", "new_string": text})],
        [fields("WebFetch", {"url": f"https://a.example/?q={text}", "prompt": text})],
        [fields("mcp__tracker__create_issue", {"title": "leak", "body": {"lines": [text, 1], text: None}})],
        [fields("Read", {"file_path": f"/srv/{text}/notes.txt"})],
        [fields("ToolOfTomorrow", {"raw": json.dumps({"inner": json.dumps([text])})})],
        told_after("PostToolUse", "Bash", quiet, tool_response={"stdout": f"out\n{text}\n", "stderr": text}),
        told_after("PostToolUseFailure", "Bash", quiet, error=f"Exit code 1\n{text}", is_interrupt=False),
        [fields("Bash", {}, hook_event_name="UserPromptSubmit", prompt=f"please use this: {text}")],
        [fields("Bash", {}, hook_event_name="SubagentStop", agent_id="a1", agent_type=text, reason=text)],
    ]
    chosen = ways[number % len(ways)]
    return [payload | {"tool_use_id": f"toolu_{number}"} for payload in chosen]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Everything that is left of the calls, by where it is."""
    ctl = Ctl(tmp_path_factory.mktemp("user"))
    found: dict[str, bytes] = {}
    with OtlpReceiver("grpc") as receiver:
        home = make_home(ctl.guard_home, RULES, CONFIG.format(receiver.endpoint))
        with running_engine(home) as (process, client):
            send(home, client)
            wait_until(lambda: exported(home), "everything to be exported", 120)
            found |= files(home, "while it runs: ")
            for arguments in (LOGS, (*LOGS, "--format", "json"), ("status",)):
                found[" ".join(arguments)] = ctl.ok(*arguments).encode()
            end(process)
        found |= files(home, "afterwards: ")
        with StoreReader(home) as reader:
            found["records"] = json.dumps([record.body for record in reader.records()], ensure_ascii=False).encode()
        for signal in SIGNALS:
            found[signal] = b"".join(request.SerializeToString() for request in receiver.taken(signal))
    return found


def send(home: Home, client: EngineClient) -> None:
    """Every secret: calls by the hook, what is told of one after its verdict straight to the engine."""
    groups = [payloads(secret.text, number) for number, secret in enumerate(seeded(SECRETS))]

    def in_order(group: list[dict[str, Any]]) -> None:
        for payload in group:
            text = json.dumps(payload).encode()
            if payload["hook_event_name"] == "PreToolUse":
                done = run_hook(home, text)
                assert done.exit_code == 0, done
            else:
                assert client.hook("claude_code", text).complete

    with ThreadPoolExecutor(HOOKS_AT_ONCE) as pool:
        list(pool.map(in_order, groups))
    for number, secret in enumerate(islice(seeded(SECRETS), MALFORMED)):
        assert client.hook("claude_code", malformed(secret.text, number)).complete


def malformed(text: str, number: int) -> bytes:
    """What no agent sends: cut off, of wrong types, or for an event that nobody knows."""
    whole = json.dumps(fields("Bash", {"command": text})).encode()
    ways = (
        whole[:-1],
        json.dumps(fields("Bash") | {"tool_input": text}).encode(),
        json.dumps(fields("Bash", {"command": text}) | {"session_id": [text], "cwd": text}).encode(),
        json.dumps(fields("Bash", {"command": text}) | {"hook_event_name": text}).encode(),
        json.dumps(fields(text, {text: text})).encode(),
        text.encode() + b"\xff",
    )
    return ways[number % len(ways)]


def files(home: Home, when: str) -> dict[str, bytes]:
    """Every file of the installation, but the key that placeholders are made with."""
    found = {}
    for path in home.root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a draft that was given its name meanwhile
            if path.is_file() and path not in (key_path(home), home.config):
                found[f"{when}{path.relative_to(home.root)}"] = path.read_bytes()
    return found


def test_no_part_of_a_secret_is_anywhere(places: dict[str, bytes]) -> None:
    known = fragments(seeded(SECRETS))
    for place, data in places.items():
        assert told(data, known) == {}, place


def test_all_of_it_was_looked_at(places: dict[str, bytes]) -> None:
    assert {"audit.db", "audit.db-wal", "export.db"} <= {place.rpartition(": ")[2] for place in places}
    assert any(place.startswith("afterwards: log/") for place in places)
    marks = places["records"].count(PLACEHOLDER.encode())
    assert marks > SECRETS
    for place in ("traces", "logs", " ".join(LOGS), f"{' '.join(LOGS)} --format json"):
        assert places[place].count(PLACEHOLDER.encode()) > SECRETS / 4, place
    for content in (
        b"please use this: ",
        b"out\\n",
        b"gen_ai.tool.call.arguments",
        b"gen_ai.tool.call.result",
        b"user.name",
    ):
        assert content in places["records"] or content in places["traces"], content
