"""Adds to and removes from lists in ``config.yaml`` in place: other items, comments and everything else stay.

As with single values, what was written is read again first; a change that would alter anything else is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
from yaml import Node, SequenceNode

from prempti_otel.settings.config import Config
from prempti_otel.settings.document import Document, compose
from prempti_otel.settings.save import converted_values, entry, inserted, replace_file, scalar
from prempti_otel.settings.text import ConfigError, read_text
from prempti_otel.settings.validate import config_from_document


def update_list(path: Path, key: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Config:
    """Add texts to the list ``key`` (``rules.disable``), behind what is there, and remove others.

    What is there already, or is not, stays so. Returns the settings as they are now.
    Raises ConfigError, and then nothing changed.
    """
    path = path.resolve()
    text = read_text(path)
    wanted = msgspec.to_builtins(config_from_document(compose(path, text)))
    holder = wanted
    keys = key.split(".")
    for part in keys[:-1]:
        holder = holder[part]
    before = holder[keys[-1]]
    fresh = [item for item in dict.fromkeys(add) if item not in before]
    gone = [item for item in dict.fromkeys(remove) if item in before]
    holder[keys[-1]] = [item for item in before if item not in gone] + fresh
    expected = converted_values(path, wanted)
    refusal = ConfigError(f"{key} cannot be changed in place here", where=str(path), remedy="edit the file by hand")
    try:
        for item in gone:
            while (shorter := _without(compose(path, text), keys, item)) is not None:
                text = shorter
        for item in fresh:
            text = _with(compose(path, text), keys, item)
        config = config_from_document(compose(path, text))
    except ConfigError as error:
        raise refusal from error
    if config != expected:
        raise refusal
    if fresh or gone:
        replace_file(path, text)
    return config


def _with(document: Document, keys: list[str], item: str) -> str:
    """The text with one item more."""
    text, node = document.text, document.root
    for depth, key in enumerate(keys):
        found = entry(node, key)
        if found is None:
            indent = " " * (2 * depth)
            return inserted(text, node if depth else None, indent, keys[depth:], [item])
        name, node = found
    node = _sequence(document, name, node)
    if not isinstance(node, SequenceNode):
        end = name.end_mark.index
        colon = text.index(":", end) + 1
        return f"{text[:colon]} [{scalar(item)}]{text[max(colon, node.end_mark.index) if node else colon :]}"
    if node.flow_style:
        close = node.end_mark.index - 1
        before = text[:close].rstrip()
        comma = "" if not node.value else " " if before.endswith(",") else ", "
        return (
            f"{before if '#' not in before.rpartition(chr(10))[2] else text[:close]}{comma}{scalar(item)}{text[close:]}"
        )
    last = cast("Node", node.value[-1])
    column = node.start_mark.column
    line_end = text.find("\n", last.end_mark.index)
    at = len(text) if line_end < 0 else line_end
    at -= text[:at].endswith("\r")
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:at]}{newline}{' ' * column}- {scalar(item)}{text[at:]}"


def _without(document: Document, keys: list[str], item: str) -> str | None:
    """The text without one item; None where there is none."""
    text, node = document.text, document.root
    for key in keys:
        found = entry(node, key)
        if found is None:
            return None
        name, node = found
    node = _sequence(document, name, node)
    if not isinstance(node, SequenceNode):
        return None
    at = next((index for index, child in enumerate(node.value) if child.value == item), None)
    if at is None:
        return None
    child = cast("Node", node.value[at])
    if node.flow_style:
        kept = [scalar(other.value) for index, other in enumerate(node.value) if index != at]
        return f"{text[: node.start_mark.index]}[{', '.join(kept)}]{text[node.end_mark.index :]}"
    start = text.rfind("\n", 0, child.start_mark.index) + 1
    end = text.find("\n", child.end_mark.index) + 1
    rest = text[end:] if end else ""
    if len(node.value) > 1:
        return text[:start] + rest
    colon = text.index(":", name.end_mark.index) + 1
    return f"{text[:colon]} []{text[colon:start]}{rest}"


def _sequence(document: Document, name: Node, node: Node | None) -> Node | None:
    """``node``, which must stand where its key is. Raises ConfigError for an alias."""
    if node is not None and node.start_mark.index < name.end_mark.index:
        raise ConfigError("the value is an alias", where=document.place(name))
    return node
