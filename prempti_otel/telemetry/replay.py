"""Sends or writes a range of the audit trail once more: the engine of ``premptictl audit export``.

Records are projected as the exporter does it, with the same ids. Cursors and dead letters of the configured
destinations are neither read nor moved. Metrics are counts, and are not replayed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prempti_otel.errors import PremptiError
from prempti_otel.telemetry import project
from prempti_otel.telemetry.batches import MOST_RECORDS, Piece, Projection, pieces
from prempti_otel.telemetry.delivery import Backoff, SignalExport
from prempti_otel.telemetry.otlp import sender, shown_endpoint

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.model.record import StoredRecord
    from prempti_otel.settings.config import Destination
    from prempti_otel.telemetry.state import DeadLetter

SIGNALS = ("traces", "logs")
"""What can be replayed."""
MOST_FAILURES = 6
"""Failures in a row after which a receiver is given up: half a minute of pauses, about."""


@dataclass(frozen=True, slots=True)
class Range:
    """Which records: those after ``after`` up to ``through``, of one session or (``""``) of all."""

    after: int
    through: int
    session_id: str = ""

    def pages(self, reader: StoreReader) -> Iterator[list[StoredRecord]]:
        """The records, oldest first, in short reads. Raises StoreError."""
        after = self.after
        while after < self.through:
            page = [
                record
                for record in reader.records(after, MOST_RECORDS, session_id=self.session_id)
                if record.seq <= self.through
            ]
            if not page:
                return
            yield page
            after = page[-1].seq


class Target(Protocol):
    """Where records go."""

    @property
    def refused(self) -> int:
        """Spans, log events or records so far that were not taken for good, or could not be projected."""

    @property
    def reason(self) -> str:
        """Why, of the first of them."""

    @property
    def unsupported(self) -> Sequence[str]:
        """Signals that are not taken there at all."""

    def write(self, records: Sequence[StoredRecord]) -> None:
        """All of these, or raises PremptiError."""


def run(chosen: Range, reader: StoreReader, target: Target, done: Callable[[int, int], None]) -> None:
    """Hand all chosen records to ``target``. Raises PremptiError.

    ``done`` is told, after each step, the last record of it and how many there were in it.
    """
    for page in chosen.pages(reader):
        target.write(page)
        done(page[-1].seq, len(page))


def projections(
    resource: Resource, reader: StoreReader, content: project.Content, signals: Sequence[str]
) -> dict[str, Projection]:
    """What is made of a record, by signal."""
    known: dict[str, Projection] = {
        "traces": lambda record: project.spans(record, resource, reader.get, content),
        "logs": lambda record: project.logs(record, resource, content),
    }
    return {signal: known[signal] for signal in signals}


class Receiver:
    """An OTLP receiver, as a target."""

    def __init__(self, destination: Destination, projected: dict[str, Projection]) -> None:
        """Raises PremptiError where the destination's settings do not hold."""
        # The exporters log each failed request by themselves; here one sentence at the end has to do.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        logging.getLogger("prempti.exporter").setLevel(logging.CRITICAL)
        self._where = shown_endpoint(destination)
        self._ledger = _Ledger()
        self._projected = projected
        self._exports = {
            signal: SignalExport(
                destination.name,
                signal,
                sender(destination, signal),
                self._ledger,
                self._ledger,
                cursor=0,
                backoff=Backoff(),
            )
            for signal in projected
        }
        self.unsupported: list[str] = []
        """Signals that the receiver does not take at all."""

    @property
    def refused(self) -> int:
        """Items that the receiver refused for good."""
        return self._ledger.refused

    @property
    def reason(self) -> str:
        """Why it refused the first of them."""
        return self._ledger.reason

    def write(self, records: Sequence[StoredRecord]) -> None:
        """Send these. Raises PremptiError where the receiver does not take them in the end."""
        for signal, export in self._exports.items():
            if signal not in self.unsupported:
                self._send(export, list(pieces(records, self._projected[signal])))

    def _send(self, export: SignalExport, waiting: list[Piece]) -> None:
        failures = 0
        while waiting:
            export.deliver(waiting)
            left = [piece for piece in waiting if piece.seq > export.cursor]
            failures = failures + 1 if len(left) == len(waiting) else 0
            waiting = left
            if not waiting:
                return
            state, error = self._ledger.states.get(export.signal, ("", ""))
            if state == "unsupported":
                self.unsupported.append(export.signal)
                if set(self.unsupported) == set(self._exports):
                    raise PremptiError(error, where=self._where, remedy="check the address and --protocol")
                return
            if failures >= MOST_FAILURES:
                raise PremptiError(f"the receiver does not take {export.signal}: {error}", where=self._where)
            time.sleep(max(0.0, export.not_before - time.monotonic()))


class _Ledger:
    """What a delivery notes, kept in memory: nothing of a replay is remembered."""

    def __init__(self) -> None:
        self.refused = 0
        self.reason = ""
        self.states: dict[str, tuple[str, str]] = {}

    def advance(self, *_: object, dead: DeadLetter | None = None) -> None:
        if dead is not None:
            self.refused += dead.items
            self.reason = self.reason or f"record {dead.first_seq}: {dead.reason}"

    def report(self, _destination: str, signal: str, state: str, error: str = "") -> None:
        self.states[signal] = (state, error)

    def failed(self, signal: str, reason: str) -> None:
        """Told by ``report``."""

    def rejected(self, signal: str, items: int, reason: str) -> None:
        """Told by ``advance``."""
