"""Calls, decisions and stores for the tests of audit and telemetry."""

from __future__ import annotations

import json
from typing import Any

from prempti_otel.audit.lifecycle_records import outcome_record
from prempti_otel.audit.records import DecisionBody, admin_record, body_of, decision_record
from prempti_otel.audit.redaction import Redactor
from prempti_otel.audit.store import Store
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Decision, DecisionSource, Match, Mode, Priority, Verdict
from prempti_otel.model.event import Event, tool_event
from prempti_otel.model.fields import Level
from prempti_otel.model.lifecycle import Lifecycle, LifecycleEvent, Outcome
from prempti_otel.model.record import Record, StoredRecord

KEY = b"k" * 32
REDACTOR = Redactor(KEY)
NOW_NS = 1_760_000_000_000_000_000


def a_call(number: int = 1, command: str = "git status", **changes: Any) -> ToolCall:
    values: dict[str, Any] = {
        "agent": "claude_code",
        "hook_event": "PreToolUse",
        "session_id": "session-1",
        "prompt_id": "prompt-1",
        "cwd": "/home/u/project",
        "real_cwd": "/home/u/project",
        "tool": "Bash",
        "input": {"command": command},
        "command": command,
        "use_id": f"toolu_{number}",
        "correlation_id": number,
        "received_ns": NOW_NS + number,
        **changes,
    }
    values.setdefault("input_json", json.dumps(values["input"]))
    return ToolCall(**values)


def some_events(call: ToolCall) -> list[Event]:
    tool = tool_event(call)
    process = Event(
        Level.PROCESS,
        {
            "proc.name": "git",
            "proc.cmdline": call.command,
            "proc.argv": tuple(call.command.split()),
            "proc.dynamic": False,
        },
        tool,
    )
    file = Event(Level.FILE, {"file.path": "/etc/passwd", "file.op": "read"}, process)
    network = Event(Level.NETWORK, {"net.host": "example.com", "net.op": "upload"}, process)
    return [tool, process, file, network]


def a_match(event: Event, rule: str = "A rule", verdict: Verdict = Verdict.DENY, **changes: Any) -> Match:
    values: dict[str, Any] = {
        "priority": Priority.WARNING,
        "tags": ("coding_agent_deny", "threats"),
        "output": "do not do that",
        "description": "what it is for",
        **changes,
    }
    return Match(rule=rule, verdict=verdict, event=event, **values)


def a_decision(verdict: Verdict = Verdict.DEFER, *matches: Match, **changes: Any) -> Decision:
    values: dict[str, Any] = {
        "verdict": verdict,
        "action": verdict,
        "source": DecisionSource.RULE if matches else DecisionSource.DEFAULT,
        "reason": "no" if verdict.stops else "",
        "matches": matches,
        "mode": Mode.GUARDRAILS,
        "ruleset_digest": "0123456789abcdef",
        "duration": 0.0004,
        **changes,
    }
    return Decision(**values)


def a_record(number: int = 1, command: str = "git status", **changes: Any) -> Record:
    """The record of a call that was let through."""
    call = a_call(number, command, **changes)
    return decision_record(call, some_events(call), a_decision(), redactor=REDACTOR)


def a_denied_record(number: int = 1, command: str = "rm -rf /", **changes: Any) -> Record:
    """The record of a call that was denied by one rule."""
    call = a_call(number, command, **changes)
    events = some_events(call)
    return decision_record(call, events, a_decision(Verdict.DENY, a_match(events[1])), redactor=REDACTOR)


def an_outcome(of: StoredRecord, outcome: Outcome = Outcome.OK, **changes: Any) -> Record:
    """The record of how the call ended that ``of`` decided on, a second after it began."""
    call = body_of(of, DecisionBody).call
    values: dict[str, Any] = {
        "time_ns": call.received_ns + 1_000_000_000,
        "session_id": call.session_id,
        "agent": call.agent,
        "tool": call.tool,
        "decision": of.seq,
        "prompt_id": call.prompt_id,
        "use_id": call.use_id,
        **changes,
    }
    return outcome_record(outcome=outcome, redactor=REDACTOR, **values)


def append_call(store: Store, number: int = 1, command: str = "git status", **changes: Any) -> StoredRecord:
    """A call that was let through and ended well: two records; the second."""
    return store.append(an_outcome(store.append(a_record(number, command, **changes))))


def announce(store: Store, *destinations: str) -> StoredRecord:
    """What an engine records at its start: a destination that is new begins with this record."""
    return store.append(admin_record("start", time_ns=NOW_NS, redactor=REDACTOR, destinations=list(destinations)))


def a_lifecycle(event: LifecycleEvent, **changes: Any) -> Lifecycle:
    """Something that an agent told."""
    values: dict[str, Any] = {
        "agent": "claude_code",
        "hook_event": f"hook of {event}",
        "session_id": "session-1",
        "prompt_id": "prompt-1",
        "received_ns": NOW_NS,
        **changes,
    }
    return Lifecycle(event=event, **values)
