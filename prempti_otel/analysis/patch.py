"""The envelope of Codex's ``apply_patch``: which files a patch touches, how, and what text it puts there.

The format is the one in the instructions that Codex gives its models: ``*** Begin Patch``, then file
sections (``*** Add File: P``, ``*** Delete File: P``, ``*** Update File: P`` with an optional
``*** Move to: Q`` and hunks that begin with ``@@``), then ``*** End Patch``. Nothing is applied and no
file is read here. Lines that the format does not know make the patch malformed; the sections that are
understood are reported all the same.
"""

from __future__ import annotations

import msgspec

_BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_END_OF_FILE = "*** End of File"
_MOVE = "*** Move to:"
_SECTIONS = {"*** Add File:": "Add", "*** Update File:": "Update", "*** Delete File:": "Delete"}


MOST_FILES = 256
"""Sections that are read; one more says that there are more."""
MOST_LINES = 50_000


class PatchChange(msgspec.Struct, frozen=True):
    """One section of a patch."""

    op: str
    """``Add``, ``Update``, ``Delete`` or ``Move``: rule field ``tool.patch_op``."""
    path: str
    """The file that the section names; for a move, where the file was."""
    moved_to: str = ""
    """Where a move puts it, else ``""``."""
    added: str = ""
    """The lines that the section adds."""


class Patch(msgspec.Struct, frozen=True):
    """What was understood of a patch."""

    changes: tuple[PatchChange, ...]
    malformed: bool
    """Whether something in it was not understood, so that it may touch more than ``changes`` says."""


class _Section(msgspec.Struct):
    op: str
    path: str
    moved_to: str
    added: list[str]

    def change(self) -> PatchChange:
        op = "Move" if self.moved_to else self.op
        return PatchChange(op, self.path, self.moved_to, "".join(line + "\n" for line in self.added))


def read_patch(text: str) -> Patch:
    """The file sections of ``text``. Never raises."""
    lines = _envelope(text)
    if lines is None:
        return Patch((), malformed=True)
    sections: list[_Section] = []
    malformed = False
    for line in lines:
        malformed |= not _read_line(line, sections)
        if len(sections) > MOST_FILES:
            break
    changes = tuple(section.change() for section in sections)
    return Patch(changes, malformed or not changes or any(not change.path for change in changes))


def _envelope(text: str) -> list[str] | None:
    """The lines between begin and end, blank lines around and a shell here-document's frame left out."""
    lines = text.replace("\r\n", "\n").split("\n", MOST_LINES)
    too_many = len(lines) > MOST_LINES
    marks = [(number, line.strip()) for number, line in enumerate(lines[:MOST_LINES]) if "*** " in line]
    start = next((number for number, mark in marks if mark == _BEGIN), -1)
    if start < 0:
        return None
    end = next((number for number, mark in reversed(marks) if mark == _END and number > start), -1)
    return lines[start + 1 : end] if end >= 0 and not too_many else [*lines[start + 1 : MOST_LINES], "*** missing end"]


def _read_line(line: str, sections: list[_Section]) -> bool:
    """Takes one line in; False where the format does not know it."""
    marker = line.strip()
    if marker.startswith("*** "):
        for prefix, op in _SECTIONS.items():
            if marker.startswith(prefix):
                sections.append(_Section(op, marker.removeprefix(prefix).strip(), "", []))
                return True
    if not sections:
        return not marker
    section = sections[-1]
    if marker.startswith(_MOVE) and section.op == "Update" and not section.moved_to:
        section.moved_to = marker.removeprefix(_MOVE).strip()
        return bool(section.moved_to)
    if line.startswith("+") and section.op != "Delete":
        section.added.append(line[1:])
        return True
    if section.op == "Update":
        return line[:1] in ("", " ", "-", "@") or marker == _END_OF_FILE
    return not marker
