"""What is understood of one command line: the contract between the shell walk and the command catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

ALL_VARIABLES = "*"
"""What stands for every environment variable, as ``env`` prints them; ``*TOKEN`` for what a search for it finds."""
MOST_ORIGINS = 64
"""Origins that one word is said to have; of more, ``*`` stands for the rest."""
Origin = str | int
"""Where a value comes from: an environment variable that the code does not set, :data:`ALL_VARIABLES`, or the output of
the process with this number in the walk's trace."""


class Word(msgspec.Struct, frozen=True, gc=False):
    """One value of a shell word after expansion."""

    text: str
    """Quotes gone; unknown parts keep their source text (``$DIR/x``)."""
    known: bool = True
    """Whether the text is all that it can be at run time."""
    pattern: bool = False
    """Whether it holds an unquoted glob: the text is then a pattern."""
    origins: tuple[Origin, ...] = ()
    """Where the parts come from that are not known; empty where all is known."""

    def part(self, text: str) -> Word:
        """A word made of this one, about which as much is known."""
        return Word(text, self.known, self.pattern, self.origins)


def joined(words: Sequence[Word]) -> Word:
    """The words with blanks between them, as ssh(1) and eval join theirs."""
    if len(words) == 1:
        return words[0]
    text = " ".join([word.text for word in words])
    return Word(text, all(word.known for word in words), origins=origins_of(words))


def origins_of(words: Iterable[Word]) -> tuple[Origin, ...]:
    """Where these words come from, together."""
    return united(*[word.origins for word in words if word.origins])


def united(*several: Iterable[Origin]) -> tuple[Origin, ...]:
    """All of these, each once; at most :data:`MOST_ORIGINS` and ``*``."""
    if not several:
        return ()
    found = tuple(dict.fromkeys([origin for origins in several for origin in origins]))
    return found if len(found) <= MOST_ORIGINS else (*found[:MOST_ORIGINS], ALL_VARIABLES)


def variables_of(origins: tuple[Origin, ...]) -> tuple[str, ...]:
    """The environment variables among these."""
    return tuple([origin for origin in origins if isinstance(origin, str)])


class Stdin(msgspec.Struct, frozen=True, gc=False):
    """Where a command's standard input comes from."""

    kind: str = "none"
    """``none``, ``pipe``, ``file``, ``heredoc`` or ``herestring``: rule field ``proc.stdin``."""
    text: Word | None = None
    """What it will read, where that can be known at all."""
    origins: tuple[Origin, ...] = ()
    """Where it comes from, as for a word."""


class FileOp(StrEnum):
    """Rule field ``file.op``. A move is a delete and a write, a copy a read and a write."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    EXEC = "exec"
    CHMOD = "chmod"
    LINK = "link"


class FileAccess(msgspec.Struct, frozen=True, gc=False):
    """One path that a command touches, as named on its command line."""

    path: Word
    op: FileOp
    recursive: bool = False
    archives: bool = False
    """A read that copies or archives what is below (for ``file.covers``), not a search."""
    content: Word | None = None
    """What is written, where known."""


class LinkAccess(FileAccess, frozen=True, gc=False):
    """A link that is made, where it is known what it stands for."""

    target: Word = Word("")
    """What it leads to, as written: a symlink's from the link's folder on, a hard link's from where the code runs."""
    hard: bool = False


class HostAccess(msgspec.Struct, frozen=True, gc=False):
    """One host or URL that a command talks to, as named on its command line."""

    target: Word
    """A URL, ``host``, ``host:port`` or ``user@host:path``, as ``form`` says."""
    form: str
    """``url``, ``host``, ``hostport`` or ``scp``."""
    op: str
    """``download``, ``upload``, ``connect``, ``listen`` or ``publish``."""
    port: Word | None = None


class Handover(msgspec.Struct, frozen=True):
    """What a command runs in turn: another command, or code in some language."""

    language: str
    """``argv`` for a command; ``sh``, ``python``, ``javascript``, ``perl``, ``ruby``, ``php``, ... for code."""
    argv: tuple[Word, ...] = ()
    """The command, for ``argv``."""
    code: Word | None = None
    """The code, where it is on the command line; None where it is read from standard input."""
    code_file: Word | None = None
    """The file that holds the code, for an interpreter that is given one."""
    args: tuple[Word, ...] = ()
    """Positional parameters of the code (``sh -c CODE name a b``: name, a, b)."""
    more_arguments: bool = False
    """Further arguments, unknown here, are added at run time (``xargs``, ``find -exec``)."""
    environment: Mapping[str, Word] = msgspec.field(default_factory=dict)
    """Assignments for it (``env A=1 CMD``)."""
    user: Word | None = None
    """Another user that it runs as."""
    remote: Word | None = None
    """The host, container or pod that it runs in; paths inside are not local."""
    directory: Word | None = None
    """Its working directory (``env -C``, ``sudo -D``, ``git -C`` for aliases)."""


class CommandReading(msgspec.Struct, frozen=True):
    """One command line, read with the catalogue's knowledge. An unknown command is name and operands."""

    name: str
    """Last component of the command word: ``proc.name``."""
    exe: str
    argv: tuple[Word, ...]
    known: bool = False
    """Whether the catalogue has an entry for it."""
    subcommand: str = ""
    flags: tuple[str, ...] = ()
    options: Mapping[str, str] = msgspec.field(default_factory=dict)
    operands: tuple[Word, ...] = ()
    effects: tuple[str, ...] = ()
    """Vocabulary: ``Effect`` in the catalogue's schema."""
    files: tuple[FileAccess, ...] = ()
    hosts: tuple[HostAccess, ...] = ()
    runs: tuple[Handover, ...] = ()
    script: Word | None = None
    """Code given to an interpreter: ``proc.script``."""
    sent: tuple[Origin, ...] = ()
    """Where the addresses come from that it talks to, and the bodies of its requests."""
    unread: bool = False
    """Whether it takes statements (SQL, say) from standard input that cannot be known."""


class CodeReading(msgspec.Struct, frozen=True):
    """What a piece of code in some programming language would do."""

    files: tuple[FileAccess, ...] = ()
    hosts: tuple[HostAccess, ...] = ()
    runs: tuple[Handover, ...] = ()
    """Commands that it starts, and code of other languages that it hands on."""
    effects: tuple[str, ...] = ()
    """Effects of its own, from the catalogue's vocabulary (``dumps_environment``)."""
    dynamic: bool = False
    """Whether it runs code that cannot be known, or is itself not fully understood."""
    cut: bool = False
    """Whether a cap ended the reading: the code may do anything after that."""
    printed: tuple[str, ...] = ()
    """Environment variables whose values it prints."""
    sent: tuple[str, ...] = ()
    """Those whose values it sends, in addresses and bodies of requests."""


class Catalogue(Protocol):
    """What is known of commands."""

    def read(self, argv: Sequence[Word], stdin: Stdin = ...) -> CommandReading:
        """Read one command line."""
        ...

    def __contains__(self, name: str) -> bool: ...
