"""Counts decision records: what ``audit stats`` prints and ``top`` shows."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prempti_otel.model.record import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.model.record import StoredRecord

PAGE = 1000
MOST_DURATIONS = 100_000
"""Of the newest calls; percentiles are of these."""
BAR = 40
"""Columns of the longest bar."""


@dataclass
class Tally:
    """Counts of calls, by what people ask for."""

    calls: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    """Calls that each rule held for."""
    stopped_by: Counter[str] = field(default_factory=Counter)
    """Calls that each rule would stop, enforced or not."""
    tools: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    sessions: Counter[str] = field(default_factory=Counter)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    """Local date → verdicts."""
    durations: list[float] = field(default_factory=list)
    """Seconds that decisions took."""

    def add(self, record: StoredRecord) -> None:
        """Count a decision record."""
        call, decision = _part(record, "call"), _part(record, "decision")
        verdict = str(decision.get("verdict", "?"))
        self.calls += 1
        self.verdicts[verdict] += 1
        self.tools[str(call.get("tool") or "?")] += 1
        self.agents[str(call.get("agent") or "?")] += 1
        self.sessions[record.session_id] += 1
        self.days.setdefault(day(record.time_ns), Counter())[verdict] += 1
        held, stops = set(), set()
        matches = record.body.get("matches")
        for match in matches if isinstance(matches, list) else ():
            if isinstance(match, dict):
                held.add(str(match.get("rule")))
                if match.get("verdict") in ("deny", "ask"):
                    stops.add(str(match.get("rule")))
        self.rules.update(held)
        self.stopped_by.update(stops)
        duration = decision.get("duration")
        if isinstance(duration, (int, float)):
            self.durations.append(float(duration))
            if len(self.durations) > 2 * MOST_DURATIONS:
                del self.durations[:-MOST_DURATIONS]

    def percentile(self, share: float) -> float:
        """Seconds within which that share of decisions was made; 0 where there is none."""
        ordered = sorted(self.durations)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def as_json(self) -> dict[str, Any]:
        """As scripts read it: most frequent first, days in order."""
        return {
            "calls": self.calls,
            "sessions": len(self.sessions),
            "verdicts": dict(self.verdicts.most_common()),
            "rules": dict(self.rules.most_common()),
            "stopped_by": dict(self.stopped_by.most_common()),
            "tools": dict(self.tools.most_common()),
            "agents": dict(self.agents.most_common()),
            "days": {name: dict(self.days[name]) for name in sorted(self.days)},
            "duration_seconds": {"p50": self.percentile(0.5), "p99": self.percentile(0.99)},
        }


def day(time_ns: int) -> str:
    """The local date of a record."""
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().date().isoformat()


def decisions_since(store: StoreReader, days: float) -> Iterator[StoredRecord]:
    """Decision records of the last ``days``, oldest first, read in short pages."""
    after = first_of(store, days) - 1
    while records := store.records(after, PAGE, kinds=[RecordKind.DECISION]):
        yield from records
        after = records[-1].seq


def first_of(store: StoreReader, days: float) -> int:
    """Number of the first record of the last ``days``; one past the last where there is none."""
    return store.first_since(time.time_ns() - int(days * 86_400_000_000_000))


def room(out: Console) -> int:
    """Columns for the bars of a table that has a day and a few counts before them."""
    return max(8, min(BAR, out.width - 36))


def bar(value: int, most: int, width: int = BAR) -> str:
    """A bar of blocks; anything above nothing is visible."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(value / most * width * 8))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _part(record: StoredRecord, key: str) -> dict[str, Any]:
    part = record.body.get(key)
    return part if isinstance(part, dict) else {}
