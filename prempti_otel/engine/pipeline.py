"""The way of one tool call through the engine: judged, recorded, answered, in that order.

A verdict never leaves before its record is in the store. Whatever fails inside becomes a recorded
block with a sentence in guardrails, and a loud pass in monitor mode; never an exception, never silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from prempti_otel import agents
from prempti_otel.agents.errors import UnreadableLifecycleError
from prempti_otel.agents.interface import Arrival, Reply
from prempti_otel.engine.approvals.calls import Approvals
from prempti_otel.engine.chronicle import Chronicle
from prempti_otel.engine.decide import asks, cut_to, failure
from prempti_otel.engine.evaluate import Evaluation, Policy, evaluate
from prempti_otel.engine.health import describe
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Decision, Mode, Verdict
from prempti_otel.model.event import tool_event
from prempti_otel.model.lifecycle import Lifecycle

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Agent
    from prempti_otel.engine.health import Health
    from prempti_otel.engine.numbering import Numbers
    from prempti_otel.engine.projects.notices import Notices
    from prempti_otel.engine.sessions import Sessions
    from prempti_otel.engine.trail import Trail
    from prempti_otel.model.call import ToolCall

_NAME_BYTES = 64
_RECORDS = "recording"
_CALLS = "evaluation"
_EVENTS = "lifecycle"


class Outcome(msgspec.Struct, frozen=True):
    """What became of a call that was asked about in structured form."""

    correlation_id: int
    decision: Decision
    problem: str = ""
    """Why it could not be judged or recorded; empty where it was."""


class Pipeline:
    """Answers payloads; shared by all request threads. ``policy`` gives what is in force at this moment."""

    def __init__(
        self,
        policy: Callable[[], Policy],
        trail: Trail,
        sessions: Sessions,
        numbers: Numbers,
        health: Health,
        chronicle: Chronicle | None = None,
        approvals: Approvals | None = None,
        notices: Notices | None = None,
    ) -> None:
        self._policy = policy
        self._trail = trail
        self._sessions = sessions
        self._numbers = numbers
        self._health = health
        self._chronicle = chronicle or Chronicle(trail, sessions)
        self._approvals = approvals or Approvals(trail)
        self._notices = notices

    def hook(self, agent_name: str, payload: bytes, traceparent: str = "", agent_pid: int = 0) -> Reply:
        """The reply to what an agent's hook was given."""
        started = time.perf_counter()
        policy = self._policy()
        arrival = self._arrival(traceparent, agent_pid)
        agent: Agent | None = None
        call: ToolCall | None = None
        try:
            agent = agents.get(agent_name)
            read = agent.read(payload, arrival)
            if isinstance(read, Lifecycle):
                event = read
                self._follow(lambda: self._chronicle.told(event))
                return agent.no_opinion()
            call = self._chronicle.placed(read)
            evaluation = evaluate(call, policy, self._sessions, can_ask=agent.can_ask(call), started=started)
            if asks(evaluation.decision):
                settled = self._approvals.settle(agent, call, evaluation.decision, policy.floor)
                evaluation = replace(evaluation, decision=settled)
            reply = agent.reply(call, evaluation.decision)
        except UnreadableLifecycleError as error:
            self._health.trouble(_EVENTS, f"an event could not be read: {describe(error)}")
            return agent.no_opinion() if agent is not None else Reply(b"{}")
        except Exception as error:  # noqa: BLE001 - the boundary of one call; it is blocked and recorded
            sentence = self._sentence(error)
            _, unrecorded = self._fail(agent_name, call, payload, arrival, policy, sentence, started)
            said = f"{sentence} [correlation id {arrival.correlation_id}]"
            return _refusal(agent, policy.mode, f"{said}; {unrecorded}" if unrecorded else said)
        unrecorded = self._record(call, evaluation)
        if unrecorded:
            return _refusal(agent, policy.mode, unrecorded)
        return self._notices.with_news(agent, call, evaluation, reply) if self._notices is not None else reply

    def _follow(self, step: Callable[[], None]) -> None:
        """What is recorded besides decisions; nobody waits for it, whatever becomes of it."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the boundary of one event; it degrades
            self._health.trouble(_EVENTS, f"an event could not be recorded: {describe(error)}")
        else:
            self._health.well(_EVENTS)

    def structured(
        self, agent_name: str, read: Callable[[Arrival], ToolCall], payload: bytes, *, dry_run: bool
    ) -> Outcome:
        """The same for a client that asks in structured form; ``read`` makes the call of what it sent."""
        started = time.perf_counter()
        policy = self._policy()
        arrival = self._arrival("", 0)
        call: ToolCall | None = None
        try:
            call = read(arrival)
            evaluation = evaluate(call, policy, self._sessions, can_ask=True, started=started)
        except Exception as error:  # noqa: BLE001 - the boundary of one call; it is blocked and recorded
            sentence = self._sentence(error)
            if dry_run:
                decision = _failure(arrival, policy, sentence, started)
            else:
                decision, _ = self._fail(agent_name, call, payload, arrival, policy, sentence, started)
            return Outcome(arrival.correlation_id, decision, sentence)
        problem = "" if dry_run else self._record(call, evaluation)
        if problem:
            return Outcome(arrival.correlation_id, _failure(arrival, policy, problem, started), problem)
        return Outcome(arrival.correlation_id, evaluation.decision)

    def _arrival(self, traceparent: str, agent_pid: int) -> Arrival:
        return Arrival(self._numbers.take(), time.time_ns(), traceparent, agent_pid)

    def _record(self, call: ToolCall, evaluation: Evaluation) -> str:
        """Put the decision on disk and its marks in force; the sentence on why that failed, or ``""``."""
        marks = evaluation.marks if evaluation.decision.action is not Verdict.DENY else ()
        attempt = self._sessions.attempt(call.session_id, call.use_id)
        try:
            stored = self._trail.decision(call, evaluation.events, evaluation.decision, marks, attempt)
        except Exception as error:  # noqa: BLE001 - the boundary of one call; it is blocked or loudly passed
            return self._unrecorded(error)
        self._health.well(_RECORDS)
        if marks:
            self._sessions.set(call.session_id, marks, call.received_ns)
        if evaluation.decision.approval:
            self._approvals.recorded(evaluation.decision.call_hash, stored.seq)
        self._follow(lambda: self._chronicle.decided(call, stored, attempt, evaluation.decision.action))
        return ""

    def _fail(
        self,
        agent_name: str,
        call: ToolCall | None,
        payload: bytes,
        arrival: Arrival,
        policy: Policy,
        sentence: str,
        started: float,
    ) -> tuple[Decision, str]:
        """Record a call that could not be judged: its decision, and why that could not be recorded, or ``""``."""
        decision = _failure(arrival, policy, sentence, started)
        if call is not None:
            return decision, self._record(call, Evaluation([tool_event(call)], decision, ()))
        name = cut_to(agent_name, _NAME_BYTES)
        try:
            self._trail.unjudged(name, decision, payload, arrival.received_ns, arrival.correlation_id)
        except Exception as error:  # noqa: BLE001 - the boundary of one call; it is blocked or loudly passed
            return decision, self._unrecorded(error)
        self._health.well(_RECORDS)
        return decision, ""

    def _unrecorded(self, error: Exception) -> str:
        sentence = f"the call could not be recorded: {describe(error)}"
        self._health.trouble(_RECORDS, sentence)
        return sentence

    def _sentence(self, error: Exception) -> str:
        sentence = describe(error)
        if not isinstance(error, PremptiError):
            self._health.trouble(_CALLS, f"a call failed inside the engine: {sentence}")
        return sentence


def _failure(arrival: Arrival, policy: Policy, sentence: str, started: float) -> Decision:
    return failure(
        sentence,
        arrival.correlation_id,
        mode=policy.mode,
        ruleset_digest=policy.digest,
        duration=time.perf_counter() - started,
    )


def _refusal(agent: Agent | None, mode: Mode, sentence: str) -> Reply:
    """Blocks in guardrails, passes with a warning in monitor mode; in plain form for an agent that is not known."""
    if mode is Mode.MONITOR:
        warning = f"prempti let this call pass unguarded (monitor mode): {sentence}"
        return agent.no_opinion(warning) if agent is not None else Reply(b"", _stderr(warning), 0)
    if agent is not None:
        return agent.block(sentence)
    return Reply(b"", _stderr(f"prempti blocked this call: {sentence}"), 2)


def _stderr(sentence: str) -> bytes:
    return sentence.encode("utf-8", "replace") + b"\n"


def read_structured(agent_name: str, payload: bytes) -> Callable[[Arrival], ToolCall]:
    """Reads a structured call with the adapter whose tool names are the normal ones, under the client's own name."""

    def read(arrival: Arrival) -> ToolCall:
        return replace(agents.get("claude_code").parse(payload, arrival), agent=agent_name)

    return read
