"""What a process runs in turn: other commands, and code in any language, with the context that they get.

How a command line is made is the shell's matter, in ``command``. Nothing here decides; nothing is run.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prempti_otel.analysis.code import analyse_code
from prempti_otel.analysis.reading import CodeReading, FileOp, Handover, LinkAccess, Word
from prempti_otel.analysis.shell import flows, output
from prempti_otel.analysis.shell import written as written_files
from prempti_otel.analysis.shell.disk import Disk
from prempti_otel.analysis.shell.redirect import Redirected
from prempti_otel.analysis.shell.state import NOTHING, State
from prempti_otel.analysis.shell.trace import FileTouch, Process

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.walk import Walk

_EXPORTED = "BASH_FUNC_"
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]*\Z")
_OPAQUE = re.compile(r"\$|`|<\(")
PLACEHOLDER = re.compile(r"\{[^\s{},;][^\s{},;]*\}")
"""What inline code hands over in place of what it computes, where a shell's group would have a blank."""
_LONE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*]|\{[A-Za-z_][A-Za-z0-9_]*\})\Z")


class Runs(ABC):
    """What the processes of one call run."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.expander = walk.expander

    @abstractmethod
    def run(
        self, argv: tuple[Word, ...], state: State, redirected: Redirected, *, in_shell: bool, more: bool = False
    ) -> Word | None:
        """One command line; ``in_shell`` says that the shell runs it itself, so that functions and builtins count."""

    def run_function(self, name: Word, state: State) -> None:
        """A function that the shell calls by itself."""
        self.run((name,), state, Redirected(), in_shell=True)

    def inner(self, process: Process, state: State) -> State:
        """The state of what ``process`` runs."""
        inner = state.copy()
        inner.parent = process
        inner.depth += 1
        return inner

    def hand_over(self, process: Process, handover: Handover, state: State) -> Word | None:
        """What a command runs: another command, or code."""
        name = process.reading.name
        if state.depth >= self.walk.deepest:
            self.walk.cut(name)
            process.dynamic = True
            return None
        inner = self.inner(process, state)
        self._context(handover, inner)
        if handover.language != "argv":
            return self.code(process, handover, inner)
        if name in output.CONSUMERS:
            inner.stdin, inner.fetched = NOTHING, False
        if not handover.argv:
            return None
        return self.run(handover.argv, inner, Redirected(), in_shell=False, more=handover.more_arguments)

    def _context(self, handover: Handover, inner: State) -> None:
        if handover.remote is not None:
            inner.remote = handover.remote.text
            inner.cwd = Word("~", known=False)
            inner.variables = {}
            inner.disk = Disk(lookups=0)
            inner.functions = {}
        if handover.user is not None:
            inner.user = handover.user.text
        if handover.directory is not None:
            inner.cwd = inner.below(handover.directory)
        inner.variables.update(handover.environment)
        for name, value in handover.environment.items():
            if name.startswith(_EXPORTED) and inner.depth < self.walk.deepest:
                self._exported(name.removeprefix(_EXPORTED).rstrip("%()"), value, inner)

    def _exported(self, name: str, value: Word, state: State) -> None:
        """A function that a variable carries to every bash that starts: it is defined there, and may be called."""
        if _FUNCTION.match(name):
            self.walk.code(f"{name} {value.text}\n", state)
            self.run_function(Word(name), state.copy())

    def code(self, process: Process, handover: Handover, inner: State) -> Word | None:
        """Code that a command runs, in ``inner``."""
        code = handover.code
        if code is None and handover.code_file is not None:
            return written_files.given(self, process, handover, handover.code_file, inner)
        if code is None:
            self._unknown_code(process, inner)
            return None
        from_stdin = inner.stdin.text is not None and code == inner.stdin.text
        if (inner.fetched and from_stdin) or self.is_fetched(code):
            self.effect(process, "runs_remote_code")
        if from_stdin and not output.DECODERS.isdisjoint(inner.pipe_from):
            process.dynamic = True
        if from_stdin:
            inner.stdin = NOTHING
        return self.interpret(process, handover.language, code, handover.args, inner)

    def _unknown_code(self, process: Process, inner: State) -> None:
        """Code that comes from standard input and is not known."""
        kind = inner.stdin.kind
        if kind == "none":
            return
        if inner.fetched:
            self.effect(process, "runs_remote_code")
        if kind != "file" or inner.fetched:
            process.dynamic = True
            process.script = process.script or ""

    def interpret(self, process: Process, language: str, code: Word, args: Sequence[Word], inner: State) -> Word | None:
        """Code in some language, run by ``process``."""
        if process.script is None:
            process.script = code.text
        if not code.known:
            inner.replayed = True
            text = code.text.strip()
            if _OPAQUE.match(text) or PLACEHOLDER.match(text):
                process.dynamic = True
            if PLACEHOLDER.fullmatch(text):
                return None
            if text in self.walk.seen or _LONE.match(text):
                return None
        if language == "sh":
            if args:
                inner.name, inner.parameters = args[0], tuple(args[1:])
            else:
                inner.parameters = ()
            return self.walk.code(code.text, inner)
        home = self.expander.variable("HOME", inner)
        found = analyse_code(
            language,
            code,
            args,
            home=home.text if isinstance(home, Word) else "",
            cwd=inner.cwd.text if inner.cwd.known else "",
            stdin=inner.stdin.text,
        )
        self.found(process, found, inner)
        return None

    def found(self, process: Process, found: CodeReading, inner: State) -> None:
        """What code that ``process`` runs would do."""
        first = len(process.files)
        process.dynamic = process.dynamic or found.dynamic
        if found.cut:
            self.walk.cut(process.script or "")
        disk, links = inner.disk, inner.disk.links
        for access in found.files:
            if isinstance(access, LinkAccess):
                disk.link(access.path, access.target, inner.path, hard=access.hard)
        # In which order the code runs is not followed: a path may be used after any link is made.
        process.files.extend(
            FileTouch(access, inner.cwd, links if access.op is FileOp.LINK else disk.links) for access in found.files
        )
        process.hosts.extend(found.hosts)
        self.walk.trace.events += len(found.files) + len(found.hosts)
        for effect in found.effects:
            self.effect(process, effect)
        flows.of_code(process, found, inner)
        self.write(process, inner, first)
        for handover in found.runs:
            self.hand_over(process, handover, inner)

    def is_fetched(self, word: Word) -> bool:
        """Whether text holds the output of a substitution that downloads."""
        return not word.known and any(source in word.text for source in self.walk.fetched)

    @staticmethod
    def effect(process: Process, effect: str) -> None:
        """Add an effect, once."""
        if effect not in process.effects:
            process.effects.append(effect)

    def write(self, process: Process, state: State, first: int = 0) -> None:
        """Note what the process does to files, for commands that come later in the same code."""
        if process.files:
            state.disk.note(process, process.files[first:], state.path, fetched=state.fetched)
