"""Registers the hook in a JSON file of an agent: the same steps for every agent that is told so.

A file that cannot be read with certainty is refused and left as it is, and a problem in the status: agents
ignore such a file, hooks and all.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from prempti_otel.agents import hook_entries, hook_file
from prempti_otel.agents.registration import Action, Change, HookStatus, Scope, Transport
from prempti_otel.agents.settings_file import (
    Form,
    Settings,
    SettingsFileError,
    change,
    load,
    parse,
    read,
    write_private,
)
from prempti_otel.settings.home import Home

BACKUP_SUFFIX = ".prempti-backup"

TIMEOUT_SECONDS = 15
"""What agents give the hook: when it is over, most let the call run.

The hook's own deadline is 5 s, and 12 s where it starts the engine.
"""

_NEW_FILE_MODES = {Scope.USER: 0o600, Scope.PROJECT: 0o644, Scope.LOCAL: 0o600, Scope.MANAGED: 0o644}
_OTHERWISE = "the hook is registered in another way than this version does it: run premptictl hook add"


def _no_problems(project: Path) -> Iterable[str]:  # noqa: ARG001
    return ()


class HttpForm(Protocol):
    """How an agent is told of HTTP hooks."""

    def entries(self, home: Home, *, fail_open: bool) -> hook_entries.Entries:
        """Event → entry; none where HTTP hooks are not set up."""

    def fails_open(self, found: list[tuple[str, hook_entries.Entry]]) -> bool:
        """Whether the entries that were found let calls pass while the engine does not answer."""

    def problems(self, home: Home, path: Path) -> list[str]:
        """What keeps calls from being judged, or their token from being kept, a sentence each."""


@dataclass(frozen=True)
class HooksJson:
    """How one agent is told of hooks. Its methods are those of :class:`prempti_otel.agents.registration.Registrar`."""

    agent: str
    scopes: tuple[Scope, ...]
    path: Callable[[Scope, Path], Path]
    """The file of a scope, for a project."""
    entry: Callable[[str, bool], hook_entries.Entry]
    """The entry for a command; the flag says whether it fails open."""
    events: tuple[str, ...]
    """The hook events that it is entered for."""
    lifecycle: Mapping[str, Callable[[str], hook_entries.Entry]] = field(default_factory=dict)
    """The events that it is entered for only to be told of them → the entry for a command."""
    form: Form = Form.JSON
    preamble: dict[str, Any] = field(default_factory=dict)
    """What a file has to say beside its hooks."""
    denial: str = ""
    """See :func:`prempti_otel.agents.hook_file.command`."""
    http: HttpForm | None = None
    """How it is told of HTTP hooks, if it knows them."""
    problems: Callable[[Path], Iterable[str]] = _no_problems
    """What else keeps a registered hook from running, in a project: a sentence each."""

    def add(self, scope: Scope, home: Home, project: Path, *, fail_open: bool) -> Change:
        """See :func:`prempti_otel.agents.registration.add`."""
        return self.enter(scope, home, project, self.entries(home, fail_open=fail_open))

    def enter(self, scope: Scope, home: Home, project: Path, entries: hook_entries.Entries) -> Change:
        """Install the hook and have exactly ``entries`` in the file. Raises SettingsFileError."""
        path = self.path_of(scope, project)
        done = Action.UNCHANGED

        def edit(before: Settings | None) -> bytes:
            nonlocal done
            settings = before or parse(self._empty(), path)
            if wrong := hook_entries.misplaced(settings.data, entries):
                raise SettingsFileError(wrong, where=str(path), remedy="mend it first")
            found = hook_entries.registered(settings.data)
            done = Action.UPDATED if found else Action.ADDED
            if _as(found, entries):
                done = Action.UNCHANGED
                return settings.raw
            if before is None:
                _backup(path).unlink(missing_ok=True)
            elif not found:
                write_private(_backup(path), before.raw)
            text = hook_entries.text_with(hook_entries.text_without(settings.text, self._read_text), entries)
            self._verify(text, hook_entries.data_with(hook_entries.data_without(settings.data), entries), path)
            return settings.encode(text)

        hook_file.install(home)
        change(path, edit, _NEW_FILE_MODES[scope], form=self.form)
        return Change(self.agent, scope, path, done, _existing(_backup(path)))

    def remove(self, scope: Scope, home: Home, project: Path) -> Change:
        """See :func:`prempti_otel.agents.registration.remove`. A file that ``add`` made goes, too."""
        path = self.path_of(scope, project)
        done = Action.UNCHANGED
        restored = False

        def edit(before: Settings | None) -> bytes | None:
            nonlocal done, restored
            if before is None or not hook_entries.registered(before.data):
                done = Action.UNCHANGED
                return before.raw if before else None
            done = Action.REMOVED
            text = hook_entries.text_without(before.text, self._read_text)
            expected = hook_entries.data_without(before.data)
            self._verify(text, expected, path)
            backup = self._read_backup(path)
            entries = self.entries(home, fail_open=False)
            restored = backup is not None and hook_entries.data_pruned(backup.data, entries) == expected
            if backup and restored:
                return backup.raw
            return None if expected == self.preamble and not _existing(_backup(path)) else before.encode(text)

        if read(path, form=self.form) is not None:
            change(path, edit, form=self.form)
        if restored:
            _backup(path).unlink()
        return Change(self.agent, scope, path, done, _existing(_backup(path)))

    def status(self, home: Home, project: Path) -> list[HookStatus]:
        """See :func:`prempti_otel.agents.registration.status`."""
        problems = list(self.problems(project))
        return [self._status(scope, home, project, problems) for scope in self.scopes]

    def path_of(self, scope: Scope, project: Path) -> Path:
        """The file of ``scope``. Raises SettingsFileError where the agent has no such scope."""
        if scope not in self.scopes:
            known = ", ".join(known.value for known in self.scopes)
            raise SettingsFileError(
                f"{self.agent} has no settings of scope {scope.value}", remedy=f"use one of: {known}"
            )
        return self.path(scope, project)

    def entries(self, home: Home, *, fail_open: bool) -> dict[str, hook_entries.Entry]:
        """What ``add`` enters: event → entry."""
        command = hook_file.command(self.agent, home, fail_open=fail_open, denial=self.denial)
        judged = {event: self.entry(command, fail_open) for event in self.events}
        told = hook_file.command(self.agent, home, fail_open=fail_open, lifecycle=True)
        return judged | {event: entry(told) for event, entry in self.lifecycle.items()}

    def _status(self, scope: Scope, home: Home, project: Path, switches: list[str]) -> HookStatus:
        path = self.path(scope, project)
        try:
            settings = read(path, form=self.form)
        except SettingsFileError as error:
            return HookStatus(self.agent, scope, path, False, False, False, (error.diagnostics(),))
        found = hook_entries.registered(settings.data) if settings else []
        if not found:
            return HookStatus(self.agent, scope, path, False, False, False, ())
        commands = [text for _, entry in found for text in hook_entries.commands(entry)]
        problems = [*switches, *hook_file.problems(home)]
        over_http = self.http is not None and any(hook_entries.http_entries(entry) for _, entry in found)
        if self.http is not None and over_http:
            fail_open = self.http.fails_open(found)
            current = _as(found, self.http.entries(home, fail_open=fail_open))
            problems += self.http.problems(home, path)
        else:
            fail_open = any("--fail-open" in text for text in commands)
            current = _as(found, self.entries(home, fail_open=fail_open))
        if not current:
            problems += [problem for text in commands for problem in command_problems(text, home)] or [_OTHERWISE]
        transport = Transport.HTTP if over_http else Transport.COMMAND
        return HookStatus(self.agent, scope, path, True, current, fail_open, tuple(dict.fromkeys(problems)), transport)

    def _verify(self, text: str, expected: dict[str, Any], path: Path) -> None:
        """Raises SettingsFileError where the edited text does not say exactly what it should."""
        if self._read_text(text) != expected:
            problem = "this file cannot be edited safely: an object in it has a key twice"
            raise SettingsFileError(problem, where=str(path), remedy="remove one of the two")

    @property
    def _read_text(self) -> hook_entries.Reader:
        return partial(load, form=self.form)

    def _read_backup(self, path: Path) -> Settings | None:
        backup = _existing(_backup(path))
        try:
            return read(backup, form=self.form) if backup else None
        except SettingsFileError:
            return None

    def _empty(self) -> bytes:
        members = ",\n".join(f'  "{key}": {value}' for key, value in self.preamble.items())
        return f"{{\n{members}\n}}\n".encode() if members else b"{}\n"


def command_problems(text: str, home: Home) -> Iterator[str]:
    """What is wrong with a registered command, a sentence each."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    for word in (word for word in words if word.startswith("/") and not Path(word).exists()):
        yield f"the registered command names {word}, which does not exist: run premptictl hook add"
    if "--home" in words[:-1] and words[words.index("--home") + 1] != str(home.root):
        yield f"the hook is registered for another home, {words[words.index('--home') + 1]}"


def _as(found: list[tuple[str, hook_entries.Entry]], entries: hook_entries.Entries) -> bool:
    """Whether exactly ``entries`` were found."""
    return len(found) == len(entries) and all(entries.get(event) == entry for event, entry in found)


def _backup(path: Path) -> Path:
    return path.with_name(path.name + BACKUP_SUFFIX)


def _existing(path: Path) -> Path | None:
    return path if path.is_file() and not path.is_symlink() else None
