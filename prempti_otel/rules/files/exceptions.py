"""A rule's ``exceptions``: what is legal, how entries merge, and the condition text that they become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prempti_otel.errors import nearest
from prempti_otel.rules.diagnostics import Code, Diagnostic, LoadError
from prempti_otel.rules.language.operators import ALL_OPERATORS, MODIFIABLE, MODIFIERS

if TYPE_CHECKING:
    from prempti_otel.model.fields import Registry
    from prempti_otel.rules.files.definitions import ExceptionValue, RuleDefinition, RuleException
    from prempti_otel.rules.files.yamlnodes import SourceFile

MAX_TEXT = 4 * 1024 * 1024
"""Characters that all exceptions of one rule may come to."""
_LIST_COMPS = frozenset({"in", "pmatch", "intersects"})
Report = Callable[[Diagnostic], None]


def check_exception(entry: RuleException, file: SourceFile, fields: Registry | None) -> None:
    """Fill in what an entry leaves out and check it; fields only where they are known. Raises LoadError."""
    if isinstance(entry.fields, str):
        _check_single(entry, file)
        names: Sequence[str] = (entry.fields,)
    else:
        names = entry.fields or ()
        _check_tuple(entry, names, file)
    for name in names if fields is not None else ():
        assert fields is not None
        if not _is_field(name, fields):
            guess = nearest(name, fields)
            remedy = f"did you mean {guess}?" if guess else "docs/fields.md lists all fields"
            raise _error(entry, file, f"'{name}' is not a supported filter field", remedy)


def _check_single(entry: RuleException, file: SourceFile) -> None:
    comps = "in" if entry.comps is None else entry.comps
    if not isinstance(comps, str):
        raise _error(entry, file, "fields is one field, so comps must be one operator", "write fields as a list too")
    entry.comps = _normal(comps)
    if entry.comps not in _LIST_COMPS and not _is_modified(entry.comps):
        message = "for a single field, comps must be in, pmatch, intersects or an operator with a modifier"
        raise _error(entry, file, message, "for another operator write fields, comps and values as lists")
    check_values(entry, file)


def _check_tuple(entry: RuleException, names: Sequence[str], file: SourceFile) -> None:
    comps = ("=",) * len(names) if entry.comps is None else entry.comps
    if isinstance(comps, str):
        raise _error(entry, file, "fields is a list, so comps must be a list too")
    if len(comps) != len(names):
        raise _error(entry, file, "fields and comps must have equal length")
    entry.comps = tuple(_normal(comp) for comp in comps)
    for comp in entry.comps:
        if comp not in ALL_OPERATORS and not _is_modified(comp):
            guess = nearest(comp, ALL_OPERATORS)
            remedy = f"did you mean {guess}?" if guess else None
            raise _error(entry, file, f"'{comp}' is not a supported comparison operator", remedy)
    check_values(entry, file)


def check_values(entry: RuleException, file: SourceFile) -> None:
    """Whether the values fit the fields in shape. Raises LoadError."""
    for value in entry.values:
        if isinstance(entry.fields, str):
            if not isinstance(value, str):
                raise _error(entry, file, "the values of a single field are scalars", "write fields as a list too")
        elif isinstance(value, str) or len(value) != len(entry.fields or ()):
            raise _error(entry, file, "fields and each of the values must be lists of equal length")


def _normal(comp: str) -> str:
    return " ".join(comp.split())


def _is_modified(comp: str) -> bool:
    operator, _, modifier = comp.partition(" ")
    return operator in MODIFIABLE and modifier in MODIFIERS


def _is_field(text: str, fields: Registry) -> bool:
    # Few rules have exceptions, and without these a file is read in a fraction of the time.
    from prempti_otel.rules.checks.operands import ConditionTypeError, compile_side
    from prempti_otel.rules.language.ast import Exists
    from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition

    try:
        tree = parse_condition(text + " exists")
        if isinstance(tree, Exists):
            compile_side(tree.left, fields)
            return True
    except ConditionTypeError as error:
        return not error.unknown_field and text.partition("[")[0] in fields
    except ConditionSyntaxError:
        return False
    return False


def _error(entry: RuleException, file: SourceFile, message: str, remedy: str | None = None) -> LoadError:
    return LoadError(file.diagnostic(Code.VALIDATE, message, entry.place, remedy))


def merge_exception(rule: RuleDefinition, entry: RuleException, file: SourceFile, fields: Registry | None) -> None:
    """Append an entry to a rule: values to one of that name, or a new one. Raises LoadError."""
    known = next((other for other in rule.exceptions if other.name == entry.name), None)
    if known is None:
        if entry.fields is None:
            raise _error(entry, file, "a new exception needs fields", f"rule {rule.name} has none called {entry.name}")
        check_exception(entry, file, fields)
        rule.exceptions.append(entry)
        return
    if entry.fields is not None or entry.comps is not None:
        raise _error(entry, file, "appending to an exception may only give values", "leave out fields and comps")
    known.values = [*known.values, *entry.values]
    check_values(known, file)


def condition_text(rule: RuleDefinition) -> str:
    """The rule's condition with its exceptions. Raises LoadError where that becomes too long."""
    if not rule.exceptions:
        return rule.condition
    parts = [f"({rule.condition})"]
    budget = MAX_TEXT
    for entry in rule.exceptions:
        if not entry.values:
            continue
        text = _single_text(entry) if isinstance(entry.fields, str) else _tuple_text(entry)
        budget -= len(text)
        if budget < 0:
            raise _error(entry, rule.file, "the exceptions come to more than 4 MiB of text")
        parts.append(text)
    return "".join(parts)


def _single_text(entry: RuleException) -> str:
    values = ", ".join(_quoted(value) for value in entry.values if isinstance(value, str))
    return f" and not ({entry.fields} {entry.comps} ({values}))"


def _tuple_text(entry: RuleException) -> str:
    assert isinstance(entry.fields, tuple)
    assert isinstance(entry.comps, tuple)
    rows = [_row_text(entry.fields, entry.comps, value) for value in entry.values]
    return " and not (" + " or ".join(rows) + ")"


def _row_text(names: tuple[str, ...], comps: tuple[str, ...], values: ExceptionValue) -> str:
    checks = []
    for name, comp, value in zip(names, comps, values, strict=False):
        if isinstance(value, tuple):
            text = "(" + ", ".join(map(_quoted, value)) + ")"
        elif (comp in _LIST_COMPS or _is_modified(comp)) and not value.startswith("("):
            text = f"({_quoted(value)})"
        else:
            text = value if value.startswith("(") else _quoted(value)
        checks.append(f"{name} {comp} {text}")
    return "(" + " and ".join(checks) + ")"


def _quoted(value: str) -> str:
    """In double quotes where it holds a blank and does not begin with a quote; nothing is escaped, as in Falco."""
    return f'"{value}"' if " " in value and value[0] not in "\"'" else value
