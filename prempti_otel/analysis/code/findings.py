"""From calls of library functions to what they do: the shape of the tables of names, and what applies them.

A table maps a function's full name to what a call of it does, argument by argument. All languages
share these shapes; each has a table of its own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from prempti_otel.analysis.code.values import (
    NOTHING,
    Items,
    Object,
    Text,
    Unknown,
    Value,
    argvs,
    as_text,
    variables_in,
    words,
)
from prempti_otel.analysis.net import local_file
from prempti_otel.analysis.reading import (
    CodeReading,
    FileAccess,
    FileOp,
    Handover,
    HostAccess,
    LinkAccess,
    Word,
    variables_of,
)

MAX_FINDINGS = 300
"""Accesses and runs kept of one piece of code; beyond them it is dynamic."""


class Arg(msgspec.Struct, frozen=True):
    """One argument of a call: by position, and by keyword where the language has them."""

    index: int
    keyword: str = ""


_UNSEEN = frozenset({"headers", "auth", "cookies", "cert"})
"""Arguments of a request for where an interface wants a token."""
RECEIVER = Arg(-1)
"""The object that the method is called on; for an object made with arguments, its first one."""


class Touch(msgspec.Struct, frozen=True):
    """The call touches the path in an argument."""

    op: FileOp
    path: Arg
    recursive: bool = False
    archives: bool = False
    content: Arg | None = None


class Link(msgspec.Struct, frozen=True):
    """The call makes a link."""

    path: Arg
    target: Arg
    hard: bool = False
    """Whether it is another name of the same file: then the target is read, too."""


class Contact(msgspec.Struct, frozen=True):
    """The call talks to the host in an argument."""

    op: str
    target: Arg
    form: str = "url"
    port: Arg | None = None


class Run(msgspec.Struct, frozen=True):
    """The call runs a command or code."""

    language: str
    """A Handover's language; ``argv`` takes a sequence, ``words`` the argument and all that follow it."""
    code: Arg


class Causes(msgspec.Struct, frozen=True):
    """The call has an effect from the catalogue's vocabulary."""

    effect: str


class Gives(msgspec.Struct, frozen=True):
    """The call returns an instance of this class."""

    kind: str


class Fetches(msgspec.Struct, frozen=True):
    """What the call returns came over the network."""


class Unfolds(msgspec.Struct, frozen=True):
    """The call runs code from an argument that is data to the eye (``pickle.loads``)."""

    data: Arg


Does: TypeAlias = "Touch | Link | Contact | Run | Causes | Gives | Fetches | Unfolds"
Names: TypeAlias = Mapping[str, tuple[Does, ...]]


class Call(msgspec.Struct, frozen=True):
    """One call, with what is known of its arguments."""

    name: str
    args: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = msgspec.field(default_factory=dict)
    receiver: Value | None = None
    more: bool = False
    """Whether there are further arguments that are not known one by one."""

    def get(self, arg: Arg) -> Value | None:
        """The argument, or None where the call does not give it."""
        if arg.index == RECEIVER.index:
            return self.receiver
        if arg.index < len(self.args):
            return self.args[arg.index]
        value = self.keywords.get(arg.keyword)
        return Unknown("...") if value is None and self.more else value


class Findings:
    """Collects what one piece of code does. Not shared by threads."""

    __slots__ = (
        "_contents",
        "_effects",
        "_files",
        "_hosts",
        "_printed",
        "_runs",
        "_sent",
        "cut",
        "directory",
        "dynamic",
    )

    def __init__(self) -> None:
        self._files: dict[int, FileAccess] = {}
        self._contents: dict[int, list[Word]] = {}
        self._hosts: list[HostAccess] = []
        self._runs: list[Handover] = []
        self._effects: dict[str, None] = {}
        self._printed: dict[str, None] = {}
        self._sent: dict[str, None] = {}
        self.dynamic = False
        self.cut = False
        self.directory: Word | None = None
        """Where relative paths start after a change of directory."""

    def reading(self) -> CodeReading:
        """All that was found, each thing once, in order."""
        files = [self._with_content(number, access) for number, access in self._files.items()]
        return CodeReading(
            tuple(dict.fromkeys(files)),
            tuple(dict.fromkeys(self._hosts)),
            tuple(self._runs),
            tuple(self._effects),
            self.dynamic,
            self.cut,
            tuple(self._printed),
            tuple(self._sent),
        )

    def cut_short(self) -> None:
        """A cap ended the reading."""
        self.dynamic = self.cut = True

    def _with_content(self, number: int, access: FileAccess) -> FileAccess:
        parts = self._contents.get(number)
        if not parts:
            return access
        text = "".join(part.text for part in parts)
        return replace(access, content=Word(text, all(part.known for part in parts)))

    def touch(
        self, op: FileOp, path: Value, *, recursive: bool = False, archives: bool = False, content: Value | None = None
    ) -> int:
        """Record an access of each path that ``path`` may be; the number of the first, for :meth:`written`."""
        first = len(self._files)
        for word in words(path):
            if self._full(len(self._files)):
                break
            number = len(self._files)
            self._files[number] = FileAccess(self._placed(word), op, recursive, archives)
            if content is not None:
                self.written(number, content)
        return first

    def written(self, number: int, content: Value) -> None:
        """Record text that is written to the file of access ``number``."""
        if number in self._files:
            self._contents.setdefault(number, []).extend(words(content)[:1])

    def link(self, path: Value, target: Value, *, hard: bool) -> None:
        """Record a link, with each target that it may have."""
        if hard:
            self.touch(FileOp.READ, target)
        for leads_to in words(target):
            leads_to = self._placed(leads_to) if hard else leads_to
            for word in words(path):
                if self._full(len(self._files)):
                    return
                link = LinkAccess(self._placed(word), FileOp.LINK, target=leads_to, hard=hard)
                self._files[len(self._files)] = link

    def contact(
        self, op: str, target: Value, form: str, port: Value | None = None, *, body: Iterable[Value] = ()
    ) -> None:
        """Record a host, and what is sent to it as a ``body``; a ``file:`` URL is a file that is read."""
        self._sent.update(dict.fromkeys(variables_of(variables_in((target, *body)))))
        ports = words(port) if port is not None else ()
        for word in words(target):
            if self._full(len(self._hosts)):
                break
            path = local_file(word.text) if form == "url" else None
            if path is not None:
                self.touch(FileOp.READ, Text(path, word.known))
                continue
            self._hosts.append(HostAccess(word, form, op, ports[0] if ports else None))

    def run(
        self,
        language: str,
        code: Value,
        *,
        directory: Value | None = None,
        remote: Value | None = None,
        more: bool = False,
    ) -> None:
        """Record a command (``argv``) or code of a language that is run."""
        places = words(directory) if directory is not None else ()
        place = self._placed(places[0]) if places else self.directory
        hosts = words(remote) if remote is not None else ()
        far = hosts[0] if hosts else None
        if language == "argv":
            for argv, whole in argvs(code):
                if argv and not self._full(len(self._runs)):
                    unknown = more or not whole
                    self._runs.append(Handover("argv", argv=argv, more_arguments=unknown, directory=place, remote=far))
            return
        for word in words(code):
            if not self._full(len(self._runs)):
                self._runs.append(Handover(language, code=word, directory=place, remote=far))

    def run_file(self, language: str, path: Value) -> None:
        """Record that a file's code is run."""
        for word in words(path):
            if not self._full(len(self._runs)):
                self._runs.append(Handover(language, code_file=self._placed(word), directory=self.directory))

    def cause(self, effect: str) -> None:
        """Record an effect of the code itself."""
        self._effects[effect] = None

    def put_out(self, values: Iterable[Value]) -> None:
        """Record that values are printed."""
        self._printed.update(dict.fromkeys(variables_of(variables_in(values))))

    def move(self, directory: Value) -> None:
        """The code changes its working directory."""
        places = words(directory)
        self.directory = self._placed(places[0]) if len(places) == 1 else Word("{...}", known=False)

    def apply(self, does: tuple[Does, ...], call: Call) -> Value | None:
        """Record what a call of a library function does; what it returns, as far as the table says so."""
        returned: Value | None = None
        for item in does:
            match item:
                case Touch(op, path, recursive, archives, content):
                    self._touch(op, call.get(path), recursive, archives, call.get(content) if content else None)
                case Link(path, target, hard):
                    self._link(call.get(path), call.get(target), hard)
                case Contact(op, target, form, port):
                    found = call.get(target)
                    if found is not None:
                        body = [value for name, value in call.keywords.items() if name not in _UNSEEN]
                        self.contact(op, found, form, call.get(port) if port else None, body=(*call.args, *body))
                case Run(language, code):
                    self._run(language, code, call)
                case Causes(effect):
                    self.cause(effect)
                case Gives(kind):
                    returned = Object(kind, call.args)
                case Fetches():
                    returned = Unknown(call.name, remote=True)
                case Unfolds(data):
                    self._unfold(call.get(data))
        return returned

    def _touch(self, op: FileOp, path: Value | None, recursive: bool, archives: bool, content: Value | None) -> None:
        if path is not None:
            self.touch(op, path, recursive=recursive, archives=archives, content=content)

    def _link(self, path: Value | None, target: Value | None, hard: bool) -> None:
        if path is not None:
            self.link(path, Unknown("...") if target is None else target, hard=hard)

    def _run(self, language: str, code: Arg, call: Call) -> None:
        if language == "words":
            self.run("argv", Items(tuple(call.args[code.index :])), more=call.more)
            return
        found = call.get(code)
        if found is not None and found != NOTHING:
            self.run(language, found, directory=call.keywords.get("cwd"))

    def _unfold(self, data: Value | None) -> None:
        file = data.file if isinstance(data, Unknown) else None
        if isinstance(data, Object) and data.kind == "file":
            file = as_text(data.args[0])
        if file is not None:
            self.touch(FileOp.EXEC, file)
            return
        if isinstance(data, Unknown) and data.remote:
            self.cause("runs_remote_code")
        self.dynamic = True

    def _placed(self, word: Word) -> Word:
        """A relative path below the directory that the code changed to."""
        if self.directory is None or word.text.startswith("/"):
            return word
        text = posixpath.join(self.directory.text, word.text)
        return Word(text, word.known and self.directory.known, word.pattern)

    def _full(self, count: int) -> bool:
        if count >= MAX_FINDINGS:
            self.cut_short()
        return count >= MAX_FINDINGS
