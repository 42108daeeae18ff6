"""Cases on conditions: do they parse, to which tree, which operators take which types."""

from __future__ import annotations

from prempti_otel.model.fields import FIELDS, Argument, Field, FieldType, Level, Registry
from prempti_otel.rules.checks.compiler import compile_expression, warnings_of
from prempti_otel.rules.checks.operands import ConditionTypeError
from prempti_otel.rules.language.ast import Expression, canonical_bytes, checks, field_refs
from prempti_otel.rules.language.escaping import EscapeError, escape, unescape
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition
from tests.conformance.outcome import Case, Disagreed, NotApplicable, Outcome

TYPES = {
    "CHARBUF": FieldType.STRING,
    "FSPATH": FieldType.STRING,
    "UINT64": FieldType.UINT64,
    "BOOL": FieldType.BOOL,
    "RELTIME": FieldType.RELTIME,
    "ABSTIME": FieldType.ABSTIME,
    "IPADDR": FieldType.IPADDR,
    "IPNET": FieldType.IPNET,
}
"""libsinsp's types that a field of a plugin can have; paths are text."""
_FIRST_ITEM = "a bad escape in the first item of a list is an error here, where Falco takes the list as empty"
_TOO_LONG = "constants may be longer than 255 bytes here"


def parse(case: Case) -> Outcome:
    """``filter``/``expr`` with the tree it parses to, or the place of the error."""
    text = case.get("filter", case.get("expr"))
    if text is None:
        text = "(" * 100_000
    master = case.get("master")
    answer = {**case, **master} if isinstance(master, dict) else case
    expected_ok = answer["expect"] == "ok" if "expect" in answer else bool(answer["ok"])
    expected_tree = answer.get("ast_string", answer.get("ast"))
    try:
        tree = canonical_bytes(parse_condition(text)).decode("utf-8", "replace")
    except ConditionSyntaxError as error:
        if not expected_ok:
            return None
        if "no escape" in error.message:
            return NotApplicable(_FIRST_ITEM)
        return Disagreed(f"parses to {expected_tree}", f"error: {error}")
    if not expected_ok:
        return Disagreed(f"error: {answer.get('message', answer.get('error'))}", f"parses to {tree}")
    return None if tree == expected_tree else Disagreed(expected_tree, tree)


def error_offset(case: Case) -> tuple[int, int] | None:
    """Where Falco and where this parser sees the error, for cases that tell; for the summary only."""
    text = case.get("filter", case.get("expr"))
    place = case.get("error_pos", case.get("pos"))
    if text is None or place is None:
        return None
    try:
        parse_condition(text)
    except ConditionSyntaxError as error:
        return (place["idx"] if isinstance(place, dict) else place), error.offset
    return None


def typecheck(case: Case) -> Outcome:
    """A condition on fields of given types that compiles or does not, with the number of its warnings."""
    foreign = sorted({kind for kind in case["field_types"].values() if kind not in TYPES})
    if foreign:
        return NotApplicable(f"no field of a plugin source has type {', '.join(foreign)}")
    registry = {name: field for name, field in FIELDS.items() if name.startswith("evt.")}
    registry |= {name: Field(name, TYPES[kind], Level.TOOL, "") for name, kind in case["field_types"].items()}
    return compare_compilation(case["filter"], registry, case["expect"] == "ok", case.get("warnings"))


def compare_compilation(text: str, registry: Registry, expected_ok: bool, warnings: list[str] | None) -> Outcome:
    try:
        tree = parse_condition(text)
        registry = with_placeholders(tree, registry)
        compile_expression(tree, registry)
    except (ConditionSyntaxError, ConditionTypeError) as error:
        return Disagreed("compiles", f"error: {error}") if expected_ok else None
    if not expected_ok:
        return Disagreed("error", "compiles")
    found = warnings_of(tree, registry)
    if warnings is not None and len(warnings) != len(found):
        return Disagreed(f"warnings {warnings}", f"warnings {found}")
    return None


def with_placeholders(tree: Expression, registry: Registry) -> Registry:
    """The registry with text fields for those that a condition names and the case does not describe."""
    known = dict(registry)
    for check in checks(tree):
        for ref in field_refs(check):
            argument = Argument.OPTIONAL_INDEX_OR_KEY if ref.argument is not None else Argument.NONE
            known.setdefault(ref.name, Field(ref.name, FieldType.STRING, Level.TOOL, "", argument=argument))
    return known


def escaping(case: Case) -> Outcome:
    """Bytes in, bytes or an error out."""
    given = bytes.fromhex(case["in_hex"])
    try:
        got = escape(given) if case["op"] == "escape" else unescape(given)
    except EscapeError as error:
        return None if case["expect"] == "error" else Disagreed(case["out_latin1"], f"error: {error}")
    if case["expect"] == "error":
        return Disagreed("error", got)
    return None if got == bytes.fromhex(case["out_hex"]) else Disagreed(case["out_latin1"], got)
