"""What can go wrong with the audit trail, as sentences."""

from __future__ import annotations

from prempti_otel.errors import PremptiError


class StoreError(PremptiError):
    """The store cannot be opened, written or read; what it already holds is untouched."""
