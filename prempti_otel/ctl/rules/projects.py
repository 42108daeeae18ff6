"""A project's rules files as premptictl sees them: what they hold, which of them are trusted.

Everything in them may be hostile: it is loaded by the rules for projects, and shown with control characters defused.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from prempti_otel.ctl.files import locked, write_private
from prempti_otel.ctl.rules.project_places import rule_file_names
from prempti_otel.engine.projects import files as project_files
from prempti_otel.engine.projects.trust import MAX_FILES, TrustedFile, TrustList, fingerprint, read_trust
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.rules.diagnostics import FileResult
    from prempti_otel.rules.project import ProjectLoad
    from prempti_otel.rules.rule import Rule
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One rules file of a project."""

    path: str
    content: bytes
    trust: str
    """``trusted``, ``changed`` (trusted with another content), or ``new``."""

    @property
    def sha256(self) -> str:
        """Of the content."""
        return fingerprint(self.content)


@dataclass(frozen=True, slots=True)
class Project:
    """A project's files, loaded on top of the installed rules."""

    root: str
    files: tuple[ProjectFile, ...]
    loaded: ProjectLoad
    unreadable: tuple[str, ...] = ()
    """Files that could not be read, each with the reason."""

    def rules(self, file: ProjectFile) -> list[Rule]:
        """What the file defines; nothing where it is refused."""
        ruleset = self.loaded.ruleset
        return [rule for rule in ruleset.rules if rule.file == file.path] if ruleset is not None else []

    def result(self, file: ProjectFile) -> FileResult:
        """What loading the file came to."""
        return next(result for result in self.loaded.files if result.name == file.path)


def load(root: str, home: Home, config: Config, only: str = "") -> Project:
    """The project's files, or one of them with those that are trusted. Raises PremptiError."""
    from prempti_otel.engine.rulesets import installed_rule_files, selection
    from prempti_otel.rules.diagnostics import LoadError
    from prempti_otel.rules.options import Options, RuleFile
    from prempti_otel.rules.project import foundation, load_project

    known = {file.path: file.sha256 for file in read_trust(home)}
    files, unreadable = [], []
    for name in dict.fromkeys((*rule_file_names(root), *([only] if only else []))):
        try:
            file = _read(root, name, known)
        except PremptiError as error:
            if name == only:
                raise
            unreadable.append(error.diagnostics())
            continue
        if not only or name == only or file.trust == "trusted":
            files.append(file)
    options = Options(selection=selection(config))
    try:
        base = foundation(installed_rule_files(home, config), options)
    except LoadError as error:
        raise PremptiError(
            f"the installed rules do not load: {error.diagnostics()}", remedy="premptictl rules check"
        ) from error
    loaded = load_project([RuleFile(file.path, file.content) for file in files], base, options)
    return Project(root, tuple(files), loaded, tuple(unreadable))


def _read(root: str, name: str, known: dict[str, str]) -> ProjectFile:
    path = project_files.place(root, name)
    try:
        content = project_files.read(root, name)
    except OSError as error:
        raise PremptiError(
            f"this file cannot be read: {error.strerror}", where=path, remedy="correct or remove it"
        ) from error
    trust = "new" if path not in known else "trusted" if known[path] == fingerprint(content) else "changed"
    return ProjectFile(path, content, trust)


def add(home: Home, files: Iterable[ProjectFile]) -> None:
    """Trust these files with the content they have here. Raises PremptiError."""
    by, processes = _user(), _processes()
    fresh = {
        file.path: TrustedFile(path=file.path, sha256=file.sha256, time_ns=time.time_ns(), by=by, processes=processes)
        for file in files
    }
    home.create()
    _change(home, lambda now: [*(one for one in now if one.path not in fresh), *fresh.values()])


def remove(home: Home, path: Path) -> list[str]:
    """Trust no longer ``path`` and what lies below it, whether or not it is there; what that was.

    Raises PremptiError.
    """
    meant = {os.path.realpath(path), os.path.abspath(path)}  # noqa: PTH100 - the links on the way may be gone
    gone: list[str] = []

    def without(now: Sequence[TrustedFile]) -> list[TrustedFile]:
        gone.extend(
            one.path
            for one in now
            if any(one.path == place or one.path.startswith(f"{place.rstrip('/')}/") for place in meant)
        )
        return [one for one in now if one.path not in gone]

    _change(home, without)
    return gone


def state(file: TrustedFile) -> str:
    """``trusted``, ``changed``, ``missing`` or ``unreadable``: what is there now of a file that was trusted."""
    where = project_files.root_and_name(file.path)
    if where is None:
        return "unreadable"
    try:
        return "trusted" if fingerprint(project_files.read(*where)) == file.sha256 else "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


def summary(home: Home) -> dict[str, Any]:
    """How many files are trusted, and which of them are not what they were; the sentence where nobody can say."""
    try:
        files = read_trust(home)
    except PremptiError as error:
        return {"trusted": 0, "not_in_force": [], "problem": error.diagnostics()}
    states = [{"file": file.path, "state": state(file)} for file in files]
    return {"trusted": len(files), "not_in_force": [one for one in states if one["state"] != "trusted"], "problem": ""}


def _change(home: Home, change: Callable[[Sequence[TrustedFile]], list[TrustedFile]]) -> None:
    with locked(home):
        now = change(read_trust(home))
        if len(now) > MAX_FILES:
            raise PremptiError(
                f"more than {MAX_FILES} files cannot be trusted", remedy="take some away: premptictl rules untrust"
            )
        if now or home.trusted.exists():
            content = TrustList(files=sorted(now, key=lambda one: one.path))
            write_private(home.trusted, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def _user() -> str:
    with contextlib.suppress(KeyError):  # a container's user may have no account
        return pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def _processes() -> list[str]:
    """``PID NAME`` of this process and of all that started it, as far as can be seen."""
    import psutil

    try:
        process = psutil.Process()
        return [f"{one.pid} {one.name()}" for one in (process, *process.parents())]
    except psutil.Error:
        return []
