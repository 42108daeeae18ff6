"""One destination's export: for each signal, what comes after its cursor, oldest first, until it is taken.

A cursor moves only when the receiver took everything up to it, or refused it for good and that is written
down. Nothing is dropped for being late or for being too much, and no signal waits for another.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prempti_otel.audit.cursors import SIGNALS
from prempti_otel.errors import PremptiError
from prempti_otel.telemetry import project
from prempti_otel.telemetry.metrics import Meters
from prempti_otel.telemetry.otlp import Answer, Outcome, Sender, sender
from prempti_otel.telemetry.state import DeadLetter, ExportState

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.model.record import StoredRecord
    from prempti_otel.settings.config import Destination

log = logging.getLogger("prempti.exporter")

MOST_RECORDS = 512
"""Records read and sent at a time."""
MOST_BYTES = 1 << 20
"""Text in one request, about; a collector takes 4 MiB unless it is told otherwise."""
METRICS_PERIOD = 10.0
"""Seconds between two sendings of metrics."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
UNSUPPORTED_PAUSE = 60.0
"""Seconds until a receiver is asked again for a signal that it does not take."""
POLL = 0.2
"""Seconds between two looks for new records."""


class Backoff:
    """Pauses after failures: doubled each time, at most a minute, with jitter so that machines do not march in step."""

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first = first
        self._longest = longest
        self.failures = 0

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0

    def failed(self) -> float:
        """Seconds to wait now: between half the pause and the whole."""
        pause: float = min(self._longest, self._first * 2 ** min(self.failures, 32))
        self.failures += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


@dataclass(frozen=True, slots=True)
class Piece:
    """One record and what is sent of it."""

    seq: int
    hash: str
    items: tuple[Any, ...]
    error: str = ""
    """Why it could not be projected."""


class SignalExport:
    """One signal of one destination. Used by one thread."""

    def __init__(
        self, name: str, signal: str, send: Sender, state: ExportState, meters: Meters, *, cursor: int, backoff: Backoff
    ) -> None:
        self.name = name
        self.signal = signal
        self.cursor = cursor
        self.not_before = 0.0
        """Monotonic time before which nothing is to be sent."""
        self._send = send
        self._state = state
        self._meters = meters
        self._backoff = backoff
        self._reported: tuple[str, str] | None = None

    @property
    def due(self) -> bool:
        """Whether something may be sent now."""
        return time.monotonic() >= self.not_before

    def send(self, batch: Any) -> Answer:
        """One request; whatever goes wrong is an answer."""
        try:
            answer = self._send(batch)
        except Exception as error:  # noqa: BLE001 - the boundary of a request; it counts as failed and is told
            answer = Answer(Outcome.FAILED, "exporter", f"{type(error).__name__}: {error}"[:300])
        if answer.outcome in (Outcome.FAILED, Outcome.UNSUPPORTED):
            self._pause(answer)
        return answer

    def deliver(self, pieces: Sequence[Piece]) -> bool:
        """Send these, split where some are refused; False where the rest has to wait."""
        if not pieces:
            return True
        batch = [item for piece in pieces for item in piece.items]
        answer = self.send(batch) if batch else Answer(Outcome.TAKEN)
        if answer.outcome is Outcome.TAKEN:
            self._taken(pieces, len(batch), answer)
            return True
        if answer.outcome is not Outcome.REFUSED:
            return False
        if len(pieces) == 1:
            self._set_aside(pieces, len(batch), answer.code, answer.message)
            return True
        middle = len(pieces) // 2
        return self.deliver(pieces[:middle]) and self.deliver(pieces[middle:])

    def set_aside(self, piece: Piece) -> None:
        """A record that cannot be projected: written down and passed over."""
        self._set_aside([piece], 1, "projection", piece.error)

    def advance(self, seq: int, record_hash: str) -> None:
        """All up to ``seq`` was taken or has nothing to send."""
        self._state.advance(self.name, self.signal, seq, record_hash)
        self.cursor = seq

    def well(self, warning: str = "") -> None:
        """The receiver answers."""
        self._backoff.succeeded()
        self.not_before = 0.0
        self._report("well", warning)

    def _taken(self, pieces: Sequence[Piece], items: int, answer: Answer) -> None:
        if answer.rejected:
            # OTLP forbids sending it again, and does not tell which items they were.
            self._set_aside(pieces, min(answer.rejected, items), answer.code, answer.message)
        else:
            self.advance(pieces[-1].seq, pieces[-1].hash)
        if items:
            self.well(answer.message)

    def _set_aside(self, pieces: Sequence[Piece], items: int, code: str, reason: str) -> None:
        first, last = pieces[0], pieces[-1]
        dead = DeadLetter(self.name, self.signal, first.seq, last.seq, items, reason or code, time.time_ns())
        self._state.advance(self.name, self.signal, last.seq, last.hash, dead)
        self.cursor = last.seq
        self._meters.rejected(self.signal, items, code)
        log.warning(
            "%s: %d %s of records %d to %d refused for good: %s",
            self.name,
            items,
            self.signal,
            first.seq,
            last.seq,
            code,
        )

    def _pause(self, answer: Answer) -> None:
        unsupported = answer.outcome is Outcome.UNSUPPORTED
        pause = (
            UNSUPPORTED_PAUSE if unsupported else max(self._backoff.failed(), min(answer.retry_after, LONGEST_PAUSE))
        )
        self.not_before = time.monotonic() + pause
        self._meters.failed(self.signal, answer.code)
        if unsupported:
            self._report("unsupported", f"does not take {self.signal}: {answer.message}")
        else:
            self._report("waiting", answer.message)

    def _report(self, state: str, error: str) -> None:
        if self._reported != (state, error):
            self._reported = (state, error)
            self._state.report(self.name, self.signal, state, error)
            if state != "well":
                log.warning("%s: %s: %s", self.name, self.signal, error)


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

    def _spans(self, record: StoredRecord) -> Sequence[Any]:
        return project.spans(record, self._resource, self._reader.get, self._content)

    def _logs(self, record: StoredRecord) -> Sequence[Any]:
        return project.logs(record, self._resource)

    def _send_records(self, export: SignalExport, projection: Callable[[StoredRecord], Sequence[Any]]) -> None:
        records = self._reader.records(export.cursor, MOST_RECORDS)
        for pieces in _batches(self._pieces(records, projection)):
            if pieces[0].error:
                export.set_aside(pieces[0])
            elif not export.deliver(pieces):
                return

    def _pieces(
        self, records: Sequence[StoredRecord], projection: Callable[[StoredRecord], Sequence[Any]]
    ) -> Iterator[Piece]:
        for record in records:
            try:
                yield Piece(record.seq, record.hash, tuple(projection(record)))
            except Exception as error:  # noqa: BLE001 - the boundary of one record; it is set aside and told
                yield Piece(record.seq, record.hash, (), f"record {record.seq} cannot be projected: {error}"[:300])

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


def _batches(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    """Runs of pieces of a bounded size; a piece that could not be projected stands alone."""
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        weight = sum(_weight(item) for item in piece.items)
        if run and (piece.error or size + weight > MOST_BYTES):
            yield run
            run, size = [], 0
        run.append(piece)
        size += weight
        if piece.error:
            yield run
            run, size = [], 0
    if run:
        yield run


def _weight(item: Any) -> int:
    """About how many bytes a span or log record takes."""
    if hasattr(item, "log_record"):
        return _text(item.log_record.attributes) + len(item.log_record.body)
    return _text(item.attributes) + sum(_text(event.attributes) for event in item.events)


def _text(attributes: Any) -> int:
    return sum(
        len(key) + (len(value) if isinstance(value, str) else sum(map(len, value)) if isinstance(value, list) else 8)
        for key, value in attributes.items()
    )
