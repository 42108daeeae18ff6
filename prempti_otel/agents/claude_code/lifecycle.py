"""Claude Code's hook events besides PreToolUse: they are told, not asked about.

Fields as seen on 2.1.330 and 2.1.197; those of PermissionDenied as in the program of 2.1.330. None of them is ever
a reason to hold the agent up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from prempti_otel.agents.payload import compact, optional_text, required_text
from prempti_otel.agents.told import told
from prempti_otel.model.lifecycle import Answered, Lifecycle, LifecycleEvent, Outcome

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival
    from prempti_otel.model.call import JsonValue

_OUTCOMES = {
    "PostToolUse": Outcome.OK,
    "PostToolUseFailure": Outcome.ERROR,
    "PermissionDenied": Outcome.REFUSED,
}
_EVENTS = {
    "SessionStart": LifecycleEvent.SESSION_START,
    "UserPromptSubmit": LifecycleEvent.PROMPT,
    "SubagentStart": LifecycleEvent.SUBAGENT_START,
    "SubagentStop": LifecycleEvent.SUBAGENT_STOP,
    "Stop": LifecycleEvent.STOP,
    "StopFailure": LifecycleEvent.STOP,
    "SessionEnd": LifecycleEvent.SESSION_END,
    "PostToolBatch": LifecycleEvent.BATCH_END,
    **dict.fromkeys(_OUTCOMES, LifecycleEvent.CALL_END),
    **dict.fromkeys(
        (
            "CwdChanged",
            "InstructionsLoaded",
            "MessageDisplay",
            "Notification",
            "PermissionRequest",
            "PreCompact",
            "UserPromptExpansion",
        ),
        LifecycleEvent.OTHER,
    ),
}
"""An event that is not here may be one that stops a call in a version to come: it is no business of this module."""


def known(event: str) -> bool:
    """Whether ``event`` is one of those that tell of something and stop nothing."""
    return event in _EVENTS


def read(agent: str, event: str, fields: Mapping[str, Any], arrival: Arrival) -> Lifecycle:
    """What ``fields`` tell of ``event``, which is known. Raises PayloadError."""
    outcome = _OUTCOMES.get(event)
    response: JsonValue = fields.get("tool_response")
    tool_input = fields.get("tool_input")
    found = told(
        agent,
        _EVENTS[event],
        fields,
        arrival,
        prompt_id=optional_text(fields, "prompt_id"),
        tool=required_text(fields, "tool_name") if outcome else "",
        input_json=compact(tool_input) if outcome and type(tool_input) is dict else "",
        outcome=outcome,
        error=optional_text(fields, "error"),
    )
    return replace(
        found,
        duration=_seconds(fields.get("duration_ms")),
        interrupted=fields.get("is_interrupt") is True,
        started_subagent=_started(response) if outcome is Outcome.OK else "",
        answered=_answered(fields.get("tool_calls")),
    )


LONGEST_ANSWER = 1024
"""Characters kept of what the model was told of a call."""
MOST_ANSWERED = 256


def _answered(calls: object) -> tuple[Answered, ...]:
    """The calls of a batch that have an id; whatever else is in the list is passed over."""
    found = []
    for call in calls[:MOST_ANSWERED] if isinstance(calls, list) else ():
        use_id = call.get("tool_use_id") if isinstance(call, dict) else None
        if isinstance(use_id, str) and use_id:
            text = call.get("tool_response")
            found.append(Answered(use_id, text[:LONGEST_ANSWER] if isinstance(text, str) else ""))
    return tuple(found)


_LONGEST_MS = 10_000_000_000
"""More than a hundred days is no duration."""


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool) and 0 <= milliseconds < _LONGEST_MS:
        return milliseconds / 1000
    return None


def _started(response: JsonValue) -> str:
    """The Agent tool's answer names the agent that it started, running on (2.1.330) or done (2.1.197)."""
    found = response.get("agentId") if isinstance(response, Mapping) else None
    return found if isinstance(found, str) else ""
