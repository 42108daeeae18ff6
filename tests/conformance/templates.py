"""Cases on output templates."""

from __future__ import annotations

import json
from typing import Any

from prempti_otel.model.fields import FIELDS, Argument, Field, FieldType, Level, Registry
from prempti_otel.rules.language.ast import Transformed, operand_text
from prempti_otel.rules.output import OutputError, Template, Token, compile_output
from tests.conformance.evaluation import Values, registry_of
from tests.conformance.outcome import Case, Disagreed, Outcome

PROBE_TIME = 1_700_000_000_123_456_789
"""The events of the probes carry this time, and the number 125."""
PROBE_FIELDS = {
    **dict.fromkeys(("test.str", "test.str2", "test.missing", "test.keyarg", "test.optarg", "test.idxarg"), "string"),
    **dict.fromkeys(("test.num", "test.num2", "test.nummissing"), "uint64"),
    "test.bool": "bool",
    "test.reltime": "reltime",
    "test.abstime": "abstime",
    **dict.fromkeys(("test.list", "test.list2", "test.bothlist"), "list of string"),
    "test.numlist": "list of uint64",
}
"""Fields of the plugin that the probes were made with, besides Prempti's."""


def _scalar(name: str, kind: FieldType, argument: Argument = Argument.NONE) -> Field:
    return Field(name, kind, Level.TOOL, "", argument=argument)


_INDEXED = Argument.OPTIONAL_INDEX_OR_KEY
_SYSCALL: Registry = {
    field.name: field
    for field in (
        _scalar("proc.name", FieldType.STRING),
        _scalar("fd.type", FieldType.STRING),
        _scalar("proc.pid", FieldType.UINT64),
        _scalar("thread.tid", FieldType.UINT64),
        _scalar("evt.asynctype", FieldType.STRING),
        _scalar("evt.num", FieldType.UINT64),
        _scalar("evt.arg", FieldType.STRING, _INDEXED),
        _scalar("evt.arg.path", FieldType.STRING),
        *(_scalar(f"proc.{name}", FieldType.STRING, _INDEXED) for name in ("aname", "aexe", "aexepath", "acmdline")),
        _scalar("proc.apid", FieldType.UINT64, _INDEXED),
    )
}
"""Stand-ins for the fields that libsinsp's own cases name."""


def captured(case: Case) -> Outcome:
    """A template with what its fields were shown as; text or JSON output, or that it is refused."""
    try:
        template = compile_output(case["format"], _SYSCALL)
    except OutputError as error:
        return None if "exception" in case else Disagreed(case.get("output"), f"error: {error}")
    if "exception" in case:
        return Disagreed("error", "compiles")
    shown = {name: value for name, value in case["field_values"].items() if value != "<NA>"}
    event = Values(_ancestry({name: _typed(name, value) for name, value in shown.items() if "(" not in name}))
    if case["json_mode"]:
        got = _json_fields(template, event, case["resolve_transformed"])
        return None if got == json.loads(case["output"]) else Disagreed(case["output"], got)
    text, complete = rendered(template, event)
    expected = (case["output"], case["result"])
    return None if (text, complete) == expected else Disagreed(expected, (text, complete))


def _ancestry(values: dict[str, Any]) -> dict[str, Any]:
    """``proc.aname`` as this source holds it: the process by its own name, its ancestors as a list."""
    if "proc.aname[0]" in values:
        values["proc.name"] = values.pop("proc.aname[0]")
    if "proc.aname" in values:
        values["proc.aname"] = values["proc.aname"].split(" ")
    return values


def _typed(name: str, value: str) -> str | int:
    field = _SYSCALL.get(name.partition("[")[0])
    return int(value) if field is not None and field.type is FieldType.UINT64 and value.isdigit() else value


def rendered(template: Template, event: Values) -> tuple[str, bool]:
    """Falco's own way: without ``*`` a missing value ends the text."""
    if template.starred:
        return template.render(event), True
    out = b""
    for piece in template.pieces:
        text = piece.text(event) if isinstance(piece, Token) else piece
        if text is None:
            return out.decode("utf-8", "replace"), False
        out += text
    return out.decode("utf-8", "replace"), True


def _json_fields(template: Template, event: Values, transformed: bool) -> Any:
    values: dict[str, Any] = template.values(event)
    if transformed:
        for piece in template.pieces:
            if isinstance(piece, Token) and isinstance(piece.side, Transformed):
                text = piece.text(event)
                values[operand_text(piece.side).decode()] = text.decode() if text is not None else None
    if not template.starred:
        values = {name: value for name, value in values.items() if value is not None}
    return values or None


def probe(case: Case) -> Outcome:
    """A template over given fields: text, completeness and JSON fields, or an error."""
    registry = {**FIELDS, **registry_of(PROBE_FIELDS)}
    try:
        template = compile_output(case["format"], registry)
    except OutputError as error:
        return None if "error" in case else Disagreed(case.get("text"), f"error: {error}")
    if "error" in case:
        return Disagreed("error", "compiles")
    event = Values({"evt.num": 125, "evt.source": "coding_agent", "evt.time": PROBE_TIME, **case["fields"]})
    text, complete = rendered(template, event)
    if (text, complete) != (case["text"], case["complete"]):
        return Disagreed((case["text"], case["complete"]), (text, complete))
    if case["json_complete"]:
        got = _json_fields(template, event, transformed=False)
        if got != case["json_fields"]:
            return Disagreed(case["json_fields"], got)
    return None
