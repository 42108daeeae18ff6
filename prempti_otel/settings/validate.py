"""A settings document against what is declared. Whatever is wrong is an error with a place; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import inspect
from yaml import MappingNode, Node, SequenceNode

from prempti_otel import typed
from prempti_otel.errors import PremptiError, nearest
from prempti_otel.settings.config import Config, words
from prempti_otel.settings.document import Document, Reader
from prempti_otel.settings.own_patterns import own_pattern
from prempti_otel.settings.text import ConfigError

Declared = TypeVar("Declared")
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>\$[^`]*)`)?", re.DOTALL)


def config_from_document(document: Document) -> Config:
    """The settings in a document that was read already. Raises ConfigError."""
    if document.root is None:
        return Config()
    config, reader = converted(document, Config)
    _check_names(document, reader, config)
    _check_patterns(document, reader, config)
    return config


def converted(document: Document, declared: type[Declared]) -> tuple[Declared, Reader]:
    """A document that holds a value as a msgspec Struct declares it, and where everything stands.

    Raises ConfigError, also where the document is empty.
    """
    if document.root is None:
        raise ConfigError("the file is empty", where=str(document.path))
    reader = Reader(document)
    values = reader.read(document.root)
    _check(document, document.root, inspect.type_info(declared))
    try:
        return typed.convert(values, declared), reader
    except msgspec.ValidationError as error:
        raise _refusal(document, reader, str(error)) from error


def _check(document: Document, node: Node, expected: inspect.Type) -> None:
    """Finds unknown keys and unknown words, which a nearest right name helps with."""
    kind = _bare(expected)
    if isinstance(kind, inspect.StructType) and isinstance(node, MappingNode):
        fields = {field.encode_name: field for field in kind.fields}
        for name, value in node.value:
            if name.value not in fields:
                raise _unknown(f"there is no key {name.value!r}", document.place(name), name.value, sorted(fields))
            if isinstance(_bare(fields[name.value].type), inspect.LiteralType):
                _check_word(document, value, fields[name.value], words(kind.cls, fields[name.value].name))
            _check(document, value, fields[name.value].type)
    elif isinstance(kind, inspect.ListType) and isinstance(node, SequenceNode):
        for item in node.value:
            _check(document, item, kind.item_type)


def _check_word(document: Document, node: Node, field: inspect.Field, known: tuple[str, ...]) -> None:
    if node.value not in known:
        found = node.value if isinstance(node.value, str) else "a list or mapping"
        raise _unknown(f"{field.encode_name} cannot be {found!r}", document.place(node), found, known)


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _unknown(message: str, place: str, name: str, known: Iterable[object]) -> ConfigError:
    names = [str(item) for item in known]
    close = nearest(name, names)
    remedy = f"did you mean {close!r}?" if close else f"one of: {', '.join(names)}"
    return ConfigError(message, where=place, remedy=remedy)


def _refusal(document: Document, reader: Reader, text: str) -> ConfigError:
    parts = _MESSAGE.fullmatch(text)
    path = (parts and parts["path"]) or "$"
    what = parts["what"] if parts else text
    node = reader.nodes.get(path, document.root)
    assert node is not None
    key = path.rpartition(".")[2].partition("[")[0]
    return ConfigError(
        f"{'the file' if key == '$' else key} {_plain(what.replace('`', ''))}", where=document.place(node)
    )


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "empty",
}
"""msgspec's words for kinds of values, and ours."""
_WRONG_KIND = re.compile(r"Expected (\w+), got (\w+)")
_BOUND = re.compile(r"Expected (?:int|float) (>=|<=|>|<) (\S+)")
_MISSING = re.compile(r"Object missing required field (\w+)")
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PATTERN = re.compile(r"Expected str matching regex '(.*)'")
_PATTERNS = {"^https?://": "must begin with http:// or https://"}


def _plain(what: str) -> str:
    """A refusal of msgspec in words that need no knowledge of it."""
    if (kind := _WRONG_KIND.fullmatch(what)) and kind[1] in _KINDS:
        return f"must be {_KINDS[kind[1]]}, not {_KINDS.get(kind[2], kind[2])}"
    if missing := _MISSING.fullmatch(what):
        return f"needs a key {missing[1]!r}"
    if what == "Expected array of length >= 1":
        return "must not be empty"
    if bound := _BOUND.fullmatch(what):
        return f"must be {_BOUNDS[bound[1]]} {bound[2]}"
    if pattern := _PATTERN.fullmatch(what):
        return _PATTERNS.get(pattern[1], f"must have the form {pattern[1]}")
    return f"is wrong: {what[:1].lower()}{what[1:]}"


def _check_names(document: Document, reader: Reader, config: Config) -> None:
    seen: set[str] = set()
    for index, destination in enumerate(config.export):
        if destination.name in seen:
            raise ConfigError(
                f"two destinations are named {destination.name!r}",
                where=document.place(reader.nodes[f"$.export[{index}].name"]),
                remedy="give each its own name",
            )
        seen.add(destination.name)


def _check_patterns(document: Document, reader: Reader, config: Config) -> None:
    for index, own in enumerate(config.privacy.redact):
        try:
            own_pattern(own.pattern)
        except PremptiError as error:
            place = document.place(reader.nodes[f"$.privacy.redact[{index}].pattern"])
            raise ConfigError(error.message, where=place, remedy=error.remedy) from error
