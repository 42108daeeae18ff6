"""Codex's hook events besides the judged ones: they are told, not asked about. Fields as seen on 0.169.0."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from prempti_otel.agents.calls import PATCH_TOOL
from prempti_otel.agents.payload import compact, optional_text, required_object, required_text
from prempti_otel.agents.told import told
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent, Outcome

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival

EVENTS: Mapping[str, LifecycleEvent] = MappingProxyType(
    {
        "SessionStart": LifecycleEvent.SESSION_START,
        "UserPromptSubmit": LifecycleEvent.PROMPT,
        "PostToolUse": LifecycleEvent.CALL_END,
        "Stop": LifecycleEvent.STOP,
    }
)
"""What each of :data:`prempti_otel.agents.hook_events.CODEX_TOLD` means."""


def read(agent: str, fields: Mapping[str, Any], arrival: Arrival) -> Lifecycle:
    """What ``fields`` tell of one of :data:`EVENTS`. A turn is a prompt. Raises PayloadError."""
    event = EVENTS[required_text(fields, "hook_event_name")]
    turn = optional_text(fields, "turn_id")
    if event is not LifecycleEvent.CALL_END:
        return told(agent, event, fields, arrival, prompt_id=turn)
    tool = required_text(fields, "tool_name")
    return told(
        agent,
        event,
        fields,
        arrival,
        prompt_id=turn,
        tool=tool,
        input_json=compact(required_object(fields, "tool_input")),
        outcome=_outcome(tool, fields.get("tool_response")),
    )


def _outcome(tool: str, response: object) -> Outcome:
    """Of a patch the first line of the response tells; of a shell command nothing does, so it ended."""
    failed = tool == PATCH_TOOL and isinstance(response, str) and _is_failure(response)
    return Outcome.ERROR if failed else Outcome.OK


def _is_failure(response: str) -> bool:
    first = response.split("\n", 1)[0]
    return first.startswith("Exit code: ") and first != "Exit code: 0"
