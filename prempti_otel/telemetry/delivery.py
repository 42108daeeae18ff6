"""One signal on its way to one destination: sent, split where something is refused, and waited for.

A cursor moves only when the receiver took everything up to it, or refused it for good and that is written down.
A receiver that is out of order must never cost a record: where an answer does not say that the content is at fault,
a record is given up only after a later one was taken.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Protocol

from prempti_otel.telemetry.batches import Piece, batches
from prempti_otel.telemetry.otlp import Answer, Outcome, Sender
from prempti_otel.telemetry.state import DeadLetter

log = logging.getLogger("prempti.exporter")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
UNSUPPORTED_PAUSE = 60.0
"""Seconds until a receiver is asked again for a signal that it does not take."""
MOST_WITNESSES = 24
"""Later records that are tried, one by one, before a receiver counts as out of order."""


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


class Ledger(Protocol):
    """Where it is noted how far a delivery has got: see :class:`prempti_otel.telemetry.state.ExportState`."""

    def advance(
        self, destination: str, signal: str, seq: int, record_hash: str, /, *, dead: DeadLetter | None = None
    ) -> None:
        """Everything up to ``seq`` was taken, but for what is in ``dead``."""

    def report(self, destination: str, signal: str, state: str, error: str = "", /) -> None:
        """How it is doing: ``well``, ``waiting``, ``unsupported``."""


class Counts(Protocol):
    """What is counted of a delivery: see :class:`prempti_otel.telemetry.metrics.Meters`."""

    def failed(self, signal: str, reason: str) -> None:
        """A request failed."""

    def rejected(self, signal: str, items: int, reason: str) -> None:
        """Items were refused for good."""


class SignalExport:
    """One signal of one destination. Used by one thread."""

    def __init__(
        self, name: str, signal: str, send: Sender, state: Ledger, meters: Counts, *, cursor: int, backoff: Backoff
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
        self._doubted = 0
        """First record of the request that got a doubtful answer last."""
        self._witness: Piece | None = None
        """A record that was taken ahead of its turn."""
        self._reported: tuple[str, str] | None = None

    @property
    def due(self) -> bool:
        """Whether something may be sent now."""
        return time.monotonic() >= self.not_before

    def send(self, batch: Any) -> Answer:
        """One request; whatever goes wrong is an answer. After a failure it is not due for a while."""
        try:
            answer = self._send(batch)
        except Exception as error:  # noqa: BLE001 - the boundary of a request; it counts as failed and is told
            answer = Answer(Outcome.FAILED, "exporter", f"{type(error).__name__}: {error}"[:300])
        if answer.outcome in (Outcome.FAILED, Outcome.UNSUPPORTED):
            self.pause(answer)
        return answer

    def deliver(self, pieces: Sequence[Piece], later: Callable[[], Iterable[Piece]] = tuple) -> None:
        """Send these, split where some are refused, until all are taken or set aside or the rest has to wait.

        ``later``: what comes after them, to try a receiver with.
        """
        waiting = list(batches(pieces))[::-1]
        isolating = bool(pieces) and pieces[0].seq == self._doubted
        while waiting:
            run = waiting.pop()
            if run[0].error:
                self._set_aside(run, 1, "projection", run[0].error)
                continue
            items = [item for piece in run for item in piece.items]
            answer = self.send(items) if items else Answer(Outcome.TAKEN)
            if answer.outcome is Outcome.TAKEN:
                self._taken(run, len(items), answer)
            elif answer.outcome is Outcome.DOUBTFUL and not isolating:
                # It may pass: only what is refused again is looked into.
                self._doubted = run[0].seq
                self.pause(answer)
                return
            elif answer.outcome not in (Outcome.REFUSED, Outcome.DOUBTFUL):
                return
            elif len(run) > 1:
                middle = len(run) // 2
                waiting += [run[middle:], run[:middle]]
            elif answer.outcome is Outcome.REFUSED or self._is_to_blame(run[0], answer, waiting, later):
                self._set_aside(run, len(items), answer.code, answer.message)
            else:
                return

    def advance(self, seq: int, record_hash: str) -> None:
        """All up to ``seq`` was taken or has nothing to send."""
        self._state.advance(self.name, self.signal, seq, record_hash)
        self.cursor = seq

    def well(self, warning: str = "") -> None:
        """The receiver answers."""
        self._backoff.succeeded()
        self.not_before = 0.0
        self._report("well", warning)

    def pause(self, answer: Answer) -> None:
        """Nothing is sent for a while, and that is told."""
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

    def _is_to_blame(
        self, piece: Piece, answer: Answer, waiting: Sequence[list[Piece]], later: Callable[[], Iterable[Piece]]
    ) -> bool:
        """Whether the receiver takes a later record, and still not this one. If not, all have to wait."""
        self._doubted = piece.seq
        beyond = (one for run in reversed(waiting) for one in run)
        known = [self._witness] if self._witness is not None and self._witness.seq > piece.seq else []
        for witness in islice(chain(known, _doubling(beyond), _later(later)), MOST_WITNESSES):
            seen = self.send(list(witness.items))
            if seen.outcome is Outcome.TAKEN and seen.rejected < len(witness.items):
                self._witness = witness
                again = self.send(list(piece.items))
                if again.outcome is Outcome.TAKEN:
                    self._taken([piece], len(piece.items), again)
                return again.outcome in (Outcome.DOUBTFUL, Outcome.REFUSED)
            if seen.outcome in (Outcome.FAILED, Outcome.UNSUPPORTED):
                return False
        self.pause(answer)
        return False

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
        self._state.advance(self.name, self.signal, last.seq, last.hash, dead=dead)
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

    def _report(self, state: str, error: str) -> None:
        if self._reported != (state, error):
            self._reported = (state, error)
            self._state.report(self.name, self.signal, state, error)
            if state != "well":
                log.warning("%s: %s: %s", self.name, self.signal, error)


def _later(later: Callable[[], Iterable[Piece]]) -> Iterator[Piece]:
    yield from _doubling(later())


def _doubling(source: Iterable[Piece]) -> Iterator[Piece]:
    """Of what has something to send: the 1st, 2nd, 4th, 8th, ..."""
    wanted = 1
    for number, piece in enumerate((piece for piece in source if piece.items), 1):
        if number == wanted:
            yield piece
            wanted *= 2
