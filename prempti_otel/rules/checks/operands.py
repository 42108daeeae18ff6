"""Left and right sides of checks: how to get a field's or a transformer's value from an event.

A getter gives a present value of its static type, or None: the field is missing, the list is empty,
or what the event holds is of another type than the registry says. It never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeAlias

from prempti_otel.errors import PremptiError, nearest
from prempti_otel.model.fields import Argument, Field, FieldType
from prempti_otel.rules.checks import transformers
from prempti_otel.rules.checks.derived import DERIVED
from prempti_otel.rules.language.ast import Constant, FieldRef, Operand, Operands, Transformed, operand_text

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry

Getter: TypeAlias = "Callable[[Event], Any]"
_INDEX = re.compile(rb"(?:0|[1-9][0-9]*)\Z")
_CLASSES: dict[FieldType, type] = {
    FieldType.STRING: bytes,
    FieldType.BOOL: bool,
    FieldType.IPADDR: bytes,
    FieldType.IPNET: bytes,
}


class ConditionTypeError(PremptiError):
    """A condition parses but cannot mean anything: unknown field, wrong operator, bad constant.

    ``offset`` is in bytes within the condition; ``unknown_field`` tells a missing field from other errors,
    for ``skip-if-unknown-filter``.
    """

    def __init__(
        self, message: str, offset: int = 0, remedy: str | None = None, *, unknown_field: bool = False
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.offset = offset
        self.unknown_field = unknown_field


@dataclass(frozen=True, slots=True)
class Source:
    """A compiled side of a check."""

    get: Getter
    kind: FieldType
    is_list: bool = False
    any_of: bool = False
    """Many values of which each is compared by itself; a check holds if it holds for any (``proc.aname``)."""
    plain_field: str | None = None
    """The field's name, where the value is simply the event's own."""

    @property
    def value_class(self) -> type:
        """Class of the values that the getter gives."""
        return tuple if self.is_list or self.any_of else _CLASSES.get(self.kind, int)

    @property
    def type_name(self) -> str:
        """For messages."""
        return f"list of {self.kind}" if self.is_list else str(self.kind)


def compile_side(side: Operand, fields: Registry) -> Source:
    """The getter of a field, transformer or (as a transformer's argument) constant. Raises ConditionTypeError."""
    match side:
        case FieldRef():
            return _compile_field(side, fields)
        case Transformed():
            return _compile_transformed(side, fields)
        case Constant(value):
            return Source(lambda _: value, FieldType.STRING)
        case Operands(items):
            return _collect([compile_side(item, fields) for item in items])


def _compile_field(ref: FieldRef, fields: Registry) -> Source:
    field = fields.get(ref.name)
    if field is None:
        guess = nearest(ref.name, fields)
        raise ConditionTypeError(
            f"there is no field {operand_text(ref).decode('utf-8', 'replace')}",
            ref.at,
            f"did you mean {guess}?" if guess else "docs/fields.md lists all fields",
            unknown_field=True,
        )
    argument = _argument(field, ref)
    if field.name == "proc.aname":
        return _ancestor(argument)
    if argument is None and field.argument is Argument.NONE:
        derived = DERIVED.get(field.name)
        get = methodcaller("raw", field.name) if derived is None else _or_derived(field.name, derived)
        plain = field.name if derived is None and not field.any_value else None
        return Source(get, field.type, field.is_list, field.any_value, plain_field=plain)
    return Source(_keyed(field, argument), field.type, field.is_list, field.any_value)


def _argument(field: Field, ref: FieldRef) -> str | None:
    """What stands in the brackets, checked against what the field takes."""
    if ref.argument is None:
        if field.argument.required:
            raise ConditionTypeError(f"{field.name} needs an argument: {field.name}[...]", ref.at)
        return None
    text = ref.argument.decode("utf-8", "surrogateescape")
    if field.argument is Argument.NONE:
        raise ConditionTypeError(f"{field.name} takes no argument, but has [{text}]", ref.at)
    if any(char in text for char in " \t\n\r"):
        raise ConditionTypeError(f"the argument of {field.name} cannot hold blanks", ref.at)
    text = text.partition("]")[0]
    if not field.argument.takes_key and not _INDEX.match(ref.argument):
        raise ConditionTypeError(f"{field.name}[{text}] needs a number from 0 as its argument", ref.at)
    if not text:
        raise ConditionTypeError(f"the argument of {field.name} is empty", ref.at)
    return text


def _or_derived(name: str, derived: Callable[[Event], Any]) -> Getter:
    def get(event: Event) -> Any:
        value = event.raw(name)
        return derived(event) if value is None else value

    return get


def _keyed(field: Field, argument: str | None) -> Getter:
    """The value under an argument: of a mapping by key, of a tuple by index."""
    name, key = field.name, argument or ""
    index = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else None
    absent = field.absent

    def get(event: Event) -> Any:
        values = event.raw(name)
        if isinstance(values, Mapping):
            return values.get(key, absent)
        if values.__class__ is tuple and index is not None:
            return values[index] if index < len(values) else None
        return absent if values is None or argument is not None else values

    return get


def _ancestor(argument: str | None) -> Source:
    """``proc.aname``: any ancestor, or the Nth: 0 is the process itself, 1 its parent."""
    if argument is None:
        return Source(methodcaller("raw", "proc.aname"), FieldType.STRING, any_of=True)
    index = int(argument) if len(argument) < 10 else 10**9

    def get(event: Event) -> Any:
        if index == 0:
            return event.raw("proc.name")
        names = event.raw("proc.aname")
        return names[index - 1] if isinstance(names, tuple) and index <= len(names) else None

    return Source(get, FieldType.STRING)


def _compile_transformed(node: Transformed, fields: Registry) -> Source:
    sources = [compile_side(item, fields) for item in node.arguments]
    if node.argument is not None and node.name != "getopt":
        raise ConditionTypeError(f"transformer {node.name} takes no argument in brackets", node.at)
    if node.name in ("join", "concat", "getopt"):
        return _MANY[node.name](node, sources)
    if len(sources) != 1 or not isinstance(node.arguments[0], FieldRef | Transformed):
        raise ConditionTypeError(f"{node.name}() takes exactly one field or transformer", node.at)
    inner = sources[0]
    if node.name == "len":
        return _length(node, inner)
    if inner.kind is not FieldType.STRING:
        raise ConditionTypeError(f"{node.name}() takes text, and this is {inner.type_name}", node.at)
    return _map_text(_TEXT[node.name], inner)


_TEXT: dict[str, Callable[[bytes], bytes | None]] = {
    "tolower": bytes.lower,
    "toupper": bytes.upper,
    "basename": transformers.basename,
    "b64": transformers.decode_base64,
}


def _map_text(change: Callable[[bytes], bytes | None], inner: Source) -> Source:
    source = inner.get
    if not inner.is_list and not inner.any_of:

        def one(event: Event) -> Any:
            value = source(event)
            return change(value) if value.__class__ is bytes else None

        return Source(one, FieldType.STRING)

    def many(event: Event) -> Any:
        values = source(event)
        if values.__class__ is not tuple:
            return None
        changed = tuple(change(value) for value in values if value.__class__ is bytes)
        return None if None in changed else changed

    return Source(many, FieldType.STRING, inner.is_list, inner.any_of)


def _length(node: Transformed, inner: Source) -> Source:
    if inner.kind is not FieldType.STRING and not inner.is_list:
        raise ConditionTypeError(f"len() takes text or a list, and this is {inner.type_name}", node.at)
    source, wanted = inner.get, tuple if inner.is_list else bytes

    def get(event: Event) -> Any:
        value = source(event)
        return len(value) if value.__class__ is wanted and (value or wanted is bytes) else None

    return Source(get, FieldType.UINT64)


def _collect(items: list[Source]) -> Source:
    """Several sides as one list; missing as soon as one of them is."""
    getters = [item.get for item in items]
    kinds = {item.kind for item in items}
    nested = any(item.is_list or item.any_of for item in items)

    def get(event: Event) -> Any:
        values = tuple(getter(event) for getter in getters)
        return None if nested or None in values else tuple(map(_as_text, values))

    kind = FieldType.STRING if len(kinds) != 1 else kinds.pop()
    return Source(get, kind, is_list=True)


def _as_text(value: Any) -> bytes:
    return value if value.__class__ is bytes else str(value).encode()


def _join(node: Transformed, sources: list[Source]) -> Source:
    if len(sources) != 2:
        raise ConditionTypeError("join() takes a separator and a list", node.at)
    separator, items = sources
    if separator.is_list or separator.kind is not FieldType.STRING:
        raise ConditionTypeError("the first argument of join() is the separator, one text", node.at)
    if not items.is_list:
        raise ConditionTypeError("the second argument of join() is a list", node.at)

    def get(event: Event) -> Any:
        between, values = separator.get(event), items.get(event)
        if between.__class__ is not bytes or values.__class__ is not tuple:
            return None
        return between.join(map(_as_text, values))

    return Source(get, FieldType.STRING)


def _concat(node: Transformed, sources: list[Source]) -> Source:
    if len(sources) < 2:
        raise ConditionTypeError("concat() takes two or more texts", node.at)
    if any(source.is_list or source.any_of or source.kind is not FieldType.STRING for source in sources):
        raise ConditionTypeError("the arguments of concat() are single texts", node.at)
    getters = [source.get for source in sources]

    def get(event: Event) -> Any:
        values = [getter(event) for getter in getters]
        return b"".join(values) if all(value.__class__ is bytes for value in values) else None

    return Source(get, FieldType.STRING)


def _getopt(node: Transformed, sources: list[Source]) -> Source:
    if len(sources) != 2 or not sources[0].is_list or sources[1].is_list:
        raise ConditionTypeError("getopt() takes a list of arguments and one text of option letters", node.at)
    if any(source.kind is not FieldType.STRING for source in sources):
        raise ConditionTypeError("getopt() takes texts", node.at)
    letter = node.argument
    if letter is not None and len(letter) != 1:
        raise ConditionTypeError("the brackets of getopt() hold one option letter", node.at)
    arguments, options = sources[0].get, sources[1].get

    def get(event: Event) -> Any:
        words, letters = arguments(event), options(event)
        if words.__class__ is not tuple or letters.__class__ is not bytes:
            return None
        found = transformers.getopt(tuple(word for word in words if word.__class__ is bytes), letters)
        return transformers.option_list(found) if letter is None else transformers.option_value(found, letter)

    return Source(get, FieldType.STRING, is_list=letter is None)


_MANY: dict[str, Callable[[Transformed, list[Source]], Source]] = {"join": _join, "concat": _concat, "getopt": _getopt}
