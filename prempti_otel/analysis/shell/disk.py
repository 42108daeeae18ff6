"""What earlier commands of the same code did to files: texts written, downloads, links. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from prempti_otel.analysis.reading import FileOp, Word
from prempti_otel.analysis.shell.trace import FileTouch, Process
from prempti_otel.model.paths import PathResolver

MOST_TEXTS = 4
"""Texts of one file that are kept: an earlier one stays possible where code branches."""
_LONGEST = 256 * 1024
_LOOKUPS = 32
"""Links on disk that are read to find the place of one that the code makes."""
_COPYING = frozenset({"cp", "gcp"})
_LINKING = frozenset({"ln", "gln", "link"}) | _COPYING
_COPIES_LINKS = frozenset({"-a", "-P", "-d"})
"""Options with which cp(1) copies links, not what they lead to."""
_HERE = Word(".")


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
    """Links made: absolute path to target as written. Never changed, only replaced."""
    lookups: int = _LOOKUPS
    """0 for the disk of another machine: what lies here says nothing of it."""

    def written(self, path: str) -> WrittenFile | None:
        """The file at an absolute path, by whichever link of the same code it is named."""
        found = self.files.get(path)
        if found is None and self.links and path:
            found = self.files.get(PathResolver(0).resolve(path, "/", self.links))
        return found

    def note(
        self, process: Process, touches: Sequence[FileTouch], path_of: Callable[[Word], str], *, fetched: bool
    ) -> None:
        """Keep what ``process`` writes; ``fetched`` says that its standard input comes from the network."""
        if process.reading.name in _LINKING:
            self._link_by_command(process, path_of)
        if self.links:
            self._move_links(process, touches, path_of)
        # A move is a deletion and a write.
        sources = [touch.access.path for touch in touches if touch.access.op in (FileOp.READ, FileOp.DELETE)]
        source = self.files.get(path_of(sources[0]), _NONE) if len(sources) == 1 else _NONE
        downloads = any(host.op == "download" for host in process.hosts)
        for touch in touches:
            access = touch.access
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

    def link(self, path: Word, target: Word, path_of: Callable[[Word], str], *, hard: bool) -> None:
        """Note a link, so that later paths are followed through it."""
        made = path_of(path)
        if made and target.text:
            folder, _, name = made.rpartition("/")
            # The folder may itself be a link, on disk or made before; later paths come to its real place.
            real = PathResolver(self.lookups).resolve(folder or "/", "/", self.links).rstrip("/")
            leads_to = path_of(target) if hard else target.text
            self.links = {**self.links, f"{real}/{name}": leads_to}

    def _link_by_command(self, process: Process, path_of: Callable[[Word], str]) -> None:
        """What ``ln`` makes is followed by later commands, by either name where the last operand may be a folder."""
        reading = process.reading
        flags, operands = reading.flags, reading.operands
        if reading.name in _COPYING and "-s" not in flags and "-l" not in flags:
            return
        hard = "-s" not in flags
        if "-t" in flags or len(operands) == 1:
            targets, place = operands, Word(reading.options.get("-t", "."))
        else:
            targets, place = operands[:-1], operands[-1] if operands else _HERE
        folder = "-t" in flags or len(operands) != 2 or place.text.endswith(("/", "."))
        for target in targets[:MOST_TEXTS]:
            if not folder:
                self.link(place, target, path_of, hard=hard)
            name = target.text.rstrip("/").rpartition("/")[2]
            self.link(Word(f"{place.text.rstrip('/')}/{name}", place.known), target, path_of, hard=hard)

    def _move_links(self, process: Process, touches: Sequence[FileTouch], path_of: Callable[[Word], str]) -> None:
        """Links that are moved, or copied as links, lead from their new place."""
        copies = process.reading.name in _COPYING and not _COPIES_LINKS.isdisjoint(process.reading.flags)
        ops = (FileOp.DELETE, FileOp.READ) if copies else (FileOp.DELETE,)
        for path in dict.fromkeys(touch.access.path for touch in touches if touch.access.op in ops):
            target = self.links.get(path_of(path))
            if target is None:
                continue
            name = path.text.rstrip("/").rpartition("/")[2]
            for touch in touches:
                if touch.access.op is FileOp.WRITE:
                    written = touch.access.path
                    self.link(written, Word(target), path_of, hard=False)
                    self.link(Word(f"{written.text.rstrip('/')}/{name}"), Word(target), path_of, hard=False)
