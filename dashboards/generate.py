"""Makes the dashboards: ``make dashboards``. What they show is declared here, what Grafana loads are the JSON files.

Every name in a query comes from the schema, and the tests make the dashboards anew and compare.
"""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.operations import GUARD_PAGE, TEAM_PAGE
from dashboards.panels import Dashboard, Panel, Row, log, metric, text_box
from dashboards.queries import (
    AGENT,
    AGENTS,
    BAD,
    BUCKETS,
    COUNT,
    DECISIONS,
    EVENT,
    FALLBACKS,
    GOOD,
    HOST,
    HOSTS,
    INSTANCE,
    MACHINE,
    MATCHES,
    NOTICE,
    OF_AGENT,
    ON_HOST,
    PRIORITY,
    RECORDS,
    RULE,
    RULE_VERDICT,
    RULES,
    SECONDS,
    SESSION,
    SESSIONS,
    SPAN_COLUMNS,
    STREAM,
    TOOL,
    TOOL_BUCKETS,
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
from prempti_otel.telemetry import names

OVERVIEW = Dashboard(
    "prempti-overview",
    "prempti: Overview",
    "What coding agents asked to do, and what they were answered.",
    (
        Row(
            "In the time shown",
            (
                stat("Decisions", "Tool calls that were judged.", total(DECISIONS, OF_AGENT)),
                stat(
                    "Denied",
                    "Calls whose verdict was deny, enforced or not.",
                    total(DECISIONS, f'{OF_AGENT}, {VERDICT}="deny"'),
                    GOOD,
                    BAD,
                ),
                stat(
                    "Asked about",
                    "Calls that a person was to decide on.",
                    total(DECISIONS, f'{OF_AGENT}, {VERDICT}="ask"'),
                    GOOD,
                    NOTICE,
                ),
                stat(
                    "Machines",
                    "Installations that send telemetry now.",
                    f"count(count by ({MACHINE}) ({RECORDS}{{{ON_HOST}}})) or vector(0)",
                ),
                stat(
                    "Answered without the engine",
                    "Calls that a hook had to answer by itself. See Guard health.",
                    total(FALLBACKS, ON_HOST),
                    GOOD,
                    BAD,
                ),
                stat(
                    "Sessions",
                    "Sessions of agents that are under way.",
                    f"sum({SESSIONS}{{{OF_AGENT}}}) or vector(0)",
                ),
            ),
        ),
        Row(
            "Decisions",
            (
                series_panel(
                    "By verdict",
                    "What was judged, over time. Defer means that no rule had an opinion.",
                    metric(over_time(DECISIONS, OF_AGENT, VERDICT), f"{{{{{VERDICT}}}}}"),
                ),
                series_panel(
                    "By agent",
                    "Which coding agent asked, over time.",
                    metric(over_time(DECISIONS, OF_AGENT, AGENT), f"{{{{{AGENT}}}}}"),
                ),
                series_panel(
                    "By tool",
                    "The ten tools that were asked for most. MCP tools beyond the first 64 names count as other.",
                    metric(f"topk(10, {over_time(DECISIONS, OF_AGENT, TOOL)})", f"{{{{{TOOL}}}}}"),
                ),
                rules_table("Rules that held", "How often each rule held. A rule's name leads to it.", ON_HOST, RULE),
                series_panel(
                    "How long tools take",
                    "Median and 95th percentile by the agent's own clock, of calls that ended.",
                    metric(quantile(0.5, TOOL_BUCKETS, ON_HOST), "p50"),
                    metric(quantile(0.95, TOOL_BUCKETS, ON_HOST), "p95", exemplars=True),
                    unit=SECONDS,
                ),
                series_panel(
                    "Time to decide",
                    "How long the engine took for a decision; the dots lead to traces.",
                    metric(quantile(0.5, BUCKETS, OF_AGENT), "p50"),
                    metric(quantile(0.99, BUCKETS, OF_AGENT), "p99", exemplars=True),
                    unit=SECONDS,
                ),
            ),
        ),
        Row(
            "Stopped calls",
            (
                traces_panel(
                    "Denied and asked about",
                    "Traces with a call that did not go through by itself. The session's id leads to the session.",
                    f'(span.{names.VERDICT} = "deny" || span.{names.VERDICT} = "ask")',
                    *SPAN_COLUMNS,
                ),
                logs_panel(
                    "Reasons",
                    "What the agents were told.",
                    events(names.DECISION_EVENT, f'{VERDICT}=~"deny|ask"', f'{AGENT}=~"$agent"'),
                ),
            ),
        ),
    ),
    (HOSTS, AGENTS),
)

OF_RULE = f'{ON_HOST}, {RULE}=~"$rule"'
RULE_PAGE = Dashboard(
    "prempti-rules",
    "prempti: Rules",
    "Which rules hold, how often, and for what.",
    (
        Row(
            "Matches",
            (
                series_panel(
                    "By rule",
                    "The ten rules that held most, over time.",
                    metric(f"topk(10, {over_time(MATCHES, OF_RULE, RULE)})", f"{{{{{RULE}}}}}"),
                ),
                series_panel(
                    "By verdict",
                    "What the rules that held asked for.",
                    metric(over_time(MATCHES, OF_RULE, RULE_VERDICT), f"{{{{{RULE_VERDICT}}}}}"),
                ),
                rules_table(
                    "All rules that held",
                    "Matches in the time shown, by rule, its verdict and its priority.",
                    OF_RULE,
                    f"{RULE}, {RULE_VERDICT}, {PRIORITY}",
                ),
                series_panel(
                    "By machine",
                    "Where these rules hold: one machine alone, or all of them.",
                    metric(over_time(MATCHES, OF_RULE, MACHINE), f"{{{{{HOST}}}}} {{{{{INSTANCE}}}}}"),
                ),
            ),
        ),
        Row(
            "Evidence",
            (
                traces_panel(
                    "Traces",
                    "Traces in which one of these rules held.",
                    f'event:name = "{names.RULE_MATCH_EVENT}" && event.{names.RULE_NAME} =~ "$rule"',
                    *SPAN_COLUMNS,
                    f"event.{names.RULE_OUTPUT}",
                ),
                logs_panel(
                    "Matches",
                    "Each match with the rule's message; what it held for is in the details.",
                    events(names.RULE_MATCH_EVENT, f'{RULE}=~"$rule"'),
                ),
                logs_panel(
                    "Rulesets",
                    "When rules came into force, and which did not load.",
                    f'{STREAM} | {EVENT}=~"{names.POLICY_LOADED_EVENT}|{names.POLICY_REJECTED_EVENT}"',
                ),
            ),
        ),
    ),
    (HOSTS, RULES),
)

IN_SESSION = f'{SESSION}="$session"'
SESSION_PAGE = Dashboard(
    "prempti-session",
    "prempti: Session",
    "Everything that one session of an agent did. Its id comes from a link or is filled in above.",
    (
        Row(
            "Calls",
            (
                traces_panel(
                    "Prompts and calls",
                    "Each prompt is a trace, each tool call a span in it.",
                    f'span.{names.SESSION_ID} = "$session"',
                    *SPAN_COLUMNS,
                    f"span.{names.COMMAND_LINE}",
                    f"span.{names.FILE_PATH}",
                ),
                Panel(
                    "timeseries",
                    "Decisions over time",
                    "What this session was answered, from its log events.",
                    COUNT,
                    (
                        log(
                            f"sum by ({VERDICT}) (count_over_time({events(names.DECISION_EVENT, IN_SESSION)} "
                            "[$__interval]))",
                            f"{{{{{VERDICT}}}}}",
                        ),
                    ),
                    width=24,
                ),
            ),
        ),
        Row(
            "Log events",
            (
                logs_panel("Rule matches", "What rules held for.", events(names.RULE_MATCH_EVENT, IN_SESSION), 12),
                logs_panel("Decisions", "Each call with its answer.", events(names.DECISION_EVENT, IN_SESSION), 12),
                logs_panel(
                    "Beginning, end and what came late",
                    "When the session began and ended, and calls that ended after they had been given up.",
                    f'{STREAM} | {EVENT}=~"{names.SESSION_START_EVENT}|{names.SESSION_END_EVENT}|'
                    f'{names.OUTCOME_LATE_EVENT}" | {IN_SESSION}',
                ),
            ),
        ),
    ),
    (text_box("session", "Session"),),
    "now-7d",
)

PAGES = (OVERVIEW, RULE_PAGE, SESSION_PAGE, GUARD_PAGE, TEAM_PAGE)


def texts() -> dict[str, str]:
    """File name → content of each dashboard."""
    return {f"{page.uid}.json": json.dumps(page.as_json(), indent=2, ensure_ascii=False) + "\n" for page in PAGES}


if __name__ == "__main__":
    for name, text in texts().items():
        (Path(__file__).parent / name).write_text(text)
