"""What is found out about a command line while its words get their roles."""

from __future__ import annotations

import msgspec

from prempti_otel.analysis.catalogue.parse import Parsed
from prempti_otel.analysis.reading import FileAccess, FileOp, Origin, Word

MAX_TEXT = 1 << 16
"""Characters of code or text that are looked at; the shell walk takes no more either."""
HERE = "sh here"
"""Shell code that runs on this machine, wherever the command's other code does."""


class Found(msgspec.Struct):
    """Files, hosts and what is run, as roles tell them."""

    parsed: Parsed
    recursive: bool
    """Whether the options given make it work on what is below a folder, too."""
    environment: dict[str, Word]
    files: list[FileAccess] = msgspec.field(default_factory=list)
    hosts: list[tuple[Word, str, str]] = msgspec.field(default_factory=list)
    """Target, form, operation or ``""``."""
    commands: list[tuple[str, tuple[Word, ...]]] = msgspec.field(default_factory=list)
    """Role (``command``, ``shell``) or the language of code, and words."""
    codes: list[tuple[str, Word | None, Word | None]] = msgspec.field(default_factory=list)
    """Language, code, file; neither for standard input."""
    args: list[Word] = msgspec.field(default_factory=list)
    sources: list[Word] = msgspec.field(default_factory=list)
    into: list[tuple[Word, bool]] = msgspec.field(default_factory=list)
    """Targets of copies, and whether they surely are folders."""
    user: Word | None = None
    remote: Word | None = None
    directory: Word | None = None
    bases: dict[Word, None] = msgspec.field(default_factory=dict)
    """Folders in which the operands are looked for, each below the one before it; the last one given is the last."""
    port: Word | None = None
    placeholder: str = ""
    entrypoint: tuple[Word, ...] = ()
    """Words that come before a command of the operands."""
    sent: tuple[Origin, ...] = ()
    """Where addresses and bodies of requests come from."""
    unread: bool = False
    """Whether statements come from standard input that is not known."""

    def add_file(self, path: Word, op: FileOp, *, archives: bool = False) -> None:
        """Note a file access; ``-`` is standard input or output."""
        if path.text not in ("-", ""):
            recursive = self.recursive and op is not FileOp.WRITE
            self.files.append(FileAccess(path, op, recursive, archives and recursive))


def encodable(text: str) -> str:
    """The text with lone surrogates replaced one by one: RE2 takes UTF-8 only."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
