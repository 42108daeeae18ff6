"""What can be wrong with what an agent's hook was given."""

from __future__ import annotations

from prempti_otel.errors import PremptiError


class PayloadError(PremptiError):
    """What the hook was given cannot be judged; the call is blocked and this is the sentence."""


class UnreadableLifecycleError(PayloadError):
    """The payload is no call, so there is nothing to block, but what it tells cannot be read."""
