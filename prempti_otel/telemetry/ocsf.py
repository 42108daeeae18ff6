"""Records as events of the Open Cybersecurity Schema Framework (OCSF), https://schema.ocsf.io/1.8.0.

A call that is over is an API Activity, a rule that held a Detection Finding, a call that a hook answered without the
engine an API Activity too. What goes where is declared in the tables of :mod:`prempti_otel.telemetry.ocsf_fields`;
``docs/audit-export.md`` is generated from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prempti_otel.audit.lifecycle_records import OutcomeBody
from prempti_otel.audit.records import DecisionBody, FallbackBody, body_of
from prempti_otel.model.record import RecordKind, StoredRecord
from prempti_otel.telemetry.ocsf_fields import CALL, FALLBACK, FINDING, Row, Subject
from prempti_otel.telemetry.project import NO_CONTENT, Content, Find

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


def events(
    record: StoredRecord, resource: Resource, find: Find = lambda _: None, content: Content = NO_CONTENT
) -> list[dict[str, Any]]:
    """What ``record`` completes, in OCSF. Raises msgspec.ValidationError where a body is malformed.

    As with spans, a call is told when it was denied or when its outcome is known; matches are told at once.
    """
    return [_event(rows, subject) for rows, subject in _subjects(record, dict(resource.attributes), find, content)]


def _subjects(
    record: StoredRecord, sender: Mapping[str, Any], find: Find, content: Content
) -> Iterator[tuple[tuple[Row, ...], Subject]]:
    if record.kind is RecordKind.DECISION:
        body = body_of(record, DecisionBody)
        for number, match in enumerate(body.matches):
            yield FINDING, Subject(record, sender, content, body, match=match, number=number)
        if body.decision.action == "deny" or not body.call.tool:
            yield CALL, Subject(record, sender, content, body)
    elif record.kind is RecordKind.OUTCOME:
        outcome = body_of(record, OutcomeBody)
        decision = find(outcome.decision) if outcome.decision else None
        if decision is not None:
            yield CALL, Subject(decision, sender, content, body_of(decision, DecisionBody), outcome=outcome)
    elif record.kind is RecordKind.FALLBACK:
        yield FALLBACK, Subject(record, sender, content, fallback=body_of(record, FallbackBody))


def _event(rows: tuple[Row, ...], subject: Subject) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for row in rows:
        value = row.value(subject)
        if value is None or value == "" or value == [] or value == {}:
            continue
        *above, name = row.path.split("/")
        place = event
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value
    return event
