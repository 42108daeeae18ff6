"""The reference page of rule fields, generated from the registry."""

from __future__ import annotations

from prempti_otel.model.fields import FIELDS, Argument, Field, Level, Registry
from prempti_otel.rules.language.operators import operators_of

_INTRODUCTION = """# Rule fields

Generated from the registry in `prempti_otel/model/fields.py` by `make docs`. Do not edit.

A rule's condition is split at its top-level `or`. Each branch is judged once for every event of the deepest
level that it names, and an event shows the fields of the levels above it too: a file access made by a process has
that process's fields, and every event has the call's. A field that an event does not have is *missing*: every
check on it is false, `!=` included, and an output shows `<NA>`.

`in` on a list field holds if *all* its values are listed, `intersects` if *any* is.

`proc.aname`, `proc.env[KEY]` and the fields on where values come from (`proc.args_variables` to `proc.args_from`,
`net.sent_variables`, `net.sent_from`) may have several values, too: a check holds if it holds for any.
"""
_LEVELS = {
    Level.TOOL: "One event per tool call; for a patch, one per file that it touches.",
    Level.PROCESS: "One event per command that the call is predicted to run.",
    Level.FILE: "One event per path that the call or one of its processes is predicted to touch.",
    Level.NETWORK: "One event per host that the call or one of its processes is predicted to talk to.",
}
_HEADER = "| field | type | meaning |\n|---|---|---|\n"
_ARGUMENTS = {
    Argument.NONE: "",
    Argument.OPTIONAL_INDEX: "[N]",
    Argument.REQUIRED_INDEX: "[N]",
    Argument.OPTIONAL_KEY: "[KEY]",
    Argument.REQUIRED_KEY: "[KEY]",
    Argument.OPTIONAL_INDEX_OR_KEY: "[KEY]",
}


def fields_page(fields: Registry = FIELDS) -> str:
    """The page as Markdown, fields in the registry's order."""
    parts = [_INTRODUCTION]
    for level in Level:
        rows = [_row(field) for field in fields.values() if field.level is level]
        if rows:
            parts.append(f"\n## {level.label.capitalize()} level\n\n{_LEVELS[level]}\n\n{_HEADER}")
            parts.append("\n".join(rows) + "\n")
    parts.append(_operators(fields))
    return "".join(parts)


def _row(field: Field) -> str:
    optional = "" if field.argument.required or field.argument is Argument.NONE else " (argument optional)"
    meaning = field.meaning.replace("|", "\\|")
    return f"| `{field.name}{_ARGUMENTS[field.argument]}` | {_type(field)} | {meaning}{optional} |"


def _type(field: Field) -> str:
    return f"list of {field.type}" if field.is_list else str(field.type)


def _operators(fields: Registry) -> str:
    kinds = {_type(field): field for field in fields.values()}
    lines = ["\n## Operators by type\n\n| type | operators |\n|---|---|\n"]
    for name in sorted(kinds):
        operators = " ".join(f"`{operator}`" for operator in operators_of(kinds[name].type, kinds[name].is_list))
        lines.append(f"| {name} | {operators} |\n")
    return "".join(lines)
