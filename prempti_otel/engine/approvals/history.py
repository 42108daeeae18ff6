"""What a starting engine knows of approvals: which calls wait, which were approved, which used theirs up.

All of it is read from records. Where records or the clock leave a doubt, nothing is approved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from prempti_otel import typed
from prempti_otel.engine.approvals.calls import ASKED_NS, CLOCK_SLACK_NS, Approvals, Asked, Grant
from prempti_otel.model.decision import DecisionSource, Verdict
from prempti_otel.model.record import RecordKind

if TYPE_CHECKING:
    from prempti_otel.audit.reader import StoreReader

RECALLED = 20_000
"""Records that a starting engine looks back on; an approval that was given before them is gone."""
_PAGE = 1000
_GIVEN = '"action":"approve"'
_WAITS = '"approval":"'


class _Detail(msgspec.Struct):
    id: str
    call_hash: str
    decision: int
    agent: str
    tool: str
    rules: list[str]
    asked_ns: int
    given_ns: int
    expires_ns: int
    once: bool
    by: str
    session: str = ""


class _Admin(msgspec.Struct):
    action: str
    detail: _Detail


class _Call(msgspec.Struct):
    agent: str = ""
    session_id: str = ""
    hook_event: str = ""
    tool: str = ""
    received_ns: int = 0


class _Match(msgspec.Struct):
    rule: str
    verdict: str


class _Verdict(msgspec.Struct):
    source: str
    approval: str
    call_hash: str


class _Decision(msgspec.Struct):
    call: _Call
    decision: _Verdict
    matches: list[_Match] = []


def recall(
    reader: StoreReader,
    approvals: Approvals,
    now: Callable[[], int] = time.time_ns,
    ticks: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Fill ``approvals`` from the store. Raises StoreError."""
    last = reader.last_seq()
    newest = reader.get(last)
    # A clock that was set back would bring approvals back to life that are over.
    trusted = newest is None or newest.time_ns <= now() + CLOCK_SLACK_NS
    after = max(0, last - RECALLED, reader.first_since(now() - ASKED_NS) - 1)
    while found := reader.bodies(after, _PAGE, (RecordKind.DECISION, RecordKind.ADMIN)):
        after = found[-1][0]
        for seq, kind, _, body in found:
            try:
                if kind is RecordKind.DECISION and _WAITS in body:
                    _decided(approvals, seq, typed.decode(body, _Decision))
                elif kind is RecordKind.ADMIN and _GIVEN in body and trusted:
                    approvals.restore(_grant(typed.decode(body, _Admin).detail, now(), ticks()))
            except msgspec.MsgspecError:
                continue  # another record that holds the same words, or one that was tampered with


def _decided(approvals: Approvals, seq: int, body: _Decision) -> None:
    call, decision = body.call, body.decision
    if decision.source == DecisionSource.APPROVAL.value:
        approvals.restore_use(decision.call_hash, call.hook_event)
        return
    rules = frozenset(match.rule for match in body.matches if match.verdict == Verdict.ASK.value)
    asked = Asked(
        decision.approval, decision.call_hash, call.agent, call.session_id, call.tool, rules, call.received_ns, seq
    )
    approvals.restore(asked)


def _grant(detail: _Detail, now_ns: int, ticks: int) -> Grant:
    asked = Asked(
        detail.id,
        detail.call_hash,
        detail.agent,
        detail.session,
        detail.tool,
        frozenset(detail.rules),
        detail.asked_ns,
        detail.decision,
    )
    left = max(0, detail.expires_ns - now_ns)
    return Grant(asked, detail.given_ns, detail.expires_ns, ticks + left, detail.once, detail.by)
