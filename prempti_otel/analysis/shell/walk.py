"""The walk over shell code: which commands would run, with which words, where, and fed by what.

It yields processes and never decides. What is not understood is dynamic and still reported; text that
is data is never code. Every branch is taken, loops are run as often as it takes to see what their
body can do. Time is bounded by caps on commands, events and nesting; beyond them the trace is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from prempti_otel.analysis.reading import Catalogue, Origin, Stdin, Word, origins_of, united
from prempti_otel.analysis.shell.command import Commands
from prempti_otel.analysis.shell.expand import Expander
from prempti_otel.analysis.shell.redirect import read_redirections
from prempti_otel.analysis.shell.scan import scan
from prempti_otel.analysis.shell.state import EMPTY, Choice, State
from prempti_otel.analysis.shell.syntax import (
    Case,
    For,
    Function,
    Group,
    If,
    Listed,
    Redirected,
    Simple,
    Statement,
    While,
    parse,
)
from prempti_otel.analysis.shell.tokens import MOST_PIECES, Script, Source, Token, TokenKind
from prempti_otel.analysis.shell.trace import Trace

MOST_COMMANDS = 2000
"""Simple commands that are looked at in one call, each round of a loop anew."""
MOST_STATEMENTS = 10_000
"""The same for statements of any kind: loops in loops double with every level, even around nothing."""
_COPIED = 32
"""Variables that count for one more statement, since states are copied where code branches."""
MOST_NESTED_CODE = 128 * 1024
"""Characters of code in code (``eval``, ``sh -c``, ``ssh``) that are walked in one call, at all levels together."""
MOST_NESTED_PIECES = 8_000
"""Pieces of such code, as its scripts count them."""
DEEPEST = 24
"""Levels of nested code: substitutions, shells in shells, functions, wrappers."""
MOST_ROUNDS = 32
"""Values of a ``for`` variable that are each tried; of more, those that look alike are tried thrice."""
MOST_VARIANTS = 8
"""Ways to read one command whose variables have several possible values."""

_DIGITS = re.compile(r"[0-9]+")
_HANDLERS = frozenset({"command_not_found_handle", "command_not_found_handler"})
"""Functions that bash and zsh call by themselves for a command that is not found."""
_LEAVING = frozenset({"exit", "return", "break", "continue", "exec"})


class Walk:
    """One call's walk."""

    deepest = DEEPEST

    def __init__(self, trace: Trace, catalogue: Catalogue) -> None:
        self.trace = trace
        self.expander = Expander(self)
        self.fetched: set[str] = set()
        """Source texts of substitutions whose output comes from the network."""
        self.seen: dict[str, tuple[Origin, ...]] = {}
        """Substitutions that have been walked, by source text, and where what they give comes from.

        Unknown code that holds such text repeats it."""
        self.files: dict[str, Word | None] = {}
        """Process substitutions by their source text: what reading them gives."""
        self.at_end: list[Callable[[], None]] = []
        """What the shells that are walked run when they end."""
        self.commands = Commands(self, catalogue)
        self._left = MOST_COMMANDS
        self._statements = MOST_STATEMENTS
        self._code_left = MOST_NESTED_CODE
        self._pieces_left = MOST_NESTED_PIECES

    def finish(self) -> None:
        """Walk what has been set to run at the end; that may set more."""
        for run in self.at_end:
            if self.exhausted():
                self.cut("trap")
                return
            run()

    def close(self) -> None:
        """Let go of the parts, which refer back to the walk: all of it is then freed at once, not by the collector."""
        del self.expander, self.commands, self.at_end

    # Code

    def code(self, text: str, state: State) -> Word | None:
        """Walk code given as text; what it writes to standard output, where known."""
        if state.depth:
            self._code_left -= len(text)
        if state.depth > DEEPEST or self._code_left < 0 or self._pieces_left < 0:
            self.cut(text)
            return None
        script = scan(text, state.depth)
        if state.depth:
            self._pieces_left -= MOST_PIECES - script.source.pieces
        return self.script(script, state)

    def script(self, script: Script, state: State) -> Word | None:
        """Walk scanned code."""
        if state.depth > DEEPEST:
            self.cut(script.source.text)
            return None
        listed = parse(script)
        if script.broken:
            self.cut(script.source.text)
        return self.block(script, listed, state)

    def scanned(self, text: str) -> Script:
        """Code as tokens only."""
        return scan(text, 0)

    def exhausted(self) -> bool:
        """Whether the walk has done all that it may."""
        return self._left <= 0 or self._statements <= 0 or self.trace.full()

    def cut(self, why: str) -> None:
        """Note that something was not understood or not walked."""
        self.trace.cut = True
        self.trace.why = self.trace.why or why[:1024]

    def substitute(self, script: Script, source: str, state: State) -> Word:
        """Command substitution, in a subshell."""
        if state.replayed and source in self.seen:
            return Word(source, known=False, origins=self.seen[source])
        self._left -= 1
        if self.exhausted():
            self.cut(source)
            return Word(source, known=False)
        self.seen[source] = ()
        first = len(self.trace.processes)
        inner = state.copy()
        inner.depth += 1
        written: dict[Origin, None] = {}
        inner.output = written
        output = self.script(script, inner)
        self._note_fetched(first, source)
        if output is None or not output.known:
            self.seen[source] = origins = united(written, range(first, len(self.trace.processes)))
            return Word(source, known=False, origins=origins)
        return Word(output.text.rstrip("\n"))

    def process_substitution(self, script: Script, source: str, state: State, *, reads: bool) -> Word:
        """``<(..)`` and ``>(..)``: a name that stands for a pipe."""
        first = len(self.trace.processes)
        inner = state.copy()
        inner.depth += 1
        written: dict[Origin, None] = {}
        if reads:
            inner.output = written
        else:
            inner.stdin = Stdin("pipe", origins=state.stdin.origins)
        self.files[source] = self.script(script, inner)
        self._note_fetched(first, source)
        return Word(source, known=False, origins=united(written, range(first, len(self.trace.processes))))

    def _note_fetched(self, first: int, source: str) -> None:
        if self.trace.fetches(first):
            self.fetched.add(source)

    # Lists and pipelines

    def block(self, script: Script, listed: Sequence[Listed], state: State) -> Word | None:
        """Commands one after the other; what they write, where all of it is known."""
        output: Word | None = EMPTY
        self._statements -= 1
        for entry in listed:
            self._statements -= 1 + len(state.variables) // _COPIED
            if self.exhausted():
                self.cut(script.source.text)
                return None
            written = self._listed(script, entry, state)
            if output is not None:
                output = None if written is None else _concatenated(output, written)
        return output

    def _listed(self, script: Script, entry: Listed, state: State) -> Word | None:
        if entry.operator == "||" or entry.background:
            inner = state.copy()
            written = self.pipeline(script, entry.pipeline, inner)
            if not entry.background and not _leaves(script, [entry]):
                directory = state.cwd
                state.take_back([inner], always=False)
                state.cwd = directory
            return written if entry.operator != "||" else None
        if entry.operator == "&&":
            before = state.variables.copy()
            written = self.pipeline(script, entry.pipeline, state)
            if state.variables != before:
                for name, value in before.items():
                    now = state.variables.get(name)
                    if now is not value and now is not None and not isinstance(now, Choice | tuple):
                        state.either(name, value)
            return written
        return self.pipeline(script, entry.pipeline, state)

    def pipeline(self, script: Script, stages: Sequence[Statement], state: State) -> Word | None:
        """A pipeline: each stage of several in a subshell, fed by the one before."""
        if len(stages) == 1:
            return self.statement(script, stages[0], state)
        output: Word | None = None
        written: dict[Origin, None] | None = None
        first, last = len(self.trace.processes), len(stages) - 1
        for at, stage in enumerate(stages):
            if self.exhausted():
                self.cut(script.source.text)
                return None
            inner = state.copy()
            if at:
                inner.stdin = Stdin("pipe", output, united(written) if written else ())
                inner.fed = range(first, len(self.trace.processes))
                inner.pipe_from = (*state.pipe_from, *self.trace.names(first))
                inner.fetched = state.fetched or self.trace.fetches(first)
            if at < last:
                inner.output = written = {}
            output = self.statement(script, stage, inner)
        return output

    # Statements

    def statement(self, script: Script, statement: Statement, state: State) -> Word | None:
        """One statement; what it writes to standard output, where known."""
        if isinstance(statement, Simple):
            return self.simple(script.source, statement.tokens, state)
        if isinstance(statement, Group):
            return self.block(script, statement.body, state.copy() if statement.subshell else state)
        if isinstance(statement, Redirected):
            return self._redirected(script, statement, state)
        if isinstance(statement, If):
            return self._if(script, statement, state)
        if isinstance(statement, For):
            return self._for(script, statement, state)
        if isinstance(statement, While):
            return self._while(script, statement, state)
        if isinstance(statement, Case):
            return self._case(script, statement, state)
        return self._define(script, statement, state)

    def _redirected(self, script: Script, statement: Redirected, state: State) -> Word | None:
        redirected = read_redirections(self.expander, script.source, statement.redirections, state)
        stdin, fetched, written = state.stdin, state.fetched, state.output
        if redirected.stdin is not None:
            state.stdin = redirected.stdin
            state.fetched = redirected.comes_from(self.fetched)
        state.output = redirected.output(state.output)
        output = self.statement(script, statement.body, state)
        state.stdin, state.fetched, state.output = stdin, fetched, written
        self.commands.redirected(redirected.touches(output), redirected.hosts, state)
        return EMPTY if redirected.stdout else output

    def _if(self, script: Script, statement: If, state: State) -> Word | None:
        branches: list[State] = []
        always = False
        for condition, body in statement.branches:
            self.block(script, condition, state)
            branch = state.copy()
            self.block(script, body, branch)
            always = always or not condition
            if not _leaves(script, body):
                branches.append(branch)
        if branches:
            state.take_back(branches, always=always)
        return None

    def _case(self, script: Script, statement: Case, state: State) -> Word | None:
        if statement.subject is not None:
            self.expander.single(script.source, statement.subject.start, statement.subject.end, state)
        branches: list[State] = []
        for pattern, body in statement.clauses:
            if pattern is not None:
                self.expander.single(script.source, pattern.start, pattern.end, state)
            branch = state.copy()
            self.block(script, body, branch)
            if not _leaves(script, body):
                branches.append(branch)
        if branches:
            state.take_back(branches, always=False)
        return None

    def _for(self, script: Script, statement: For, state: State) -> Word | None:
        source, head = script.source, statement.head
        if head is None or head.kind is TokenKind.ARITHMETIC:
            if head is not None:
                self.expander.arithmetic(source, head.start, head.end, state)
            return self._rounds(script, statement.body, state)
        name = source.text[head.start : head.end]
        values = state.parameters
        if statement.words is not None:
            values = tuple(
                word for token in statement.words for word in self.expander.words(source, token.start, token.end, state)
            )
        unknown = Word(f"${name}", known=False)
        tried = [unknown] if values is None else _tried(values)
        if source.text[: head.start].rstrip().endswith("select"):
            tried.append(unknown)  # an answer that is none of them gives the empty text
        for value in tried:
            if self.exhausted():
                self.cut(source.text)
                return None
            state.variables[name] = value
            self.block(script, statement.body, state)
        return EMPTY if values == () else None

    def _while(self, script: Script, statement: While, state: State) -> Word | None:
        self.block(script, statement.condition, state)
        return self._rounds(script, statement.body, state)

    def _rounds(self, script: Script, body: Sequence[Listed], state: State) -> Word | None:
        """A loop's body, again if the first round changes what the next one sees."""
        before = state.copy()
        self.block(script, body, state)
        if state.variables != before.variables or state.cwd != before.cwd:
            once = state.copy()
            self.block(script, body, state)
            if state.cwd != once.cwd:
                state.cwd = Word(state.cwd.text, known=False)
            for name, value in state.variables.items():
                if value != once.variables.get(name):
                    state.variables[name] = Word(f"${name}", known=False)
        return None

    def _define(self, script: Script, statement: Function, state: State) -> Word | None:
        token = statement.name
        if token is not None:
            word = self.expander.single(script.source, token.start, token.end, state)
            state.functions[word.text] = (script, statement)
            if word.text in _HANDLERS:
                self.commands.run_function(word, state.copy())
        return EMPTY

    # Simple commands

    def simple(self, source: Source, tokens: Sequence[Token], state: State) -> Word | None:
        """A simple command, once for each value that its variables may have."""
        self._left -= 1
        expander = self.expander
        outer, expander.choices = expander.choices, {}
        output = self.commands.simple(source, tokens, state)
        if not expander.choices:
            expander.choices = outer
            return output
        variants = [(name, pick) for name, count in expander.choices.items() for pick in range(1, count)]
        picked = expander.picks
        for name, pick in variants[:MOST_VARIANTS]:
            # A mapping of its own: code within the command may have variants by the same name.
            expander.picks = {**picked, name: pick}
            self.commands.simple(source, tokens, state)
            output = None
        expander.picks = picked
        expander.choices = outer
        return output


def _leaves(script: Script, body: Sequence[Listed]) -> bool:
    """Whether a branch surely does not come back: it ends in ``exit`` or its like."""
    if not body or (body[-1].operator == "||" and len(body) > 1):
        return False
    last = body[-1].pipeline[-1]
    if isinstance(last, Group) and not last.subshell:
        return _leaves(script, last.body)
    if not isinstance(last, Simple) or not last.tokens:
        return False
    token = last.tokens[0]
    return script.source.text[token.start : token.end] in _LEAVING


def _concatenated(first: Word, second: Word) -> Word:
    if not first.text and first.known:
        return second
    known = first.known and second.known
    return Word(first.text + second.text, known, origins=() if known else origins_of((first, second)))


def _tried(values: Sequence[Word]) -> list[Word]:
    """The values of a loop's variable that are each tried: all, or of very many those that differ in kind."""
    if len(values) <= MOST_ROUNDS:
        return list(values)
    seen: dict[str, int] = {}
    tried: list[Word] = []
    for value in values:
        shape = _DIGITS.sub("0", value.text)
        seen[shape] = seen.get(shape, 0) + 1
        if seen[shape] <= 3 and len(tried) < MOST_ROUNDS * 4:
            tried.append(value)
    return tried
