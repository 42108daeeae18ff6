"""``premptictl replay --history``: recorded calls, judged anew by changed rules, against what they got then.

The store holds redacted calls: where a text was redacted or cut the new verdict is only *approximate*, and such calls
are counted apart. Nothing is run or recorded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
import msgspec

from prempti_otel.ctl.output import VERDICT_STYLES, console, print_json, print_table
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import DecisionSource, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prempti_otel.audit.records import DecisionBody
    from prempti_otel.engine.offline import Judge
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.record import StoredRecord
    from prempti_otel.settings.home import Home

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Change:
    """A call that would get another verdict."""

    seq: int
    before: str
    after: str
    rules: tuple[str, ...]
    """What stops it now; where nothing does, what stopped it then."""
    approximate: bool
    subject: str


@dataclass
class Comparison:
    """All that a replay found."""

    calls: int = 0
    approximate: int = 0
    skipped: int = 0
    """Records that hold no call that could be judged."""
    changes: list[Change] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    """Calls that each rule would stop."""
    days: dict[str, Counter[str]] = field(default_factory=dict)
    """Local date → calls and stopped calls."""

    def as_json(self) -> dict[str, Any]:
        """As scripts read it."""
        return {
            "calls": self.calls,
            "approximate": self.approximate,
            "skipped": self.skipped,
            "changed": [
                {
                    "seq": one.seq,
                    "before": one.before,
                    "after": one.after,
                    "rules": list(one.rules),
                    "approximate": one.approximate,
                }
                for one in self.changes
            ],
            "stopped_by": dict(self.rules.most_common()),
            "days": {name: {"calls": n["calls"], "stopped": n["stopped"]} for name, n in sorted(self.days.items())},
        }


def replay_history(home: Home, judge: Judge, days: float, form: str) -> None:
    """Judge the calls of the last ``days`` anew, and print what would be other. Raises PremptiError."""
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.ctl.audit.tally import decisions_since, first_of
    from prempti_otel.ctl.progress import watched

    with StoreReader(home) as store, watched("judging", first_of(store, days), store.last_seq()) as done:
        result = compare(decisions_since(store, days), judge, done)
    if form == "json":
        print_json(result.as_json())
    else:
        _print(result, days)


def compare(records: Iterable[StoredRecord], judge: Judge, done: Callable[[int], None] = lambda _: None) -> Comparison:
    """What ``judge`` says of recorded calls, in their order, against their records; ``done`` is told each number."""
    from prempti_otel.audit.records import DecisionBody, body_of
    from prempti_otel.ctl.audit.tally import day

    result = Comparison()
    for record in records:
        done(record.seq)
        try:
            body = body_of(record, DecisionBody)
            if body.decision.source == DecisionSource.ERROR.value or not body.call.tool:
                result.skipped += 1
                continue
            asked = body.decision.verdict == Verdict.ASK.value
            answer = Verdict(body.decision.action) if asked else None
            decision = judge.judge(call_of(body), answer).decision
        except (msgspec.ValidationError, ValueError, PremptiError):
            result.skipped += 1
            continue
        result.calls += 1
        approximate = bool(body.altered)
        result.approximate += approximate
        after = str(decision.verdict)
        stopping = tuple(dict.fromkeys(match.rule for match in decision.matches if match.verdict.stops))
        result.rules.update(stopping)
        counts = result.days.setdefault(day(record.time_ns), Counter())
        counts["calls"] += 1
        counts["stopped"] += bool(stopping)
        if _floor(after) != _floor(body.decision.verdict):
            earlier = tuple(dict.fromkeys(m.rule for m in body.matches if m.verdict in ("deny", "ask")))
            subject = body.call.command or body.call.file_path or body.call.tool
            before = body.decision.verdict
            result.changes.append(Change(record.seq, before, after, stopping or earlier, approximate, subject))
    return result


def call_of(body: DecisionBody) -> ToolCall:
    """The recorded call, redacted as it is, to be judged again."""
    from prempti_otel.model.call import ToolCall

    values = msgspec.structs.asdict(body.call)
    text = msgspec.json.encode(values["input"], order="deterministic").decode()
    return ToolCall(**values, input_json=text)


def _floor(verdict: str) -> str:
    """``defer`` and ``allow`` are both no rule's doing."""
    return "pass" if verdict in ("defer", "allow") else verdict


def _print(result: Comparison, days: float) -> None:
    from prempti_otel.ctl.audit.tally import bar, room

    out = console()
    exact = [one for one in result.changes if not one.approximate]
    out.print(f"{result.calls} calls of the last {days:g} days judged anew: {len(exact)} would get another verdict")
    if result.approximate:
        out.print(
            f"{result.approximate} of them hold redacted or cut text, so that their verdict is approximate: "
            f"{len(result.changes) - len(exact)} of those would get another one"
        )
    if result.skipped:
        out.print(f"{result.skipped} records hold no call that can be judged")
    for title, changes in (("changed", exact), ("changed, approximate", [c for c in result.changes if c.approximate])):
        if changes:
            out.print(f"\n[bold]{title}[/]")
            for one in changes[-MOST_SHOWN:]:
                out.print(_line(one), soft_wrap=True)
            if len(changes) > MOST_SHOWN:
                out.print(f"and {len(changes) - MOST_SHOWN} earlier ones; --format json has all")
    if result.rules:
        out.print()
        print_table(["STOPPED BY", "CALLS"], result.rules.most_common())
    if result.days:
        most = max(counts["stopped"] for counts in result.days.values())
        rows = [
            (d, n["calls"], n["stopped"], bar(n["stopped"], most, room(out))) for d, n in sorted(result.days.items())
        ]
        click.echo()
        print_table(["DAY", "CALLS", "STOPPED", ""], rows)


def _line(change: Change) -> Any:
    from rich.text import Text

    from prempti_otel.ctl.output import printable

    line = Text(f"{change.seq:>6} ", style="dim")
    line.append(change.before, style=f"not dim {VERDICT_STYLES.get(change.before, '')}")
    line.append(" → ", style="not dim")
    line.append(change.after, style=f"not dim {VERDICT_STYLES.get(change.after, '')}")
    line.append(f"  {printable(change.subject)[:100]}", style="not dim")
    line.append(f"  ← {'; '.join(map(printable, change.rules))}" if change.rules else "")
    return line
