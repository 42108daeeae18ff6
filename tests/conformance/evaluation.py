"""Cases on conditions and values: does the condition hold?"""

from __future__ import annotations

from typing import Any

from prempti_otel.model.event import Event, RawValue
from prempti_otel.model.fields import Argument, Field, FieldType, Level, Registry
from prempti_otel.rules.ast import Transformed
from prempti_otel.rules.compiler import compile_expression, warnings_of
from prempti_otel.rules.operands import ConditionTypeError, compile_side
from prempti_otel.rules.parser import ConditionSyntaxError, parse_condition
from prempti_otel.rules.pmatch import PathPrefixes
from tests.conformance.conditions import TYPES, with_placeholders
from tests.conformance.outcome import Case, Disagreed, NotApplicable, Outcome

_OWN_COMPARISON = ("evt.rawarg", "evt.arg", "evt.around", "fd.", "proc.aname", "proc.apid", "thread.")
_GENERIC = frozenset({"INT16", "INT64", "UINT32", "PID", "INT32"})


class Values(Event):
    """An event of given values, text as bytes where it is not UTF-8."""

    __slots__ = ()

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(Level.TOOL, {})
        for name, value in values.items():
            self.put(name, value)

    def put(self, name: str, value: Any) -> None:
        raw = _raw(value)
        plain, bracket, argument = name.partition("[")
        if raw is None:
            return
        held = self._raw.get(plain)
        if not bracket and not isinstance(held, dict):
            self._raw[plain] = raw
            return
        keyed: dict[str, Any] = held if isinstance(held, dict) else {} if held is None else {"": held}
        keyed[argument[:-1]] = raw
        self._raw[plain] = keyed


def _raw(value: Any) -> RawValue | None:
    if isinstance(value, list):
        return tuple(_raw(item) for item in value)  # type: ignore[misc]
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def registry_of(types: dict[str, str]) -> Registry:
    """A registry from names and types as the cases write them (``list of string``, ``uint64``)."""
    fields = {}
    for name, text in types.items():
        is_list = text.startswith("list of ")
        kind = FieldType(text.removeprefix("list of "))
        fields[name] = Field(name, kind, Level.TOOL, "", is_list=is_list, argument=_argument_of(name))
    return fields


def _argument_of(name: str) -> Argument:
    suffix = name.rpartition(".")[2]
    return {
        "keyarg": Argument.REQUIRED_KEY,
        "optarg": Argument.OPTIONAL_KEY,
        "idxarg": Argument.REQUIRED_INDEX,
        "bothlist": Argument.OPTIONAL_INDEX_OR_KEY,
    }.get(suffix, Argument.NONE)


def described(case: Case) -> Outcome:
    """A case whose ``fields`` carry type and value each."""
    fields, expected = case["fields"], case["expect"]
    generic = case.get("generic_0_44_1")
    if generic is not None:
        expected = generic["result"] if generic["compiles"] else "error"
    values = dict(case.get("values") or {})
    registry: dict[str, Field] = {}
    for name, field in fields.items():
        kind = field["type"]
        if kind not in TYPES and not (kind in _GENERIC and name in values):
            return NotApplicable(f"no field of a plugin source has type {kind}")
        plain = name.partition("[")[0]
        argument = Argument.OPTIONAL_INDEX_OR_KEY if "[" in name else Argument.NONE
        registry[plain] = Field(
            plain, TYPES.get(kind, FieldType.UINT64), Level.TOOL, "", is_list=field["is_list"], argument=argument
        )
        if name not in values and field["value"] is not None:
            hexadecimal = field.get("hex")
            values[name] = bytes.fromhex(hexadecimal) if hexadecimal is not None else _number(kind, field["value"])
    special = next((name for name in fields if name.startswith(_OWN_COMPARISON)), None)
    if special is not None and not case.get("portable", True) and generic is None:
        return NotApplicable(f"{special.partition('[')[0]} of the syscall source is compared in a way of its own")
    return judge(case["filter"], registry, Values(values), expected, case.get("warnings"))


def _number(kind: str, value: Any) -> Any:
    return int(value) if TYPES.get(kind) is not FieldType.STRING and isinstance(value, str) else value


def matrix(case: Case, registry: Registry) -> Outcome:
    """A case whose ``fields`` are bare values, typed by the file."""
    expected = case.get("expect_master", case["expect"])
    return judge(case["filter"], registry, Values(case["fields"]), expected, case.get("warnings"))


def judge(text: str, registry: Registry, event: Event, expected: object, warnings: list[str] | None) -> Outcome:
    try:
        tree = parse_condition(text)
        known = with_placeholders(tree, registry)
        check = compile_expression(tree, known)
    except (ConditionSyntaxError, ConditionTypeError) as error:
        return None if expected == "error" else Disagreed(expected, f"error: {error}")
    if expected == "error":
        return Disagreed("error", "compiles")
    if warnings is not None and len(warnings) != len(warnings_of(tree, known)):
        return Disagreed(warnings, warnings_of(tree, known))
    got = check(event)
    return None if got == expected else Disagreed(expected, got)


_MOCKS = {"c.true": None, "c.false": None, "c.doublequote": 'hello "quoted"', "c.singlequote": "hello 'quoted'"}


def mock(case: Case) -> Outcome:
    """Cases on fields that are true or false whatever they are compared with: 1 stands for true, 0 for false."""
    text = case["filter"]
    registry = {name: Field(name, FieldType.STRING, Level.TOOL, "") for name in _MOCKS}
    event = Values({"c.true": "1", "c.false": "0", **{k: v for k, v in _MOCKS.items() if v is not None}})
    return judge(text, registry, event, case["expect"], None)


def paths(case: Case) -> Outcome:
    """Search paths and one path."""
    got = PathPrefixes(path.encode() for path in case["search_paths"])(case["path"].encode())
    return None if got == case["match"] else Disagreed(case["match"], got)


def intended(case: Case) -> Outcome:
    """Several globs at one level, where the documented meaning counts."""
    registry: Registry = {}
    tree = parse_condition(case["filter"])
    name = case["filter"].split(" ", 1)[0]
    got = compile_expression(tree, with_placeholders(tree, registry))(Values({name: case["value"]}))
    return None if got == case["intended"] else Disagreed(case["intended"], got)


def transformer(case: Case) -> Outcome:
    """One transformer on one value or list, outside of any condition."""
    name = case["test"].rpartition(".")[2]
    kind = TYPES.get(case["input_type"])
    if kind is None:
        return NotApplicable(f"no field of a plugin source has type {case['input_type']}")
    is_list = case["list"] or len(case["input"]) != 1
    if not case["input"]:
        return NotApplicable("an empty list is a missing field to a condition, so no transformer ever sees one")
    registry = {"x.y": Field("x.y", kind, Level.TOOL, "", is_list=is_list)}
    tree = parse_condition(f"{name}(x.y) exists")
    side = tree.left  # type: ignore[union-attr]
    assert isinstance(side, Transformed)
    given = case["input"] if is_list else case["input"][0]
    value = compile_side(side, registry).get(Values({"x.y": given}))
    got = [
        item.decode() if isinstance(item, bytes) else item for item in (value if isinstance(value, tuple) else [value])
    ]
    return None if got == case["expected"] else Disagreed(case["expected"], got)
