"""Steps 1 to 4 of a tool call: payload, events, matches, decision. Nothing here records or remembers.

The running engine and the offline judge share this code, so that a replay judges as the engine did.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from prempti_otel.analysis import Context, predict
from prempti_otel.engine.decide import decide
from prempti_otel.engine.prediction import shipped_context
from prempti_otel.engine.projects.rules import judge as judge_by_projects
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Mode, Verdict
from prempti_otel.model.event import tool_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prempti_otel.engine.projects.rules import ProjectRules, ProjectSource
    from prempti_otel.engine.sessions import Sessions
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision, Match
    from prempti_otel.model.event import Event
    from prempti_otel.rules.ruleset import Ruleset


class Policy(msgspec.Struct, frozen=True):
    """All that a verdict depends on besides the call and its session; swapped as a whole."""

    mode: Mode
    floor: Verdict
    """``defer`` or ``allow``."""
    ruleset: Ruleset | None
    """None where no ruleset ever loaded: every call is then refused."""
    problem: str = ""
    """Why there is no ruleset, for a person."""
    context: Context = msgspec.field(default_factory=shipped_context)
    """By which effects are predicted."""
    projects: ProjectSource | None = None
    """Rules of projects that the user trusts; None where there are none."""

    @property
    def digest(self) -> str:
        """The installed ruleset's digest; empty where there is none."""
        return self.ruleset.digest if self.ruleset is not None else ""


class Evaluation(msgspec.Struct, frozen=True):
    """A judged call."""

    events: list[Event]
    """What the rules were judged on, the call's own event first."""
    decision: Decision
    marks: tuple[str, ...]
    """Session marks to set unless the call is denied."""
    projects: tuple[ProjectRules, ...] = ()
    """The projects whose rules it was judged by, besides the installed ones."""


class NoRulesError(PremptiError):
    """There is nothing to judge by."""


def evaluate(call: ToolCall, policy: Policy, sessions: Sessions, *, can_ask: bool, started: float) -> Evaluation:
    """Judge a parsed call. ``started`` is ``time.perf_counter()`` at its arrival. Raises NoRulesError."""
    ruleset = policy.ruleset
    if ruleset is None:
        raise NoRulesError(
            f"no rules are in force: {policy.problem}" if policy.problem else "no rules are in force",
            remedy="correct the rules; premptictl rules check",
        )
    event = tool_event(call)
    ages, counts = sessions.marks(call.session_id, call.received_ns)
    if counts:
        event.values["session.mark_age_ms"] = ages
        event.values["session.mark_count"] = counts
    context = policy.context
    events = predict(call, event, context, ruleset.spellings if context.ignores_case else None)
    judgement = ruleset.judge(events)
    matches: Sequence[Match] = judgement.matches
    digest = ruleset.digest
    projects: tuple[ProjectRules, ...] = ()
    if policy.projects is not None:
        # A session keeps to the rules of the project that it began in, wherever it goes.
        projects = policy.projects.of(sessions.began_in(call.session_id, call.real_cwd), call.real_cwd)
        if projects:
            matches = [*matches, *judge_by_projects(projects, events)]
            digest = policy.projects.digest(digest, projects)
    decision = decide(
        call,
        matches,
        mode=policy.mode,
        floor=policy.floor,
        can_ask=can_ask,
        ruleset_digest=digest,
        duration=time.perf_counter() - started,
    )
    return Evaluation(events, decision, tuple(judgement.marks), projects)
