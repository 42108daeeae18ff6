"""Records as what is sent of them, in runs that a receiver takes in one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from prempti_otel.model.record import StoredRecord

MOST_RECORDS = 512
"""Records read and sent at a time."""
MOST_BYTES = 1 << 20
"""Text in one request, about; a collector takes 4 MiB unless it is told otherwise."""

Projection: TypeAlias = "Callable[[StoredRecord], Sequence[Any]]"
"""Spans or log events of a record."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One record and what is sent of it."""

    seq: int
    hash: str
    items: tuple[Any, ...]
    error: str = ""
    """Why it could not be projected."""


def pieces(records: Iterable[StoredRecord], projection: Projection) -> Iterator[Piece]:
    """Each record projected; whatever goes wrong with one is told in its piece."""
    for record in records:
        try:
            yield Piece(record.seq, record.hash, tuple(projection(record)))
        except Exception as error:  # noqa: BLE001 - the boundary of one record; it is set aside and told
            yield Piece(record.seq, record.hash, (), f"cannot be projected: {error}"[:300])


def batches(projected: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Runs of pieces of a bounded size; a piece that could not be projected stands alone."""
    run: list[Piece] = []
    size = 0
    for piece in projected:
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
