"""``docs/telemetry.md``, made from the declarations in :mod:`prempti_otel.telemetry.names`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prempti_otel.telemetry import names
from prempti_otel.telemetry.project import LONGEST_EVIDENCE, MOST_EVENTS
from prempti_otel.telemetry.shape import LONGEST_ATTRIBUTE

_HEAD = f"""\
<!-- Generated from the code by `make docs`; do not edit. -->

# Telemetry

What leaves the machine, and under which names. All of it is made from redacted records of the audit trail: no name
below ever carries an unredacted text. A text longer than {LONGEST_ATTRIBUTE:,} bytes (what a rule matched:
{LONGEST_EVIDENCE}) ends in `…[cut, N bytes]`. What is empty is left out.

Each prompt is a trace. In it, all of kind INTERNAL:

- `invoke_agent AGENT`: what the agent does for the prompt, from the prompt (or its first call) to its last sign of life
  once it has stopped and no call is open. One is sent when the agent was quiet for 10 s after its stop, when the
  session has ended, or after 24 hours of silence. A subagent has one of its own, below the call that started it.
- `execute_tool TOOL`: a tool call, from the moment the engine had it to its outcome. It is sent at once where it was
  denied, otherwise when its outcome is known. A call that nobody ends is `unknown` 60 s after the end of its session,
  after 24 hours of silence, or when the agent asks about it again. What is told later is a log event, no second span.

Children may therefore arrive before their parents. Ids are derived: the trace id is the first 16 bytes of the SHA-256
of the JSON array `["SESSION","PROMPT"]` (empty text where the agent tells no prompts apart), the span id the first 8 of
that of `["SESSION","CALL ID",ATTEMPT]` for a call, of `["invoke_agent","SESSION","PROMPT","SUBAGENT"]` for an agent. A
record that is sent twice gives the same span twice. If the hook was started within a trace, its span is a link. The
status stays unset for denied calls: a denial is the guard working. It is ERROR for a tool that failed, with what the
tool said (512 bytes).

Each rule that held is an event on the span (the {MOST_EVENTS} most severe) and a log event of its own. Traces and logs
are sent at least once and oldest first; metrics are counted from the same records and are cumulative from the start
of the exporter.

What a receiver refuses for good is set aside, told by `premptictl status`, and holds up nothing: at once where it says
that the content is at fault (INVALID_ARGUMENT; HTTP 400, 413, 415, 422; a partial success), and where it says only that
it failed (INTERNAL, UNKNOWN and the like; HTTP 500) when it still refuses the record after it has taken a later one. A
receiver that takes nothing is waited for, however long. The records stay in the audit trail until they are pruned;
[`premptictl audit export`](audit-export.md) sends any of them again.
"""


def telemetry_page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *_events(), *_attributes(), *_metrics()])


def _events() -> Iterator[str]:
    yield "## Log events\n"
    yield table(
        ("event", "meaning", "severity"),
        [(f"`{event.name}`", event.meaning, event.severity) for event in names.LOG_EVENTS.values()],
    )


def _attributes() -> Iterator[str]:
    yield "## Attributes\n"
    for place in names.Place:
        rows = [
            (f"`{attribute.name}`", attribute.type, attribute.meaning)
            for attribute in names.ATTRIBUTES.values()
            if place in attribute.places
        ]
        yield f"### {place.value[0].upper()}{place.value[1:]}\n"
        yield table(("attribute", "type", "meaning"), rows)


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield table(
        ("metric", "instrument, unit", "meaning", "attributes"),
        [
            (
                f"`{metric.name}`",
                f"{metric.instrument}, `{metric.unit}`",
                metric.meaning,
                " ".join(f"`{name}`" for name in metric.attributes),
            )
            for metric in names.METRICS.values()
        ],
    )
    buckets = " ".join(f"{bound:g}" for bound in names.DURATION_BUCKETS)
    yield f"Buckets of `{names.DECISION_DURATION_METRIC}`, in seconds: {buckets}.\n"
    buckets = " ".join(f"{bound:g}" for bound in names.TOOL_DURATION_BUCKETS)
    yield f"Buckets of `{names.TOOL_DURATION_METRIC}`, in seconds: {buckets}.\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
