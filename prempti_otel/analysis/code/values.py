"""What is known of a value in a piece of code: the small abstract domain that all languages share.

A value is only ever described, never computed by running anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import TypeAlias

import msgspec

from prempti_otel.analysis.reading import Origin, Word, united

MAX_TEXT = 65_536
"""Longest text in characters that folding makes; longer ones are unknown."""
_MOST_PARTS = 512
"""Different parts of values that are looked at for the variables in them."""
MAX_CHOICES = 16
"""Alternatives that are kept apart; with more, the value is unknown."""
_MOST_COMPARED = 64
"""Parts of a value up to which it is compared with others; larger ones are the same where they are one object."""


class Text(msgspec.Struct, frozen=True):
    """A string; ``known`` and ``pattern`` as for Word. Bytes are held as Latin-1 text."""

    text: str
    known: bool = True
    pattern: bool = False
    binary: bool = False
    variables: tuple[Origin, ...] = ()
    """Environment variables whose values it holds, as for Word."""


class Plain(msgspec.Struct, frozen=True):
    """A number, a boolean, or nothing at all (None, undefined)."""

    value: int | float | bool | None


class Items(msgspec.Struct, frozen=True):
    """A sequence or set of known length."""

    values: tuple[Value, ...]


class Table(msgspec.Struct, frozen=True):
    """A mapping with known keys."""

    pairs: tuple[tuple[Value, Value], ...]

    def get(self, name: str) -> Value | None:
        """The last value under text key ``name``."""
        return next((value for key, value in reversed(self.pairs) if isinstance(key, Text) and key.text == name), None)


class PathText(msgspec.Struct, frozen=True):
    """A path object."""

    text: Text


class Ref(msgspec.Struct, frozen=True):
    """A module, class or function of a library, by its full name."""

    name: str


class Object(msgspec.Struct, frozen=True):
    """An instance of a library's class, by the class's full name and what it was made with."""

    kind: str
    args: tuple[Value, ...] = ()
    access: int = -1
    """For an open file: number of its access in the findings."""


class Method(msgspec.Struct, frozen=True):
    """A method of a value, not yet called."""

    receiver: Value
    name: str


class Choice(msgspec.Struct, frozen=True):
    """One of several values."""

    values: tuple[Value, ...]


class Unknown(msgspec.Struct, frozen=True):
    """What cannot be known, and where it comes from as far as that says something."""

    source: str
    file: Text | None = None
    """The file whose content it is."""
    remote: bool = False
    """Whether it came over the network."""
    variables: tuple[Origin, ...] = ()
    """Environment variables whose values it holds, as for Word."""


class Local(msgspec.Struct, frozen=True):
    """A function that the code defines itself; ``key`` finds it in its interpreter."""

    key: int


Value: TypeAlias = (
    "Text | Plain | Items | Table | PathText | Ref | Object | Method | Choice | Unknown | Local"  # one closed set
)

NOTHING = Plain(None)


def choose(values: Iterable[Value]) -> Value:
    """One of ``values``: itself where there is only one, unknown where there are too many."""
    flat: dict[Value | int, Value] = {}
    for value in values:
        for each in alternatives(value):
            flat.setdefault(each if is_small(each, _MOST_COMPARED) else id(each), each)
    if not flat:
        return NOTHING
    if len(flat) > MAX_CHOICES:
        return Unknown("...")
    return next(iter(flat.values())) if len(flat) == 1 else Choice(tuple(flat.values()))


def of_and(values: Sequence[Value]) -> list[Value]:
    """What a chain of ``and`` may come to: of those before the last, only what counts as false is ever the result."""
    tested = [Unknown(value.source) if isinstance(value, Unknown) else value for value in values[:-1]]
    return [*tested, *values[-1:]]


def is_small(value: Value, most: int) -> bool:
    """Whether a value has at most ``most`` parts, each counted as often as it stands in there.

    One that holds another twice, which holds another twice, takes few lines of code, and for ever to walk through.
    """
    rest = list(_parts_of(value))
    count = 0
    while rest and count + len(rest) <= most:
        count += 1
        rest += _parts_of(rest.pop())
    return not rest


def _parts_of(value: Value) -> tuple[Value, ...]:
    match value:
        case Items(parts) | Choice(parts) | Object(args=parts):
            return parts
        case Table(pairs):
            return tuple([part for pair in pairs for part in pair])
        case PathText(part) | Method(part):
            return (part,)
        case _:
            return ()


def alternatives(value: Value) -> tuple[Value, ...]:
    """The values that ``value`` stands for."""
    return value.values if isinstance(value, Choice) else (value,)


def as_text(value: Value) -> Text:
    """``value`` in a string: unknown parts by their source in braces."""
    match value:
        case Text():
            return value
        case PathText(text):
            return text
        case Plain(plain):
            return Text(str(plain))
        case Unknown(source, variables=variables):
            return Text(f"{{{source}}}", known=False, variables=variables)
        case _:
            return Text("{...}", known=False, variables=variables_in([value]))


def concat(parts: Iterable[Value]) -> Value:
    """The parts as one string, each alternative of them."""
    options = [tuple(as_text(each) for each in alternatives(part)) for part in parts]
    made = []
    for chosen in islice(product(*options), MAX_CHOICES + 1):
        joined = "".join(part.text for part in chosen)
        known = all(part.known for part in chosen) and len(joined) <= MAX_TEXT
        pattern = any(part.pattern for part in chosen)
        variables = united(*[part.variables for part in chosen if part.variables])
        made.append(Text(joined[:MAX_TEXT], known, pattern, any(part.binary for part in chosen), variables))
    return choose(made)


def words(value: Value) -> tuple[Word, ...]:
    """``value`` as the words it may be; () for None. Text that is bytes is read as UTF-8."""
    found = []
    for each in alternatives(value):
        if each == NOTHING:
            continue
        text = as_text(each)
        found.append(Word(decoded(text), text.known, text.pattern, text.variables))
    return tuple(found)


def variables_in(values: Iterable[Value]) -> tuple[Origin, ...]:
    """The environment variables whose values these hold, or what they are made of."""
    found: dict[Origin, None] = {}
    rest = list(values)
    seen: set[int] = set()
    while rest and len(seen) < _MOST_PARTS:
        value = rest.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Text | Unknown):
            found.update(dict.fromkeys(value.variables))
        else:
            rest += _parts_of(value)
    return united(found)


def decoded(text: Text) -> str:
    """The string, bytes read as UTF-8."""
    return text.text.encode("latin-1").decode("utf-8", "replace") if text.binary else text.text


def argvs(value: Value) -> tuple[tuple[tuple[Word, ...], bool], ...]:
    """``value`` as argument lists, and whether each is whole: a sequence's words; one word for anything else."""
    found: list[tuple[tuple[Word, ...], bool]] = []
    for each in alternatives(value):
        if not isinstance(each, Items):
            found += [((word,), word.known) for word in words(each)]
            continue
        options = [words(item) for item in each.values]
        found += [(chosen, True) for chosen in islice(product(*options), MAX_CHOICES)]
    return tuple(found)
