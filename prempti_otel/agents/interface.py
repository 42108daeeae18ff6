"""What the engine asks of a coding agent's adapter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from prempti_otel.agents.payload import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision
    from prempti_otel.model.lifecycle import Lifecycle


class Reply(msgspec.Struct, frozen=True):
    """What the hook prints and how it exits; the agent's own protocol."""

    stdout: bytes
    stderr: bytes = b""
    exit_code: int = 0


class Arrival(msgspec.Struct, frozen=True):
    """What the engine knows of a payload besides the payload."""

    correlation_id: int
    received_ns: int
    """Unix time in nanoseconds."""
    traceparent: str = ""
    agent_pid: int = 0


class Facts(msgspec.Struct, frozen=True):
    """What people should know of an agent; ``docs/agents.md`` is made of it. Texts are Markdown."""

    seen: str
    """Which versions it was seen working with, or by which documentation it was written."""
    events: tuple[str, ...]
    """The hook events that are judged, by the agent's own names."""
    verdicts: str
    """What the agent honours, and what becomes of the rest."""
    failure: tuple[tuple[str, str], ...]
    """What may fail, and what happens to the call then."""
    gaps: tuple[str, ...]
    """What the hook does not see or cannot prevent, a sentence each."""


class Agent(ABC):
    """One coding agent: its payloads and its replies. Stateless; shared by all threads."""

    name: ClassVar[str]
    """``agent.name`` and the hook's argument: ``claude_code``."""
    title: ClassVar[str]
    """As its makers write it: ``Claude Code``."""
    facts: ClassVar[Facts]

    def parse(self, payload: bytes, arrival: Arrival) -> ToolCall:
        """The call in ``payload``. Raises PayloadError with a sentence that says what is wrong with it."""
        return self.call(decode(payload), arrival)

    def read(self, payload: bytes, arrival: Arrival) -> ToolCall | Lifecycle:
        """The call in ``payload``, or what else the agent tells. Raises PayloadError, and UnreadableLifecycleError."""
        fields = decode(payload)
        return self.lifecycle(fields, arrival) or self.call(fields, arrival)

    @abstractmethod
    def call(self, fields: dict[str, Any], arrival: Arrival) -> ToolCall:
        """The call that a payload's ``fields`` tell of. Raises PayloadError."""

    def lifecycle(self, fields: dict[str, Any], arrival: Arrival) -> Lifecycle | None:  # noqa: ARG002
        """What ``fields`` tell that is no call; None for a call, which is all that some agents tell of.

        Raises PayloadError, and UnreadableLifecycleError.
        """
        return None

    @abstractmethod
    def can_ask(self, call: ToolCall) -> bool:
        """Whether the agent would put an ``ask`` before a person; if not, it is enforced as deny."""

    def headless(self, arguments: Sequence[str]) -> bool:  # noqa: ARG002
        """Whether the agent, run with these arguments (its own name first), has nobody to put an ``ask`` before.

        For agents whose payloads do not tell. False where that cannot be told.
        """
        return False

    @abstractmethod
    def reply(self, call: ToolCall, decision: Decision) -> Reply:
        """``decision.action`` in the agent's own form. A deny or ask is never one it reads as no opinion."""

    @abstractmethod
    def block(self, sentence: str) -> Reply:
        """Blocks a call that could not be judged or recorded."""

    @abstractmethod
    def no_opinion(self, warning: str = "") -> Reply:
        """Lets the agent's own permission flow go on (monitor mode, degraded)."""
