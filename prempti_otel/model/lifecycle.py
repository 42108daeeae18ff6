"""What an agent tells besides the calls it asks about: how they ended, and when sessions, prompts and agents do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue


class Outcome(StrEnum):
    """How a call ended that was not denied."""

    OK = "ok"
    ERROR = "error"
    REFUSED = "refused"
    """The agent's own rules or the user did not let it run."""
    UNKNOWN = "unknown"
    """Nobody told."""


class LifecycleEvent(StrEnum):
    """What happened, in one word for all agents."""

    SESSION_START = "session.start"
    SESSION_END = "session.end"
    PROMPT = "prompt"
    """The user, or the agent to itself, gave it something to do."""
    STOP = "stop"
    """The agent is done with a prompt, for all it knows."""
    SUBAGENT_START = "subagent.start"
    SUBAGENT_STOP = "subagent.stop"
    CALL_END = "call.end"
    """A call ended, with an outcome."""
    BATCH_END = "batch.end"
    """All calls of one turn were answered: one whose end was not told before did not run."""
    OTHER = "other"
    """Nothing that is followed up."""
    INVOCATION_END = "invocation.end"
    """All that one agent did for one prompt is over: what the engine makes of the others."""


class Answered(msgspec.Struct, frozen=True):
    """A call that the model was given an answer to."""

    use_id: str
    text: str = ""
    """The answer, where it is a text; unredacted."""


class Lifecycle(msgspec.Struct, frozen=True):
    """One such event. Texts are ``""`` where the agent gives none."""

    agent: str
    event: LifecycleEvent
    hook_event: str
    """The agent's own name of it."""
    session_id: str
    received_ns: int
    """Unix time in nanoseconds at which the engine had the payload."""
    prompt_id: str = ""
    """Id of the prompt or turn."""
    cwd: str = ""
    model: str = ""
    permission_mode: str = ""
    subagent_id: str = ""
    """The subagent that it happened to or in."""
    subagent_type: str = ""
    source: str = ""
    """How a session began: ``startup``, ``resume``, ..."""
    reason: str = ""
    """Why a session ended, or a call was refused."""
    prompt: str = ""
    """What was asked for; unredacted."""
    traceparent: str = ""
    tool: str = ""
    """The call that ended: its tool by the normal name, as in ToolCall."""
    use_id: str = ""
    input_json: str = ""
    """The call's input as in ToolCall; needed where the agent has no ids for calls."""
    outcome: Outcome | None = None
    """Set for the end of a call, and only there."""
    duration: float | None = None
    """Seconds that the tool took, by the agent's own clock; None where it does not tell."""
    error: str = ""
    """What the tool said when it failed; unredacted."""
    interrupted: bool = False
    """The user broke the call off."""
    result: JsonValue = None
    """What the tool gave back; unredacted."""
    started_subagent: str = ""
    """The subagent that the call started."""
    answered: tuple[Answered, ...] = ()
    """For ``BATCH_END``: the calls."""
