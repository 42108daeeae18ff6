"""Approvals without an engine: a real pipeline and store, by clocks of the test's own."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from prempti_otel.agents.interface import Reply
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import DecisionBody, body_of
from prempti_otel.engine.approvals.calls import (
    Approvals,
    Grant,
)
from prempti_otel.engine.approvals.history import recall
from prempti_otel.engine.evaluate import Policy
from prempti_otel.engine.health import Health
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.pipeline import Pipeline
from prempti_otel.engine.sessions import Sessions
from prempti_otel.engine.trail import Trail
from prempti_otel.settings.config import ApprovalSettings, Config
from prempti_otel.settings.home import Home
from tests.support.agent_payloads import codex
from tests.support.rulesets import RULES

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
LIFETIME = ApprovalSettings().lifetime
BOTH_ASK = (
    RULES
    + """\
- rule: Ask after notice
  desc: a session that was noted is asked about more
  condition: session.mark_count[noted] > 0 and tool.input contains "ask-me"
  output: noted before
  priority: ERROR
  source: coding_agent
  tags: [coding_agent_ask]
"""
)


@dataclass
class Clocks:
    """The two clocks that an approval ends by."""

    now: int = field(default_factory=time.time_ns)
    ticks: int = 5 * SECOND

    def pass_by(self, time_ns: int) -> None:
        self.now += time_ns
        self.ticks += time_ns


@dataclass
class Desk:
    """A pipeline with a real store, whose approvals live by clocks of the test's own."""

    home: Home
    policy: Policy
    clocks: Clocks = field(default_factory=Clocks)

    def __post_init__(self) -> None:
        self.home.create()
        self.start()

    def start(self) -> None:
        """An engine's parts, as if it were started: what is known comes from the store."""
        health = Health()
        self.trail = Trail(self.home, health)
        assert self.trail.open(Config())
        clocks = self.clocks
        self.approvals = Approvals(self.trail, ApprovalSettings, lambda: clocks.now, lambda: clocks.ticks)
        with StoreReader(self.home) as reader:
            recall(reader, self.approvals, lambda: clocks.now, lambda: clocks.ticks)
        self.pipeline = Pipeline(
            lambda: self.policy, self.trail, Sessions(), Numbers(), health, approvals=self.approvals
        )

    def restart(self) -> None:
        self.trail.close()
        self.clocks.ticks = 0
        self.start()

    def codex(self, command: str, **more: Any) -> bool:
        """Whether the call may run."""
        given = codex("Bash", {"command": command}) | more
        return passed(self.pipeline.hook("codex", json.dumps(given).encode()))

    def give(self, name: str, seconds: int = 0) -> Grant:
        return self.approvals.give(self.approvals.find(name), seconds, "ada", {})

    def decisions(self) -> list[DecisionBody]:
        with StoreReader(self.home) as reader:
            return [body_of(record, DecisionBody) for record in reader.decisions(limit=10_000)]

    def last_id(self) -> str:
        return self.decisions()[-1].decision.approval


def passed(reply: Reply) -> bool:
    assert reply.exit_code == 0
    output = json.loads(reply.stdout)
    return "deny" not in (output.get("decision"), output.get("hookSpecificOutput", {}).get("permissionDecision"))
