"""What loading rules has to say: Falco's load codes, places, remedies; as JSON and as text.

Codes and the JSON shape are those of ``falco -V`` with ``json_output``; the sentences are this project's.
Lines and columns count from 0 in JSON, as Falco's do, and from 1 in text, as editors do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from prempti_otel.errors import PremptiError

JsonObject: TypeAlias = dict[str, object]


class Code(StrEnum):
    """Falco's load codes."""

    FILE_READ = "LOAD_ERR_FILE_READ"
    YAML_PARSE = "LOAD_ERR_YAML_PARSE"
    YAML_VALIDATE = "LOAD_ERR_YAML_VALIDATE"
    COMPILE_CONDITION = "LOAD_ERR_COMPILE_CONDITION"
    COMPILE_OUTPUT = "LOAD_ERR_COMPILE_OUTPUT"
    VALIDATE = "LOAD_ERR_VALIDATE"
    UNKNOWN_SOURCE = "LOAD_UNKNOWN_SOURCE"
    UNSAFE_NA_CHECK = "LOAD_UNSAFE_NA_CHECK"
    UNKNOWN_FILTER = "LOAD_UNKNOWN_FILTER"
    UNUSED_MACRO = "LOAD_UNUSED_MACRO"
    UNUSED_LIST = "LOAD_UNUSED_LIST"
    UNKNOWN_ITEM = "LOAD_UNKNOWN_ITEM"
    DEPRECATED_ITEM = "LOAD_DEPRECATED_ITEM"
    APPEND_NO_VALUES = "LOAD_APPEND_NO_VALUES"
    EXCEPTION_NAME_NOT_UNIQUE = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
    INVALID_MACRO_NAME = "LOAD_INVALID_MACRO_NAME"
    INVALID_LIST_NAME = "LOAD_INVALID_LIST_NAME"
    CONDITION_WARNING = "LOAD_COMPILE_CONDITION"
    UNKNOWN_KEY = "LOAD_UNKNOWN_KEY"

    @property
    def description(self) -> str:
        """Falco's short text (``codedesc``)."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Code.FILE_READ: "File read error",
    Code.YAML_PARSE: "YAML parse error",
    Code.YAML_VALIDATE: "Error validating internal structure of YAML file",
    Code.COMPILE_CONDITION: "Error compiling condition",
    Code.COMPILE_OUTPUT: "Error compiling output",
    Code.VALIDATE: "Error validating rule/macro/list/exception objects",
    Code.UNKNOWN_SOURCE: "Unknown event source",
    Code.UNSAFE_NA_CHECK: "Unsafe <NA> comparison in condition",
    Code.UNKNOWN_FILTER: "Unknown field or event-type in condition or output",
    Code.UNUSED_MACRO: "Unused macro",
    Code.UNUSED_LIST: "Unused list",
    Code.UNKNOWN_ITEM: "Unknown rules file item",
    Code.DEPRECATED_ITEM: "Used deprecated item",
    Code.APPEND_NO_VALUES: "Overriding/appending with no values",
    Code.EXCEPTION_NAME_NOT_UNIQUE: "Multiple exceptions defined with the same name",
    Code.INVALID_MACRO_NAME: "Invalid macro name",
    Code.INVALID_LIST_NAME: "Invalid list name",
    Code.CONDITION_WARNING: "Warning in rule condition",
    Code.UNKNOWN_KEY: "Unknown key in item definition",
}


@dataclass(frozen=True, slots=True)
class Location:
    """One step on the way from the file to the culprit."""

    item_type: str
    """Falco's word, such as ``rule`` or ``rule condition``."""
    item_name: str
    file: str
    line: int
    """From 0."""
    column: int
    """From 0."""
    offset: int = 0
    """Characters from the file's beginning."""

    def as_json(self) -> JsonObject:
        """Falco's shape."""
        position = {"name": self.file, "line": self.line, "column": self.column, "offset": self.offset}
        return {"item_type": self.item_type, "item_name": self.item_name, "position": position}


Place: TypeAlias = tuple[Location, ...]
"""From the file down to the culprit."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning."""

    code: Code
    message: str
    locations: Place
    remedy: str | None = None
    snippet: str = ""
    """The culprit's line, and below it a caret."""

    def as_json(self) -> JsonObject:
        """Falco's shape, and the remedy."""
        shown: JsonObject = {
            "code": str(self.code),
            "codedesc": self.code.description,
            "message": self.message,
            "context": {"locations": [place.as_json() for place in self.locations], "snippet": self.snippet},
        }
        if self.remedy:
            shown["remedy"] = self.remedy
        return shown

    @property
    def where(self) -> str:
        """``file:line:column``, line and column from 1."""
        if not self.locations:
            return ""
        last = self.locations[-1]
        return f"{last.file}:{last.line + 1}:{last.column + 1}"

    @property
    def file(self) -> str:
        """Name of the file that it is in."""
        return self.locations[-1].file if self.locations else ""

    @property
    def item(self) -> str:
        """The rule, macro or list that it is about, as ``rule NAME``; empty for others."""
        for place in self.locations:
            if place.item_type in ("rule", "macro", "list"):
                return f"{place.item_type} {place.item_name}"
        return ""

    def as_text(self) -> str:
        """Place, sentence and remedy, then the line."""
        subject = f" ({self.item})" if self.item else ""
        step = f"; {self.remedy}" if self.remedy else ""
        lines = [f"{self.where}: {self.code}{subject}: {self.message}{step}"]
        lines += [f"    {line}" for line in self.snippet.splitlines()]
        return "\n".join(lines)


class LoadError(PremptiError):
    """Loading cannot go on with this file; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message, where=diagnostic.where, remedy=diagnostic.remedy)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class FileResult:
    """What loading one file came to."""

    name: str
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    own_warnings: int = 0
    """How many of the warnings are about the file itself; the others are about all that is defined after it."""

    @property
    def successful(self) -> bool:
        """Warnings do not count."""
        return not self.errors

    def as_json(self, schema_warnings: Sequence[str] | None) -> JsonObject:
        """Falco's shape, with what the schema finds (None: it could not be asked)."""
        return {
            "name": self.name,
            "successful": self.successful,
            "schema_valid": schema_warnings is not None and not schema_warnings,
            "schema_warnings": list(schema_warnings or ()),
            "errors": [error.as_json() for error in self.errors],
            "warnings": [warning.as_json() for warning in self.warnings],
        }


def results_text(files: Sequence[FileResult]) -> str:
    """All files for a person: of what is defined, warnings of the final state only, each with its own file.

    Falco compiles after each file, and so tells for each prefix of them what is wrong with it; a list that a
    later file uses, or a rule that it replaces, is not worth a person's time.
    """
    final = files[-1].warnings[files[-1].own_warnings :] if files and files[-1].successful else []
    by_file: dict[str, list[Diagnostic]] = {}
    for item in final:
        by_file.setdefault(item.file, []).append(item)
    lines: list[str] = []
    for result in files:
        found = (*result.errors, *result.warnings[: result.own_warnings], *by_file.pop(result.name, ()))
        shown = list({(item.code, item.where, item.message): item for item in found}.values())
        lines.append(f"{result.name}: {'Invalid' if result.errors else 'Ok, with warnings' if shown else 'Ok'}")
        lines += [f"  {line}" for diagnostic in shown for line in diagnostic.as_text().splitlines()]
    return "\n".join(lines)


def snippet(lines: Sequence[str], line: int, column: int) -> str:
    """One of a file's lines and a caret below ``column`` (both from 0), cut around it to 120 characters."""
    if not 0 <= line < len(lines):
        return ""
    text = lines[line].replace("\t", " ")
    start = max(0, column - 60) if len(text) > 120 else 0
    return f"{text[start : start + 120]}\n{' ' * (column - start)}^"
