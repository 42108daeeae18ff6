"""The audit trail: what is recorded, where it is kept, and how it is checked.

with Store.open(home) as store:
    store.append(decision_record(call, events, decision, redactor=Redactor.open(home)))
with StoreReader(home) as reader:
    for record in reader.records(after_seq=0): ...
"""

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
from prempti_otel.audit.verify import Problem, VerifyResult, verify

__all__ = [
    "AdminBody",
    "DecisionBody",
    "FallbackBody",
    "LifecycleBody",
    "OutcomeBody",
    "PolicyBody",
    "Problem",
    "Redactor",
    "Store",
    "StoreError",
    "StoreReader",
    "VerifyResult",
    "admin_record",
    "body_of",
    "decision_record",
    "fallback_record",
    "lifecycle_record",
    "outcome_record",
    "policy_record",
    "unjudged_record",
    "verify",
]
