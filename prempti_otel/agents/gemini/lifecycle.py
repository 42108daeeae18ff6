"""Gemini CLI's hook events besides BeforeTool: they are told, not asked about. Fields as seen on 0.61.0."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import re2

from prempti_otel.agents.payload import compact
from prempti_otel.agents.told import told
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent, Outcome

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Arrival

AFTER_TOOL = "AfterTool"
EVENTS: Mapping[str, LifecycleEvent] = MappingProxyType(
    {
        "SessionStart": LifecycleEvent.SESSION_START,
        "BeforeAgent": LifecycleEvent.PROMPT,
        AFTER_TOOL: LifecycleEvent.CALL_END,
        "AfterAgent": LifecycleEvent.STOP,
        "SessionEnd": LifecycleEvent.SESSION_END,
    }
)
"""What each of :data:`prempti_otel.agents.hook_events.GEMINI_TOLD` means."""
_EXIT_CODE = re2.compile(
    r"\nExit Code: [1-9][0-9]{0,9}\n(?:Process Group PGID: [0-9]+\n)?(?:</untrusted_context>)?\s*\z"
)
"""How what the model is given of a shell command ends that failed."""


def read(agent: str, event: str, fields: Mapping[str, Any], arrival: Arrival) -> Lifecycle:
    """What ``fields`` tell of ``event``, one of :data:`EVENTS` but :data:`AFTER_TOOL`. Raises PayloadError."""
    return told(agent, EVENTS[event], fields, arrival)


def ended(agent: str, fields: Mapping[str, Any], arrival: Arrival, tool: str, tool_input: dict[str, Any]) -> Lifecycle:
    """The end of a call of ``tool``, by its normal name, with ``tool_input``, by its normal keys: there is no id.

    Raises PayloadError.
    """
    error, failed = _failure(fields.get("tool_response"))
    outcome = Outcome.ERROR if failed else Outcome.OK
    return told(
        agent,
        EVENTS[AFTER_TOOL],
        fields,
        arrival,
        tool=tool,
        input_json=compact(tool_input),
        outcome=outcome,
        error=error,
    )


def _failure(response: object) -> tuple[str, bool]:
    """What the tool said when it failed, and whether it did."""
    if not isinstance(response, Mapping):
        return "", False
    error = response.get("error")
    if isinstance(error, Mapping):
        message = error.get("message")
        return message if isinstance(message, str) else "", True
    content = response.get("llmContent")
    return "", isinstance(content, str) and _EXIT_CODE.search(content) is not None
