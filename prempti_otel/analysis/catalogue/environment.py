"""Environment variables that run code or name servers: which programs read them, and what their values are.

The knowledge is data, in ``environment.yaml`` beside this file. Nothing here decides, and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec
import re2
import yaml

from prempti_otel import typed
from prempti_otel.analysis.catalogue import schema
from prempti_otel.analysis.catalogue.found import MAX_TEXT, encodable
from prempti_otel.analysis.reading import CodeReading, FileAccess, FileOp, Handover, HostAccess, Word
from prempti_otel.model.effects import Effect

TABLE = Path(__file__).with_name("environment.yaml")
_MOST_VALUES = 16
"""Files or pieces of code that one variable gives."""
_SEPARATORS = {"exec": r"[\s:]+", "folders": ":"}
_UNKNOWN = re.compile(r"\$\w+\Z|\$\{[^}]*\}\Z")
"""A variable that the code does not set: what the person's own environment says, which is not the call's doing."""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of the table, as its comment describes it."""

    names: str
    role: str
    readers: str = ""
    find: str = ""
    effects: str = ""


class Use(msgspec.Struct, frozen=True):
    """What a variable's value is to the programs that read it."""

    readers: frozenset[str]
    """Empty for all."""
    role: str
    """``code``, ``script``, ``exec``, ``folders`` or ``download``."""
    language: str
    values: Callable[[str], list[str]]
    effects: tuple[str, ...]

    def is_read_by(self, name: str, *, known: bool) -> bool:
        """Whether the command called ``name`` reads it; one that is not known may read anything."""
        if not self.readers or not known or name in self.readers:
            return True
        return f"{name.rstrip('0123456789.-')}*" in self.readers


def load(table: Path = TABLE) -> Mapping[str, tuple[Use, ...]]:
    """The table by variable. Raises ValueError or msgspec.ValidationError for a bad one: it is part of the package."""
    rows = typed.convert(yaml.load(table.read_text(encoding="utf-8"), yaml.CSafeLoader), list[_Row])
    uses: dict[str, list[Use]] = {}
    for row in rows:
        for name in row.names.split():
            uses.setdefault(name, []).append(_use(row))
    return {name: tuple(found) for name, found in uses.items()}


@cache
def variables() -> Mapping[str, tuple[Use, ...]]:
    """The shipped table, read once."""
    return load()


@cache
def variable_names() -> frozenset[str]:
    """Its variables."""
    return frozenset(variables())


def _use(row: _Row) -> Use:
    role, _, language = row.role.partition(":")
    if role not in ("code", "script", "exec", "folders", "download") or (role in ("code", "script")) is not bool(
        language
    ):
        raise ValueError(f"{row.names}: unknown role {row.role}")
    if language and language not in schema.LANGUAGES:
        raise ValueError(f"{row.names}: unknown language {language}")
    effects = tuple(row.effects.split())
    unknown = [name for name in effects if name not in {effect.value for effect in Effect}]
    if unknown:
        raise ValueError(f"{row.names}: unknown effects {unknown}")
    values = _matches(row.find) if row.find else _divided(_SEPARATORS.get(role, ""))
    return Use(frozenset(row.readers.split()), role, language, values, effects)


def _matches(pattern: str) -> Callable[[str], list[str]]:
    compiled = re2.compile(pattern)
    return lambda text: [match.group(1) for match in compiled.finditer(encodable(text[:MAX_TEXT]))]


def _divided(separator: str) -> Callable[[str], list[str]]:
    if not separator:
        return lambda text: [text]
    return lambda text: re.split(separator, text[:MAX_TEXT])


def loaded(use: Use, value: Word) -> CodeReading:
    """What a program does that reads a variable of this value."""
    given = [text for text in use.values(value.text) if text.strip() and not _UNKNOWN.match(text)][:_MOST_VALUES]
    words = [Word(text, value.known or ("$" not in text and "`" not in text)) for text in given]
    if use.role == "folders":
        return CodeReading(tuple(FileAccess(word, FileOp.EXEC, recursive=True) for word in words))
    if use.role == "download":
        return CodeReading(hosts=tuple(HostAccess(word, "url", "download") for word in words))
    if use.role == "code":
        runs = tuple(Handover(use.language, code=word) for word in words)
        return CodeReading(runs=runs, effects=use.effects if runs else ())
    files = [word for word in words if "/" in word.text or use.role == "script"]
    return CodeReading(
        tuple(FileAccess(word, FileOp.EXEC) for word in files),
        runs=tuple(_scripts(use, files)),
        effects=use.effects if files else (),
    )


def _scripts(use: Use, files: list[Word]) -> Iterator[Handover]:
    if use.role == "script":
        for word in files:
            yield Handover(use.language, code_file=word)
