"""The schema's names as Prometheus, Loki and Tempo spell them.

Must never know a name by itself: they all come from ``prempti_otel.telemetry.names``, but for those of other programs.
"""

from __future__ import annotations

import re

from prempti_otel.telemetry import names

CLAUDE_CODE = "claude-code"
"""``service.name`` of Claude Code's own telemetry."""
HOOK_COMPLETE = "hook_execution_complete"
"""Its log event, by its documentation (https://code.claude.com/docs/en/monitoring-usage)."""
HOOK_ERRORS = "num_non_blocking_error"
"""In it, how many hooks failed in a way that let the call go on."""
HOOK_CANCELLED = "num_cancelled"
"""And how many were given up, as when they took too long: the call goes on then, too."""
HOOK_EVENT = "hook_event"
COLLECTOR_QUEUE = "otelcol_exporter_queue_size"
COLLECTOR_CAPACITY = "otelcol_exporter_queue_capacity"
"""The collector's own, in the unit of its queue: bytes, in our configurations."""
FOREIGN = frozenset(
    {HOOK_ERRORS, HOOK_CANCELLED, HOOK_EVENT, COLLECTOR_QUEUE, COLLECTOR_CAPACITY, "exporter", "job", "le"}
)
"""What other programs name."""

_UNITS = {"s": "_seconds"}
_OTHER = re.compile(r"[^A-Za-z0-9_]")


def label(attribute: str) -> str:
    """An attribute as a label of Prometheus, and as structured metadata of Loki."""
    return _OTHER.sub("_", attribute)


def series(metric: str, part: str = "") -> str:
    """A metric's name in Prometheus; ``part`` is ``bucket``, ``count`` or ``sum`` of a histogram.

    As the collector's Prometheus exporter and Prometheus itself translate them (UnderscoreEscapingWithSuffixes):
    https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
    """
    declared = names.METRICS[metric]
    made = label(metric) + _UNITS.get(declared.unit, "")
    if declared.instrument == "counter":
        made += "_total"
    return f"{made}_{part}" if part else made
