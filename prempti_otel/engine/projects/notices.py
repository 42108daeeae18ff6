"""Tells the user, once in a session, that rules of the project they work in are there and not in force.

Looks for such files when a session makes its first call in a folder, and then not again; it never opens one.
"""

from __future__ import annotations

import logging
import shlex
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from prempti_otel.engine.health import describe
from prempti_otel.engine.projects import files as project_files
from prempti_otel.engine.projects.trust import by_project, read_trust
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prempti_otel.agents.interface import Agent, Reply
    from prempti_otel.engine.evaluate import Evaluation
    from prempti_otel.engine.health import Health
    from prempti_otel.engine.projects.rules import ProjectRules
    from prempti_otel.engine.trail import Trail
    from prempti_otel.model.call import ToolCall
    from prempti_otel.settings.home import Home

log = logging.getLogger("prempti.engine")

_PART = "news of projects"
MAX_REMEMBERED = 4096
"""Sessions with their folders, sentences told, and projects recorded: what is forgotten is told again."""


class Notices:
    """What is to be told, and what was. Safe for all threads."""

    def __init__(self, home: Home, health: Health, trail: Trail) -> None:
        self._home = home
        self._health = health
        self._trail = trail
        self._lock = threading.Lock()
        self._looked: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        """Session and folder → what there is to tell of it."""
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._recorded: OrderedDict[tuple[str, int], None] = OrderedDict()

    def with_news(self, agent: Agent, call: ToolCall, evaluation: Evaluation, reply: Reply) -> Reply:
        """``reply``, or one that says the same and tells the user what is news; only no opinion can tell that."""
        try:
            news = self.news(call, evaluation.projects)
            if not news or evaluation.decision.action is not Verdict.DEFER:
                return reply
            self.told(call, news)
            return agent.no_opinion("; ".join(news))
        except Exception as error:  # noqa: BLE001 - the call is judged and recorded; what fails here costs a message
            self._health.trouble(_PART, f"what is new about rules of projects could not be told: {describe(error)}")
            return reply

    def news(self, call: ToolCall, projects: Sequence[ProjectRules]) -> list[str]:
        """What the user is to be told with this call; nothing where this session was told all there is."""
        key = (call.session_id, call.real_cwd)
        found = self._looked.get(key)
        if found is None:
            found = self._look(call.real_cwd)
            with self._lock:
                _remember(self._looked, key, found)
        if not found and not projects:
            return []
        said = (*found, *(one.problem for one in projects))
        return [sentence for sentence in said if sentence and (call.session_id, sentence) not in self._told]

    def told(self, call: ToolCall, news: Sequence[str]) -> None:
        """These sentences got to the user."""
        with self._lock:
            for sentence in news:
                _remember(self._told, (call.session_id, sentence), None)

    def _look(self, folder: str) -> tuple[str, ...]:
        """A sentence on each project that has files which nobody was asked about."""
        said = []
        for root in project_files.above(folder):
            if not project_files.may_have_rules(root):
                continue
            try:
                names = project_files.names(root)
            except (OSError, PremptiError):
                continue  # what cannot be listed cannot be offered; premptictl rules trust says why
            if names and not project_files.is_guard_home(root, self._home):
                fresh = [name for name in names if name not in self._trusted().get(root, {})]
                if fresh:
                    said.append(self._found(root, len(fresh)))
        return tuple(said)

    def _trusted(self) -> Mapping[str, Mapping[str, str]]:
        try:
            return by_project(read_trust(self._home))
        except PremptiError:
            return {}  # the keeper of projects tells that

    def _found(self, root: str, count: int) -> str:
        with self._lock:
            known = (root, count) in self._recorded
            _remember(self._recorded, (root, count), None)
        place = project_files.shown(root)
        if not known:
            log.info("rules files of the project %s that are not trusted: %d", place, count)
            self._trail.admin("project-rules-found", project=root, files=count)
        return (
            f"rules files of this project that are not in force, for nobody trusts them yet: {count} "
            f"(look at them: premptictl rules trust {shlex.quote(place)})"
        )


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(table: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    table[key] = value
    if len(table) > MAX_REMEMBERED:
        table.popitem(last=False)
