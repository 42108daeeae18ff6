"""Records how calls end and what else agents tell, and ends what nobody ends.

A failure here never holds an agent up; what could not be recorded degrades the guard, and what is over is tried
again. Nothing is judged here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from prempti_otel import typed
from prempti_otel.audit.lifecycle_records import LifecycleBody, OutcomeBody
from prempti_otel.engine.lifecycles import CallOver, InvocationOver, Lifecycles, OpenCall, Over
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent, Outcome
from prempti_otel.model.record import RecordKind

if TYPE_CHECKING:
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.engine.sessions import Sessions
    from prempti_otel.engine.trail import Trail
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.record import StoredRecord

RECALLED = 20_000
"""Records that a starting engine looks back on for what is under way. What is further back:

- Calls that are still open are found by a list of them that is recorded now and then (:data:`OPEN_CALLS`).
- A prompt that began there begins, for its span, with the first of its records or open calls that is looked at, and a
  subagent whose starting call ended there hangs below its prompt.
"""
OPEN_CALLS = "open-calls"
"""``action`` of the admin record that lists, under ``calls``, decision records of calls that are open for long."""
LISTED_EVERY = 4000
"""Records from one such list to the next: a fraction of what is looked back on, so that one is always among it."""
MOST_LISTED = 1000
"""Calls in a list, oldest first; with more of them open for as long, the others end as if never asked about."""
_PAGE = 1000


class _Call(msgspec.Struct):
    agent: str = ""
    session_id: str = ""
    prompt_id: str = ""
    turn_id: str = ""
    subagent_id: str = ""
    subagent_type: str = ""
    tool: str = ""
    use_id: str = ""
    traceparent: str = ""
    received_ns: int = 0


class _Verdict(msgspec.Struct):
    action: str = ""


class _Decision(msgspec.Struct):
    """What is needed of a decision record's body."""

    call: _Call
    decision: _Verdict
    attempt: int = 1
    input_hash: str = ""


class Chronicle:
    """Follows what is under way. Safe for all threads."""

    def __init__(self, trail: Trail, sessions: Sessions, lifecycles: Lifecycles | None = None) -> None:
        self._trail = trail
        self._sessions = sessions
        self._lives = lifecycles or Lifecycles()
        self._listed = 0
        """The newest record when open calls were listed last."""

    def placed(self, call: ToolCall) -> ToolCall:
        """``call`` with the prompt that it belongs to, where the agent names none and prompts are counted."""
        if call.prompt_id or call.turn_id:
            return call
        prompt_id = self._lives.prompt_of(call.session_id)
        return replace(call, prompt_id=prompt_id) if prompt_id else call

    def decided(self, call: ToolCall, stored: StoredRecord, attempt: int, action: Verdict) -> None:
        """A decision is on record. Raises StoreError where what follows from it cannot be recorded."""
        opened = _opened(stored.seq, call, call.use_id or self._key(call.tool, call.input_json), attempt)
        over, early = self._lives.decided(
            opened,
            subagent_type=call.subagent_type,
            traceparent=call.traceparent,
            denied=action is Verdict.DENY,
        )
        if over is not None:
            self._end(over, call.received_ns)
        if early is not None:
            self._outcome(early, opened)

    def told(self, event: Lifecycle) -> None:
        """Record what an agent tells. Raises StoreError; it is not on record then."""
        event = self._placed(event)
        if event.event is LifecycleEvent.BATCH_END:
            self._batch_told(event)
            return
        if event.event is not LifecycleEvent.CALL_END:
            self._trail.lifecycle(event)
            self._lives.told(event)
            return
        call = self._lives.told(event, event.use_id or self._key(event.tool, event.input_json))
        try:
            self._outcome(event, call)
        except PremptiError:
            if call is not None:
                self._lives.reopen(CallOver(call, event.received_ns, ""))
            raise

    def _batch_told(self, event: Lifecycle) -> None:
        """Calls of it that are still open did not run: the end of one that did is told before."""
        for answered in event.answered:
            if self._lives.is_open(event.session_id, answered.use_id):
                self.told(
                    replace(
                        event,
                        event=LifecycleEvent.CALL_END,
                        use_id=answered.use_id,
                        outcome=Outcome.REFUSED,
                        reason=answered.text,
                        answered=(),
                    )
                )

    def tend(self, now_ns: int) -> int:
        """End what is over by now; how much that was. Raises StoreError; the rest is ended later then."""
        due = self._lives.due(now_ns)
        for number, over in enumerate(due):
            try:
                self._end(over, now_ns)
            except PremptiError:
                for left in due[number:]:
                    self._lives.reopen(left)
                raise
        self._list_open_calls()
        return len(due)

    def _list_open_calls(self) -> None:
        newest = self._trail.last_seq
        if newest - self._listed < LISTED_EVERY:
            return
        self._listed = newest
        calls = [seq for seq in self._lives.open_calls() if newest - seq >= LISTED_EVERY]
        if calls:
            self._trail.admin(OPEN_CALLS, calls=calls[:MOST_LISTED])

    def recall(self, reader: StoreReader) -> None:
        """Build what is under way anew from records. Raises StoreError."""
        after = max(0, reader.last_seq() - RECALLED)
        self._listed, open_before = _last_list(reader, after)
        for record in filter(None, map(reader.get, open_before)):
            try:
                self._replay_decision(record.seq, typed.convert(record.body, _Decision))
            except msgspec.ValidationError:
                continue  # as below
        kinds = (RecordKind.DECISION, RecordKind.OUTCOME, RecordKind.LIFECYCLE)
        while found := reader.bodies(after, _PAGE, kinds):
            after = found[-1][0]
            for seq, kind, time_ns, body in found:
                try:
                    self._replay(seq, kind, time_ns, body)
                except msgspec.MsgspecError:
                    continue  # a record that was tampered with is the verification's to tell

    def _placed(self, event: Lifecycle) -> Lifecycle:
        if event.prompt_id:
            return event
        if event.event is LifecycleEvent.PROMPT:
            return replace(event, prompt_id=self._lives.next_prompt(event.session_id))
        return replace(event, prompt_id=self._lives.prompt_of(event.session_id))

    def _key(self, tool: str, input_json: str) -> str:
        """What the end of a call is known by that has no id."""
        return _input_key(tool, self._trail.fingerprint(input_json))

    def _outcome(self, event: Lifecycle, call: OpenCall | None) -> None:
        assert event.outcome is not None
        if call is not None:
            end_ns = max(event.received_ns, call.start_ns)
            self._ended(call, outcome=event.outcome, time_ns=event.received_ns, end_ns=end_ns, told=event)
            return
        self._trail.outcome(
            outcome=event.outcome,
            time_ns=event.received_ns,
            session_id=event.session_id,
            agent=event.agent,
            tool=event.tool,
            prompt_id=event.prompt_id,
            use_id=event.use_id,
            attempt=max(1, self._sessions.attempts(event.session_id, event.use_id)),
            told=event,
        )

    def _ended(self, call: OpenCall, **told: Any) -> None:
        """Record the end of a call that was decided on; ``told`` is what else there is for ``outcome_record``."""
        self._trail.outcome(
            session_id=call.session_id,
            agent=call.agent,
            tool=call.tool,
            decision=call.seq,
            prompt_id=call.prompt_id,
            use_id=call.use_id,
            attempt=call.attempt,
            **told,
        )

    def _end(self, over: Over, now_ns: int) -> None:
        if isinstance(over, CallOver):
            self._ended(over.call, outcome=over.outcome, time_ns=now_ns, end_ns=over.end_ns, reason=over.reason)
        elif isinstance(over, InvocationOver):
            event = Lifecycle(
                agent=over.agent,
                event=LifecycleEvent.INVOCATION_END,
                hook_event="",
                session_id=over.session_id,
                received_ns=now_ns,
                prompt_id=over.prompt_id,
                subagent_id=over.subagent_id,
                subagent_type=over.subagent_type,
                reason=over.reason,
                traceparent=over.traceparent,
            )
            self._trail.lifecycle(
                event,
                start_ns=over.start_ns,
                end_ns=over.end_ns,
                parent_use_id=over.parent_use_id,
                parent_attempt=over.parent_attempt,
            )
        else:
            self._trail.lifecycle(
                Lifecycle(over.agent, LifecycleEvent.SESSION_END, "", over.session_id, now_ns, reason=over.reason)
            )

    def _replay(self, seq: int, kind: RecordKind, time_ns: int, body: str) -> None:
        if kind is RecordKind.DECISION:
            self._replay_decision(seq, typed.decode(body, _Decision))
        elif kind is RecordKind.OUTCOME:
            self._replay_outcome(time_ns, typed.decode(body, OutcomeBody))
        else:
            self._replay_lifecycle(time_ns, typed.decode(body, LifecycleBody))

    def _replay_decision(self, seq: int, body: _Decision) -> None:
        call = body.call
        if not call.tool:
            return
        key = call.use_id or _input_key(call.tool, body.input_hash)
        self._lives.decided(
            _opened(seq, call, key, body.attempt),
            subagent_type=call.subagent_type,
            traceparent=call.traceparent,
            denied=body.decision.action == Verdict.DENY,
        )

    def _replay_outcome(self, time_ns: int, body: OutcomeBody) -> None:
        if not body.decision:
            return
        told = Lifecycle(
            agent=body.agent,
            event=LifecycleEvent.CALL_END,
            hook_event=body.hook_event,
            session_id=body.session_id,
            received_ns=time_ns,
            use_id=body.use_id,
            started_subagent=body.started_subagent,
        )
        self._lives.closed(told, body.decision)

    def _replay_lifecycle(self, time_ns: int, body: LifecycleBody) -> None:
        if body.event == LifecycleEvent.INVOCATION_END:
            self._lives.invocation_over(body.session_id, body.prompt_id, body.subagent_id)
        elif body.event == LifecycleEvent.SESSION_END and not body.hook_event:
            self._lives.session_over(body.session_id)
        elif body.event in _EVENTS:
            self._lives.told(
                Lifecycle(
                    agent=body.agent,
                    event=LifecycleEvent(body.event),
                    hook_event=body.hook_event,
                    session_id=body.session_id,
                    received_ns=time_ns,
                    prompt_id=body.prompt_id,
                    subagent_id=body.subagent_id,
                    subagent_type=body.subagent_type,
                    traceparent=body.traceparent,
                )
            )


_EVENTS = frozenset(event.value for event in LifecycleEvent)


def _last_list(reader: StoreReader, after: int) -> tuple[int, list[int]]:
    """The last list of open calls after record ``after`` (0 where there is none), and those of them up to there."""
    found, calls = 0, []
    seen = after
    while after and (page := reader.records(seen, _PAGE, kinds=[RecordKind.ADMIN])):
        for record in page:
            detail = record.body.get("detail")
            listed = detail.get("calls") if isinstance(detail, dict) else None
            if record.body.get("action") == OPEN_CALLS and isinstance(listed, list):
                found, calls = record.seq, listed
        seen = page[-1].seq
    return found, sorted({seq for seq in calls if type(seq) is int and seq <= after})


def _opened(seq: int, call: ToolCall | _Call, key: str, attempt: int) -> OpenCall:
    """A call that was decided on in record ``seq``; its end will be known by ``key``."""
    return OpenCall(
        seq=seq,
        agent=call.agent,
        session_id=call.session_id,
        prompt_id=call.prompt_id or call.turn_id,
        subagent_id=call.subagent_id,
        tool=call.tool,
        use_id=call.use_id,
        key=key,
        attempt=attempt,
        start_ns=call.received_ns,
    )


def _input_key(tool: str, fingerprint: str) -> str:
    return "input:" + hashlib.sha256(f"{tool}\n{fingerprint}".encode("utf-8", "surrogatepass")).hexdigest()
