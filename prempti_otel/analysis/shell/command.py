"""Simple commands: from a command line's words to a process and what it touches.

The catalogue knows commands; this knows the shell: assignments, functions, aliases. Nothing here decides; nothing
is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from prempti_otel.analysis.reading import (
    CommandReading,
    FileAccess,
    FileOp,
    HostAccess,
    Word,
    origins_of,
    united,
)
from prempti_otel.analysis.shell import again, arrays, flows, output
from prempti_otel.analysis.shell import written as written_files
from prempti_otel.analysis.shell.builtins import BUILTINS, LOOKUPS, RUNNING
from prempti_otel.analysis.shell.declarations import DECLARATIONS
from prempti_otel.analysis.shell.inherited import Inherited, has_settings
from prempti_otel.analysis.shell.redirect import Redirected, read_redirections
from prempti_otel.analysis.shell.running import PLACEHOLDER, Runs
from prempti_otel.analysis.shell.state import EMPTY, MOST_VARIABLES, State, Value, Variable, held
from prempti_otel.analysis.shell.tokens import Source, Token, TokenKind
from prempti_otel.analysis.shell.trace import MOST_EVENTS, FileTouch, Process

if TYPE_CHECKING:
    from prempti_otel.analysis.reading import Catalogue
    from prempti_otel.analysis.shell.walk import Walk

MOST_SAME_CALLS = 2
"""How often a function is entered from within itself."""
MOST_WORDS = 20_000
"""Words of command lines that one call may have: a wrapper's words are its command's, too, at every level."""
_WORDS_BEYOND = 16
"""Words of each command line that are read beyond that."""

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[^\]]*)\])?(?P<append>\+?)=")
_TRUSTED_NAME = re.compile(r"[!-<>-~][!-~]*\Z")
"""Not what stands in for a name on the screen, nor zsh's ``=NAME``."""
_WORD, _REDIRECT, _TEST = TokenKind.WORD, TokenKind.REDIRECT, TokenKind.TEST
_NOT_REDIRECTED = Redirected()
_NO_VARIABLES: Mapping[str, Variable | None] = MappingProxyType({})


def _computed(word: Word) -> Word:
    """The word, unknown where it holds what inline code computes."""
    return Word(word.text, False, word.pattern, word.origins) if PLACEHOLDER.search(word.text) else word


class Commands(Runs):
    """Reads the simple commands of one call."""

    def __init__(self, walk: Walk, catalogue: Catalogue) -> None:
        super().__init__(walk)
        self.catalogue = catalogue
        self._words = MOST_WORDS
        self.inherited = Inherited()

    # From tokens to words

    def simple(self, source: Source, tokens: Sequence[Token], state: State) -> Word | None:
        """A simple command as it stands in the code; what it writes to standard output, where known."""
        if len(tokens) > 1 and source.text.startswith("time", tokens[0].start) and (rest := _timed(source, tokens)):
            return self._time(source, rest, state)
        words: list[Word] = []
        redirections: list[Token] = []
        assigned: dict[str, Value] = {}
        before = state.variables
        after: dict[str, Variable] = {}
        for token in tokens:
            if token.kind is _WORD:
                if token.word is not None:
                    words.append(token.word)
                    continue
                match = None if words else _ASSIGNMENT.match(source.text, token.start, token.end)
                if match is not None:
                    # Later assignments see earlier ones, but the words after them do not.
                    state.variables = after = after or dict(before)
                    after[match["name"]] = assigned[match["name"]] = self._value(source, match, token.end, state)
                    state.variables = before
                else:
                    self._word(source, token, words, state)
            elif token.kind is _REDIRECT:
                redirections.append(token)
            elif token.kind is _TEST:
                self.expander.condition(source, token.start, token.end, state)
            else:
                self.expander.arithmetic(source, token.start, token.end, state)
        redirected = read_redirections(self.expander, source, redirections, state) if redirections else _NOT_REDIRECTED
        if not words:
            state.variables.update(assigned)
            self.redirected(redirected.files, redirected.hosts, state)
            return self._shown(redirected)
        return self._with(assigned, words, redirected, state)

    def _shown(self, redirected: Redirected) -> Word | None:
        """What ``$(< file)`` gives, and zsh shows for ``< file``; None where that is not known."""
        if redirected.stdin is None:
            return EMPTY
        file = redirected.stdin_file
        text = redirected.stdin.text
        return self.walk.files.get(file.text) if text is None and file is not None else text

    def _time(self, source: Source, tokens: Sequence[Token], state: State) -> Word | None:
        """``time`` before assignments: they are the command's, as without it."""
        first = len(self.walk.trace.processes)
        self.run((Word("time"),), state, Redirected(), in_shell=True)
        parent = state.parent
        state.parent = next(iter(self.walk.trace.processes[first:]), parent)
        written = self.simple(source, tokens, state)
        state.parent = parent
        return written

    def _word(self, source: Source, token: Token, words: list[Word], state: State) -> None:
        start, end = token.start, token.end
        if words and words[0].text in DECLARATIONS:
            match = _ASSIGNMENT.match(source.text, start, end)
            if match:
                name, value = match["name"], self._value(source, match, end, state)
                state.variables[name] = value
                shown = value.text if isinstance(value, Word) else source.text[match.end() : end]
                known = not isinstance(value, Word) or value.known
                words.append(Word(f"{name}={shown}", known, origins=held(name, value)))
                return
        found = self.expander.words(source, start, end, state)
        words.extend(found if not state.replayed else map(_computed, found))

    def _value(self, source: Source, match: re.Match[str], end: int, state: State) -> Value:
        """An assignment's value; for an element of an array, the whole array's."""
        name, start, text = match["name"], match.end(), source.text
        before = self.expander.variable(name, state)
        inner = None
        if match["index"] is not None:
            inner = self.expander.quoted(source, match.start("index"), match.end("index"), state)
            again.arithmetic(self.expander, inner.text, state, expanded=not inner.known)
        if text.startswith("(", start):
            elements = arrays.literal(self, text[start + 1 : end - 1], state)
            return (*before, *elements) if match["append"] and isinstance(before, tuple) else elements
        value = self.expander.single(source, start, end, state)
        if inner is not None:
            return arrays.with_element(before, inner, value)
        if match["append"]:
            if isinstance(before, Word):
                known = before.known and value.known
                return Word(before.text + value.text, known, origins=origins_of((before, value)))
            return Word(f"${name}{value.text}", known=False, origins=united(held(name, before), value.origins))
        return value

    def _with(
        self,
        assigned: dict[str, Value],
        words: list[Word],
        redirected: Redirected,
        state: State,
    ) -> Word | None:
        """Run a command line with its assignments and redirections in place."""
        saved = {name: state.variables.get(name) for name in assigned} if assigned else _NO_VARIABLES
        state.variables.update(assigned)
        stdin, fetched, before = state.stdin, state.fetched, state.output
        if redirected.stdin is not None:
            state.stdin = redirected.stdin
            state.fetched = redirected.comes_from(self.walk.fetched)
        if redirected is not _NOT_REDIRECTED:
            state.output = redirected.output(before)
        written = self.run(tuple(words), state, redirected, in_shell=True)
        if words[0].text != "exec" or len(words) != 1:
            state.stdin, state.fetched, state.output = stdin, fetched, before
        elif redirected.stdin is None:
            state.stdin, state.fetched = stdin, fetched
        for name, previous in saved.items():
            if previous is None:
                state.variables.pop(name, None)
            else:
                state.variables[name] = previous
        return EMPTY if redirected.stdout else written

    # Processes

    def redirected(self, touches: list[FileTouch], hosts: Sequence[HostAccess], state: State) -> None:
        """Redirections of the shell itself, or of a compound command: the shell's own doing."""
        if touches or hosts:
            shell = Word("bash")
            process = self._process(CommandReading("bash", "bash", (shell,)), state)
            process.files.extend(touches)
            process.hosts.extend(hosts)
            self.write(process, state)
            self.walk.trace.add(process)

    def _process(self, reading: CommandReading, state: State) -> Process:
        environment = state.environment()
        if len(state.variables) > MOST_VARIABLES:
            self.walk.cut(reading.name)
        return Process(
            reading,
            state.parent,
            state.pipe_from,
            state.stdin.kind,
            state.user,
            state.remote,
            state.cwd,
            state.disk.links,
            environment,
        )

    def run(
        self, argv: tuple[Word, ...], state: State, redirected: Redirected, *, in_shell: bool, more: bool = False
    ) -> Word | None:
        """One command line; ``in_shell`` says that the shell runs it itself, so that functions and builtins count."""
        if self.walk.trace.full():
            self.walk.cut(argv[0].text)
            return None
        self._words -= len(argv)
        if self._words < 0 and len(argv) > _WORDS_BEYOND:
            self.walk.cut(argv[0].text)
            argv, more = argv[:_WORDS_BEYOND], True
        name = argv[0].text
        if in_shell and argv[0].known:
            if name in state.functions:
                return self._call(argv, state, redirected)
            if name in state.aliases:
                self._alias(argv, state)
        process = self._started(argv, state, more=more)
        reading = process.reading
        written = output.stdout(argv, state.stdin, state)
        flows.follow(process, argv, written, state, more=more)
        self._touch(process, argv[0], redirected, written, state)
        self.walk.trace.add(process)
        self.inherited.load(self, process, state)
        if in_shell and reading.name in BUILTINS and reading.name == name:
            result = BUILTINS[name](self, process, argv, state)
            if name not in RUNNING:
                return written
            if written is None and result is not None and redirected.stdout:
                self._rewrite(process, redirected, result, state)
            return result
        if not argv[0].known and len(argv) > 1 and argv[1].known and argv[1].text in self.catalogue:
            self.nested(process, argv[1:], state)
        if "/" in name:
            written_files.as_command(self, process, argv, state)
        if state.disk.files:
            written_files.looked_for(self, process, state)
        for handover in reading.runs:
            result = self.hand_over(process, handover, state)
            if name.rpartition("/")[2] not in LOOKUPS and written is None and len(reading.runs) == 1:
                written = result
                if written is not None and redirected.stdout and not handover.more_arguments:
                    self._rewrite(process, redirected, written, state)
        return written

    def _touch(self, process: Process, name: Word, redirected: Redirected, written: Word | None, state: State) -> None:
        """Note the files and hosts of a process beyond those that its reading names, and what they get."""
        if redirected is not _NOT_REDIRECTED:
            process.hosts.extend(redirected.hosts)
        if process.reading.name in written_files.KEEPS_STDIN:
            touches = Redirected(process.files, stdout=True).touches(written_files.kept(process, state))
            append = written_files.appends(process)
            process.files = [replace(touch, append=append) for touch in touches]
        if "/" in name.text and not process.dynamic:
            process.files.append(FileTouch(FileAccess(name, FileOp.EXEC), state.cwd, state.disk.links))
        if redirected is not _NOT_REDIRECTED:
            process.files.extend(redirected.touches(written))
        if process.files:
            self.write(process, state)

    def _rewrite(self, process: Process, redirected: Redirected, written: Word, state: State) -> None:
        """Note what a wrapper's files get once what it runs has told: ``time cat > f``."""
        others = [touch for touch in process.files if touch not in redirected.files]
        process.files = [*others, *redirected.touches(written)]
        self.write(process, state)

    def _started(self, argv: tuple[Word, ...], state: State, *, more: bool) -> Process:
        """The process of a command line, with what the catalogue knows of it; ``more`` as for :meth:`run`."""
        reading = self._reading(argv, state)
        process = self._process(reading, state)
        first = argv[0]
        pattern = first.pattern and first.text != "["
        process.dynamic = not first.known or pattern or reading.unread or not _TRUSTED_NAME.match(first.text)
        process.args_dynamic = more
        for word in argv[1:]:
            if not word.known:
                process.args_dynamic = True
                break
        if reading.effects:
            process.effects.extend(reading.effects)
        if reading.script is not None:
            process.script = reading.script.text
        if reading.hosts:
            process.hosts.extend(reading.hosts)
        if reading.files:
            cwd, links = state.cwd, state.disk.links
            process.files.extend([FileTouch(access, cwd, links) for access in reading.files[: MOST_EVENTS + 1]])
        return process

    def _reading(self, argv: tuple[Word, ...], state: State) -> CommandReading:
        if not argv[0].text.endswith("git") or not has_settings(argv, state):
            return self.catalogue.read(argv, state.stdin)
        reading = self.catalogue.read(self.inherited.with_settings(argv, state), state.stdin)
        return replace(reading, argv=argv)

    def nested(self, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
        """A command that ``process`` runs, in a copy of the state."""
        inner = self.inner(process, state)
        return self.run(argv, inner, Redirected(), in_shell=False)

    def _call(self, argv: tuple[Word, ...], state: State, redirected: Redirected) -> Word | None:
        """A function: no process of its own."""
        name = argv[0].text
        if state.depth >= self.walk.deepest:
            self.walk.cut(name)
            return None
        script, function = state.functions[name]
        if state.calls.count(id(function)) >= MOST_SAME_CALLS:
            process = self._process(self.catalogue.read(argv, state.stdin), state)
            process.dynamic = True
            self.walk.trace.add(process)
            return None
        saved = state.parameters, state.calls, state.depth
        state.parameters, state.calls, state.depth = argv[1:], (*state.calls, id(function)), state.depth + 1
        written = self.walk.statement(script, function.body, state)
        state.parameters, state.calls, state.depth = saved
        self.redirected(redirected.touches(written), redirected.hosts, state)
        return written

    def _alias(self, argv: tuple[Word, ...], state: State) -> None:
        """An alias of the same code may or may not be in force: its text is walked besides."""
        name = argv[0].text
        code = state.aliases[name]
        inner = state.copy()
        inner.depth += 1
        del inner.aliases[name]
        arguments = " ".join(shlex.quote(word.text) if word.known else word.text for word in argv[1:])
        self.walk.code(f"{code.text} {arguments}", inner)


def _timed(source: Source, tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens after ``time`` and its options where they begin with an assignment; else none."""
    if source.text[tokens[0].start : tokens[0].end] != "time":
        return ()
    at = 1
    while at < len(tokens) and source.text[tokens[at].start : tokens[at].end] in ("-p", "--"):
        at += 1
    rest = tokens[at:]
    return rest if rest and _ASSIGNMENT.match(source.text, rest[0].start, rest[0].end) else ()
