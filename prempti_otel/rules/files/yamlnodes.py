"""Rules files as yaml-cpp sees them: nodes with their source text and place, no types guessed.

The first of two equal keys wins, merge keys and tags mean nothing, a bool is a bool only where one is
expected. Malformed YAML is a LoadError, and so is nesting beyond all need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import yaml

from prempti_otel.rules.diagnostics import Code, Diagnostic, LoadError, Location, Place, snippet

MAX_BYTES = 32 * 1024 * 1024
"""The largest rules file."""
MAX_NODES = 4_000_000
"""Scalars and collections of one document, with aliases in place."""
MAX_DEPTH = 200
"""Collections within each other; a rules file needs six."""
_STEP = 64
"""Events between two steps."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
_Collection: TypeAlias = yaml.SequenceNode | yaml.MappingNode
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class SourceFile:
    """A rules file's name and text, for places and snippets."""

    name: str
    content: bytes

    @cached_property
    def text(self) -> str:
        """The content as characters, as offsets count them."""
        return self.content.decode("utf-8", "replace").removeprefix("\ufeff")

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines()

    def location(self, item_type: str, item_name: str, node: yaml.Node | None = None) -> Location:
        """The place of a node, or of the file's beginning."""
        if node is None:
            return Location(item_type, item_name, self.name, 0, 0)
        mark = node.start_mark
        return Location(item_type, item_name, self.name, mark.line, mark.column, mark.index)

    def diagnostic(self, code: Code, message: str, place: Place, remedy: str | None = None) -> Diagnostic:
        """A diagnostic with its line."""
        last = place[-1]
        return Diagnostic(code, message, place, remedy, snippet(self._lines, last.line, last.column))


def documents(file: SourceFile) -> Iterator[yaml.Node | None]:
    """The root node of each document, and None at small steps on the way. Raises LoadError."""
    root = (file.location("rules content", ""),)
    if len(file.content) > MAX_BYTES:
        raise LoadError(file.diagnostic(Code.YAML_PARSE, "the file is larger than 32 MiB", root, "split it"))
    try:
        text = file.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start)
        column = error.start - (file.content.rfind(b"\n", 0, error.start) + 1)
        place = Location("rules content", "", file.name, line, column, error.start)
        raise LoadError(
            file.diagnostic(Code.YAML_PARSE, "the file is not UTF-8", (place,), "save it as UTF-8")
        ) from None
    composer = _Composer()
    try:
        for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            if (document := composer.take(event)) is not None:
                yield document
            elif number % _STEP == 0:
                yield None
    except yaml.YAMLError as error:
        raise LoadError(_syntax_error(file, error)) from None


class _Composer:
    """Events to nodes without recursion: libyaml's own composer recurses on the C stack, and holds the GIL."""

    def __init__(self) -> None:
        self._open: list[tuple[_Collection, list[yaml.Node], str | None, int]] = []
        """Each with its children, its anchor, and how many nodes came before it."""
        self._anchors: dict[str | None, tuple[yaml.Node, int]] = {}
        """Nodes and their sizes."""
        self._count = 0
        """Nodes of the document so far, with aliases in place."""

    def take(self, event: Any) -> yaml.Node | None:
        """One event of libyaml's; gives the root node when a document is complete."""
        start: Any = event.start_mark
        match event:
            case yaml.ScalarEvent():
                scalar = yaml.ScalarNode("", event.value, start, start, event.style)
                self._anchors[event.anchor] = scalar, 1
                return self._add(scalar, 1, event)
            case yaml.CollectionStartEvent():
                if len(self._open) == MAX_DEPTH:
                    raise _error(f"more than {MAX_DEPTH} lists and mappings within each other", event)
                kind: type[_Collection] = (
                    yaml.SequenceNode if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingNode
                )
                node = kind("", [], start, start)
                self._anchors[event.anchor] = node, 0
                self._open.append((node, [], event.anchor, self._count))
            case yaml.CollectionEndEvent():
                node, children, anchor, before = self._open.pop()
                pairs = isinstance(node, yaml.MappingNode)
                node.value = list(zip(children[::2], children[1::2], strict=True)) if pairs else children
                if self._anchors[anchor][0] is node:
                    self._anchors[anchor] = node, self._count - before + 1
                return self._add(node, 1, event)
            case yaml.AliasEvent():
                return self._add(*self._meant(event), event)
            case yaml.DocumentStartEvent():
                self._anchors.clear()
                self._count = 0
        return None

    def _add(self, node: yaml.Node, size: int, event: Any) -> yaml.Node | None:
        self._count += size
        if self._count > MAX_NODES:
            raise _error(f"more than {MAX_NODES} values in one document, with aliases in place", event)
        if not self._open:
            return node
        self._open[-1][1].append(node)
        return None

    def _meant(self, event: Any) -> tuple[yaml.Node, int]:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise _error(f"there is no anchor '{event.anchor}'", event)
        if any(node is known[0] for node, *_ in self._open):
            raise _error(f"the alias '{event.anchor}' stands inside of what it means", event)
        return known


def _error(problem: str, event: Any) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _syntax_error(file: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column, index = (mark.line, mark.column, mark.index) if mark else (0, 0, 0)
    place = Location("rules content", "", file.name, line, column, index)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    remedy = None
    if "mapping values are not allowed" in str(problem):
        remedy = "put text that holds ': ' in quotes, or begin it on the next line after '>'"
    elif "cannot start any token" in str(problem):
        remedy = "YAML indents with blanks, never with tabs; text that begins with % @ ` needs quotes"
    return file.diagnostic(Code.YAML_PARSE, f"this is not YAML: {problem}", (place,), remedy)


def is_null(node: yaml.Node) -> bool:
    """A plain ``~``, ``null`` or nothing."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


def entries(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    """Values by key; the first of equal keys wins, keys that are no scalars have no name and vanish."""
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            found.setdefault(key.value, value)
    return found


def parse_bool(text: str) -> bool | None:
    """YAML 1.1's words in lower case, Capitalised or UPPER; None for anything else."""
    word = text.lower()
    if text not in (word, word.capitalize(), word.upper()):
        return None
    return True if word in _TRUE else False if word in _FALSE else None
