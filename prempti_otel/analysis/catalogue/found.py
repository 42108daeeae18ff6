"""What is found out about a command line while its words get their roles."""

from __future__ import annotations

from prempti_otel.analysis.catalogue.parse import Parsed
from prempti_otel.analysis.reading import FileAccess, FileOp, Word

MAX_TEXT = 1 << 16
"""Characters of code or text that are looked at; the shell walk takes no more either."""


class Found:
    """Files, hosts and what is run, as roles tell them."""

    __slots__ = (
        "args",
        "codes",
        "commands",
        "directory",
        "environment",
        "files",
        "hosts",
        "into",
        "parsed",
        "placeholder",
        "port",
        "recursive",
        "remote",
        "sources",
        "unread",
        "user",
    )

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.files: list[FileAccess] = []
        self.hosts: list[tuple[Word, str, str]] = []
        """Target, form, operation or ``""``."""
        self.commands: list[tuple[str, tuple[Word, ...]]] = []
        """Role (``command``, ``shell``) and words."""
        self.codes: list[tuple[str, Word | None, Word | None]] = []
        """Language, code, file; neither for standard input."""
        self.args: list[Word] = []
        self.sources: list[Word] = []
        self.into: list[tuple[Word, bool]] = []
        """Targets of copies, and whether they surely are folders."""
        self.environment = dict(parsed.assignments)
        self.user: Word | None = None
        self.remote: Word | None = None
        self.directory: Word | None = None
        self.port: Word | None = None
        self.placeholder = ""
        self.unread = False
        """Whether statements come from standard input that is not known."""
        self.recursive = parsed.command.recursive(parsed)

    def add_file(self, path: Word, op: FileOp, *, archives: bool = False) -> None:
        """Note a file access; ``-`` is standard input or output."""
        if path.text not in ("-", ""):
            recursive = self.recursive and op is not FileOp.WRITE
            self.files.append(FileAccess(path, op, recursive, archives and recursive))


def encodable(text: str) -> str:
    """The text with lone surrogates replaced one by one: RE2 takes UTF-8 only."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
