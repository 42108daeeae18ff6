"""In whatever order hooks run: each call ends once, and so does what an agent did for each prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from prempti_otel.audit.lifecycle_records import LifecycleBody, OutcomeBody
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import Body, DecisionBody, body_of
from prempti_otel.engine.chronicle import Chronicle
from prempti_otel.engine.health import Health
from prempti_otel.engine.lifecycles import SECOND_NS, Lifecycles, Limits
from prempti_otel.engine.sessions import Sessions
from prempti_otel.engine.trail import Trail
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict
from prempti_otel.model.event import tool_event
from prempti_otel.model.lifecycle import Answered, LifecycleEvent, Outcome
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.config import Config, Privacy
from prempti_otel.settings.home import Home
from tests.support.records import NOW_NS, a_call, a_decision, a_lifecycle

DAY = 24 * 3600
CALL_END = LifecycleEvent.CALL_END


@dataclass
class Told:
    """A chronicle with a real store and a clock that is set by hand."""

    home: Home
    privacy: Privacy = field(default_factory=Privacy)
    limits: Limits = field(default_factory=Limits)
    now: float = 0.0
    """Seconds since the beginning."""
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self.home.create()
        self.start()

    def start(self) -> None:
        """As a starting engine does."""
        self.trail = Trail(self.home, self.health)
        assert self.trail.open(Config(privacy=self.privacy))
        self.sessions = Sessions()
        self.chronicle = Chronicle(self.trail, self.sessions, Lifecycles(self.limits))
        with StoreReader(self.home) as reader:
            for record in reader.decisions():
                self.sessions.attempt(record.session_id, body_of(record, DecisionBody).call.use_id)
            self.chronicle.recall(reader)

    def restart(self) -> None:
        self.trail.close()
        self.start()

    @property
    def now_ns(self) -> int:
        return NOW_NS + round(self.now * SECOND_NS)

    def ask(self, use_id: str, action: Verdict = Verdict.DEFER, **changes: Any) -> int:
        """A call is decided on; the sequence number of its record."""
        call = self.chronicle.placed(a_call(use_id=use_id, **{"received_ns": self.now_ns, **changes}))
        attempt = self.sessions.attempt(call.session_id, call.use_id)
        stored = self.trail.decision(call, [tool_event(call)], a_decision(action), (), attempt)
        self.chronicle.decided(call, stored, attempt, action)
        return stored.seq

    def tell(self, event: LifecycleEvent, **changes: Any) -> None:
        self.chronicle.told(a_lifecycle(event, **{"received_ns": self.now_ns, **changes}))

    def end(self, use_id: str, outcome: Outcome = Outcome.OK, **changes: Any) -> None:
        self.tell(CALL_END, **{"use_id": use_id, "tool": "Bash", "outcome": outcome, **changes})

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.chronicle.tend(self.now_ns)

    def bodies(self, kind: RecordKind, schema: type[Body]) -> list[Body]:
        with StoreReader(self.home) as reader:
            return [body_of(record, schema) for record in reader.records(kinds=[kind])]

    def outcomes(self) -> list[tuple[str, int, str]]:
        """Call, attempt and outcome of each call that has one, and ``late`` for those without a call."""
        found = self.bodies(RecordKind.OUTCOME, OutcomeBody)
        return [(body.use_id, body.attempt, body.outcome if body.decision else "late") for body in found]

    def over(self) -> list[tuple[str, str, float, float]]:
        """Prompt, subagent, and seconds of beginning and end of what agents did for prompts."""
        found = self.bodies(RecordKind.LIFECYCLE, LifecycleBody)
        return [
            (body.prompt_id, body.subagent_id, (body.start_ns - NOW_NS) / 1e9, (body.end_ns - NOW_NS) / 1e9)
            for body in found
            if body.event == LifecycleEvent.INVOCATION_END
        ]


@pytest.fixture
def told(tmp_path: Path) -> Any:
    made = Told(Home(tmp_path / "home"))
    yield made
    made.trail.close()


Step = tuple[str, dict[str, Any]]
PARALLEL: list[tuple[str, list[str], list[tuple[str, int, str]]]] = [
    ("one after the other", ["ask a", "ok a", "ask b", "error b"], [("a", 1, "ok"), ("b", 1, "error")]),
    ("side by side", ["ask a", "ask b", "ok b", "refused a"], [("b", 1, "ok"), ("a", 1, "refused")]),
    ("denied ones have none", ["deny a", "ask b", "ok b"], [("b", 1, "ok")]),
    ("the end before the question", ["ok a", "ask a"], [("a", 1, "late"), ("a", 1, "ok")]),
    ("told twice", ["ask a", "ok a", "ok a"], [("a", 1, "ok"), ("a", 1, "late")]),
    ("never asked about", ["ok z"], [("z", 1, "late")]),
    (
        "asked about again",
        ["ask a", "ask a", "ok a"],
        [("a", 1, "unknown"), ("a", 2, "ok")],
    ),
    ("denied when asked about again", ["ask a", "deny a"], [("a", 1, "unknown")]),
    ("a restart in between", ["ask a", "ask b", "restart", "ok b", "ok a"], [("b", 1, "ok"), ("a", 1, "ok")]),
    (
        "asked about again after a restart",
        ["ask a", "restart", "ask a", "restart", "ok a"],
        [("a", 1, "unknown"), ("a", 2, "ok")],
    ),
    ("a session ends", ["ask a", "end", "60", "ok a"], [("a", 1, "unknown"), ("a", 1, "late")]),
    ("not a minute before", ["ask a", "end", "59", "ok a"], [("a", 1, "ok")]),
    ("a session goes on", ["ask a", "end", "30", "ask b", "40", "ok a", "ok b"], [("a", 1, "ok"), ("b", 1, "ok")]),
    ("a day of silence", ["ask a", str(DAY)], [("a", 1, "unknown")]),
    ("an approval takes hours", ["ask a", str(DAY - 1), "ok a"], [("a", 1, "ok")]),
    ("the engine was away for days", ["ask a", "restart", str(3 * DAY)], [("a", 1, "unknown")]),
    ("the end was recorded before a restart", ["ask a", "ok a", "restart", str(DAY)], [("a", 1, "ok")]),
]


def play(told: Told, steps: list[str]) -> None:
    for step in steps:
        word, _, use_id = step.partition(" ")
        if word in ("ask", "deny"):
            told.ask(use_id, Verdict.DENY if word == "deny" else Verdict.DEFER)
        elif word == "restart":
            told.restart()
        elif word == "end":
            told.tell(LifecycleEvent.SESSION_END)
        elif word.isdigit():
            told.wait(int(word))
        else:
            told.end(use_id, Outcome(word))


@pytest.mark.parametrize(("steps", "expected"), [row[1:] for row in PARALLEL], ids=[row[0] for row in PARALLEL])
def test_each_call_that_was_let_through_ends_once(
    told: Told, steps: list[str], expected: list[tuple[str, int, str]]
) -> None:
    play(told, steps)
    assert told.outcomes() == expected


def test_an_outcome_names_its_decision_and_tells_what_the_agent_told(told: Told) -> None:
    told.ask("a")
    seq = told.ask("b")
    told.now = 2
    told.end("b", Outcome.ERROR, duration=0.5, error="Exit code 3 ghp_" + "a1B2" * 9, interrupted=True, result={"x": 1})
    (body,) = told.bodies(RecordKind.OUTCOME, OutcomeBody)
    assert (body.decision, body.tool, body.prompt_id, body.duration) == (seq, "Bash", "prompt-1", 0.5)
    assert (body.error_type, body.end_ns) == ("interrupted", NOW_NS + 2 * SECOND_NS)
    assert "a1B2" not in body.error
    assert body.result is None


def test_calls_without_an_id_end_by_tool_and_input_oldest_first(told: Told) -> None:
    one, other, two = (told.ask("", command=command) for command in ("ls", "pwd", "ls"))
    told.restart()
    for command in ("ls", "ls", "pwd"):
        told.end("", input_json=a_call(command=command).input_json)
    assert [body.decision for body in told.bodies(RecordKind.OUTCOME, OutcomeBody)] == [one, two, other]


PROMPT, STOP, END = LifecycleEvent.PROMPT, LifecycleEvent.STOP, LifecycleEvent.SESSION_END
SUB_START, SUB_STOP = LifecycleEvent.SUBAGENT_START, LifecycleEvent.SUBAGENT_STOP


def test_an_agent_is_done_when_it_stopped_and_was_quiet(told: Told) -> None:
    told.tell(PROMPT)
    told.wait(1)
    told.ask("a")
    told.wait(1)
    told.end("a")
    told.wait(20)
    assert told.over() == []
    told.tell(STOP)
    told.wait(5)
    assert told.over() == []
    told.wait(5)
    assert told.over() == [("prompt-1", "", 0, 22)]
    told.tell(STOP)
    told.restart()
    told.wait(2 * DAY)
    assert len(told.over()) == 1


def test_a_stop_that_another_hook_undid_is_not_the_end(told: Told) -> None:
    told.ask("a")
    told.end("a")
    told.tell(STOP)
    told.wait(5)
    told.ask("b")
    told.wait(30)
    told.end("b")
    told.tell(STOP)
    told.wait(10)
    assert told.over() == [("prompt-1", "", 0, 35)]


def test_an_open_call_keeps_its_agent_open(told: Told) -> None:
    told.ask("a")
    told.tell(STOP)
    told.wait(3600)
    assert told.over() == []
    told.end("a")
    told.wait(10)
    assert told.over() == [("prompt-1", "", 0, 3600)]


def test_a_subagent_that_goes_on_after_its_parents_stop_keeps_it_open(told: Told) -> None:
    told.tell(PROMPT)
    told.ask("agent", tool="Agent")
    told.tell(SUB_START, subagent_id="s", subagent_type="reviewer")
    told.end("agent", started_subagent="s")
    told.wait(1)
    told.tell(STOP)
    told.wait(30)
    told.ask("inner", subagent_id="s")
    told.restart()
    told.wait(30)
    told.end("inner", subagent_id="s")
    told.tell(SUB_STOP, subagent_id="s")
    told.wait(10)
    assert told.over() == [("prompt-1", "s", 0, 61), ("prompt-1", "", 0, 61)]
    sub = next(body for body in told.bodies(RecordKind.LIFECYCLE, LifecycleBody) if body.end_ns and body.subagent_id)
    assert (sub.parent_use_id, sub.parent_attempt, sub.subagent_type) == ("agent", 1, "reviewer")


def test_the_end_of_a_session_ends_what_is_not_busy_at_once_and_the_rest_in_a_minute(told: Told) -> None:
    told.ask("a", prompt_id="p1")
    told.ask("b", prompt_id="p2")
    told.end("b", prompt_id="p2")
    told.tell(END)
    told.wait(1)
    assert [row[0] for row in told.over()] == ["p2"]
    told.wait(59)
    assert [row[0] for row in told.over()] == ["p2", "p1"]
    told.tell(PROMPT, prompt_id="p1")
    told.wait(2)


def test_a_prompt_that_is_told_of_late_still_begins_its_trace_and_does_not_revive_a_session(told: Told) -> None:
    told.now = 1
    told.ask("a")
    told.end("a")
    told.tell(STOP)
    told.tell(END)
    told.tell(PROMPT, received_ns=told.now_ns - SECOND_NS // 2)
    told.wait(1)
    assert told.over() == [("prompt-1", "", 0.5, 1)]
    told.tell(LifecycleEvent.SESSION_START)
    told.wait(2 * DAY)
    assert len(told.over()) == 1


def test_a_session_that_falls_silent_is_told_as_ended(told: Told) -> None:
    told.tell(LifecycleEvent.SESSION_START)
    told.wait(DAY)
    last = told.bodies(RecordKind.LIFECYCLE, LifecycleBody)[-1]
    assert (last.event, last.reason, last.hook_event) == ("session.end", "silence", "")
    told.wait(DAY)
    assert told.bodies(RecordKind.LIFECYCLE, LifecycleBody)[-1] == last


def test_prompts_without_a_name_are_counted_through_restarts(told: Told) -> None:
    for number in (1, 2):
        told.tell(PROMPT, prompt_id="")
        told.ask(f"call {number}", prompt_id="")
        told.restart()
    found = [body.call.prompt_id for body in told.bodies(RecordKind.DECISION, DecisionBody)]
    assert found == ["#1", "#2"]


@pytest.mark.parametrize("kept", [False, True])
def test_prompts_and_results_are_kept_as_the_settings_say_and_never_with_a_secret(tmp_path: Path, kept: bool) -> None:
    told = Told(Home(tmp_path / "home"), Privacy(prompts=kept, results=kept))
    secret = "ghp_" + "a1B2" * 9
    told.tell(PROMPT, prompt=f"use {secret}")
    told.ask("a")
    told.end("a", result={"stdout": f"token {secret}", "long": "x" * 200_000})
    (prompt,) = told.bodies(RecordKind.LIFECYCLE, LifecycleBody)
    (outcome,) = told.bodies(RecordKind.OUTCOME, OutcomeBody)
    told.trail.close()
    assert (prompt.prompt != "", outcome.result is not None) == (kept, kept)
    assert secret.encode() not in told.home.audit_db.read_bytes()
    if kept:
        assert isinstance(outcome.result, dict)
        assert len(outcome.result["long"]) == 64 * 1024


def test_what_cannot_be_recorded_is_over_again_when_it_can(told: Told) -> None:
    told.ask("a")
    told.ask("b")
    told.tell(END)
    told.trail.close()
    with pytest.raises(PremptiError):
        told.end("b")
    with pytest.raises(PremptiError):
        told.wait(100)
    assert told.trail.open(Config())
    told.chronicle.tend(told.now_ns + 100 * SECOND_NS)
    told.chronicle.tend(told.now_ns + 2 * DAY * SECOND_NS)
    assert sorted(told.outcomes()) == [("a", 1, "unknown"), ("b", 1, "unknown")]
    assert len(told.over()) == 1


def test_what_is_followed_is_bounded_and_what_is_given_up_is_told(tmp_path: Path) -> None:
    limits = replace(Limits(), sessions=3, calls=4, invocations=3)
    told = Told(Home(tmp_path / "home"), limits=limits)
    for number in range(10):
        told.ask(f"call {number}", session_id=f"session {number}")
    told.wait(1)
    assert len(told.outcomes()) == 7
    for number in range(10):
        told.ask(f"more {number}", session_id="session 9", prompt_id=f"p{number}")
    told.wait(1)
    assert len(told.outcomes()) == 20 - 4
    open_prompts = 20 - len(told.over())
    told.trail.close()
    assert open_prompts == 3


words = st.lists(
    st.sampled_from(["ask a", "ask b", "deny a", "ok a", "error b", "restart", "end", "1", "70", str(DAY)]), max_size=12
)


@settings(max_examples=30, deadline=None)
@given(words)
def test_whatever_happens_each_decision_has_one_outcome_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    told = Told(Home(tmp_path_factory.mktemp("any") / "home"))
    play(told, steps)
    told.wait(2 * DAY)
    with StoreReader(told.home) as reader:
        passed = [
            record.seq for record in reader.decisions() if body_of(record, DecisionBody).decision.action != Verdict.DENY
        ]
    ended = [body.decision for body in told.bodies(RecordKind.OUTCOME, OutcomeBody) if body.decision]
    told.trail.close()
    assert sorted(ended) == sorted(passed)


def test_the_end_of_a_turn_ends_the_calls_of_it_that_did_not_run(told: Told) -> None:
    for use_id in ("ran", "failed", "refused", "of another turn"):
        told.ask(use_id)
    told.ask("denied", Verdict.DENY)
    told.end("ran")
    told.end("failed", Outcome.ERROR)
    answered = [Answered(name, f"answer to {name}") for name in ("ran", "failed", "refused", "denied", "unheard of")]
    for _ in range(2):
        told.tell(LifecycleEvent.BATCH_END, answered=tuple(answered))
    assert told.outcomes() == [("ran", 1, "ok"), ("failed", 1, "error"), ("refused", 1, "refused")]
    assert told.bodies(RecordKind.OUTCOME, OutcomeBody)[-1].reason == "answer to refused"
    told.end("refused")
    assert told.outcomes()[-1] == ("refused", 1, "late")
    told.restart()
    told.end("of another turn")
    assert told.outcomes()[-1] == ("of another turn", 1, "ok")


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A starting engine looks back on 40 records, and lists open calls at every tenth."""
    monkeypatch.setattr("prempti_otel.engine.chronicle.RECALLED", 40)
    monkeypatch.setattr("prempti_otel.engine.chronicle.LISTED_EVERY", 10)


def others(told: Told, calls: int) -> None:
    """So many other calls, two records each."""
    for _ in range(calls):
        use_id = f"other {told.trail.last_seq}"
        told.ask(use_id, session_id="session-2")
        told.end(use_id, session_id="session-2")
        told.wait(1)


@pytest.mark.usefixtures("short_memory")
@pytest.mark.parametrize("restarts", [1, 30])
def test_a_call_ends_well_however_much_was_recorded_since_and_however_often_the_engine_was_started(
    told: Told, restarts: int
) -> None:
    told.ask("a")
    told.ask("b")
    told.end("b")
    for _ in range(restarts):
        others(told, 120 // restarts)
        told.restart()
    told.end("a")
    assert [found for found in told.outcomes() if found[0] in "ab"] == [("b", 1, "ok"), ("a", 1, "ok")]
    told.restart()
    told.wait(2 * DAY)
    assert len([found for found in told.outcomes() if found[0] in "ab"]) == 2


@pytest.mark.usefixtures("short_memory")
def test_a_call_that_nobody_ends_is_given_up_however_much_was_recorded_since(told: Told) -> None:
    told.ask("a")
    others(told, 120)
    told.restart()
    told.wait(2 * DAY)
    assert ("a", 1, "unknown") in told.outcomes()
    assert any(prompt == "prompt-1" for prompt, *_ in told.over())


@pytest.mark.usefixtures("short_memory")
def test_calls_beyond_the_length_of_a_list_end_as_if_never_asked_about(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prempti_otel.engine.chronicle.MOST_LISTED", 2)
    for use_id in ("a", "b", "c"):
        told.ask(use_id)
    others(told, 120)
    told.restart()
    for use_id in ("a", "b", "c"):
        told.end(use_id)
    assert [found for found in told.outcomes() if found[0] in "abc"] == [
        ("a", 1, "ok"),
        ("b", 1, "ok"),
        ("c", 1, "late"),
    ]


@pytest.mark.usefixtures("short_memory")
def test_a_list_that_was_tampered_with_is_no_error(told: Told) -> None:
    told.ask("a")
    others(told, 30)
    for calls in (["x", None, -1, 10**9, {}], {"a": 1}, "all"):
        told.trail.admin("open-calls", calls=calls)  # type: ignore[arg-type]
        told.restart()
