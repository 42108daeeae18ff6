"""Takes the lines that hooks wrote while they had to answer without the engine into the audit trail, each once.

The log is renamed first, so that hooks begin a new one; each record names the renamed file and the line, so that
an engine that was killed half-way goes on where it stopped. The file goes when all of it is recorded.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prempti_otel.audit.reader import StoreReader
from prempti_otel.model.record import RecordKind

if TYPE_CHECKING:
    from prempti_otel.engine.trail import Trail
    from prempti_otel.settings.home import Home

MOST_LINES = 10_000
"""Lines of one file that become records of their own; one more record counts the rest."""
MOST_BYTES = 8 * 1024 * 1024
LINE_BYTES = 1024
SETTLE_S = 0.2
"""A hook that had the log open when it was renamed has written its line by then."""
_LINE = re.compile(r"(?P<time>[^\t]{1,40})\t(?P<agent>[^\t]{1,80})\t(?P<reason>.*)", re.DOTALL)
_PASSED = ("call passed", "prompt passed", "event not recorded")
"""How a hook's reason begins that let the call through, or had none to stop."""


class Fallbacks:
    """The hooks' log of one installation; used by one thread."""

    def __init__(self, home: Home, trail: Trail) -> None:
        self._home = home
        self._trail = trail
        self._first = True

    def take_in(self) -> int:
        """Record what there is; how many records that made. Raises StoreError, OSError: the rest waits then."""
        if self._trail.store is None:
            return 0
        made = 0
        log = self._home.fallbacks
        if self._first:
            for left in sorted(log.parent.glob(f"{log.name}.*")):
                made += self._record(left, self._recorded_lines(left))
            self._first = False
        if log.exists():
            taken = log.with_name(f"{log.name}.{time.time_ns()}")
            log.rename(taken)
            self._first = True
            time.sleep(SETTLE_S)
            made += self._record(taken, 0)
            self._first = False
        return made

    def _recorded_lines(self, taken: Path) -> int:
        """How many lines of a file that an earlier engine left are recorded already."""
        last, after = 0, 0
        with StoreReader(self._home) as reader:
            while records := reader.records(after, kinds=[RecordKind.FALLBACK]):
                after = records[-1].seq
                for record in records:
                    line = record.body.get("line", 0)
                    if record.body.get("log") == taken.name and isinstance(line, int):
                        last = max(last, line)
        return last

    def _record(self, taken: Path, done: int) -> int:
        with taken.open("rb") as file:
            lines = file.read(MOST_BYTES).splitlines()
        modified_ns = taken.stat().st_mtime_ns
        for number, line in enumerate(lines[:MOST_LINES], 1):
            if number > done:
                self._line(line, modified_ns, taken.name, number)
        rest = len(lines) - MOST_LINES
        if rest > 0 and done <= MOST_LINES:
            self._trail.fallback(
                "", f"{rest} more calls", time_ns=modified_ns, blocked=True, log=taken.name, line=MOST_LINES + 1
            )
        taken.unlink()
        return len(lines) - done

    def _line(self, line: bytes, modified_ns: int, log: str, number: int) -> None:
        text = line[:LINE_BYTES].decode("utf-8", "replace")
        parts = _LINE.fullmatch(text)
        agent, reason = (parts["agent"], parts["reason"]) if parts else ("", text)
        self._trail.fallback(
            agent,
            reason,
            time_ns=(_time_ns(parts["time"]) if parts else 0) or modified_ns,
            blocked=not reason.startswith(_PASSED),
            log=log,
            line=number,
        )


def _time_ns(text: str) -> int:
    """Unix time in nanoseconds of an ISO 8601 time in UTC; 0 where it is none."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError):
        return 0
