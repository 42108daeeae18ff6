"""Files of the command catalogue as text: finding entries without parsing them, parsing one when it is wanted.

A file is a YAML mapping from names (joined by commas) to an entry. Entries begin in the first column, so a
file is cut into entries by its lines alone, and an entry costs nothing until its command is seen.
Parsing the text of all families takes about a hundred times as long as cutting it.
Nothing here decides what an entry means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import yaml

from prempti_otel import typed
from prempti_otel.analysis.catalogue import schema
from prempti_otel.errors import PremptiError, nearest
from prempti_otel.settings.regular import read_regular

Raw: TypeAlias = "str | list[Raw] | dict[str, Raw]"
"""YAML with every scalar left as text: ``no``, ``on`` and ``1.0`` are names like others here."""

TEMPLATE = "_"
"""Entries whose name begins so are no commands; others take them over with ``like``."""
_ENTRY = re.compile(r"^(?P<name>[^\s#-].*?|-\S.*?):(?=[ \t]|$)", re.MULTILINE)
_MAX_FILE = 1 << 20
_REMEDY = "see docs/command-catalogue.md"


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one entry, and where it stands."""

    file: Path
    line: int
    """Of the entry's first line, from 1."""
    names: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """``FILE:LINE: NAME`` for messages."""
        return f"{self.file}:{self.line}: {self.names[0]}"

    @property
    def is_command(self) -> bool:
        """Whether it stands for a command rather than a template for others."""
        return not self.names[0].startswith(TEMPLATE)

    def raw(self) -> dict[str, Raw]:
        """The entry as plain mappings and texts. Raises PremptiError where it is no YAML mapping."""
        try:
            loaded = yaml.load(self.text, Loader=_Loader)  # noqa: S506 - a BaseLoader makes nothing but text
        except yaml.YAMLError as error:
            raise self.error(_yaml_problem(error, self.line)) from None
        body = next(iter(loaded.values())) or {}
        if not isinstance(body, dict):
            raise self.error("an entry is a mapping of keys")
        return body

    def error(self, message: str) -> PremptiError:
        """An error about this entry."""
        return PremptiError(message, where=self.place, remedy=_REMEDY)


class _Loader(yaml.CBaseLoader):
    """Scalars stay text, and a key that occurs twice is an error instead of a silent loss."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Raw]:
    mapping: dict[str, Raw] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"{key} occurs twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _yaml_problem(error: yaml.YAMLError, line: int) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "not valid YAML"
    return f"line {line + mark.line}: {problem}" if mark else str(problem)


def entries_of(file: Path) -> Iterator[Source]:
    """The entries of one file, in order. Raises PremptiError where the file cannot be read or cut."""
    try:
        data = read_regular(file, _MAX_FILE)
        if len(data) > _MAX_FILE:
            raise PremptiError("the file is larger than 1 MiB", where=str(file), remedy="split it")
        text = data.decode("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PremptiError(f"cannot be read: {error}", where=str(file), remedy="check the file") from None
    starts = list(_ENTRY.finditer(text))
    head = text[: starts[0].start()] if starts else text
    if any(line.strip() and not line.startswith(("#", "---")) for line in head.splitlines()):
        raise PremptiError("entries begin with `NAME:` in the first column", where=f"{file}:1", remedy=_REMEDY)
    line = 1
    position = 0
    for number, start in enumerate(starts):
        line += text.count("\n", position, start.start())
        position = start.start()
        end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        names = tuple(name.strip().strip("\"'") for name in start["name"].split(","))
        yield Source(file, line, names, text[position:end])


def files_in(folder: Path) -> list[Path]:
    """The catalogue files of a folder, by name; none where there is no such folder."""
    return sorted(folder.glob("*.yaml")) if folder.is_dir() else []


def merge(base: Mapping[str, Raw], over: Mapping[str, Raw]) -> dict[str, Raw]:
    """``over`` laid over ``base``: options are added to or replaced one by one, effects and subcommands merged."""
    replaced = {name for key in _OPTION_KEYS for group in _groups(over.get(key)) for name in group.split(",")}
    merged: dict[str, Raw] = {}
    for key, value in base.items():
        merged[key] = _without(value, replaced) if key in _OPTION_KEYS else value
    for key, value in over.items():
        old = merged.get(key)
        if key in _OPTION_KEYS and old:
            if isinstance(old, str) and isinstance(value, str):
                merged[key] = f"{old} {value}"
                continue
            old = {old: "ignored"} if isinstance(old, str) else old
            value = {value: "ignored"} if isinstance(value, str) else value
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _COMBINED.get(key, _laid_over)(old, value)
        else:
            merged[key] = value
    return merged


def _laid_over(base: Mapping[str, Raw], over: Mapping[str, Raw]) -> dict[str, Raw]:
    return {**base, **over}


def _merge_effects(base: Mapping[str, Raw], over: Mapping[str, Raw]) -> dict[str, Raw]:
    """An effect that both have holds where either says so."""
    merged = dict(base)
    for name, given in over.items():
        old = merged.get(name)
        merged[name] = given if old is None else [*_listed(old), *_listed(given)]
    return merged


def _listed(given: Raw) -> list[Raw]:
    return given if isinstance(given, list) else [given]


def _merge_subs(base: Mapping[str, Raw], over: Mapping[str, Raw]) -> dict[str, Raw]:
    merged = dict(base)
    for name, sub in over.items():
        old = merged.get(name)
        merged[name] = merge(old, sub) if isinstance(old, dict) and isinstance(sub, dict) else sub
    return merged


_COMBINED = {"sub": _merge_subs, "effects": _merge_effects}


def _groups(value: Raw | None) -> list[str]:
    texts = value if isinstance(value, dict) else [value] if isinstance(value, str) else []
    return [group for text in texts for group in str(text).split()]


def _without(value: Raw, names: set[str]) -> Raw:
    """Groups of options that share no spelling with ``names``."""

    def kept(text: str) -> str:
        return " ".join(group for group in text.split() if names.isdisjoint(group.split(",")))

    if isinstance(value, str):
        return kept(value)
    return {kept(text): role for text, role in value.items()} if isinstance(value, dict) else value


_OPTION_KEYS = ("flags", "values", "optional", "pairs", "until")


def to_entry(raw: Mapping[str, Raw], source: Source) -> schema.Entry:
    """The validated entry. Raises PremptiError that names file, entry, key and the nearest key."""
    try:
        return typed.convert(_filled(raw), schema.Entry, strict=False)
    except msgspec.ValidationError as error:
        raise source.error(_explained(str(error))) from None


def _filled(raw: Mapping[str, Raw]) -> dict[str, Raw]:
    """An empty subcommand (``status:``) is an empty mapping."""
    filled = dict(raw)
    subs = filled.get("sub")
    if isinstance(subs, dict):
        filled["sub"] = {name: _filled(sub) if isinstance(sub, dict) else sub or {} for name, sub in subs.items()}
    return filled


def _explained(message: str) -> str:
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown is None:
        return message
    close = nearest(unknown[1], _keys())
    hint = f"; did you mean {close}" if close else ""
    place = re.search(r" - at `\$?\.?([^`]*)`", message)
    return f"unknown key {unknown[1]}{' in ' + place[1] if place and place[1] else ''}{hint}"


def _keys() -> list[str]:
    """Every key that an entry or a part of one may have."""
    kinds = (schema.Entry, schema.Operands, schema.Condition, schema.Net, schema.Input, schema.Arguments, schema.Delete)
    return sorted({name for kind in kinds for name in kind.__struct_encode_fields__})
