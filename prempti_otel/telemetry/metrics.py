"""Metrics, counted from records by the exporter; one set for each destination.

Attributes hold words from short lists only: never a session, a command, a path or anything else a user typed.
"""

from __future__ import annotations

from collections import OrderedDict

from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from prempti_otel import __version__
from prempti_otel.audit.lifecycle_records import LifecycleBody, OutcomeBody
from prempti_otel.audit.records import DecisionBody, FallbackBody, body_of
from prempti_otel.model.lifecycle import LifecycleEvent, Outcome
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.telemetry import names
from prempti_otel.telemetry.lifecycles import call_context
from prempti_otel.telemetry.project import span_context
from prempti_otel.telemetry.shape import LONGEST_NAME, cut

MOST_TOOLS = 64
"""Names of tools kept apart; agents and MCP servers may make up any number."""
MOST_SESSIONS = 4096
"""Sessions counted as active; the ones that were quiet for longest are left out."""
OTHER = "other"
_REASONS = (
    ("no reply within", "timeout"),
    ("failed to start", "start_failed"),
    ("not running", "not_running"),
    ("engine is stop", "stopped"),
    ("cannot connect", "unreachable"),
    ("another user", "unreachable"),
    ("connection", "broken_off"),
    ("stopped listening", "broken_off"),
    ("ended the call", "broken_off"),
    ("reply", "bad_reply"),
    ("larger than", "too_large"),
    ("by signal", "interrupted"),
    ("must", "misregistered"),
    ("argument", "misregistered"),
    ("no program", "misregistered"),
)
"""What the hook's sentences hold, and the word for it in metrics; the first that fits."""


class Capped:
    """The first names that come along, and one word for the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """``name``, or ``other``."""
        if name in self._known:
            return name
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(name)
        return name


class Meters:
    """The instruments of one destination, and what they have counted."""

    def __init__(self, resource: Resource) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider(
            metric_readers=[self._reader],
            resource=resource,
            exemplar_filter=AlwaysOnExemplarFilter(),
            shutdown_on_exit=False,
        )
        meter = self._provider.get_meter(names.SCOPE, __version__, names.SCHEMA_URL)
        self._duration = meter.create_histogram(
            names.DECISION_DURATION_METRIC,
            unit="s",
            description=names.METRICS[names.DECISION_DURATION_METRIC].meaning,
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._tool_duration = meter.create_histogram(
            names.TOOL_DURATION_METRIC,
            unit="s",
            description=names.METRICS[names.TOOL_DURATION_METRIC].meaning,
            explicit_bucket_boundaries_advisory=names.TOOL_DURATION_BUCKETS,
        )
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self._agents: set[str] = set()
        self._counters = {
            name: meter.create_counter(name, metric.unit, metric.meaning)
            for name, metric in names.METRICS.items()
            if metric.instrument == "counter"
        }
        self._gauges = {
            name: meter.create_gauge(name, metric.unit, metric.meaning)
            for name, metric in names.METRICS.items()
            if metric.instrument == "gauge"
        }
        self._tool = Capped(MOST_TOOLS)

    def count(self, record: StoredRecord) -> None:
        """Take one record into account. Raises msgspec.ValidationError where its body is malformed."""
        if record.kind is RecordKind.DECISION:
            self._count_decision(body_of(record, DecisionBody))
        elif record.kind is RecordKind.OUTCOME:
            self._count_outcome(body_of(record, OutcomeBody))
        elif record.kind is RecordKind.LIFECYCLE:
            self._count_lifecycle(body_of(record, LifecycleBody))
        elif record.kind is RecordKind.FALLBACK:
            reason = _word(body_of(record, FallbackBody).reason)
            self._counters[names.FALLBACKS_METRIC].add(1, {names.METRIC_REASON: reason})
        self._counters[names.RECORDS_METRIC].add(1, {names.METRIC_KIND: record.kind.value})

    def failed(self, signal: str, reason: str) -> None:
        """A request failed and will be tried again; ``reason`` from a short list."""
        self._counters[names.FAILURES_METRIC].add(1, {names.METRIC_SIGNAL: signal, names.METRIC_REASON: reason})

    def rejected(self, signal: str, items: int, reason: str) -> None:
        """The receiver refused ``items`` spans, log events or data points for good."""
        self._counters[names.REJECTED_METRIC].add(items, {names.METRIC_SIGNAL: signal, names.METRIC_REASON: reason})

    def backlog(self, signal: str, records: int, oldest_age: float) -> None:
        """How far export is behind: records, and seconds."""
        self._gauges[names.BACKLOG_METRIC].set(records, {names.METRIC_SIGNAL: signal})
        self._gauges[names.OLDEST_AGE_METRIC].set(oldest_age, {names.METRIC_SIGNAL: signal})

    def collect(self) -> MetricsData | None:
        """All that was counted since the exporter's start (cumulative); None where nothing was."""
        for agent in self._agents:
            active = sum(known == agent for known in self._sessions.values())
            self._gauges[names.SESSIONS_METRIC].set(active, {names.AGENT_NAME: agent})
        return self._reader.get_metrics_data()

    def _active(self, session_id: str, agent: str) -> None:
        if not session_id:
            return
        name = cut(agent, LONGEST_NAME)
        self._agents.add(name)
        self._sessions[session_id] = name
        self._sessions.move_to_end(session_id)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)

    def _count_lifecycle(self, body: LifecycleBody) -> None:
        if body.event == LifecycleEvent.SESSION_END:
            self._sessions.pop(body.session_id, None)
        elif body.event != LifecycleEvent.INVOCATION_END:
            self._active(body.session_id, body.agent)

    def _count_outcome(self, body: OutcomeBody) -> None:
        if not body.decision or body.outcome not in (Outcome.OK, Outcome.ERROR) or body.duration is None:
            return
        attributes = {names.TOOL_NAME: self._tool(cut(body.tool, LONGEST_NAME))}
        if body.error_type:
            attributes[names.ERROR_TYPE] = body.error_type
        span = call_context(body)
        context = set_span_in_context(NonRecordingSpan(span)) if span is not None else None
        self._tool_duration.record(body.duration, attributes, context=context)

    def _count_decision(self, body: DecisionBody) -> None:
        decision = body.decision
        agent = cut(body.call.agent, LONGEST_NAME)
        self._active(body.call.session_id, body.call.agent)
        tool = self._tool(cut(body.call.tool, LONGEST_NAME)) if body.call.tool else OTHER
        self._counters[names.DECISIONS_METRIC].add(
            1,
            {
                names.VERDICT: decision.verdict,
                names.ACTION: decision.action,
                names.AGENT_NAME: agent,
                names.TOOL_NAME: tool,
                names.MODE: decision.mode,
            },
        )
        self._duration.record(
            decision.duration,
            {names.VERDICT: decision.verdict, names.AGENT_NAME: agent, names.TOOL_NAME: tool},
            context=set_span_in_context(NonRecordingSpan(span_context(body))),
        )
        for rule, match in {match.rule: match for match in reversed(body.matches)}.items():
            self._counters[names.MATCHES_METRIC].add(
                match.count,
                {
                    names.RULE_NAME: rule,
                    names.RULE_VERDICT: match.verdict,
                    names.RULE_PRIORITY: match.priority,
                },
            )


def _word(reason: str) -> str:
    """A fallback's reason as one of few words: the sentence itself may hold anything."""
    lowered = reason.lower()
    return next((word for part, word in _REASONS if part in lowered), OTHER)
