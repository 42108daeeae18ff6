"""Changes single values in ``config.yaml`` in place: comments, order and everything else stay.

What was written is read again before it replaces the file; a change that would alter anything
but the named keys is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml
from yaml import MappingNode, Node, ScalarNode

from prempti_otel import typed
from prempti_otel.settings import whole
from prempti_otel.settings.config import Config
from prempti_otel.settings.document import Document, compose
from prempti_otel.settings.text import ConfigError, read_text
from prempti_otel.settings.validate import config_from_document

Scalar = str | int | float | bool
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


def save_value(path: Path, key: str, value: Scalar) -> Config:
    """Set one key (``mode``, ``retention.days``) and return the settings as they are now. Raises ConfigError."""
    return update_config(path, {key: value})


def update_config(path: Path, changes: Mapping[str, Scalar]) -> Config:
    """Set keys, all or none; the file is made where there is none. Raises ConfigError, and then nothing changed."""
    path = path.resolve()
    text = read_text(path)
    wanted = msgspec.to_builtins(config_from_document(compose(path, text)))
    for key, value in changes.items():
        _put(wanted, key.split("."), value)
    expected = converted_values(path, wanted)
    refusal = ConfigError(
        f"{', '.join(changes)} cannot be changed in place here", where=str(path), remedy="edit the file by hand"
    )
    try:
        for key, value in changes.items():
            text = _edited(compose(path, text), key.split("."), value)
        config = config_from_document(compose(path, text))
    except ConfigError as error:
        raise refusal from error
    if config != expected:
        raise refusal
    replace_file(path, text)
    return config


def converted_values(path: Path, values: object) -> Config:
    """The settings that plain values stand for. Raises ConfigError."""
    try:
        return typed.convert(values, Config)
    except msgspec.ValidationError:
        # JSON is YAML: read as a file, the values are refused in the words that a file would be.
        try:
            config_from_document(compose(path, msgspec.json.encode(values).decode()))
        except ConfigError as error:
            raise ConfigError(error.message, where=str(path), remedy=error.remedy) from error
        raise


def _put(values: dict[str, object], keys: list[str], value: Scalar) -> None:
    for key in keys[:-1]:
        inner = values[key]
        assert isinstance(inner, dict)
        values = inner
    values[keys[-1]] = value


def _edited(document: Document, keys: list[str], value: Scalar) -> str:
    """The text with one value exchanged, or one line more."""
    text, node, indent = document.text, document.root, ""
    for depth, key in enumerate(keys):
        found = entry(node, key)
        if found is None:
            return inserted(text, node if depth else None, indent, keys[depth:], value)
        name, node = found
        indent = " " * (name.start_mark.column + 2)
        after_key = name.end_mark.index
    assert isinstance(node, Node)
    start, end = node.start_mark.index, node.end_mark.index
    if start < after_key:
        raise ConfigError("the value is an alias", where=document.place(name))
    if start == end:
        colon = text.index(":", after_key) + 1
        return f"{text[:colon]} {scalar(value)}{text[colon:]}"
    return text[:start] + scalar(value) + text[end:]


def entry(node: Node | None, key: str) -> tuple[Node, Node] | None:
    """Key and value of an entry of a mapping; None where there is none."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if isinstance(name, ScalarNode) and name.value == key:
                return name, value
    return None


def inserted(text: str, parent: Node | None, indent: str, keys: list[str], value: Scalar | list[str]) -> str:
    """The text with an entry more, in ``parent`` or, where that is None, at the end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if isinstance(parent, MappingNode) and parent.value and not parent.flow_style:
        first = parent.value[0][0].start_mark
        line = f"{' ' * first.column}{_block(keys, value, newline)}{newline}{' ' * first.column}"
        start = first.index - first.column
        return text[:start] + line + text[first.index :]
    if parent is not None:
        raise ConfigError(f"there is no line for {keys[-1]} to stand on")
    gap = newline if text and not text.endswith("\n") else ""
    return f"{text}{gap}{indent}{_block(keys, value, newline)}{newline}"


def _block(keys: list[str], value: Scalar | list[str], newline: str) -> str:
    """``a:`` and below it ``b: value``."""
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(keys)]
    return newline.join(lines) + f" {scalar(value)}"


def scalar(value: Scalar | list[str]) -> str:
    """YAML for one value: plain where that is read back as the same."""
    if isinstance(value, list):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def replace_file(path: Path, text: str) -> None:
    """Write the file anew as a whole, 0600. Raises ConfigError."""
    try:
        whole.replace(path, text.encode())
    except OSError as error:
        raise ConfigError(
            f"the settings cannot be saved: {error.strerror}",
            where=str(path),
            remedy="correct permissions or free space",
        ) from error
