"""``docs/audit-export.md``: what ``premptictl audit export`` writes, made from the tables that it writes by."""

from __future__ import annotations

from prempti_otel.telemetry import ocsf_fields
from prempti_otel.telemetry.reference import table
from prempti_otel.telemetry.replay import MOST_FAILURES

_HEAD = f"""\
<!-- Generated from the code by `make docs`; do not edit. -->

# Exporting the audit trail

`premptictl audit export` sends or writes any part of the trail once more: to fill a new destination with what was
before it, to give a collector again what it refused, to hand a range to somebody else. It changes nothing: what the
configured destinations still have to get stays as it is. Ids, times and attributes are those of the live export, so
that what arrives twice is the same thing twice. All of it is made from redacted records.

```text
premptictl audit export --since 7d --to http://127.0.0.1:4317
premptictl audit export --since 1200 --until 1300 --destination team
premptictl audit export --session 5a2e6c1e --format otlp-json --output traces.jsonl
premptictl audit export --since 2026-01-01 --format otlp-json --signal logs --output logs.jsonl
premptictl audit export --since 24h --format ocsf | jq -c 'select(.class_uid == 2004)'
```

- A range is given by numbers of records or by times. A time stands for the first record that is not older.
- A call is part of the range in which it ended: its span is complete then. Its decision may lie before.
- What a receiver refuses for good is told at the end (exit status 1) and does not hold up the rest. One that cannot be
  reached is tried {MOST_FAILURES} times in a row, with growing pauses. A run that ends early (exit status 3, or 130
  when interrupted) says which record to go on with; what was on its way is sent again then, which does no harm.
- Files can be read by their owner only. One that is there already is not touched, but with `--append`.
- Metrics are counts of the whole trail and are not replayed.

## OTLP/JSON

One line for each request, as the
[file exporter's specification](https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/) has it: a file holds
traces or logs, not both. The `otlpjsonfile` receiver of the OpenTelemetry Collector reads such files. Names are those
of [telemetry.md](telemetry.md).

## OCSF

One event a line, of version {ocsf_fields.VERSION} of the [Open Cybersecurity Schema Framework](https://schema.ocsf.io/).
Of each call there is an API Activity, once it was denied or is over; of each rule that held a Detection Finding; of
each call that a hook answered without the engine an API Activity too. Sessions and loaded rules have no event.
"""


def audit_export_page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD]
    for title, rows in (
        ("A call: API Activity", ocsf_fields.CALL),
        ("A rule that held: Detection Finding", ocsf_fields.FINDING),
        ("A call without the engine: API Activity", ocsf_fields.FALLBACK),
    ):
        parts.append(f"### {title}\n")
        parts.append(
            table(("attribute", "meaning"), [(f"`{row.path.replace('/', '.')}`", row.meaning) for row in rows])
        )
    return "\n".join(parts)
