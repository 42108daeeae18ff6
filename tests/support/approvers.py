"""What tests that approve calls need: to be no coding agent's own."""

from __future__ import annotations

import os

import pytest

from prempti_otel.engine.approvals.approvers import Agents, NotAPersonError, approver


def skip_below_an_agent() -> None:
    """Nothing that an agent started can approve a call, and so neither can a test: skips it, and says so."""
    try:
        approver(os.getpid(), Agents())
    except NotAPersonError as refusal:
        if refusal.message.startswith("a coding agent"):
            pytest.skip(f"run these tests in a terminal of your own: {refusal.message}")
