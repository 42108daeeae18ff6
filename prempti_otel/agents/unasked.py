"""Agents that are never sent an ask: what the adapters of those have in common, the forms of their answers apart.

A call is stopped by :meth:`UnaskedAgent.deny` alone, whatever the action, so that nothing else can be said by mistake.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import msgspec

from prempti_otel.agents.calls import encodable, said
from prempti_otel.agents.interface import Agent, Reply
from prempti_otel.model.decision import Verdict

if TYPE_CHECKING:
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision

NO_OPINION = Reply(b"{}")


class UnaskedAgent(Agent):
    """An agent that cannot ask: an ``ask`` is enforced as deny."""

    allow: ClassVar[Reply] = NO_OPINION
    """What lets a call run without the agent's own question."""
    warning_key: ClassVar[str] = ""
    """Where in an answer a message to the user goes; empty where it goes to standard error."""

    @abstractmethod
    def deny(self, reason: str) -> Reply:
        """Stops the call, for ``reason``, which is not blank and valid UTF-8."""

    def can_ask(self, call: ToolCall) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def reply(self, call: ToolCall, decision: Decision) -> Reply:  # noqa: ARG002
        """See :meth:`Agent.reply`. An action that is none of the four is denied."""
        if decision.action is Verdict.DEFER:
            return NO_OPINION
        if decision.action is Verdict.ALLOW:
            return self.allow
        return self.deny(said(decision.reason))

    def block(self, sentence: str) -> Reply:
        """A deny."""
        return self.deny(said(sentence))

    def no_opinion(self, warning: str = "") -> Reply:
        """``{}``, and the warning where the user gets to see it."""
        if not warning:
            return NO_OPINION
        if self.warning_key:
            return Reply(msgspec.json.encode({self.warning_key: encodable(warning)}))
        return Reply(NO_OPINION.stdout, said(warning).encode() + b"\n")
