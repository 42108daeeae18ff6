"""Rules files as yaml-cpp sees them: nodes with their source text and place, no types guessed.

The first of two equal keys wins, merge keys and tags mean nothing, a bool is a bool only where one is
expected. Malformed YAML is a LoadError; nesting is limited before libyaml recurses into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from prempti_otel.rules.diagnostics import Code, Diagnostic, LoadError, Location, Place, snippet

MAX_BYTES = 32 * 1024 * 1024
"""The largest rules file."""
MAX_DEPTH = 200
"""Collections within each other; a rules file needs six."""
_BLOCK_INDENT = re.compile(rb"^[ \-?:]{%d}" % MAX_DEPTH, re.MULTILINE)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A rules file's name and text, for places and snippets."""

    name: str
    content: bytes

    def location(self, item_type: str, item_name: str, node: yaml.Node | None = None) -> Location:
        """The place of a node, or of the file's beginning."""
        if node is None:
            return Location(item_type, item_name, self.name, 0, 0)
        mark = node.start_mark
        return Location(item_type, item_name, self.name, mark.line, mark.column, mark.index)

    def diagnostic(self, code: Code, message: str, place: Place, remedy: str | None = None) -> Diagnostic:
        """A diagnostic with its line."""
        last = place[-1]
        text = self.content.decode("utf-8", "replace")
        return Diagnostic(code, message, place, remedy, snippet(text, last.line, last.column))


def documents(file: SourceFile) -> Iterator[yaml.Node]:
    """The root node of each document; an empty document is a null node. Raises LoadError."""
    root = (file.location("rules content", ""),)
    if len(file.content) > MAX_BYTES:
        raise LoadError(file.diagnostic(Code.YAML_PARSE, "the file is larger than 32 MiB", root, "split it"))
    try:
        text = file.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start)
        column = error.start - (file.content.rfind(b"\n", 0, error.start) + 1)
        place = Location("rules content", "", file.name, line, column, error.start)
        raise LoadError(file.diagnostic(Code.YAML_PARSE, "the file is not UTF-8", (place,), "save it as UTF-8")) from None
    try:
        _limit_depth(file, text, root)
        yield from yaml.compose_all(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise LoadError(_syntax_error(file, error)) from None


def _limit_depth(file: SourceFile, text: str, root: Place) -> None:
    """libyaml's composer recurses on the C stack; walk the events of suspicious files first."""
    brackets = file.content.count(b"[") + file.content.count(b"{")
    if brackets < MAX_DEPTH and not _BLOCK_INDENT.search(file.content):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                place = Location("rules content", "", file.name, mark.line, mark.column, mark.index)
                message = f"more than {MAX_DEPTH} lists and mappings within each other"
                raise LoadError(file.diagnostic(Code.YAML_PARSE, message, (*root, place)))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


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
