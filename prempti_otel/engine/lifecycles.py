"""Which calls, prompts and sessions are under way, and when they are over. Writes nothing and reads no clock.

Events may come in any order that hooks run in. Everything here can be built anew from records, and all of it is
bounded: beyond the bounds what was quiet for longest is given up first, and told as over.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from prempti_otel.model.lifecycle import LifecycleEvent, Outcome

if TYPE_CHECKING:
    from prempti_otel.model.lifecycle import Lifecycle

K = TypeVar("K")
V = TypeVar("V")

SECOND_NS = 1_000_000_000
LONGEST_NOTE = 1024
"""Characters kept of what a tool said whose call was not asked about yet."""
_COUNTED = re.compile(r"#[0-9]{1,9}", re.ASCII)
"""The name of a prompt that the agent gave none."""
MOST_REMEMBERED = 256
"""Of each session: prompts that are over, subagents and the calls that started them, outcomes without a call."""


class Limits(msgspec.Struct, frozen=True):
    """Times in nanoseconds, and numbers of things."""

    settle: int = 10 * SECOND_NS
    """How long an agent that stopped must be quiet: a hook of somebody else's may send it back to work."""
    settle_ended: int = SECOND_NS
    """The same once its session has ended: hooks that nobody waits for may still be running."""
    after_session: int = 60 * SECOND_NS
    """How long a call may be open after the end of its session."""
    silence: int = 24 * 3600 * SECOND_NS
    """How long a session may say nothing. Approvals can take hours."""
    resumed: int = 2 * SECOND_NS
    """Start and prompt of a session that come this late after its end are no stragglers: it goes on."""
    sessions: int = 4096
    calls: int = 8192
    invocations: int = 8192


_USUAL = Limits()


class OpenCall(msgspec.Struct, frozen=True):
    """A call that was not denied and has no outcome yet."""

    seq: int
    """Of its decision record."""
    agent: str
    session_id: str
    prompt_id: str
    subagent_id: str
    tool: str
    use_id: str
    key: str
    """What its end will be known by: ``use_id``, or a text made of tool and input."""
    attempt: int
    start_ns: int


class CallOver(msgspec.Struct, frozen=True):
    """An open call of which nothing more will be heard."""

    call: OpenCall
    end_ns: int
    reason: str
    outcome: Outcome = Outcome.UNKNOWN


class InvocationOver(msgspec.Struct, frozen=True):
    """All that one agent (or subagent) did for one prompt is over."""

    agent: str
    session_id: str
    prompt_id: str
    subagent_id: str
    subagent_type: str
    start_ns: int
    end_ns: int
    parent_use_id: str
    parent_attempt: int
    traceparent: str
    reason: str


class SessionOver(msgspec.Struct, frozen=True):
    """A session that ended without saying so."""

    agent: str
    session_id: str
    reason: str


Over = CallOver | InvocationOver | SessionOver


class _Invocation(msgspec.Struct):
    start_ns: int
    last_ns: int
    subagent_type: str = ""
    traceparent: str = ""
    stopped: bool = False

    def touch(self, time_ns: int) -> None:
        self.start_ns = min(self.start_ns, time_ns)
        self.last_ns = max(self.last_ns, time_ns)


class _Session(msgspec.Struct):
    agent: str
    last_ns: int
    ended_ns: int = 0
    counted: int = 0
    """Prompts so far, for an agent that does not name them."""
    calls: dict[str, list[OpenCall]] = msgspec.field(default_factory=dict)
    invocations: dict[tuple[str, str], _Invocation] = msgspec.field(default_factory=dict)
    """By prompt and subagent, ``""`` for the agent itself."""
    done: OrderedDict[tuple[str, str], None] = msgspec.field(default_factory=OrderedDict)
    """The same of those that are over: each is told once."""
    started_by: OrderedDict[str, OpenCall] = msgspec.field(default_factory=OrderedDict)
    """Subagent → the call that started it."""
    early: OrderedDict[str, Lifecycle] = msgspec.field(default_factory=OrderedDict)
    """Ends of calls that were not asked about yet, by the call's key."""

    def open_calls(self) -> Iterator[OpenCall]:
        for calls in self.calls.values():
            yield from calls

    def pop(self, key: str) -> OpenCall | None:
        """The oldest open call that is known by ``key``."""
        calls = self.calls.get(key)
        if not calls:
            return None
        call = calls.pop(0)
        if not calls:
            del self.calls[key]
        return call


class Lifecycles:
    """What is under way, by session. Safe for all threads."""

    def __init__(self, limits: Limits = _USUAL) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def prompt_of(self, session_id: str) -> str:
        """The prompt that a session of an agent without names for them is at: ``#1``, ``#2``, ...; else ``""``."""
        session = self._sessions.get(session_id)
        return f"#{session.counted}" if session is not None and session.counted else ""

    def next_prompt(self, session_id: str) -> str:
        """The name of the next prompt of a session of an agent that does not name them."""
        session = self._sessions.get(session_id)
        return f"#{(session.counted if session is not None else 0) + 1}"

    def decided(
        self, call: OpenCall, *, subagent_type: str = "", traceparent: str = "", denied: bool
    ) -> tuple[CallOver | None, Lifecycle | None]:
        """A call was decided on and recorded.

        The same call asked about before and not yet over: it is now, for its end could not be told from this one's.
        And the end of this one, where that was told first.
        """
        with self._lock:
            session = self._session(call.session_id, call.agent, call.start_ns)
            session.ended_ns = 0
            invocation = self._invocation(session, call.prompt_id, call.subagent_id, call.start_ns)
            if invocation is not None:
                invocation.stopped = False
                invocation.subagent_type = invocation.subagent_type or subagent_type
                invocation.traceparent = invocation.traceparent or traceparent
            before = session.pop(call.key) if call.use_id else None
            over = CallOver(before, call.start_ns, "asked about again") if before else None
            if denied:
                return over, None
            early = session.early.pop(call.key, None) if call.attempt == 1 else None
            if early is None:
                session.calls.setdefault(call.key, []).append(call)
            return over, early

    def told(self, event: Lifecycle, key: str = "") -> OpenCall | None:
        """Something happened. For the end of a call, known by ``key``: that call, which is open no more."""
        with self._lock:
            session = self._session(event.session_id, event.agent, event.received_ns)
            if event.event is LifecycleEvent.CALL_END:
                return self._call_end(session, event, key)
            self._follow(session, event)
            return None

    def is_open(self, session_id: str, key: str) -> bool:
        """Whether a call that is known by ``key`` has no end yet."""
        with self._lock:
            session = self._sessions.get(session_id)
            return session is not None and bool(session.calls.get(key))

    def reopen(self, over: Over) -> None:
        """What :meth:`due` or :meth:`told` gave could not be recorded: it will be due again."""
        with self._lock:
            if isinstance(over, CallOver):
                call = over.call
                session = self._session(call.session_id, call.agent, over.end_ns)
                session.calls.setdefault(call.key, []).insert(0, call)
            elif isinstance(over, InvocationOver):
                session = self._session(over.session_id, over.agent, over.end_ns)
                key = (over.prompt_id, over.subagent_id)
                session.done.pop(key, None)
                session.invocations[key] = _Invocation(
                    over.start_ns, over.end_ns, over.subagent_type, over.traceparent, stopped=True
                )

    def closed(self, event: Lifecycle, seq: int) -> None:
        """The call with this decision record has this outcome on record."""
        with self._lock:
            session = self._sessions.get(event.session_id)
            for call in list(session.open_calls()) if session is not None else ():
                if call.seq == seq and session is not None:
                    self._take(session, call)
                    self._ended(session, event, call)

    def invocation_over(self, session_id: str, prompt_id: str, subagent_id: str) -> None:
        """That is on record."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None:
                session.invocations.pop((prompt_id, subagent_id), None)
                _remember(session.done, (prompt_id, subagent_id), None)

    def session_over(self, session_id: str) -> None:
        """It said nothing for so long that it is on record as ended."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def open_calls(self) -> list[int]:
        """Decision records of the calls that are open, oldest first."""
        with self._lock:
            return sorted(call.seq for session in self._sessions.values() for call in session.open_calls())

    def due(self, now_ns: int) -> list[Over]:
        """What is over by now, calls first, each told once."""
        with self._lock:
            found: list[Over] = []
            excess = len(self._sessions) - self._limits.sessions
            for session_id, session in list(self._sessions.items()):
                excess -= 1
                found += self._over(session_id, session, now_ns, given_up=excess >= 0)
            return [*found, *self._over_bounds()]

    def _session(self, session_id: str, agent: str, time_ns: int) -> _Session:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = _Session(agent, time_ns)
        else:
            self._sessions.move_to_end(session_id)
            session.last_ns = max(session.last_ns, time_ns)
        return session

    @staticmethod
    def _invocation(session: _Session, prompt_id: str, subagent_id: str, time_ns: int) -> _Invocation | None:
        key = (prompt_id, subagent_id)
        if key in session.done:
            return None
        invocation = session.invocations.get(key)
        if invocation is None:
            invocation = session.invocations[key] = _Invocation(time_ns, time_ns)
        invocation.touch(time_ns)
        return invocation

    def _call_end(self, session: _Session, event: Lifecycle, key: str) -> OpenCall | None:
        call = session.pop(key)
        if call is None:
            noted = replace(event, error=event.error[:LONGEST_NOTE], result=None, input_json="")
            _remember(session.early, key, noted)
            return None
        self._ended(session, event, call)
        return call

    @staticmethod
    def _ended(session: _Session, event: Lifecycle, call: OpenCall) -> None:
        invocation = session.invocations.get((call.prompt_id, call.subagent_id))
        if invocation is not None:
            invocation.touch(event.received_ns)
        if event.started_subagent:
            _remember(session.started_by, event.started_subagent, call)

    def _follow(self, session: _Session, event: Lifecycle) -> None:
        kind, time_ns = event.event, event.received_ns
        if kind is LifecycleEvent.SESSION_END:
            session.ended_ns = time_ns
            return
        straggler = kind in (LifecycleEvent.SESSION_START, LifecycleEvent.PROMPT)
        if not straggler or time_ns - session.ended_ns > self._limits.resumed:
            session.ended_ns = 0
        if kind in (LifecycleEvent.SESSION_START, LifecycleEvent.OTHER):
            return
        prompt_id = event.prompt_id
        if kind is LifecycleEvent.PROMPT and _COUNTED.fullmatch(prompt_id):
            session.counted = int(prompt_id[1:])
        subagent = event.subagent_id if kind is not LifecycleEvent.PROMPT else ""
        invocation = self._invocation(session, prompt_id, subagent, time_ns)
        if invocation is not None:
            invocation.subagent_type = invocation.subagent_type or event.subagent_type
            invocation.traceparent = invocation.traceparent or event.traceparent
            if kind in (LifecycleEvent.STOP, LifecycleEvent.SUBAGENT_STOP):
                invocation.stopped = True

    def _over(self, session_id: str, session: _Session, now_ns: int, *, given_up: bool) -> Iterator[Over]:
        limits = self._limits
        ended = session.ended_ns
        silent = now_ns - session.last_ns >= limits.silence
        reason = "too many sessions" if given_up else "silence" if silent else "session ended"
        gone = given_up or silent or bool(ended and now_ns - ended >= limits.after_session)
        if gone:
            for call in list(session.open_calls()):
                self._take(session, call)
                yield CallOver(call, max(call.start_ns, ended or session.last_ns), reason)
        yield from self._invocations_over(session_id, session, now_ns, reason, gone=gone)
        if gone:
            del self._sessions[session_id]
            if not ended:
                yield SessionOver(session.agent, session_id, reason)

    def _invocations_over(
        self, session_id: str, session: _Session, now_ns: int, reason: str, *, gone: bool
    ) -> Iterator[InvocationOver]:
        busy = {(call.prompt_id, call.subagent_id) for call in session.open_calls()}
        settle = self._limits.settle_ended if session.ended_ns else self._limits.settle
        # Subagents first: the agent itself is not done before they are.
        for key in sorted(session.invocations, key=lambda key: not key[1]):
            prompt_id, subagent_id = key
            invocation = session.invocations[key]
            held = not subagent_id and any(prompt == prompt_id and subagent for prompt, subagent in session.invocations)
            quiet = now_ns - max(invocation.last_ns, session.ended_ns) >= settle
            over = (invocation.stopped or bool(session.ended_ns)) and quiet and not held and key not in busy
            if gone or over:
                yield self._end(session_id, session, key, "stop" if invocation.stopped else reason)

    def _end(self, session_id: str, session: _Session, key: tuple[str, str], reason: str) -> InvocationOver:
        prompt_id, subagent_id = key
        invocation = session.invocations.pop(key)
        _remember(session.done, key, None)
        parent = session.started_by.get(subagent_id) if subagent_id else None
        if parent is not None and parent.prompt_id != prompt_id:
            parent = None  # it goes on in another prompt's trace
        above = session.invocations.get((prompt_id, "")) if subagent_id else None
        if above is not None:
            above.touch(invocation.last_ns)
        return InvocationOver(
            agent=session.agent,
            session_id=session_id,
            prompt_id=prompt_id,
            subagent_id=subagent_id,
            subagent_type=invocation.subagent_type,
            start_ns=invocation.start_ns,
            end_ns=invocation.last_ns,
            parent_use_id=parent.use_id if parent is not None else "",
            parent_attempt=parent.attempt if parent is not None else 1,
            traceparent=invocation.traceparent,
            reason=reason,
        )

    def _over_bounds(self) -> Iterator[Over]:
        calls = [call for session in self._sessions.values() for call in session.open_calls()]
        if len(calls) > self._limits.calls:
            calls.sort(key=lambda call: call.seq)
            for call in calls[: len(calls) - self._limits.calls]:
                session = self._sessions[call.session_id]
                self._take(session, call)
                yield CallOver(call, max(call.start_ns, session.last_ns), "too many open calls")
        running = [
            (invocation.last_ns, session_id, key)
            for session_id, session in self._sessions.items()
            for key, invocation in session.invocations.items()
        ]
        if len(running) > self._limits.invocations:
            running.sort()
            for _, session_id, key in running[: len(running) - self._limits.invocations]:
                yield self._end(session_id, self._sessions[session_id], key, "too many prompts")

    @staticmethod
    def _take(session: _Session, call: OpenCall) -> None:
        calls = session.calls[call.key]
        calls.remove(call)
        if not calls:
            del session.calls[call.key]


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    """Add to ``known``, and forget what was added longest ago beyond the bound."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > MOST_REMEMBERED:
        known.popitem(last=False)
