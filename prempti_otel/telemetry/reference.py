"""``docs/telemetry.md``, made from the declarations in :mod:`prempti_otel.telemetry.names`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prempti_otel.telemetry import names
from prempti_otel.telemetry.project import LONGEST_ATTRIBUTE, LONGEST_EVIDENCE, MOST_EVENTS

_HEAD = f"""\
<!-- Generated from the code by `make docs`; do not edit. -->

# Telemetry

What leaves the machine, and under which names. All of it is made from redacted records of the audit trail: no name
below ever carries an unredacted text. A text longer than {LONGEST_ATTRIBUTE:,} bytes (what a rule matched:
{LONGEST_EVIDENCE}) ends in `…[cut, N bytes]`. What is empty is left out.

Each tool call is a span `execute_tool TOOL` of kind INTERNAL, from the moment the engine had the call. Calls of one
prompt share a trace. Ids are derived: the trace id is the first 16 bytes of the SHA-256 of the JSON array
`["SESSION","PROMPT"]` (empty text where the agent tells no prompts apart), the span id the first 8 of that of
`["SESSION","CALL ID",ATTEMPT]`. A record that is sent twice therefore gives the same span twice. If the hook was
started within a trace, its span is a link. The status stays unset for denied calls: a denial is the guard working.

Each rule that held is an event on the span (the {MOST_EVENTS} most severe) and a log event of its own. Traces and logs
are sent at least once and oldest first; metrics are counted from the same records and are cumulative from the start
of the exporter.
"""


def telemetry_page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *_events(), *_attributes(), *_metrics()])


def _events() -> Iterator[str]:
    yield "## Log events\n"
    yield _table(
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
        yield _table(("attribute", "type", "meaning"), rows)


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield _table(
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


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
