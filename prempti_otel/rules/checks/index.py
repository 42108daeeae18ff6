"""Finds the branches that can hold for an event, so that thousands of rules cost little more than a hundred.

From each branch one thing is taken that must be so for it to hold: an equality, a list element, a path
component, a few bytes that the text must contain, that a field is there at all. An event is looked up by what it has;
branches from which nothing follows are always judged. It may only ever name too many branches, never too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from prempti_otel.model.event import encode
from prempti_otel.model.fields import Argument, FieldType, Level
from prempti_otel.rules.checks.derived import DERIVED
from prempti_otel.rules.checks.globs import is_glob
from prempti_otel.rules.checks.literals import glob_literals, regex_literals
from prempti_otel.rules.checks.pmatch import components
from prempti_otel.rules.checks.values import parse_constant
from prempti_otel.rules.language.ast import And, Compare, Constant, Constants, Expression, FieldRef, Or
from prempti_otel.rules.language.operators import plain
from prempti_otel.rules.steps import let_go

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Field, Registry

_GRAM = 3
"""Bytes of the pieces of text that ``contains`` and its like are found by."""
_FEW = 32
"""So many text checks of one field that may be long are quicker judged than looked up."""
_SHORT_TEXTS = frozenset(
    {"file.path", "file.real_path", "file.home_path", "file.name", "file.dir", "proc.name", "proc.exe", "net.host"}
)
"""Looking for a few bytes in these costs less than judging one branch."""
_WORDS_OF_FEW = frozenset(
    {"file.op", "net.op", "net.scheme", "net.ip_class", "proc.stdin", "call.file_ops", "tool.name", "tool.patch_op"}
    | {"agent.name", "agent.os", "agent.hook_event_name", "agent.permission_mode"}
)
"""Fields with so few values that many events have the same: that one has it tells little."""
_FEW_ELEMENTS = 8
"""So many elements of a list are looked up one by one; of more, equal ones once."""
_MAX_PIECES = 48
Key: TypeAlias = "tuple[str, str, Any]"
"""Kind of table, field, and what is looked up there."""
_Option: TypeAlias = frozenset[Key]
"""If the branch holds, at least one of these keys is the event's."""
T = TypeVar("T")
_Table: TypeAlias = "dict[Any, list[Any]]"
_Plan: TypeAlias = "tuple[str, _Table, _Table, list[tuple[str, Any]]]"
"""A field; its values' table, its elements' table, and those of other kinds."""


class BranchIndex(Generic[T]):
    """Branches of one level, each with something to hand back."""

    def __init__(self) -> None:
        self.always: list[T] = []
        """What is judged on every event."""
        self._tables: dict[tuple[str, str], dict[Any, list[T]]] = {}
        self._own: list[_Plan] = []
        self._inherited: list[_Plan] = []

    @classmethod
    def build(
        cls, branches: Sequence[tuple[Expression, T]], fields: Registry, level: Level
    ) -> Generator[None, None, BranchIndex[T]]:
        """An index of conditions on events of ``level`` and what to hand back for each, made in small steps."""
        index: BranchIndex[T] = cls()
        finder = _KeyFinder(fields)
        for expression, _ in branches:
            finder.count(expression)
            yield
        chosen: list[_Option | None] = []
        for expression, _ in branches:
            chosen.append(finder.best(expression))
            yield
        texts = Counter(name for keys in chosen for kind, name in {key[:2] for key in keys or ()} if kind == "text")
        finder.without_text = {name for name, number in texts.items() if number < _FEW and name not in _SHORT_TEXTS}
        for (expression, item), keys in zip(branches, chosen, strict=True):
            rare = keys and any(kind == "text" and name in finder.without_text for kind, name, _ in keys)
            index._add(finder.best(expression) if rare else keys, item)
            yield
        index._own = list(index._plans(name for _, name in index._tables if fields[name].level is level))
        index._inherited = list(index._plans(name for _, name in index._tables if fields[name].level is not level))
        yield from let_go(chosen, finder.counts)
        return index

    def _add(self, keys: _Option | None, item: T) -> None:
        if keys is None:
            self.always.append(item)
            return
        for kind, name, key in keys:
            self._tables.setdefault((kind, name), {}).setdefault(key, []).append(item)

    def _plans(self, names: Iterable[str]) -> Iterable[_Plan]:
        """The tables of each field together."""
        for name in dict.fromkeys(names):
            others = [(kind, table) for (kind, field), table in self._tables.items() if field == name]
            shaped = [(kind, _SHAPES[kind](table)) for kind, table in others if kind in _SHAPES]
            yield name, self._tables.get(("is", name), {}), self._tables.get(("any", name), {}), shaped

    def inherited(self, event: Event) -> list[T]:
        """What may hold by what the event shows of shallower levels: the same for all events with the same base."""
        found = list(self.always)
        shown = event if event.base is None else event.base
        for name, exact, elements, others in self._inherited:
            value = shown.raw(name)
            if value is not None:
                _find(value, exact, elements, others, found)
        return found

    def own(self, event: Event) -> list[T]:
        """What may hold by the event's own values, and is not inherited; some of it perhaps twice."""
        found: list[T] = []
        if event.base is not None and event.base.level is event.level:
            # The files of a patch are calls of their own that rest on the whole call.
            for name, exact, elements, others in self._own:
                if (shown := event.raw(name)) is not None:
                    _find(shown, exact, elements, others, found)
            return found
        values, encoded = event.values, event.encoded
        for name, exact, elements, others in self._own:
            value = encoded.get(name)
            if value is None:
                plain_value = values.get(name)
                if plain_value is None:
                    continue
                value = encoded[name] = encode(plain_value)
            # As _find does it: without a call for the many values that are nothing but looked up.
            if value.__class__ is tuple or others:
                if value:
                    _find(value, exact, elements, others, found)
            elif value.__class__ is not dict and (items := exact.get(value)) is not None:
                found += items
        return found

    def candidates(self, event: Event) -> list[T]:
        """Everything that may hold, some of it perhaps twice."""
        return self.inherited(event) + self.own(event)


def _by_depth(table: dict[Any, list[T]]) -> list[dict[bytes, list[T]]]:
    """A table of components, by their places in a path."""
    places: list[dict[bytes, list[T]]] = [{} for _ in range(1 + max(place for place, _ in table))]
    for (place, component), items in table.items():
        places[place][component] = items
    return places


def _by_text(table: dict[Any, list[T]]) -> dict[str, list[T]]:
    return {gram.decode("latin-1"): items for gram, items in table.items()}


def _at_all(table: dict[Any, list[T]]) -> list[T]:
    return table[True]


_SHAPES: dict[str, Callable[[dict[Any, list[Any]]], Any]] = {"path": _by_depth, "text": _by_text, "has": _at_all}
"""As what the tables of some kinds are searched."""


def _find(value: Any, exact: _Table, elements: _Table, others: Sequence[tuple[str, Any]], found: list[Any]) -> None:
    """Add to ``found`` what the tables of a field hold under the keys that a value has."""
    kind = value.__class__
    if kind is tuple:
        for key in value if len(value) < _FEW_ELEMENTS else set(value):
            if (items := elements.get(key)) is not None:
                found += items
        for _, items in others:  # by nothing but its being there
            found += items
        return
    if kind is dict:
        return
    if (items := exact.get(value)) is not None:
        found += items
    if others and kind is bytes:
        for shape, table in others:
            if shape == "path":
                for place, component in zip(table, components(value), strict=False):
                    if component in place:
                        found += place[component]
            else:
                for key in _grams_in(value, table):
                    found += table[key]


def _grams_in(value: bytes, table: dict[str, list[T]]) -> Iterable[str]:
    """The pieces of text in a table that a value has, a character a byte: searches in text beat those in bytes."""
    text = value.decode("latin-1")
    # Nanoseconds, roughly: one search of the text for each key, or one look-up for each place in the text.
    if len(table) * (40 + len(text) // 10) < len(text) * 70:
        return [key for key in table if key in text]
    return table.keys() & {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}


class _KeyFinder:
    """What must be so for a condition to hold; prefers what few other branches need too."""

    def __init__(self, fields: Registry) -> None:
        self._fields = fields
        self.counts: Counter[Key] = Counter()
        """On how many branches each key was found."""
        self.without_text: set[str] = set()

    def count(self, node: Expression) -> None:
        """Note the keys of one branch."""
        for check in _positive(node):
            for keys in self._alternatives(check):
                self.counts.update(set(keys))

    def best(self, node: Expression) -> _Option | None:
        """The keys under which a condition is found, or None where nothing follows from it."""
        match node:
            case And(children):
                options = [option for child in children if (option := self.best(child)) is not None]
                return min(options, key=self._weight, default=None)
            case Or(children):
                parts = [self.best(child) for child in children]
                return None if None in parts else frozenset().union(*parts)  # type: ignore[arg-type]
            case Compare():
                return self._leaf(node)
            case _:
                return None

    def _weight(self, option: _Option) -> tuple[int, int]:
        """The less, the fewer events a branch is judged on that is found so."""
        return max(map(self._commonness, option)), sum(self.counts[key] for key in option)

    def _commonness(self, key: Key) -> int:
        kind, name, _ = key
        if kind in ("text", "has"):
            return 1
        return 2 if name in _WORDS_OF_FEW or self._fields[name].type is FieldType.BOOL else 0

    def _leaf(self, check: Compare) -> _Option | None:
        """Of each constant's pieces the rarest; one constant without any makes the check useless."""
        chosen = []
        for pieces in self._alternatives(check):
            usable = [key for key in pieces if not (key[0] == "text" and key[1] in self.without_text)]
            if not usable:
                return None
            chosen.append(min(usable, key=lambda key: self.counts[key]))
        return frozenset(chosen)

    def _alternatives(self, check: Compare) -> list[list[Key]]:
        """For each constant the keys that all hold if the check holds with it; ``[[]]`` where nothing follows."""
        left, right = check.left, check.right
        if not isinstance(left, FieldRef) or not isinstance(right, Constant | Constants):
            return [[]]
        field = self._fields[left.name]
        if (
            left.argument is not None
            or left.name in DERIVED
            or (field.argument is not Argument.NONE and not field.any_value)
        ):
            return [[]]
        if check.modifier == "oneof" or (check.modifier and isinstance(right, Constants) and not right.values):
            return [[]]
        values = right.values if isinstance(right, Constants) else (right.value,)
        if not values:
            return [[]]
        if check.modifier == "allof":
            values = values[:1]
        return [self._keys(plain(check.operator), field, value) for value in values]

    def _keys(self, operator: str, field: Field, value: bytes) -> list[Key]:
        name = field.name
        if field.type is FieldType.IPNET:
            return []
        if operator in ("=", "in", "intersects"):
            kind = "any" if field.is_list or field.any_value else "is"
            return [(kind, name, parse_constant(value, field.type))]
        if field.is_list or field.any_value:
            # Few events have these, unlike proc.aname, which takes an argument.
            return [("has", name, True)] if field.argument is Argument.NONE else []
        if operator == "pmatch":
            return [("path", name, place) for place in enumerate(components(value)) if not is_glob(place[1])]
        pieces: Sequence[bytes] = ()
        if operator in ("contains", "startswith", "endswith"):
            pieces = (value,)
        elif operator == "glob":
            pieces = glob_literals(value)
        elif operator == "regex":
            pieces = regex_literals(value)
        grams = {piece[at : at + _GRAM] for piece in pieces for at in range(min(len(piece), _MAX_PIECES) - _GRAM + 1)}
        return [("text", name, gram) for gram in sorted(grams)]


def _positive(node: Expression) -> Iterable[Compare]:
    """The comparisons that stand under no ``not``."""
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from _positive(child)
        case Compare():
            yield node
        case _:
            return
