"""``premptictl logs``: one readable line per call, from the store."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from prempti_otel.ctl.output import VERDICT_STYLES, console, format_option, print_json, printable, seconds
from prempti_otel.ctl.times import as_moment
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from rich.text import Text

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import MatchBody

POLL_SECONDS = 0.2
PAGE = 500
USUAL, MOST = 20, 10_000
"""Lines that are shown."""
SHOWN_KINDS = (RecordKind.DECISION, RecordKind.FALLBACK)


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as calls come, until interrupted.")
@click.option(
    "-n",
    "--tail",
    metavar="COUNT",
    type=click.IntRange(min=0, max=MOST),
    help=f"So many of the last calls.  [default: {USUAL}; with --since, all]",
)
@click.option("--verdict", type=click.Choice(["deny", "ask", "defer", "allow"]), help="Only calls with this verdict.")
@click.option("--rule", help="Only calls that this rule held for.")
@click.option("--tool", help="Only calls of this tool.")
@click.option("--agent", help="Only calls of this agent.")
@click.option("--session", help="Only calls of this session.")
@click.option(
    "--since", metavar="TIME", callback=as_moment, help="Only calls since then: 90m, 2h, 7d (ago), or 2026-01-31T14:05."
)
@click.option("--until", metavar="TIME", callback=as_moment, help="Only calls before then.")
@format_option
def logs(
    follow: bool,
    tail: int | None,
    verdict: str | None,
    rule: str | None,
    tool: str | None,
    agent: str | None,
    session: str | None,
    since: int | None,
    until: int | None,
    form: str,
) -> None:
    """Show what was decided, a line per call.

    With --format json, each line is the record as it is stored.
    """
    from prempti_otel.audit.reader import StoreReader

    filters: dict[str, str | int] = {
        "verdict": verdict or "",
        "rule": rule or "",
        "tool": tool or "",
        "agent": agent or "",
        "session_id": session or "",
        "since_ns": since or 0,
        "until_ns": until or 0,
    }
    if tail is None:
        tail = MOST if since else USUAL
    with StoreReader(Home.from_environment()) as store:
        last = store.last_seq()
        for record in _tail(store, tail, filters):
            _print(record, form)
            last = max(last, record.seq)
        while follow:
            time.sleep(POLL_SECONDS)
            newest = store.last_seq()
            while last < newest:
                found = _after(store, last, filters)
                for record in found:
                    _print(record, form)
                last = found[-1].seq if len(found) == PAGE else max(newest, *(record.seq for record in found), 0)


def _tail(store: StoreReader, count: int, filters: dict[str, str | int]) -> list[StoredRecord]:
    if not count:
        return []
    records = store.decisions(limit=count, newest=True, **filters)  # type: ignore[arg-type]
    if not any(filters.values()):
        first = records[0].seq if len(records) == count else 0
        records += store.records(max(0, first - 1), PAGE, kinds=[RecordKind.FALLBACK])
        records.sort(key=lambda record: record.seq)
    return records[-count:]


def _after(store: StoreReader, last: int, filters: dict[str, str | int]) -> list[StoredRecord]:
    if any(filters.values()):
        return store.decisions(after_seq=last, limit=PAGE, **filters)  # type: ignore[arg-type]
    return store.records(last, PAGE, kinds=SHOWN_KINDS)


def _print(record: StoredRecord, form: str) -> None:
    if form == "json":
        print_json(as_json(record))
    else:
        console().print(line(record), soft_wrap=True)


def as_json(record: StoredRecord) -> dict[str, Any]:
    """A stored record as scripts read it."""
    return {
        "seq": record.seq,
        "kind": record.kind.value,
        "time_ns": record.time_ns,
        "session_id": record.session_id,
        "prev_hash": record.prev_hash,
        "hash": record.hash,
        "body": record.body,
    }


def line(record: StoredRecord) -> Text:
    """Time, verdict, tool and what it was about, the rules that stopped it, and how long the decision took."""
    from rich.text import Text

    from prempti_otel.audit.records import DecisionBody, FallbackBody, body_of

    when = datetime.fromtimestamp(record.time_ns / 1e9).astimezone().strftime("%m-%d %H:%M:%S")
    text = Text(f"{record.seq:>6} {when} ", style="dim")
    if record.kind is RecordKind.FALLBACK:
        fallback = body_of(record, FallbackBody)
        word = "blocked" if fallback.blocked else "passed"
        text.append(f"{word} ", style="bold red" if fallback.blocked else "yellow")
        text.append(f"{printable(fallback.agent)} without the engine: {printable(fallback.reason)}", style="not dim")
        return text
    body = body_of(record, DecisionBody)
    verdict = body.decision.verdict
    text.append(f"{verdict:<7}", style=f"not dim {VERDICT_STYLES.get(verdict, '')}")
    subject = body.call.command or body.call.file_path or _subject(body.call.input)
    text.append(f"{_short(body.call.tool) or '?'} ", style="bold not dim")
    text.append(_short(subject), style="not dim")
    stopping = dict.fromkeys(_rule(match) for match in body.matches if match.verdict in ("deny", "ask"))
    if stopping:
        text.append(f"  ← {'; '.join(stopping)}", style=f"not dim {VERDICT_STYLES.get(verdict, '')}")
    elif body.decision.source == "error":
        text.append(f"  ← {_short(body.decision.reason)}", style="red")
    if body.decision.source == "approval":
        text.append(f"  ({_short(body.decision.reason)})", style="cyan")
    elif body.decision.action != verdict:
        way = f"; premptictl approve {body.decision.approval}" if body.decision.approval else ""
        text.append(f"  (enforced: {body.decision.action}{way})", style="cyan")
    text.append(f"  {seconds(body.decision.duration)}", style="dim")
    return text


def _rule(match: MatchBody) -> str:
    """The rule's name, which may be anything where it comes out of a project."""
    return f"{printable(match.rule)} (project)" if match.file else printable(match.rule)


def _subject(values: dict[str, object]) -> str:
    """The first text among a tool's arguments that tells what it is about."""
    for key in ("url", "query", "pattern", "path", "description", "prompt"):
        value = values.get(key)
        if isinstance(value, str):
            return value
    return ""


def _short(text: str, width: int = 100) -> str:
    text = printable(text.replace("\n", "⏎"))
    return text if len(text) <= width else text[: width - 1] + "…"
