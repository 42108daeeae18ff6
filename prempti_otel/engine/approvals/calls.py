"""Which calls wait for a person's approval, and which have it.

An approval is for exactly one call: agent, session, folder, tool and input, byte for byte. It ends by both clocks,
lets a call pass once unless time was given, and only ever covers the rules that asked when it was given. Nothing
here can approve a call that is denied, and nothing is in force before it is on record.

Only records outlast the engine: :func:`prempti_otel.engine.approvals.history.recall` builds all of this anew.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from prempti_otel.engine.decide import approvable, approved
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict
from prempti_otel.settings.config import ApprovalSettings

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Agent
    from prempti_otel.engine.trail import Trail
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision

MAX_ASKED = 10_000
"""Calls that can wait at a time; the ones that were asked about longest ago are forgotten first."""
ASKED_NS = 24 * 3600 * 1_000_000_000
"""A call that was asked about longer ago can no longer be approved."""
MAX_SECONDS = 24 * 3600
"""No approval is in force for longer."""
CLOCK_SLACK_NS = 5 * 1_000_000_000
"""A clock that is set back by less than this is being adjusted; by more, and approvals of the future are void."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): no letter looks like a digit."""
_MISREAD = str.maketrans("OIL", "011", "- ")
_ID_BITS = 40


class ApprovalError(PremptiError):
    """There is nothing to approve under that ID, or not like this."""


class Asked(msgspec.Struct, frozen=True):
    """A call that waits for approval."""

    id: str
    """What a person names it by: ``7KQ2-M4XP``."""
    call_hash: str
    agent: str
    session_id: str
    tool: str
    rules: frozenset[str]
    """Names of the rules that ask."""
    asked_ns: int
    """Unix time in nanoseconds."""
    seq: int = 0
    """Of its decision record, where a person can read what they approve; 0 until that is written."""


class Grant(msgspec.Struct):
    """An approval."""

    asked: Asked
    given_ns: int
    expires_ns: int
    """Both Unix time in nanoseconds."""
    ends: int
    """The same end by the clock that nobody can set, in nanoseconds."""
    once: bool
    by: str
    """Who gave it; names a user, and so it is no part of what is exported."""
    used: set[str] = msgspec.field(default_factory=set)
    """Hook events that let the call pass: an agent may be asked about one call at two of its events, in turn."""

    def in_force(self, now_ns: int, ticks: int) -> bool:
        """Whether it has begun and not ended, by either clock."""
        return self.given_ns - CLOCK_SLACK_NS <= now_ns < self.expires_ns and ticks < self.ends


class Approvals:
    """Asked-for and given approvals. Safe for all threads."""

    def __init__(
        self,
        trail: Trail,
        settings: Callable[[], ApprovalSettings] = ApprovalSettings,
        now: Callable[[], int] = time.time_ns,
        ticks: Callable[[], int] = time.monotonic_ns,
        note: Callable[[int], Sequence[str]] = lambda _: (),
    ) -> None:
        """``settings`` gives those in force; ``now`` and ``ticks`` are the clocks.

        ``note`` is told which process ran the hook of each call that rules ask about, and gives the agent's arguments.
        """
        self._trail = trail
        self._settings = settings
        self._now = now
        self._ticks = ticks
        self._note = note
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, Asked] = OrderedDict()
        self._ids: dict[str, str] = {}
        self._grants: dict[str, Grant] = {}

    def settle(self, agent: Agent, call: ToolCall, decision: Decision, floor: Verdict) -> Decision:
        """What becomes of a call that rules ask about: where nobody can be asked, it is approved, or denied with an ID.

        An approval that lets one call pass is used up by this.
        """
        headless = agent.headless(self._note(call.agent_pid))
        if decision.action is Verdict.ASK and headless:
            decision = replace(decision, action=Verdict.DENY)
        if decision.action is not Verdict.DENY:
            return decision
        call_hash = self._trail.fingerprint(identity(call))
        if not call_hash:
            return decision  # no store: the call is refused for that
        rules = frozenset(match.rule for match in decision.matches if match.verdict is Verdict.ASK)
        with self._lock:
            grant = self._use(call_hash, call.hook_event, rules)
            if grant is not None:
                return approved(decision, floor, grant.asked.id, call_hash)
            asked = self._ask(call, call_hash, rules)
        suspends = headless and self._settings().headless == "suspend"
        return approvable(call, replace(decision, suspends=suspends), asked.id, call_hash)

    def recorded(self, call_hash: str, seq: int) -> None:
        """The decision on a call that waits is on record."""
        with self._lock:
            asked = self._asked.get(call_hash)
            if asked is not None and not asked.seq:
                self._put(replace(asked, seq=seq))

    def find(self, name: str, seq: int = 0) -> Asked:
        """The call that waits under ``name``, as a person may spell it; ``seq``: as it was recorded there.

        Raises ApprovalError.
        """
        with self._lock:
            self._forget()
            asked = self._asked.get(self._ids.get(normal_id(name), ""))
        if asked is None:
            raise ApprovalError(
                f"no call waits for approval as {name[:40]!r}", remedy="premptictl approvals shows those that do"
            )
        if not asked.seq or seq not in (0, asked.seq):
            raise ApprovalError("other rules ask about this call by now", remedy="look at it again")
        return asked

    def give(self, asked: Asked, seconds: int, by: str, giver: dict[str, object]) -> Grant:
        """Approve a call: once within the lifetime, or for ``seconds`` if that is not 0. It is recorded first.

        It takes the place of an earlier approval of the same call: two do not add up. ``giver`` is what is recorded of
        who gave it. Raises ApprovalError, and whatever keeps it from being recorded.
        """
        if not 0 <= seconds <= MAX_SECONDS:
            raise ApprovalError("an approval is in force for at most 24 hours", remedy="name a shorter time")
        given, began = self._now(), self._ticks()
        length = (seconds or self._settings().lifetime) * 1_000_000_000
        grant = Grant(asked, given, given + length, began + length, not seconds, by)
        self._trail.approval(
            "approve",
            id=asked.id,
            call_hash=asked.call_hash,
            decision=asked.seq,
            agent=asked.agent,
            session=asked.session_id,
            tool=asked.tool,
            rules=sorted(asked.rules),
            asked_ns=asked.asked_ns,
            given_ns=given,
            expires_ns=grant.expires_ns,
            once=grant.once,
            by=by,
            giver=giver,
        )
        self.restore(grant)
        return grant

    def listed(self) -> tuple[list[Asked], list[Grant]]:
        """The calls that wait and have no approval, and the approvals that can still let a call pass; oldest first."""
        with self._lock:
            self._forget()
            given = [grant for grant in self._grants.values() if not (grant.once and grant.used)]
            hashes = {grant.asked.call_hash for grant in given}
            return [one for one in self._asked.values() if one.seq and one.call_hash not in hashes], given

    def restore(self, what: Asked | Grant) -> None:
        """Put what is on record in force."""
        with self._lock:
            if isinstance(what, Grant):
                self._grants[what.asked.call_hash] = what
            else:
                self._put(what)

    def restore_use(self, call_hash: str, hook_event: str) -> None:
        """An approval let a call pass before this engine began."""
        with self._lock:
            if call_hash in self._grants:
                self._grants[call_hash].used.add(hook_event)

    def _use(self, call_hash: str, hook_event: str, rules: frozenset[str]) -> Grant | None:
        grant = self._grants.get(call_hash)
        if grant is None or not rules <= grant.asked.rules or not grant.in_force(self._now(), self._ticks()):
            return None
        if grant.once and hook_event in grant.used:
            return None
        grant.used.add(hook_event)
        return grant

    def _ask(self, call: ToolCall, call_hash: str, rules: frozenset[str]) -> Asked:
        known = self._asked.get(call_hash)
        seq = known.seq if known is not None and known.rules == rules else 0
        name = known.id if known is not None else self._new_id(call_hash)
        asked = Asked(name, call_hash, call.agent, call.session_id, call.tool, rules, call.received_ns, seq)
        self._put(asked)
        return asked

    def _put(self, asked: Asked) -> None:
        self._asked[asked.call_hash] = asked
        self._asked.move_to_end(asked.call_hash)
        self._ids[normal_id(asked.id)] = asked.call_hash
        while len(self._asked) > MAX_ASKED:
            self._drop(next(iter(self._asked)))

    def _drop(self, call_hash: str) -> None:
        del self._ids[normal_id(self._asked.pop(call_hash).id)]

    def _new_id(self, call_hash: str) -> str:
        """A short name of the call, the same whenever it is asked about; another one where that is taken."""
        digest = hashlib.sha256(call_hash.encode()).digest()
        for begin in range(len(digest) - _ID_BITS // 8):
            number = int.from_bytes(digest[begin : begin + _ID_BITS // 8], "big")
            text = "".join(_ALPHABET[number >> shift & 31] for shift in range(_ID_BITS - 5, -1, -5))
            name = f"{text[:4]}-{text[4:]}"
            if normal_id(name) not in self._ids:
                return name
        raise ApprovalError("no ID is left for this call")

    def _forget(self) -> None:
        """Let go of what can no longer be approved or used."""
        now, ticks = self._now(), self._ticks()
        for one in list(self._asked.values()):
            if not now - ASKED_NS <= one.asked_ns <= now + CLOCK_SLACK_NS:
                self._drop(one.call_hash)
        for key in [key for key, grant in self._grants.items() if not grant.in_force(now, ticks)]:
            del self._grants[key]


def identity(call: ToolCall) -> str:
    """All that makes it this call and no other, as text; a blank more in its input gives another one."""
    parts = (
        call.agent,
        call.session_id,
        call.cwd,
        call.real_cwd,
        call.tool,
        call.mcp_server,
        call.mcp_tool,
        call.real_file_path,
        call.input_json,
    )
    return json.dumps(parts)


def normal_id(name: str) -> str:
    """An ID without what people spell differently: case, hyphens, letters that look like digits."""
    return name.upper().translate(_MISREAD)
