"""The documentation as a reader follows it: its commands, and the files that it says to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = {"commands.md"}
"""Holds the help texts themselves."""
PAGES = sorted(
    [
        ROOT / "README.md",
        *(page for page in (ROOT / "docs").glob("*.md") if page.name not in GENERATED),
        *(ROOT / "skills").glob("*/SKILL.md"),
    ]
)
_BLOCK = re.compile(r"^```\w*\n((?s:.*?))^```$|(?:^(?: {4}.*)?\n)*^ {4}.*\n", re.MULTILINE)
"""Fenced, or indented."""
_FILE = re.compile(r"(?:Edit|Write)\s`([^`]+)`:\s*\Z")
_COMMENT = re.compile(r"\s{2,}#.*$")


@dataclass(frozen=True)
class Command:
    """A line that a reader types."""

    line: str


@dataclass(frozen=True)
class Written:
    """A file that a reader writes."""

    path: str
    text: str


def steps(page: Path) -> Iterator[Command | Written]:
    """What a reader of ``page`` does, in order."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        block = found[1] or re.sub("^ {4}", "", found[0], flags=re.MULTILINE)
        named = _FILE.search(text, 0, found.start())
        if named is not None:
            written, typed, rest = block.partition("\npremptictl ")
            yield Written(named[1], written)
            block = typed + rest
        for line in block.splitlines():
            line = _COMMENT.sub("", line.removeprefix("$ "))
            if re.match(r"(sudo env \S+ )?(~/\.prempti/bin/)?premptictl ", line):
                yield Command(line)


def mentioned(page: Path) -> list[str]:
    """Commands in running text, without ``premptictl``."""
    return re.findall(r"`premptictl ([^`\n]+)`", page.read_text())
