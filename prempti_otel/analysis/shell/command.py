"""Simple commands: from a command line's words to a process, what it touches, and what it runs in turn.

The catalogue knows commands; this knows the shell: assignments, functions, aliases, and how code and
commands are handed over. Nothing here decides; nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from prempti_otel.analysis.code import analyse_code
from prempti_otel.analysis.reading import (
    CodeReading,
    CommandReading,
    FileAccess,
    FileOp,
    Handover,
    HostAccess,
    LinkAccess,
    Word,
    origins_of,
    united,
)
from prempti_otel.analysis.shell import again, arrays, flows, output
from prempti_otel.analysis.shell import written as written_files
from prempti_otel.analysis.shell.builtins import BUILTINS, LOOKUPS, RUNNING
from prempti_otel.analysis.shell.declarations import DECLARATIONS
from prempti_otel.analysis.shell.disk import Disk
from prempti_otel.analysis.shell.inherited import Inherited, has_settings
from prempti_otel.analysis.shell.redirect import Redirected, read_redirections
from prempti_otel.analysis.shell.state import EMPTY, MOST_VARIABLES, NOTHING, State, Value, Variable, held
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
_EXPORTED = "BASH_FUNC_"
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]*\Z")
_OPAQUE = re.compile(r"\$|`|<\(")
_PLACEHOLDER = re.compile(r"\{[^\s{},;][^\s{},;]*\}")
"""What inline code hands over in place of what it computes, where a shell's group would have a blank."""
_LONE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*]|\{[A-Za-z_][A-Za-z0-9_]*\})\Z")
_WORD, _REDIRECT, _TEST = TokenKind.WORD, TokenKind.REDIRECT, TokenKind.TEST
_NOT_REDIRECTED = Redirected()
_NO_VARIABLES: Mapping[str, Variable | None] = MappingProxyType({})


def _computed(word: Word) -> Word:
    """The word, unknown where it holds what inline code computes."""
    return Word(word.text, False, word.pattern) if _PLACEHOLDER.search(word.text) else word


class Commands:
    """Reads the simple commands of one call."""

    def __init__(self, walk: Walk, catalogue: Catalogue) -> None:
        self.walk = walk
        self.catalogue = catalogue
        self.expander = walk.expander
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
            self._write(process, state)
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
        if redirected is not _NOT_REDIRECTED:
            process.hosts.extend(redirected.hosts)
        if reading.name in written_files.KEEPS_STDIN:
            touches = Redirected(process.files, stdout=True).touches(written_files.kept(process, state))
            append = written_files.appends(process)
            process.files = [replace(touch, append=append) for touch in touches]
        if "/" in name and not process.dynamic:
            process.files.append(FileTouch(FileAccess(argv[0], FileOp.EXEC), state.cwd, state.disk.links))
        if redirected is not _NOT_REDIRECTED:
            process.files.extend(redirected.touches(written))
        if process.files:
            self._write(process, state)
        self.walk.trace.add(process)
        self.inherited.load(self, process, state)
        if in_shell and reading.name in BUILTINS and reading.name == name:
            result = BUILTINS[name](self, process, argv, state)
            return result if name in RUNNING else written
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
        return written

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

    def run_function(self, name: Word, state: State) -> None:
        """A function that the shell calls by itself."""
        self.run((name,), state, Redirected(), in_shell=True)

    def inner(self, process: Process, state: State) -> State:
        """The state of what ``process`` runs."""
        inner = state.copy()
        inner.parent = process
        inner.depth += 1
        return inner

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

    # What is run in turn

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
            if _OPAQUE.match(text) or _PLACEHOLDER.match(text):
                process.dynamic = True
            if _PLACEHOLDER.fullmatch(text):
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
        self._write(process, inner, first)
        for handover in found.runs:
            self.hand_over(process, handover, inner)

    # Effects

    def is_fetched(self, word: Word) -> bool:
        """Whether text holds the output of a substitution that downloads."""
        return not word.known and any(source in word.text for source in self.walk.fetched)

    @staticmethod
    def effect(process: Process, effect: str) -> None:
        """Add an effect, once."""
        if effect not in process.effects:
            process.effects.append(effect)

    def _write(self, process: Process, state: State, first: int = 0) -> None:
        """Note what the process does to files, for commands that come later in the same code."""
        if process.files:
            state.disk.note(process, process.files[first:], state.path, fetched=state.fetched)


def _timed(source: Source, tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens after ``time`` and its options where they begin with an assignment; else none."""
    if source.text[tokens[0].start : tokens[0].end] != "time":
        return ()
    at = 1
    while at < len(tokens) and source.text[tokens[at].start : tokens[at].end] in ("-p", "--"):
        at += 1
    rest = tokens[at:]
    return rest if rest and _ASSIGNMENT.match(source.text, rest[0].start, rest[0].end) else ()
