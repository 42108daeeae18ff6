"""Trusted rules of projects: which of them a call is judged by, kept loaded and as fresh as the files on disk.

They are judged besides the installed rules and can only add matches to theirs. A file is in force only while its
content is the trusted one: the very bytes that were hashed are loaded. What is not in force is told, never raised.
"""

from __future__ import annotations

import hashlib
import shlex
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from prempti_otel.engine.health import describe
from prempti_otel.engine.projects import files as project_files
from prempti_otel.engine.projects.trust import fingerprint

if TYPE_CHECKING:
    from prempti_otel.model.decision import Match
    from prempti_otel.model.event import Event
    from prempti_otel.rules.options import Options, RuleFile
    from prempti_otel.rules.project import Foundation, ProjectLoad
    from prempti_otel.rules.ruleset import Ruleset

POLL_S = 0.5
"""How old what is known of a project's files may be."""
MAX_PROJECTS = 64
"""Projects whose rules are kept loaded."""
MAX_FOLDERS = 1024
"""Folders of which is remembered what projects they belong to."""
MOST_TOLD = 3
"""Files that a sentence names."""
_SETTLED_NS = 2_000_000_000
"""A file that changed less than this long ago may have changed again without its times telling."""


class State(StrEnum):
    """What became of a trusted file."""

    IN_FORCE = "in force"
    CHANGED = "changed"
    """Its content is not the trusted one."""
    MISSING = "missing"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    """It does not load, or would do more than tighten."""


@dataclass(frozen=True, slots=True)
class FileState:
    """One trusted file of a project."""

    path: str
    state: State
    why: str = ""
    """Why it is not in force, for a person."""


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """One project's rules as they are now."""

    root: str
    files: tuple[FileState, ...]
    ruleset: Ruleset | None
    """Of the files that are in force; None where there is none."""

    @property
    def problem(self) -> str:
        """What is trusted and not in force, a sentence; empty where all is."""
        lost = [
            f"{project_files.shown(file.path)} {_SAID[file.state]}{file.why}"
            for file in self.files
            if file.state is not State.IN_FORCE
        ]
        if not lost:
            return ""
        more = f" and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
        remedy = f"look at them: premptictl rules trust {shlex.quote(project_files.shown(self.root))}"
        return f"rules of a project are not in force: {'; '.join(lost[:MOST_TOLD])}{more} ({remedy})"


_SAID = {
    State.CHANGED: "changed since it was trusted",
    State.MISSING: "is not there any more",
    State.UNREADABLE: "cannot be read: ",
    State.REFUSED: "is refused: ",
}


@dataclass(slots=True)
class _Kept:
    """A project's rules, and by which files they were found."""

    lock: threading.Lock
    rules: ProjectRules | None = None
    stamps: tuple[project_files.Stamp | None, ...] = ()
    checked: float = 0.0
    settled: bool = False


class ProjectSource(Protocol):
    """Where the rules of projects come from."""

    def of(self, *folders: str) -> tuple[ProjectRules, ...]:
        """The rules of all projects that these folders (absolute real paths) lie in; the outermost come first."""

    def digest(self, base: str, rules: Sequence[ProjectRules]) -> str:
        """Of the installed ruleset and the projects' together."""


class Everywhere:
    """One project's rules for every call, wherever it is made: for tests of rules."""

    def __init__(self, rules: ProjectRules) -> None:
        self._rules = (rules,)

    @property
    def names(self) -> frozenset[str]:
        """Of the rules."""
        return frozenset(rule.name for one in self._rules if one.ruleset is not None for rule in one.ruleset.rules)

    def of(self, *folders: str) -> tuple[ProjectRules, ...]:  # noqa: ARG002
        """See :meth:`ProjectSource.of`."""
        return self._rules

    def digest(self, base: str, rules: Sequence[ProjectRules]) -> str:
        """See :meth:`ProjectSource.digest`."""
        return _digest((base, *(one.ruleset.digest for one in rules if one.ruleset is not None)))


class Projects:
    """The trusted rules on top of one installed ruleset. Safe for all threads."""

    def __init__(
        self,
        trusted: Mapping[str, Mapping[str, str]],
        foundation: Callable[[], Foundation],
        options: Options,
        told: Callable[[ProjectRules], None] | None = None,
    ) -> None:
        """``trusted``: root → file name → SHA-256. ``told`` is given a project's rules whenever they were loaded.

        ``foundation`` is asked for what they build on when the first of them are loaded.
        """
        self._trusted = trusted
        self._foundation = foundation
        self._options = options
        self._told = told
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._roots: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()

    def of(self, *folders: str) -> tuple[ProjectRules, ...]:
        """The rules of all projects that these folders (absolute real paths) lie in; the outermost come first."""
        roots = dict.fromkeys(root for folder in dict.fromkeys(folders) for root in self._roots_of(folder))
        return tuple(self._project(root) for root in roots) if roots else ()

    def loaded(self) -> tuple[str, ...]:
        """The roots of the projects that are kept loaded."""
        with self._lock:
            return tuple(self._kept)

    def refresh(self, roots: Sequence[str]) -> None:
        """Load these projects now, so that no call waits for them."""
        for root in roots:
            if root in self._trusted:
                self._project(root)

    def digest(self, base: str, rules: Sequence[ProjectRules]) -> str:
        """Of the installed ruleset and the projects' together."""
        return _digest((base, *(one.ruleset.digest for one in rules if one.ruleset is not None)))

    def _roots_of(self, folder: str) -> tuple[str, ...]:
        known = self._roots.get(folder)
        now = time.monotonic()
        if known is not None and now - known[0] < POLL_S:
            return known[1]
        main = project_files.main_worktree(folder)
        around = [*project_files.above(folder), *(project_files.above(main) if main else ())]
        roots = tuple(root for root in reversed(dict.fromkeys(around)) if root in self._trusted)
        with self._lock:
            self._roots[folder] = now, roots
            if len(self._roots) > MAX_FOLDERS:
                self._roots.popitem(last=False)
        return roots

    def _project(self, root: str) -> ProjectRules:
        with self._lock:
            kept = self._kept.get(root)
            if kept is None:
                kept = self._kept[root] = _Kept(threading.Lock())
                if len(self._kept) > MAX_PROJECTS:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(root)
        if kept.rules is not None and time.monotonic() - kept.checked < POLL_S:
            return kept.rules
        with kept.lock:
            return self._checked(root, kept)

    def _checked(self, root: str, kept: _Kept) -> ProjectRules:
        if kept.rules is not None and time.monotonic() - kept.checked < POLL_S:
            return kept.rules
        stamps = tuple(project_files.stamp(root, name) for name in self._trusted[root])
        if kept.rules is None or stamps != kept.stamps or not kept.settled:
            rules = self._load(root, kept.rules)
            newest = max((stamp[3] for stamp in stamps if stamp), default=0)
            kept.stamps, kept.settled = stamps, time.time_ns() - newest > _SETTLED_NS
            if rules is not kept.rules:
                kept.rules = rules
                if self._told is not None:
                    self._told(rules)
        kept.checked = time.monotonic()
        assert kept.rules is not None
        return kept.rules

    def _load(self, root: str, before: ProjectRules | None) -> ProjectRules:
        """What is on disk now; ``before`` itself where that came to the same."""
        from prempti_otel.rules.options import RuleFile

        states: list[FileState] = []
        files: list[RuleFile] = []
        for name, sha256 in self._trusted[root].items():
            path = project_files.place(root, name)
            try:
                content = project_files.read(root, name)
            except FileNotFoundError:
                states.append(FileState(path, State.MISSING))
            except OSError as error:
                states.append(FileState(path, State.UNREADABLE, str(error.strerror)))
            else:
                same = fingerprint(content) == sha256
                states.append(FileState(path, State.IN_FORCE if same else State.CHANGED))
                if same:
                    files.append(RuleFile(path, content))
        if before is not None and _on_disk(before.files) == tuple(states):
            return before
        return self._compiled(root, states, files)

    def _compiled(self, root: str, states: list[FileState], files: list[RuleFile]) -> ProjectRules:
        from prempti_otel.rules.project import load_project

        try:
            loaded = load_project(files, self._foundation(), self._options)
        except Exception as error:  # noqa: BLE001 - the boundary of one project; the installed rules go on, and it is told
            why = describe(error)
            refused = {file.name: why for file in files}
            return ProjectRules(root, _with_refused(states, refused), None)
        return ProjectRules(root, _with_refused(states, _refusals(loaded)), loaded.ruleset)


@lru_cache(MAX_PROJECTS)
def _digest(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest() if len(parts) > 1 else parts[0]


def judge(rules: Sequence[ProjectRules], events: Sequence[Event]) -> list[Match]:
    """What projects' rules say of a call besides the installed ones; each match names its file."""
    found: list[Match] = []
    for one in rules:
        if one.ruleset is not None:
            matches = one.ruleset.judge(events).matches
            if matches:
                files = {rule.name: rule.file for rule in one.ruleset.rules}
                found += [replace(match, file=files[match.rule]) for match in matches]
    return found


def _refusals(loaded: ProjectLoad) -> dict[str, str]:
    refused = ((result.name, result.errors[0]) for result in loaded.files if result.errors)
    return {name: f"line {error.locations[-1].line + 1}: {error.message}" for name, error in refused}


def _with_refused(states: Sequence[FileState], refused: Mapping[str, str]) -> tuple[FileState, ...]:
    return tuple(
        FileState(one.path, State.REFUSED, refused[one.path]) if one.path in refused else one for one in states
    )


def _on_disk(files: Sequence[FileState]) -> tuple[FileState, ...]:
    """The states without what loading made of them."""
    return tuple(FileState(one.path, State.IN_FORCE) if one.state is State.REFUSED else one for one in files)
