"""What spans and log events are made of: bounds, cuts, and the parts that all of them share.

Pure functions of what they are given: nothing here reads a clock, an environment variable or a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from prempti_otel import __version__
from prempti_otel.model.record import StoredRecord
from prempti_otel.telemetry import ids, names

LONGEST_ATTRIBUTE = 2048
"""Bytes; Tempo cuts longer ones."""
MOST_ITEMS = 64
"""Items of a list."""
LONGEST_NAME = 128
"""Bytes of a tool's or an agent's name in a span's name."""
SCOPE = InstrumentationScope(names.SCOPE, __version__, names.SCHEMA_URL)

Value: TypeAlias = "str | int | float | bool | Sequence[str]"
Attributes: TypeAlias = "dict[str, Value]"

_PROVIDERS = {"claude_code": "anthropic", "codex": "openai", "gemini": "gcp.gemini"}
"""``gen_ai.provider.name`` of agents that talk to one provider; the other agents do not tell whose model it is."""


def cut(text: str, longest: int = LONGEST_ATTRIBUTE) -> str:
    """At most ``longest`` bytes; what was cut ends in how long it was."""
    if len(text) * 4 <= longest:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= longest:
        return text
    mark = f"…[cut, {len(encoded)} bytes]"
    return encoded[: longest - len(mark.encode())].decode("utf-8", "ignore") + mark


def some(attributes: Mapping[str, Value]) -> Attributes:
    """Without what is empty or false, texts cut. Zero is left out too: each number here is a count or an id."""
    kept: Attributes = {}
    for name, value in attributes.items():
        if not value:
            continue
        if isinstance(value, str):
            kept[name] = cut(value)
        elif isinstance(value, Sequence):
            kept[name] = _cut_list(value)
        else:
            kept[name] = value
    return kept


def place(record: StoredRecord) -> Attributes:
    """Where the record is in the audit trail."""
    return {names.RECORD_SEQ: record.seq, names.RECORD_HASH: record.hash}


def provider(agent: str) -> str:
    """Who makes the agent's model; ``""`` where that is not known."""
    return _PROVIDERS.get(agent, "")


def host_of(url: str) -> str:
    """The host that a URL names; ``""`` where it names none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def context(trace_id: int, span_id: int) -> SpanContext:
    """A span of ours. All are sampled: it is an audit."""
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def links(traceparent: str) -> list[Link]:
    """The agent's own span, where the hook was started within one: never the parent, which may be in no backend."""
    found = ids.parent_of_hook(traceparent)
    return [Link(found)] if found is not None else []


def log(
    name: str,
    record: StoredRecord,
    text: str,
    severity: SeverityNumber,
    attributes: Attributes,
    span: SpanContext | None = None,
) -> LogRecord:
    """One log event, at the time of its record."""
    return LogRecord(
        timestamp=record.time_ns,
        observed_timestamp=record.time_ns,
        context=set_span_in_context(NonRecordingSpan(span if span is not None else _NO_SPAN)),
        severity_text=severity.name,
        severity_number=severity,
        body=cut(text),
        attributes=some({names.EVENT_NAME: name, **attributes}),
        event_name=name,
    )


_NO_SPAN = SpanContext(0, 0, is_remote=False)


def _cut_list(items: Sequence[str]) -> list[str]:
    """Tempo's bound holds for the list as a whole."""
    kept: list[str] = []
    left = LONGEST_ATTRIBUTE
    for number, item in enumerate(items):
        left -= len(item.encode("utf-8", "replace"))
        if left < 0 or number >= MOST_ITEMS:
            return [*kept, f"…[{len(items) - number} more]"]
        kept.append(item)
    return kept
