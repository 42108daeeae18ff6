"""One destination's export: for each signal, what comes after its cursor, oldest first, until it is taken.

Nothing is dropped for being late or for being too much, and no signal waits for another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prempti_otel.audit.cursors import SIGNALS
from prempti_otel.errors import PremptiError
from prempti_otel.telemetry import project
from prempti_otel.telemetry.batches import MOST_RECORDS, Piece, Projection, pieces
from prempti_otel.telemetry.delivery import Backoff, SignalExport
from prempti_otel.telemetry.metrics import Meters
from prempti_otel.telemetry.otlp import Outcome, sender
from prempti_otel.telemetry.state import ExportState

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.model.record import StoredRecord
    from prempti_otel.settings.config import Destination

log = logging.getLogger("prempti.exporter")

METRICS_PERIOD = 10.0
"""Seconds between two sendings of metrics."""
POLL = 0.2
"""Seconds between two looks for new records."""
MOST_PAGES_AHEAD = 16
"""Pages that are looked through for records to try a receiver with."""


class DestinationExport:
    """All signals of one destination."""

    def __init__(
        self,
        destination: Destination,
        reader: StoreReader,
        state: ExportState,
        resource: Resource,
        *,
        start: int,
        backoff: Callable[[], Backoff] = Backoff,
        metrics_period: float = METRICS_PERIOD,
        content: project.Content = project.NO_CONTENT,
    ) -> None:
        """``start``: the record after which a destination begins that was never exported to.

        Raises PremptiError where its settings do not hold, StoreError where ``export.db`` does not work.
        """
        self.destination = destination
        self._reader = reader
        self._resource = resource
        self._content = content
        self._meters = Meters(resource)
        self._metrics_period = metrics_period
        self._signals = {
            signal: SignalExport(
                destination.name,
                signal,
                sender(destination, signal),
                state,
                self._meters,
                cursor=state.cursor(destination.name, signal, start=start),
                backoff=backoff(),
            )
            for signal in SIGNALS
        }
        self._counted = self._signals["metrics"].cursor
        self._counted_hash = ""
        self._metrics_at = time.monotonic()
        self._seen = -1
        self._trouble = backoff()
        """Pauses while the exporter's own databases do not work: what was sent meanwhile is sent again."""

    def run(self, stop: threading.Event, drain: float = 2.0) -> None:
        """Export until ``stop``, then what can still go out in ``drain`` seconds."""
        while not stop.is_set():
            stop.wait(self._round())
        until = time.monotonic() + drain
        while time.monotonic() < until and self.step():
            continue
        self.send_metrics()

    def _round(self) -> float:
        """One step; seconds until the next."""
        try:
            version = self._reader.data_version()
            moved = self.step() if version != self._seen or self._behind() else False
            if not moved:
                self._seen = version
            if time.monotonic() - self._metrics_at >= self._metrics_period:
                self.send_metrics()
        except PremptiError as error:
            log.warning("%s: %s", self.destination.name, error.diagnostics())
            return self._trouble.failed()
        self._trouble.succeeded()
        return 0.0 if moved else POLL

    def _behind(self) -> bool:
        """Whether a signal that had to wait may go on."""
        last = self._reader.last_seq()
        return any(export.cursor < last and export.due for name, export in self._signals.items() if name != "metrics")

    def step(self) -> bool:
        """Send the next records of each signal that may send; whether any cursor moved."""
        moved = False
        for signal in ("traces", "logs"):
            export = self._signals[signal]
            if export.due:
                before = export.cursor
                self._send_records(export, self._spans if signal == "traces" else self._logs)
                moved |= export.cursor != before
        return self._count() or moved

    def send_metrics(self) -> None:
        """Send what has been counted, if there is something and the receiver takes it."""
        export = self._signals["metrics"]
        self._metrics_at = time.monotonic()
        if not export.due:
            return
        self._measure_backlog()
        data = self._meters.collect()
        if data is None:
            return
        answer = export.send(data)
        if answer.outcome in (Outcome.TAKEN, Outcome.REFUSED):
            if answer.outcome is Outcome.REFUSED or answer.rejected:
                self._meters.rejected("metrics", max(1, answer.rejected), answer.code)
            if self._counted > export.cursor:
                export.advance(self._counted, self._counted_hash)
            export.well(answer.message)
        elif answer.outcome is Outcome.DOUBTFUL:
            # What was counted goes out with the next sending: nothing is lost by waiting.
            export.pause(answer)

    def _spans(self, record: StoredRecord) -> Sequence[Any]:
        return project.spans(record, self._resource, self._reader.get, self._content)

    def _logs(self, record: StoredRecord) -> Sequence[Any]:
        return project.logs(record, self._resource, self._content)

    def _send_records(self, export: SignalExport, projection: Projection) -> None:
        records = self._reader.records(export.cursor, MOST_RECORDS)
        if records:
            last = records[-1].seq
            export.deliver(list(pieces(records, projection)), lambda: self._ahead(last, projection))

    def _ahead(self, after: int, projection: Projection) -> Iterator[Piece]:
        for _ in range(MOST_PAGES_AHEAD):
            records = self._reader.records(after, MOST_RECORDS)
            if not records:
                return
            yield from pieces(records, projection)
            after = records[-1].seq

    def _count(self) -> bool:
        records = self._reader.records(self._counted, MOST_RECORDS)
        for record in records:
            try:
                self._meters.count(record)
            except Exception as error:  # noqa: BLE001 - the boundary of one record; it is told and not counted
                log.warning("%s: record %d cannot be counted: %s", self.destination.name, record.seq, error)
            self._counted, self._counted_hash = record.seq, record.hash
        return bool(records)

    def _measure_backlog(self) -> None:
        last = self._reader.last_seq()
        for signal in ("traces", "logs"):
            cursor = self._signals[signal].cursor
            oldest = self._reader.records(cursor, 1) if cursor < last else []
            age = (time.time_ns() - oldest[0].time_ns) / 1e9 if oldest else 0.0
            self._meters.backlog(signal, last - cursor, max(0.0, age))
