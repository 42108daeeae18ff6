"""The pages for those who answer for the guard: whether it works, and what it did over all machines."""

from __future__ import annotations

from dashboards.panels import Dashboard, Panel, Row, log, metric
from dashboards.queries import (
    ACTION,
    AGE,
    AGENT,
    AGENTS,
    BACKLOG,
    BAD,
    BLOCKED,
    BUCKETS,
    COUNT,
    DECISIONS,
    DIGEST,
    EVENT,
    FAILURES,
    FALLBACKS,
    GOOD,
    HOST,
    HOSTS,
    INSTANCE,
    KIND,
    MACHINE,
    MATCHES,
    MODE,
    OF_AGENT,
    ON_HOST,
    REASON,
    RECORDS,
    REJECTED,
    RULE,
    RULE_VERDICT,
    SECONDS,
    SERVICE_LABEL,
    SIGNAL,
    SPAN_COLUMNS,
    STREAM,
    VERDICT,
    events,
    logs_panel,
    over_time,
    quantile,
    rules_table,
    series_panel,
    stat,
    total,
    traces_panel,
)
from dashboards.schema import (
    CLAUDE_CODE,
    COLLECTOR_CAPACITY,
    COLLECTOR_QUEUE,
    HOOK_CANCELLED,
    HOOK_COMPLETE,
    HOOK_ERRORS,
    HOOK_EVENT,
)
from prempti_otel.telemetry import names

NOT_ENFORCED = f'{ON_HOST}, {VERDICT}=~"deny|ask", {ACTION}=~"defer|allow"'


def hooks_that(number: str) -> str:
    """How many hooks of Claude Code ended as ``number`` counts, by its own telemetry."""
    return (
        f'sum by ({HOOK_EVENT}) (sum_over_time({{{SERVICE_LABEL}="{CLAUDE_CODE}"}} '
        f'| {EVENT}="{HOOK_COMPLETE}" | unwrap {number} [$__interval]))'
    )


GUARD_PAGE = Dashboard(
    "prempti-guard",
    "prempti: Guard health",
    "Whether the guard is there, is fast, and can tell what it saw.",
    (
        Row(
            "Signs that calls pass unguarded",
            (
                stat(
                    "Judged, not enforced",
                    "Calls that rules would have stopped and that were let through: monitor mode.",
                    total(DECISIONS, NOT_ENFORCED),
                    GOOD,
                    BAD,
                ),
                stat(
                    "Answered without the engine",
                    "Calls that a hook had to answer by itself; whether they passed is in the log below.",
                    total(FALLBACKS, ON_HOST),
                    GOOD,
                    BAD,
                ),
                series_panel(
                    "Why hooks had to answer alone",
                    "Fallbacks by cause. They are known once an engine runs again.",
                    metric(over_time(FALLBACKS, ON_HOST, REASON), f"{{{{{REASON}}}}}"),
                    width=16,
                ),
                logs_panel(
                    "Calls that passed without the engine",
                    "Hooks that let a call through: registered as fail-open, or in monitor mode.",
                    events(names.FALLBACK_EVENT, f'{BLOCKED}!="true"'),
                    12,
                ),
                Panel(
                    "timeseries",
                    "Failed hooks, as Claude Code tells it",
                    "Independent of prempti: hooks that failed or were given up without stopping the call, from Claude "
                    "Code's own telemetry. Needs that telemetry switched on and sent to the same log backend.",
                    COUNT,
                    (
                        log(hooks_that(HOOK_ERRORS), f"{{{{{HOOK_EVENT}}}}}: failed"),
                        log(hooks_that(HOOK_CANCELLED), f"{{{{{HOOK_EVENT}}}}}: given up"),
                    ),
                ),
            ),
        ),
        Row(
            "Speed",
            (
                series_panel(
                    "Time to decide",
                    "From payload to decision in the engine, recording not included; the dots lead to traces.",
                    metric(quantile(0.5, BUCKETS, ON_HOST), "p50"),
                    metric(quantile(0.95, BUCKETS, ON_HOST), "p95"),
                    metric(quantile(0.99, BUCKETS, ON_HOST), "p99", exemplars=True),
                    unit=SECONDS,
                ),
                series_panel(
                    "Slowest machines",
                    "The ten machines with the highest 99th percentile.",
                    metric(
                        f"topk(10, {quantile(0.99, BUCKETS, ON_HOST, MACHINE)})", f"{{{{{HOST}}}}} {{{{{INSTANCE}}}}}"
                    ),
                    unit=SECONDS,
                ),
            ),
        ),
        Row(
            "Export",
            (
                series_panel(
                    "Records waiting",
                    "Recorded on the machines and not yet taken by a receiver.",
                    metric(f"sum by ({SIGNAL}) ({BACKLOG}{{{ON_HOST}}})", f"{{{{{SIGNAL}}}}}"),
                ),
                series_panel(
                    "Oldest record waiting",
                    "How far behind the machine is that is furthest behind.",
                    metric(f"max by ({SIGNAL}) ({AGE}{{{ON_HOST}}})", f"{{{{{SIGNAL}}}}}"),
                    unit=SECONDS,
                ),
                series_panel(
                    "Failed requests",
                    "Requests of exporters that failed and are tried again.",
                    metric(over_time(FAILURES, ON_HOST, f"{SIGNAL}, {REASON}"), f"{{{{{SIGNAL}}}}} {{{{{REASON}}}}}"),
                ),
                stat(
                    "Refused for good",
                    "Items that a receiver refused; premptictl status on the machine shows them.",
                    total(REJECTED, ON_HOST),
                    GOOD,
                    BAD,
                ),
                series_panel(
                    "The gateway's queues",
                    "How full the queues before the backends are, of what they may hold.",
                    metric(
                        f"sum by (exporter) ({COLLECTOR_QUEUE}) / sum by (exporter) ({COLLECTOR_CAPACITY})",
                        "{{exporter}}",
                    ),
                    unit="percentunit",
                    width=8,
                ),
            ),
        ),
        Row(
            "Told by the guard itself",
            (
                logs_panel(
                    "Degraded",
                    "What works less well than it should.",
                    events(names.DEGRADED_EVENT),
                    12,
                ),
                logs_panel(
                    "Rejected rules",
                    "Rulesets that did not load; the last good one stays in force.",
                    events(names.POLICY_REJECTED_EVENT),
                    12,
                ),
            ),
        ),
    ),
    (HOSTS,),
)

DENIED = f'{OF_AGENT}, {VERDICT}="deny"'
TEAM_PAGE = Dashboard(
    "prempti-team",
    "prempti: Team audit",
    "Denials by rule, agent and machine, and whether all machines are under the same rules.",
    (
        Row(
            "Denials",
            (
                series_panel(
                    "By rule",
                    "Matches of rules that deny, over time.",
                    metric(over_time(MATCHES, f'{ON_HOST}, {RULE_VERDICT}="deny"', RULE), f"{{{{{RULE}}}}}"),
                    width=8,
                ),
                series_panel(
                    "By agent",
                    "Denied calls, over time.",
                    metric(over_time(DECISIONS, DENIED, AGENT), f"{{{{{AGENT}}}}}"),
                    width=8,
                ),
                series_panel(
                    "By machine",
                    "Denied calls, over time.",
                    metric(over_time(DECISIONS, DENIED, MACHINE), f"{{{{{HOST}}}}} {{{{{INSTANCE}}}}}"),
                    width=8,
                ),
                Panel(
                    "table",
                    "Verdicts by machine and agent",
                    "Calls in the time shown.",
                    COUNT,
                    (
                        metric(
                            f"sort_desc({total(DECISIONS, OF_AGENT, f'{MACHINE}, {AGENT}, {VERDICT}')})", instant=True
                        ),
                    ),
                ),
                rules_table(
                    "Denying rules by machine",
                    "Where which rule held. A rule's name leads to it.",
                    f'{ON_HOST}, {RULE_VERDICT}="deny"',
                    f"{RULE}, {MACHINE}",
                ),
            ),
        ),
        Row(
            "Coverage",
            (
                Panel(
                    "table",
                    "Calls by machine and mode",
                    "A machine in monitor mode enforces nothing.",
                    COUNT,
                    (metric(total(DECISIONS, OF_AGENT, f"{MACHINE}, {MODE}"), instant=True),),
                ),
                Panel(
                    "table",
                    "Records by machine and kind",
                    "What came into the audit trails. A machine with a guard and no decisions is worth a look.",
                    COUNT,
                    (metric(total(RECORDS, ON_HOST, f"{MACHINE}, {KIND}"), instant=True),),
                ),
                Panel(
                    "timeseries",
                    "Rulesets in force",
                    "Decisions by digest of the ruleset: more than one line means machines under different rules.",
                    COUNT,
                    (
                        log(
                            f"sum by ({DIGEST}) (count_over_time({events(names.DECISION_EVENT)} [$__interval]))",
                            f"{{{{{DIGEST}}}}}",
                        ),
                    ),
                ),
                logs_panel(
                    "Changes of rules",
                    "Rulesets that came into force or were rejected, on any machine.",
                    f'{STREAM} | {EVENT}=~"{names.POLICY_LOADED_EVENT}|{names.POLICY_REJECTED_EVENT}"',
                    12,
                ),
            ),
        ),
        Row(
            "Calls",
            (
                traces_panel(
                    "Denied calls",
                    "Newest first. The session's id leads to the session.",
                    f'span.{names.VERDICT} = "deny"',
                    *SPAN_COLUMNS,
                    f"resource.{names.HOST_NAME}",
                ),
            ),
        ),
    ),
    (HOSTS, AGENTS),
    "now-7d",
)
