"""A small YAML document with the place of everything in it.

Settings are read through here. The text may be anybody's: size, depth and the work that
aliases can cause are bounded, and nothing is ever constructed but plain values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml
from yaml import CSafeLoader, MappingNode, Node, ScalarNode, SequenceNode

from prempti_otel.settings.text import ConfigError

MAX_DEPTH = 32
MAX_NODES = 20_000
"""Nodes in use, an aliased one counted as often as it is used."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a settings file and its root node; None where the text holds no value."""

    path: Path
    text: str
    root: Node | None

    def place(self, node: Node) -> str:
        """``file:line:column`` of a node."""
        return self.at(node.start_mark)

    def at(self, mark: yaml.Mark) -> str:
        """``file:line:column`` of a mark; both count from 1."""
        return f"{self.path}:{mark.line + 1}:{mark.column + 1}"


def compose(path: Path, text: str) -> Document:
    """The document in ``text``; ``path`` is for messages. Raises ConfigError."""
    document = Document(path, text, None)
    try:
        _check_depth(document)
        root = yaml.compose(text, Loader=CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"this is not YAML: {_plain(error.problem or error.context or '')}",
            where=document.at(mark) if mark else str(path),
            remedy="correct the syntax there",
        ) from error
    except yaml.reader.ReaderError as error:
        raise ConfigError(
            f"this is not YAML: {error.reason}",
            where=f"{path}:{text.count(chr(10), 0, error.position) + 1}",
            remedy="remove the character",
        ) from error
    if isinstance(root, ScalarNode) and root.tag.endswith(":null"):
        return document
    return Document(path, text, root)


_PLAIN = {
    "did not find expected node content": "a value or a closing bracket is missing",
    "did not find expected ',' or ']'": "a comma or the closing ] is missing",
    "did not find expected ',' or '}'": "a comma or the closing } is missing",
    "did not find expected key": "a key is missing, or the line is indented otherwise than the one before it",
    "did not find expected '-' indicator": "a list goes on with lines that begin with -, indented alike",
    "could not find expected ':'": "a colon is missing behind a key",
    "mapping values are not allowed in this context": "there is a colon too many, or the text needs quotes",
    "found character that cannot start any token": "put this in quotes; indent with blanks, not tabs",
    "found unexpected end of stream": "a quote is not closed",
}
"""What libyaml says, and what it means to somebody who edits settings."""


def _plain(problem: str) -> str:
    return _PLAIN.get(problem, problem)


def _check_depth(document: Document) -> None:
    """Composing recurses in C without a limit, so depth is taken from the flat list of events first."""
    depth = 0
    for event in yaml.parse(document.text, Loader=CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ConfigError("this is nested too deeply", where=document.at(cast(yaml.Mark, event.start_mark)))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class Reader:
    """Turns nodes into plain values and remembers where each came from, by msgspec's paths (``$.a[0].b``)."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = MAX_NODES
        self._scalars = yaml.SafeLoader("")
        self.nodes: dict[str, Node] = {}

    def read(self, node: Node, path: str = "$", depth: int = 0) -> object:
        """The value of ``node``. Raises ConfigError for a duplicate key, a key that is no text, and too much."""
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise ConfigError("aliases make this too large", where=self._document.place(node))
        self.nodes[path] = node
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.read(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value in node.value:
            place = self._document.place(key)
            if not isinstance(key, ScalarNode):
                raise ConfigError("a key must be a word", where=place)
            if key.value in values:
                raise ConfigError(f"{key.value!r} stands here a second time", where=place, remedy="keep one of them")
            values[key.value] = self.read(value, f"{path}.{key.value}", depth + 1)
        return values

    def _scalar(self, node: Node) -> object:
        kind = node.tag.rpartition(":")[2]
        if kind not in ("bool", "int", "float", "null"):
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (ValueError, KeyError, yaml.YAMLError) as error:
            raise ConfigError(f"this cannot be read as {kind}", where=self._document.place(node)) from error
