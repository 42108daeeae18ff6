"""Redirections: which files and hosts they open, and what they feed a command with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Origin, Stdin, Word
from prempti_otel.analysis.shell.expand import Expander
from prempti_otel.analysis.shell.state import State
from prempti_otel.analysis.shell.tokens import Source, Token
from prempti_otel.analysis.shell.trace import FileTouch

_NETWORK = re.compile(r"/dev/(?:tcp|udp)/([^/]+)/([^/]+)\Z")
_SEEN = frozenset({"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2", "/dev/tty"})
"""Files that stand for what the agent gets to see, whatever standard output is."""
_SAME = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Files that stand for standard output as it is."""
_DESCRIPTOR = re.compile(r"(?:[0-9]+-?|-)\Z")


class Redirected(msgspec.Struct):
    """What the redirections of one command do."""

    files: list[FileTouch] = msgspec.field(default_factory=list)
    hosts: list[HostAccess] = msgspec.field(default_factory=list)
    stdin: Stdin | None = None
    """Standard input, where it is redirected."""
    stdin_file: Word | None = None
    stdout: bool = False
    """Whether standard output goes to a file."""
    seen: bool = False
    """Whether it goes where the agent gets to see it."""

    def output(self, before: dict[Origin, None] | None) -> dict[Origin, None] | None:
        """The state's ``output`` with these redirections, ``before`` without them."""
        if self.seen:
            return None
        return {} if self.stdout else before

    def touches(self, output: Word | None) -> list[FileTouch]:
        """The files, with what the command writes to those that get its standard output."""
        if output is None or not self.stdout:
            return self.files
        return [
            replace(touch, access=replace(touch.access, content=output)) if touch.access.op is FileOp.WRITE else touch
            for touch in self.files
        ]

    def comes_from(self, fetched: Iterable[str]) -> bool:
        """Whether standard input holds one of these source texts."""
        parts = [word.text for word in (self.stdin_file, self.stdin.text if self.stdin else None) if word is not None]
        return any(source in part for source in fetched for part in parts)


def read_redirections(expander: Expander, source: Source, tokens: Sequence[Token], state: State) -> Redirected:
    """What these redirections, in order, do."""
    result = Redirected()
    for token in tokens:
        _one(expander, source, token, state, result)
    return result


def _one(expander: Expander, source: Source, token: Token, state: State, result: Redirected) -> None:
    operator = token.operator
    feeds = token.fd in ("", "0")
    if token.document is not None:
        body = token.document.body(source.text)
        text = Word(body) if token.document.quoted else expander.document(body, state)
        if feeds:
            result.stdin = Stdin("heredoc", text, text.origins)
        return
    if operator == "<<<":
        word = expander.single(source, token.start, token.end, state)
        if feeds:
            result.stdin = Stdin("herestring", word.part(word.text + "\n"), word.origins)
        return
    target = token.word
    if target is not None:
        _open(target, operator, token.fd, state, result)
        return
    for word in expander.words(source, token.start, token.end, state)[:1]:
        _open(word, operator, token.fd, state, result)


def _open(word: Word, operator: str, fd: str, state: State, result: Redirected) -> None:
    if operator in (">&", "<&") and _DESCRIPTOR.match(word.text):
        result.seen = result.seen or (operator == ">&" and fd in ("", "1") and word.text == "2")
        return
    network = _NETWORK.match(word.text)
    if network:
        result.hosts.append(
            HostAccess(Word(network[1], word.known), "host", "connect", port=Word(network[2], word.known))
        )
        if operator in ("<", "<>") and fd in ("", "0"):
            result.stdin = Stdin("file")
        return
    if word.text.startswith(("<(", ">(")) and not word.known:
        if operator == "<" and fd in ("", "0"):
            result.stdin, result.stdin_file = Stdin("pipe", origins=word.origins), word
        return
    if operator in ("<", "<>", "<&"):
        result.files.append(FileTouch(FileAccess(word, FileOp.READ), state.cwd, state.disk.links))
        if fd in ("", "0"):
            written = state.disk.written(state.path(word)) if word.known else None
            content = written.content if written else None
            result.stdin = Stdin("file", content, content.origins if content else ())
            result.stdin_file = word
    if operator not in ("<", "<&"):
        touch = FileTouch(FileAccess(word, FileOp.WRITE), state.cwd, state.disk.links, ">>" in operator)
        result.files.append(touch)
        result.seen = result.seen or (fd in ("", "1") and word.text in _SEEN)
        if word.text not in _SAME:
            result.stdout = result.stdout or fd in ("", "1") or operator in ("&>", "&>>")
