"""What agents tell besides the calls that they ask about, in the common form. None of it can hold an agent up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prempti_otel.agents.calls import check_sizes
from prempti_otel.agents.errors import PayloadError, UnreadableLifecycleError
from prempti_otel.agents.interface import Arrival
from prempti_otel.agents.payload import optional_text, required_text
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent

if TYPE_CHECKING:
    from prempti_otel.model.lifecycle import Outcome


def told(
    agent: str,
    event: LifecycleEvent,
    fields: Mapping[str, Any],
    arrival: Arrival,
    *,
    prompt_id: str = "",
    tool: str = "",
    input_json: str = "",
    outcome: Outcome | None = None,
    error: str = "",
) -> Lifecycle:
    """What ``fields`` tell of ``event``, by the names that agents share; the rest for the end of a call.

    Raises PayloadError where a field has the wrong type.
    """
    found = Lifecycle(
        agent=agent,
        event=event,
        hook_event=required_text(fields, "hook_event_name"),
        session_id=required_text(fields, "session_id"),
        received_ns=arrival.received_ns,
        prompt_id=prompt_id,
        cwd=optional_text(fields, "cwd"),
        model=optional_text(fields, "model"),
        permission_mode=optional_text(fields, "permission_mode"),
        subagent_id=optional_text(fields, "agent_id"),
        subagent_type=optional_text(fields, "agent_type"),
        source=optional_text(fields, "source"),
        reason=optional_text(fields, "reason"),
        prompt=optional_text(fields, "prompt"),
        traceparent=arrival.traceparent,
        tool=tool,
        use_id=optional_text(fields, "tool_use_id") if outcome else "",
        input_json=input_json,
        outcome=outcome,
        error=error,
        result=fields.get("tool_response"),
    )
    check_sizes(found.cwd, found.session_id, found.use_id, found.prompt_id, found.subagent_id)
    return found


@contextmanager
def unasked(event: str) -> Iterator[None]:
    """Reads ``event``, which blocks nothing: a PayloadError inside becomes an UnreadableLifecycleError."""
    try:
        yield
    except PayloadError as error:
        raise UnreadableLifecycleError(f"{event[:80]!r}: {error}") from error
