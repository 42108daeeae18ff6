"""Keeps the rules of trusted projects in force: notices what the user trusts, and tells what became of it.

One thread at a time changes it (the keeper's); request threads use the :class:`Projects` that it gave out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from prempti_otel.engine.health import describe
from prempti_otel.engine.projects.files import shown
from prempti_otel.engine.projects.rules import ProjectRules, Projects, State
from prempti_otel.engine.projects.trust import TrustedFile, by_project, read_trust
from prempti_otel.engine.rulesets import Signature, selection, signature
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.engine.health import Health
    from prempti_otel.engine.trail import Trail
    from prempti_otel.rules.options import Options, RuleFile
    from prempti_otel.rules.project import Foundation
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home

log = logging.getLogger("prempti.engine")

REFRESH_S = 5.0
"""So long a change of rules waits for the projects that are in use to be loaded anew."""
_TRUST = "trust in rules of projects"


class _Once:
    """What projects' rules build on, made when it is first needed. Safe for all threads."""

    def __init__(self, files: Sequence[RuleFile]) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._made: Foundation | None = None

    def __call__(self, pause: Callable[[], None] | None = None) -> Foundation:
        from prempti_otel.rules.project import foundation

        with self._lock:
            if self._made is None:
                self._made = foundation(self._files, pause=pause)
            return self._made


class ProjectKeeper:
    """What the user trusts, on top of the installed rules."""

    def __init__(self, home: Home, health: Health, trail: Trail) -> None:
        self._home = home
        self._health = health
        self._trail = trail
        self._seen: Signature = ()
        self._trusted: tuple[TrustedFile, ...] | None = None
        self._base: tuple[Sequence[RuleFile], Config] | None = None
        self._built = _Once(())
        self._projects: Projects | None = None
        self._lock = threading.Lock()
        self._told: dict[str, ProjectRules] = {}
        self._generation = 0

    def changed(self) -> bool:
        """Whether the user's trust may be another than when it was last read."""
        return self._signature() != self._seen

    def on_top_of(self, files: Sequence[RuleFile], config: Config, pause: Callable[[], None] | None) -> Projects | None:
        """The trusted rules on top of these installed ones, which loaded; None where nothing is trusted."""
        self._base, self._built = (files, config), _Once(files)
        return self.renewed(pause)

    def renewed(self, pause: Callable[[], None] | None) -> Projects | None:
        """The same by what the user trusts now."""
        self._read()
        trusted = by_project(self._trusted or ())
        before, self._projects = self._projects, None
        with self._lock:
            self._generation += 1
        if trusted and self._base is not None:
            self._projects = Projects(trusted, self._built, self._options(), partial(self._tell, self._generation))
            if pause is not None:
                self.make_ready(pause)
            if before is not None:
                self._refresh(before.loaded())
        with self._lock:
            gone = [root for root in self._told if root not in trusted]
            for root in gone:
                del self._told[root]
        for root in gone:
            self._health.well(_part(root))
        return self._projects

    def make_ready(self, pause: Callable[[], None]) -> None:
        """Prepare now what the first call in a trusted project would wait for."""
        if self._projects is None:
            return
        try:
            self._built(pause)
        except Exception as error:  # noqa: BLE001 - the boundary of all projects; the installed rules go on, and it is told
            self._health.trouble(_TRUST, f"no rules of projects can be in force: {describe(error)}")

    def _refresh(self, roots: Sequence[str]) -> None:
        """Load these anew. A project on a file system that does not answer holds nothing else up."""
        assert self._projects is not None
        thread = threading.Thread(target=self._projects.refresh, args=[roots], name="projects", daemon=True)
        thread.start()
        thread.join(REFRESH_S)

    def _options(self) -> Options:
        from prempti_otel.rules.options import Options

        assert self._base is not None
        return Options(selection=selection(self._base[1]))

    def _signature(self) -> Signature:
        return signature([self._home.trusted])

    def _read(self) -> None:
        """What is trusted now; what was before stays where the file is broken."""
        self._seen = self._signature()
        try:
            now = read_trust(self._home)
        except PremptiError as error:
            self._health.trouble(_TRUST, error.diagnostics())
            return
        self._health.well(_TRUST)
        before, self._trusted = self._trusted, now
        if before is not None:
            self._record(before, now)

    def _record(self, before: Sequence[TrustedFile], now: Sequence[TrustedFile]) -> None:
        for file in now:
            if file not in before:
                log.info("rules of a project are trusted from now on: %s", shown(file.path))
                self._trail.admin(
                    "rules-trusted", file=file.path, sha256=file.sha256, by=file.by, processes=file.processes
                )
        kept = {file.path for file in now}
        for file in before:
            if file.path not in kept:
                log.info("rules of a project are no longer trusted: %s", shown(file.path))
                self._trail.admin("rules-untrusted", file=file.path, sha256=file.sha256)

    def _tell(self, generation: int, rules: ProjectRules) -> None:
        """A project's rules were loaded, by a call or by a change of the installed ones: tell what is news.

        A call that still goes by what was trusted before has no news.
        """
        with self._lock:
            if generation != self._generation:
                return
            before = self._told.get(rules.root)
            self._told[rules.root] = rules
        if before is not None and (before.files, _digest(before)) == (rules.files, _digest(rules)):
            return
        problem = rules.problem
        if problem:
            self._health.trouble(_part(rules.root), problem)
        else:
            self._health.well(_part(rules.root))
        count = len(rules.ruleset.rules) if rules.ruleset is not None else 0
        log.info("rules of the project %s that are in force: %d", shown(rules.root), count)
        self._trail.admin(
            "project-rules",
            project=rules.root,
            rules=count,
            digest=_digest(rules),
            in_force=[file.path for file in rules.files if file.state is State.IN_FORCE],
            not_in_force=[
                f"{file.path}: {file.state} {file.why}".strip()
                for file in rules.files
                if file.state is not State.IN_FORCE
            ],
        )


def _digest(rules: ProjectRules) -> str:
    return rules.ruleset.digest if rules.ruleset is not None else ""


def _part(root: str) -> str:
    return f"rules of project {shown(root)}"
