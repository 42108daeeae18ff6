"""A verdict is on disk before it is answered; what fails inside blocks in guardrails and passes loudly in monitor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from prempti_otel.agents.interface import Reply
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import DecisionBody, body_of
from prempti_otel.audit.verify import verify
from prempti_otel.engine.evaluate import Policy
from prempti_otel.engine.health import Health
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.pipeline import Outcome, Pipeline, read_structured
from prempti_otel.engine.sessions import Sessions
from prempti_otel.engine.trail import Trail
from prempti_otel.model.decision import Mode, Verdict
from prempti_otel.model.event import Event
from prempti_otel.settings.config import Config
from prempti_otel.settings.home import Home
from tests.support.claude_payloads import payload
from tests.support.rulesets import ruleset

AGENT = "claude_code"


@dataclass
class Bench:
    """A pipeline with a real store, and a policy that can be exchanged."""

    home: Home
    policy: Policy
    health: Health = field(default_factory=Health)
    sessions: Sessions = field(default_factory=Sessions)

    def __post_init__(self) -> None:
        self.home.create()
        self.trail = Trail(self.home, self.health)
        assert self.trail.open(Config())
        self.pipeline = Pipeline(lambda: self.policy, self.trail, self.sessions, Numbers(), self.health)

    def bash(self, command: str, **more: Any) -> Reply:
        return self.pipeline.hook(AGENT, payload("Bash", {"command": command}, **more))

    def structured(self, tool_input: str, *, dry_run: bool = False) -> Outcome:
        text = payload("Bash", json.loads(tool_input))
        return self.pipeline.structured("other", read_structured("other", text), text, dry_run=dry_run)

    def switch(self, **changes: Any) -> None:
        self.policy = replace(self.policy, **changes)

    def records(self) -> list[DecisionBody]:
        with StoreReader(self.home) as reader:
            return [body_of(record, DecisionBody) for record in reader.decisions()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(Home(tmp_path / "home"), Policy(Mode.GUARDRAILS, Verdict.DEFER, ruleset()))
    yield made
    made.trail.close()


def answer(reply: Reply) -> str:
    """What Claude Code does with a reply: ``deny``, ``ask``, ``allow``, or ``defer`` for no opinion."""
    if reply.exit_code == 2:
        assert reply.stderr.strip()
        return "deny"
    assert reply.exit_code == 0
    output = json.loads(reply.stdout).get("hookSpecificOutput", {})
    return str(output.get("permissionDecision", "defer"))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls", "defer"),
        ("echo deny-me", "deny"),
        ("echo ask-me", "ask"),
        ("deny-me; ask-me", "deny"),
        ("note-me", "defer"),
    ],
)
def test_a_call_is_answered_as_the_rules_say_and_recorded(bench: Bench, command: str, expected: str) -> None:
    assert answer(bench.bash(command)) == expected
    (record,) = bench.records()
    assert (record.decision.verdict, record.decision.action) == (expected, expected)
    assert record.call.command == command


def test_monitor_mode_records_the_verdict_and_stops_nothing(bench: Bench) -> None:
    bench.switch(mode=Mode.MONITOR)
    assert answer(bench.bash("deny-me")) == "defer"
    (record,) = bench.records()
    assert (record.decision.verdict, record.decision.action, record.decision.mode) == ("deny", "defer", "monitor")


def test_the_floor_allow_is_never_above_a_rule(bench: Bench) -> None:
    bench.switch(floor=Verdict.ALLOW)
    assert [answer(bench.bash(command)) for command in ("ls", "ask-me", "deny-me")] == ["allow", "ask", "deny"]


def test_the_reason_reaches_the_agent_with_the_correlation_id(bench: Bench) -> None:
    reply = bench.bash("deny-me")
    (record,) = bench.records()
    assert "Deny marker" in reply.stdout.decode() + reply.stderr.decode()
    assert str(record.call.correlation_id) in reply.stdout.decode() + reply.stderr.decode()


def test_a_mark_is_seen_by_later_calls_of_the_session_only(bench: Bench) -> None:
    assert answer(bench.bash("publish")) == "defer"
    bench.bash("note-me")
    assert answer(bench.bash("publish")) == "deny"
    assert answer(bench.bash("publish", session_id="another")) == "defer"
    assert [record.marks for record in bench.records()] == [[], ["noted"], [], []]


def test_a_denied_call_sets_no_mark(bench: Bench) -> None:
    bench.bash("note-me deny-me")
    assert answer(bench.bash("publish")) == "defer"


def test_a_call_that_is_asked_about_again_is_another_attempt(bench: Bench) -> None:
    bench.bash("ls")
    bench.bash("ls")
    assert [record.attempt for record in bench.records()] == [1, 2]


BAD_PAYLOADS = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"{",
    b"\xff\xfe",
    b'{"hook_event_name": "PreToolUse"}',
    payload("Bash", hook_event_name="NoSuchEvent"),
    payload("Bash", hook_event_name=7),
    payload("Bash", session_id=None, tool_name=3),
    b'{"tool_input":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    payload("Bash").replace(b"make test", b"\\ud800"),
    b'{"a":1}' + b" " * (4 << 20),
]


@pytest.mark.parametrize("text", BAD_PAYLOADS, ids=lambda text: repr(text[:40]))
def test_a_payload_that_cannot_be_judged_is_blocked_with_a_sentence_and_recorded(bench: Bench, text: bytes) -> None:
    reply = bench.pipeline.hook(AGENT, text)
    (record,) = bench.records()
    if record.decision.source != "error":
        assert record.decision.action == answer(reply)
        return
    assert answer(reply) == "deny"
    assert record.decision.reason.split("\n")[0] in (reply.stdout + reply.stderr).decode()


def test_an_unknown_agent_is_refused_and_recorded(bench: Bench) -> None:
    reply = bench.pipeline.hook("claude_cod", payload("Bash"))
    assert reply.exit_code == 2
    assert b"did you mean claude_code" in reply.stderr
    (record,) = bench.records()
    assert (record.call.agent, record.decision.verdict, record.decision.source) == ("claude_cod", "deny", "error")


def test_without_rules_every_call_is_blocked_and_told_why(bench: Bench) -> None:
    bench.switch(ruleset=None, problem="mine.yaml:3:1: no condition")
    reply = bench.bash("ls")
    assert answer(reply) == "deny"
    assert "mine.yaml:3:1" in (reply.stdout + reply.stderr).decode()
    assert bench.records()[0].decision.source == "error"


class Broken:
    """A ruleset with a defect."""

    digest = "d"
    rules = ()

    def judge(self, events: Sequence[Event]) -> object:
        raise RuntimeError(f"secret {events[0].get('tool.input_command')}")


def test_a_defect_blocks_the_call_is_recorded_and_quotes_no_input(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.switch(ruleset=Broken())
    reply = bench.bash("hunter2")
    assert answer(reply) == "deny"
    said = (reply.stdout + reply.stderr).decode()
    assert "RuntimeError" in said
    assert "hunter2" not in said + caplog.text + "".join(bench.health.sentences())
    (record,) = bench.records()
    assert (record.decision.source, record.decision.action) == ("error", "deny")
    assert bench.health.sentences()


@pytest.mark.parametrize("agent", [AGENT, "nobody"])
@pytest.mark.parametrize("text", [b"{", payload("Bash")])
def test_what_fails_in_monitor_mode_passes_with_a_warning(bench: Bench, agent: str, text: bytes) -> None:
    bench.switch(mode=Mode.MONITOR, ruleset=Broken())
    reply = bench.pipeline.hook(agent, text)
    assert reply.exit_code == 0
    assert b"monitor" in reply.stdout + reply.stderr
    (record,) = bench.records()
    assert (record.decision.verdict, record.decision.action) == ("deny", "defer")


@pytest.mark.parametrize("command", ["ls", "deny-me", "ask-me"])
def test_a_call_that_cannot_be_recorded_is_blocked_in_guardrails(bench: Bench, command: str) -> None:
    bench.trail.close()
    reply = bench.bash(command)
    assert answer(reply) == "deny"
    assert "could not be recorded" in (reply.stdout + reply.stderr).decode()
    assert any("could not be recorded" in sentence for sentence in bench.health.sentences())


def test_a_call_that_cannot_be_recorded_passes_loudly_in_monitor_mode(bench: Bench) -> None:
    bench.switch(mode=Mode.MONITOR)
    bench.trail.close()
    reply = bench.bash("deny-me")
    assert answer(reply) == "defer"
    assert b"could not be recorded" in reply.stdout + reply.stderr


def test_recording_that_works_again_is_well_again(bench: Bench) -> None:
    bench.trail.close()
    bench.bash("ls")
    bench.trail.open(Config())
    bench.bash("ls")
    assert not bench.health.sentences()


def test_a_structured_call_is_judged_under_its_own_name_and_recorded(bench: Bench) -> None:
    outcome = bench.structured('{"command": "deny-me"}')
    assert (outcome.decision.verdict, outcome.problem) == (Verdict.DENY, "")
    (record,) = bench.records()
    assert (record.call.agent, record.call.correlation_id) == ("other", outcome.correlation_id)


def test_a_dry_run_leaves_no_trace(bench: Bench) -> None:
    assert bench.structured('{"command": "note-me"}', dry_run=True).decision.verdict is Verdict.DEFER
    assert answer(bench.bash("publish")) == "defer"
    assert len(bench.records()) == 1


def test_the_store_verifies_after_all_kinds_of_calls(bench: Bench) -> None:
    for text in BAD_PAYLOADS:
        bench.pipeline.hook(AGENT, text)
    for command in ("ls", "deny-me", "ask-me", "note-me"):
        bench.bash(command)
    assert not verify(bench.home).problems


MUTATIONS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.tuples(st.integers(0, 300), st.binary(max_size=4)).map(
        lambda cut: payload("Bash")[: cut[0]] + cut[1] + payload("Bash")[cut[0] + 1 :]
    ),
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ).map(lambda value: payload("Bash", tool_input=value) if isinstance(value, dict) else json.dumps(value).encode()),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(Home(tmp_path_factory.mktemp("shared") / "home"), Policy(Mode.GUARDRAILS, Verdict.DEFER, ruleset()))
    yield made
    made.trail.close()


@given(agent=st.sampled_from([AGENT, "", "nobody", "\x00"]), text=MUTATIONS)
def test_any_bytes_get_a_reply_and_what_was_not_judged_is_never_let_through(
    shared: Bench, agent: str, text: bytes
) -> None:
    before = shared.trail.last_seq
    reply = shared.pipeline.hook(agent, text)
    with StoreReader(shared.home) as reader:
        (stored,) = reader.decisions(after_seq=before)
    record = body_of(stored, DecisionBody)
    if record.decision.source == "error":
        assert answer(reply) == "deny"
    else:
        assert json.loads(text)["hook_event_name"] == "PreToolUse"
        assert answer(reply) == record.decision.action
