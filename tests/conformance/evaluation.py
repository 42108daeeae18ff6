"""Cases on conditions and values: does the condition hold?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from prempti_otel.model.event import Event, RawValue
from prempti_otel.model.fields import Argument, Field, FieldType, Level, Registry
from prempti_otel.rules.checks.compiler import compile_expression, warnings_of
from prempti_otel.rules.checks.operands import ConditionTypeError, compile_side
from prempti_otel.rules.checks.pmatch import PathPrefixes
from prempti_otel.rules.language.ast import Transformed
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition
from tests.conformance.conditions import TYPES, with_placeholders
from tests.conformance.outcome import Case, Disagreed, NotApplicable, Outcome

_BOTH_ENDS = frozenset({"fd.ip", "fd.net"})
Ends: TypeAlias = Mapping[str, Iterable[str]]
"""The addresses of the connection that a test of libsinsp's is about."""
_NOT_UTF8_ON_MASTER = "a value that is not UTF-8 is made so before a regex sees it on Falco's master only"
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
        held = self.encoded.get(plain)
        if not bracket and not isinstance(held, dict):
            self.encoded[plain] = raw
            return
        keyed: dict[str, Any] = held if isinstance(held, dict) else {} if held is None else {"": held}
        keyed[argument[:-1]] = raw
        self.encoded[plain] = keyed


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


def connection_ends(cases: Iterable[Case]) -> Ends:
    """Both ends of each test's connection, which cases on one end tell."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        fields = case.get("fields")
        for name, field in fields.items() if isinstance(fields, dict) else ():
            if name in ("fd.sip", "fd.cip", "fd.lip", "fd.rip") and isinstance(field, dict) and field["value"]:
                found[case["test"]].add(field["value"])
    return found


def _both_ends(case: Case, kind: str, ends: Iterable[str]) -> Outcome:
    """``=`` on both ends holds for either of them, ``!=`` for none."""
    (name,) = case["fields"]
    registry = {name: _field(name, TYPES[kind], is_list=False, indexed=False)}
    judge_end = compile_expression(parse_condition(case["filter"]), registry)
    held = [judge_end(Values({name: end})) for end in ends]
    got = all(held) if " != " in case["filter"] else any(held)
    return None if got == case["expect"] else Disagreed(case["expect"], got)


def described(case: Case, ends: Ends) -> Outcome:
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
        if name in _BOTH_ENDS and case["test"] in ends:
            return _both_ends(case, kind, ends[case["test"]])
        registry[plain] = _field(plain, TYPES.get(kind, FieldType.UINT64), field["is_list"], "[" in name)
        if name not in values and field["value"] is not None:
            values[name] = _value(plain, kind, field)
        if not case.get("portable", True) and generic is None and (reason := _syscall_only(plain, values.get(name))):
            return NotApplicable(reason)
    if " regex " in case["filter"] and not all(map(_is_utf8, values.values())):
        return NotApplicable(_NOT_UTF8_ON_MASTER)
    return judge(case["filter"], registry, Values(values), expected, case.get("warnings"))


def _field(name: str, kind: FieldType, is_list: bool, indexed: bool) -> Field:
    argument = Argument.OPTIONAL_INDEX_OR_KEY if indexed else Argument.NONE
    any_value = name == "proc.aname"
    return Field(name, kind, Level.TOOL, "", is_list=is_list, argument=argument, any_value=any_value)


def _syscall_only(name: str, value: Any) -> str | None:
    """Why a case on this field says nothing about fields of a plugin."""
    if name in _BOTH_ENDS:
        return f"{name} is compared with both ends of a connection, and no case tells which these are"
    if name.startswith("evt.rawarg.") and not isinstance(value, bytes):
        return "evt.rawarg.* takes type and value from the system call, which may not have the argument"
    return None


def _is_utf8(value: Any) -> bool:
    return not isinstance(value, bytes) or value.decode("utf-8", "replace").encode() == value


def _value(name: str, kind: str, field: Any) -> Any:
    """A captured value as an event holds it; the bytes of a C string may come with its end."""
    if field.get("hex") is not None:
        text = bytes.fromhex(field["hex"]).removesuffix(b"\0")
        return text.decode().split(" ") if name == "proc.aname" else text
    value = field["value"]
    is_text = TYPES.get(kind) in (FieldType.STRING, FieldType.IPADDR, FieldType.IPNET)
    return int(value) if isinstance(value, str) and not is_text else value


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
