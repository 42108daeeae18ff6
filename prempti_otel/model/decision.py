"""What the engine makes of a call: matches, verdict, action, decision."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from prempti_otel.model.event import Event


class Verdict(StrEnum):
    """The judgement of a call. ``deny`` outranks ``ask`` outranks the floor (``defer`` or ``allow``)."""

    DENY = "deny"
    ASK = "ask"
    DEFER = "defer"
    """No opinion: the agent's own permission flow goes on."""
    ALLOW = "allow"
    """Run without the agent's own question; only ever a floor that the user chose, never a rule's wish."""

    @property
    def stops(self) -> bool:
        """Whether the call does not simply run."""
        return self in (Verdict.DENY, Verdict.ASK)


class Mode(StrEnum):
    """Whether verdicts are enforced."""

    GUARDRAILS = "guardrails"
    MONITOR = "monitor"
    """Judged and recorded; the action is always ``defer``."""


class DecisionSource(StrEnum):
    """What a decision rests on."""

    RULE = "rule"
    DEFAULT = "default"
    ERROR = "error"
    FALLBACK = "fallback"
    """The engine was not reached; the hook answered for itself."""
    APPROVAL = "approval"
    """Rules ask, the agent cannot, and a person approved this very call beforehand."""


class Priority(StrEnum):
    """Falco's rule priorities, most severe first, spelled as Falco shows them."""

    EMERGENCY = "Emergency"
    ALERT = "Alert"
    CRITICAL = "Critical"
    ERROR = "Error"
    WARNING = "Warning"
    NOTICE = "Notice"
    INFORMATIONAL = "Informational"
    DEBUG = "Debug"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Priority).index(self)


class Match(msgspec.Struct, frozen=True):
    """One rule that held for one event."""

    rule: str
    priority: Priority
    tags: tuple[str, ...]
    """Sorted."""
    verdict: Verdict
    """What the rule asks for by its tags; ``defer`` for a rule that only informs."""
    output: str
    """The rendered output; unredacted."""
    event: Event
    description: str = ""
    count: int = 1
    """On how many events the rule held, this one included; set on the rule's first match."""
    file: str = ""
    """The project's rules file that the rule stands in; empty for installed rules."""


class Decision(msgspec.Struct, frozen=True):
    """Verdict and action on one call, and what they rest on."""

    verdict: Verdict
    action: Verdict
    """What is enforced: mode and agent may change the verdict."""
    source: DecisionSource
    reason: str
    """At most 2 KiB, one line a rule, most severe first, then the correlation id; empty where nothing stops."""
    matches: tuple[Match, ...]
    """Most severe first."""
    mode: Mode
    ruleset_digest: str
    duration: float
    """Seconds from the payload's arrival to this decision, recording not included."""
    approval: str = ""
    """ID under which a person can approve the call, or did; empty where there is nothing to approve."""
    call_hash: str = ""
    """Which call that is, exactly: ``hmac-sha256:`` of all that identifies it; empty where ``approval`` is."""
    suspends: bool = False
    """A denied call for whose approval the agent ends its run, where it can: it makes the call again when resumed."""
