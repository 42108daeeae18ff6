"""The queries that the dashboards are made of, in the schema's names.

Counters are shown as how much they went up, so that a number is a number of calls and not a rate.
"""

from __future__ import annotations

from dashboards.panels import Panel, Query, choice, log, metric, trace
from dashboards.schema import label, series
from prempti_otel.telemetry import names

DECISIONS = series(names.DECISIONS_METRIC)
MATCHES = series(names.MATCHES_METRIC)
RECORDS = series(names.RECORDS_METRIC)
FALLBACKS = series(names.FALLBACKS_METRIC)
BUCKETS = series(names.DECISION_DURATION_METRIC, "bucket")
TOOL_BUCKETS = series(names.TOOL_DURATION_METRIC, "bucket")
BACKLOG = series(names.BACKLOG_METRIC)
AGE = series(names.OLDEST_AGE_METRIC)
FAILURES = series(names.FAILURES_METRIC)
REJECTED = series(names.REJECTED_METRIC)
SESSIONS = series(names.SESSIONS_METRIC)

VERDICT, ACTION, MODE, TOOL = (label(name) for name in (names.VERDICT, names.ACTION, names.MODE, names.TOOL_NAME))
AGENT, RULE, PRIORITY, RULE_VERDICT = (
    label(name) for name in (names.AGENT_NAME, names.RULE_NAME, names.RULE_PRIORITY, names.RULE_VERDICT)
)
HOST, INSTANCE = label(names.HOST_NAME), label(names.SERVICE_INSTANCE_ID)
MACHINE = f"{HOST}, {INSTANCE}"
"""A machine's name may be withheld, its installation's id is not."""
SIGNAL, KIND, REASON = label(names.METRIC_SIGNAL), label(names.METRIC_KIND), label(names.METRIC_REASON)
EVENT, SESSION, DIGEST = label(names.EVENT_NAME), label(names.SESSION_ID), label(names.RULESET_DIGEST)
BLOCKED = label(names.FALLBACK_BLOCKED)
SERVICE_LABEL = label(names.SERVICE_NAME)

ON_HOST = f'{HOST}=~"$host"'
OF_AGENT = f'{ON_HOST}, {AGENT}=~"$agent"'
STREAM = f'{{{SERVICE_LABEL}="{names.SERVICE}"}}'
OURS = f'resource.{names.SERVICE_NAME} = "{names.SERVICE}"'

HOSTS = choice("host", "Machine", f"label_values({RECORDS}, {HOST})")
AGENTS = choice("agent", "Agent", f"label_values({DECISIONS}, {AGENT})")
RULES = choice("rule", "Rule", f"label_values({MATCHES}, {RULE})")

TO_RULE = (RULE, "This rule", "/d/prempti-rules?var-rule=${__value.raw:percentencode}&${__url_time_range}")
TO_SESSION = (names.SESSION_ID, "This session", "/d/prempti-session?var-session=${__value.raw:percentencode}")
GOOD, NOTICE, BAD = (None, "green"), (1.0, "orange"), (1.0, "red")
COUNT, SECONDS = "short", "s"


def total(name: str, where: str, by: str = "") -> str:
    """How much a counter went up in the time shown; zero where it never counted."""
    summed = f"sum by ({by}) " if by else "sum"
    made = f"{summed}(increase({name}{{{where}}}[$__range]))"
    return made if by else f"{made} or vector(0)"


def over_time(name: str, where: str, by: str) -> str:
    """How much a counter went up in each step."""
    return f"sum by ({by}) (increase({name}{{{where}}}[$__rate_interval]))"


def quantile(share: float, buckets: str, where: str, by: str = "") -> str:
    """The value that this share of observations stays below."""
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({grouped}) (rate({buckets}{{{where}}}[$__rate_interval])))"


def events(event: str, *more: str) -> str:
    """Log events of ours, with more conditions."""
    return " | ".join([STREAM, f'{EVENT}="{event}"', *more])


def stat(title: str, description: str, text: str, *colours: tuple[float | None, str], unit: str = COUNT) -> Panel:
    """One number."""
    return Panel(
        "stat", title, description, unit, (metric(text, "value", instant=True),), width=4, height=4, colours=colours
    )


def series_panel(title: str, description: str, *queries: Query, unit: str = COUNT, width: int = 12) -> Panel:
    """Numbers over time."""
    return Panel("timeseries", title, description, unit, queries, width=width)


def logs_panel(title: str, description: str, text: str, width: int = 24) -> Panel:
    """Log events, newest first."""
    return Panel("logs", title, description, "string", (log(text),), width=width, height=9)


def traces_panel(title: str, description: str, condition: str, *columns: str, width: int = 24) -> Panel:
    """A table of traces."""
    selected = f" | select({', '.join(columns)})" if columns else ""
    query = trace(f"{{ {OURS} && {condition} }}{selected}")
    return Panel("table", title, description, "string", (query,), width=width, height=9, links=(TO_SESSION,))


def rules_table(title: str, description: str, where: str, by: str, width: int = 12) -> Panel:
    """Counts with links to the rules."""
    query = metric(f"sort_desc({total(MATCHES, where, by)})", instant=True)
    return Panel("table", title, description, COUNT, (query,), width=width, links=(TO_RULE,))


SPAN_COLUMNS = tuple(
    f"span.{name}" for name in (names.SESSION_ID, names.TOOL_NAME, names.VERDICT, names.OUTCOME, names.RULE_NAMES)
)
