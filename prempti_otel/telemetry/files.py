"""Records written as lines of text: OTLP/JSON for the file receiver of a collector, or OCSF for a security lake.

OTLP/JSON follows https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/ (one kind of data in a file, one
``TracesData`` or ``LogsData`` a line, which is what a request holds) and its encoding
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hexadecimal and enums numbers.
"""

from __future__ import annotations

import base64
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from prempti_otel.errors import PremptiError
from prempti_otel.telemetry.batches import Piece, Projection, batches, pieces

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from prempti_otel.model.record import StoredRecord

_ENCODERS: dict[str, Callable[[Any], Message]] = {"traces": encode_spans, "logs": encode_logs}
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


class Output:
    """Standard output, or a file that only its owner may read; lines are written whole."""

    def __init__(self, path: Path | None, *, append: bool = False) -> None:
        """``path``: None for standard output. Raises PremptiError, also where the file is there already."""
        self._path = path
        self._descriptor = sys.stdout.fileno() if path is None else _open(path, append=append)
        self._regular = stat.S_ISREG(os.fstat(self._descriptor).st_mode) and path is not None

    def write(self, lines: bytes) -> None:
        """Raises PremptiError where they cannot be written; a file then ends with the line before."""
        whole = os.lseek(self._descriptor, 0, os.SEEK_END) if self._regular else 0
        left = memoryview(lines)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._regular:
                os.ftruncate(self._descriptor, whole)
            raise PremptiError(
                f"cannot be written: {error.strerror}", where=str(self._path or "standard output")
            ) from error

    def close(self) -> None:
        """Let go of the file; what was written is on disk."""
        if self._path is None:
            return
        if self._regular:
            os.fsync(self._descriptor)
        os.close(self._descriptor)


class OtlpLines:
    """OTLP/JSON lines of one signal, as a target."""

    unsupported = ()

    def __init__(self, signal: str, projection: Projection, output: Output) -> None:
        self._encode = _ENCODERS[signal]
        self._projection = projection
        self._output = output
        self.refused = 0
        self.reason = ""

    def write(self, records: Sequence[StoredRecord]) -> None:
        """A line for each run of records that fits a request. Raises PremptiError."""
        self._output.write(b"".join(self._lines(records)))

    def _lines(self, records: Sequence[StoredRecord]) -> Iterator[bytes]:
        for run in batches(pieces(records, self._projection)):
            if run[0].error:
                self.refused += 1
                self.reason = self.reason or f"record {run[0].seq}: {run[0].error}"
            elif items := [item for piece in run for item in piece.items]:
                yield otlp_json(self._encode(items)) + b"\n"


class JsonLines:
    """What ``make`` makes of each record as JSON, a line each, as a target."""

    unsupported = ()

    def __init__(self, make: Callable[[StoredRecord], Iterable[dict[str, Any]]], output: Output) -> None:
        self._make = make
        self._output = output
        self.refused = 0
        self.reason = ""

    def write(self, records: Sequence[StoredRecord]) -> None:
        """Raises PremptiError."""
        found: list[Piece] = list(pieces(records, self._encoded))
        for piece in found:
            if piece.error:
                self.refused += 1
                self.reason = self.reason or f"record {piece.seq}: {piece.error}"
        self._output.write(b"".join(item + b"\n" for piece in found for item in piece.items))

    def _encoded(self, record: StoredRecord) -> list[bytes]:
        return [msgspec.json.encode(made) for made in self._make(record)]


def otlp_json(request: Message) -> bytes:
    """A request in OTLP's JSON encoding, on one line."""
    value = MessageToDict(request, use_integers_for_enums=True)
    _spell_ids(value)
    return msgspec.json.encode(value)


def _spell_ids(value: Any) -> None:
    """Protobuf's own JSON has bytes in base64."""
    if isinstance(value, list):
        for item in value:
            _spell_ids(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _IDS:
                value[key] = base64.b64decode(item).hex()
            else:
                _spell_ids(item)


def _open(path: Path, *, append: bool) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags if append else flags | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PremptiError(
            "this file is there already", where=str(path), remedy="give another name, or --append to go on with it"
        ) from None
    except OSError as error:
        raise PremptiError(f"this file cannot be written: {error.strerror}", where=str(path)) from error
