"""The audit trail: what is recorded, where it is kept, and how it is checked.

with Store.open(home) as store:
    store.append(decision_record(call, events, decision, redactor=Redactor.open(home)))
with StoreReader(home) as reader:
    for record in reader.records(after_seq=0): ...

Each name is imported when it is first used: who reads the trail starts without what writes it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prempti_otel.audit.errors import StoreError
    from prempti_otel.audit.lifecycle_records import LifecycleBody, OutcomeBody, lifecycle_record, outcome_record
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import (
        AdminBody,
        DecisionBody,
        FallbackBody,
        PolicyBody,
        admin_record,
        body_of,
        decision_record,
        fallback_record,
        policy_record,
        unjudged_record,
    )
    from prempti_otel.audit.redaction import Redactor
    from prempti_otel.audit.store import Store

_PLACES = {
    "AdminBody": "records",
    "DecisionBody": "records",
    "FallbackBody": "records",
    "LifecycleBody": "lifecycle_records",
    "OutcomeBody": "lifecycle_records",
    "PolicyBody": "records",
    "Redactor": "redaction",
    "Store": "store",
    "StoreError": "errors",
    "StoreReader": "reader",
    "admin_record": "records",
    "body_of": "records",
    "decision_record": "records",
    "fallback_record": "records",
    "lifecycle_record": "lifecycle_records",
    "outcome_record": "lifecycle_records",
    "policy_record": "records",
    "unjudged_record": "records",
}
"""Each name, and the module that it is in."""

__all__ = [
    "AdminBody",
    "DecisionBody",
    "FallbackBody",
    "LifecycleBody",
    "OutcomeBody",
    "PolicyBody",
    "Redactor",
    "Store",
    "StoreError",
    "StoreReader",
    "admin_record",
    "body_of",
    "decision_record",
    "fallback_record",
    "lifecycle_record",
    "outcome_record",
    "policy_record",
    "unjudged_record",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
