"""What earlier commands of the same code did to files: texts written, downloads, symlinks. In memory only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from prempti_otel.analysis.reading import FileOp, Word
from prempti_otel.analysis.shell.trace import FileTouch, Process

MOST_TEXTS = 4
"""Texts of one file that are kept: an earlier one stays possible where code branches."""
_LONGEST = 256 * 1024


class WrittenFile(msgspec.Struct, frozen=True):
    """A file that an earlier command of the same code makes."""

    texts: tuple[Word, ...] = ()
    """What may be in it, the latest first; empty where that is not known."""
    downloaded: bool = False

    @property
    def content(self) -> Word | None:
        """What it holds if all went as written."""
        return self.texts[0] if self.texts else None


_NONE = WrittenFile()


class Disk(msgspec.Struct):
    """The files of one machine: shared by subshells and nested code."""

    files: dict[str, WrittenFile] = msgspec.field(default_factory=dict)
    """By absolute path."""
    links: dict[str, str] = msgspec.field(default_factory=dict)
    """Symlinks made: absolute path to target as written. Never changed, only replaced."""

    def note(
        self, process: Process, touches: Sequence[FileTouch], path_of: Callable[[Word], str], *, fetched: bool
    ) -> None:
        """Keep what ``process`` writes; ``fetched`` says that its standard input comes from the network."""
        # A move is a deletion and a write.
        sources = [touch.access.path for touch in touches if touch.access.op in (FileOp.READ, FileOp.DELETE)]
        source = self.files.get(path_of(sources[0]), _NONE) if len(sources) == 1 else _NONE
        downloads = any(host.op == "download" for host in process.hosts)
        for touch in touches:
            access = touch.access
            if access.op is FileOp.LINK:
                self._link(process, access.path, path_of)
            if access.op is not FileOp.WRITE or not access.path.known:
                continue
            text = access.content
            downloaded = downloads or (fetched and text is None) or (text is None and source.downloaded)
            texts = (text,) if text is not None else source.texts
            if texts or downloaded:
                self._write(path_of(access.path), texts, downloaded, append=touch.append)

    def _write(self, path: str, texts: tuple[Word, ...], downloaded: bool, *, append: bool) -> None:
        earlier = self.files.get(path, _NONE)
        before = earlier.content
        if append and before is not None and texts and len(before.text) < _LONGEST:
            texts = (Word(before.text + texts[0].text, before.known and texts[0].known),)
        kept = tuple(dict.fromkeys((*texts, *earlier.texts)))[:MOST_TEXTS]
        self.files[path] = WrittenFile(kept, downloaded or (append and earlier.downloaded))

    def _link(self, process: Process, link: Word, path_of: Callable[[Word], str]) -> None:
        """What ``ln -s`` makes is followed by later commands, by either name where the last operand may be a folder."""
        reading = process.reading
        if reading.name not in ("ln", "gln") or "-s" not in reading.flags:
            return
        into = "-t" in reading.flags or link.text.endswith(("/", ".")) or len(reading.operands) > 2
        made: dict[str, str] = {}
        for target in (reading.operands if "-t" in reading.flags else reading.operands[:-1])[:MOST_TEXTS]:
            if not into:
                made[path_of(link)] = target.text
            name = target.text.rstrip("/").rpartition("/")[2]
            made[path_of(Word(f"{link.text.rstrip('/')}/{name}", link.known))] = target.text
        self.links = {**self.links, **made}
