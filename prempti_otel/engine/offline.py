"""Judges payloads without a running engine and without recording, by the same code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from prempti_otel import agents
from prempti_otel.agents.interface import Arrival
from prempti_otel.engine.evaluate import Evaluation, Policy, evaluate
from prempti_otel.engine.health import describe
from prempti_otel.engine.prediction import context_with, shipped_context
from prempti_otel.engine.projects.rules import Projects
from prempti_otel.engine.projects.trust import by_project, read_trust
from prempti_otel.engine.rulesets import installed_rule_files, read_rule_files, selection
from prempti_otel.engine.sessions import Sessions
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Mode, Verdict
from prempti_otel.settings.config import Config
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from prempti_otel.analysis import Context
    from prempti_otel.engine.projects.rules import ProjectSource
    from prempti_otel.model.call import ToolCall
    from prempti_otel.model.decision import Decision
    from prempti_otel.rules.options import RuleFile
    from prempti_otel.rules.ruleset import Ruleset
    from prempti_otel.settings.home import Home


class Judge:
    """One ruleset and the marks of the calls judged so far, in their order."""

    def __init__(
        self,
        ruleset: Ruleset,
        floor: Verdict = Verdict.DEFER,
        context: Context | None = None,
        projects: ProjectSource | None = None,
    ) -> None:
        self._policy = Policy(Mode.GUARDRAILS, floor, ruleset, context=context or shipped_context(), projects=projects)
        self._sessions = Sessions()
        self._number = 0

    @property
    def ruleset(self) -> Ruleset:
        """What is judged by."""
        assert self._policy.ruleset is not None
        return self._policy.ruleset

    def decide(self, agent: str, payload: bytes) -> Decision:
        """The decision on one hook payload. Raises PremptiError where it cannot be judged."""
        return self.evaluate(agent, payload).decision

    def evaluate(self, agent: str, payload: bytes, received_ns: int = 0) -> Evaluation:
        """The same with the events it was judged on; ``received_ns`` (Unix time) is now by default."""
        self._number += 1
        arrival = Arrival(self._number, received_ns or time.time_ns())
        return self.judge(agents.get(agent).parse(payload, arrival))

    def judge(self, call: ToolCall, answer: Verdict | None = None) -> Evaluation:
        """The same for a call that was parsed already, such as a recorded one. Raises PremptiError.

        ``answer``: what was enforced when rules asked about it, where that is known. A call that a person approved
        leaves its session marks to the calls behind it, one that nobody was asked about does not.
        """
        started = time.perf_counter()
        adapter = agents.get(call.agent)
        try:
            evaluation = evaluate(call, self._policy, self._sessions, can_ask=adapter.can_ask(call), started=started)
        except PremptiError:
            raise
        except Exception as error:
            # The boundary of one call, as in the engine: the next one is judged all the same.
            raise PremptiError(describe(error), remedy="report this as a defect") from error
        known = answer is not None and evaluation.decision.verdict is Verdict.ASK
        if (answer if known else evaluation.decision.action) is not Verdict.DENY:
            self._sessions.set(call.session_id, evaluation.marks, call.received_ns)
        return evaluation


def open_judge(home: Home, paths: Sequence[Path] = (), added: Sequence[Path] = ()) -> Judge:
    """A judge by the files in ``paths``, all their rules in force, or by the installed ruleset; then those ``added``.

    The installed ruleset comes with the trusted rules of projects, for calls that are made in them.
    Raises PremptiError.
    """
    from prempti_otel.rules.loader import load

    config = load_config(home.config)
    projects = None
    if paths:
        result = load(read_rule_files([*paths, *added]), selection=selection(Config()))
    else:
        files = [*installed_rule_files(home, config), *read_rule_files(added)]
        result = load(files, selection=selection(config))
        if result.ruleset is not None:
            projects = trusted_projects(home, config, files)
    if result.ruleset is None:
        raise PremptiError(result.errors_text(), remedy="correct the rules")
    return Judge(result.ruleset, Verdict(config.default_action), context_with([home.user_commands]), projects)


def trusted_projects(home: Home, config: Config, files: Sequence[RuleFile]) -> Projects | None:
    """The rules of projects that the user trusts, on top of these, which load; None where there are none.

    Raises PremptiError where nobody can say what is trusted.
    """
    trusted = by_project(read_trust(home))
    if not trusted:
        return None
    from prempti_otel.rules.options import Options
    from prempti_otel.rules.project import foundation

    options = Options(selection=selection(config))
    return Projects(trusted, cache(lambda: foundation(files, options)), options)
