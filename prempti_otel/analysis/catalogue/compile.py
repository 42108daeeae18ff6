"""Entries as data into entries as lookups. What the schema cannot say about an entry is checked here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec.structs import replace

from prempti_otel.analysis.catalogue import schema
from prempti_otel.analysis.catalogue.compiled import (
    Command,
    Deleting,
    Filled,
    Kind,
    Option,
    Plan,
    Role,
    Roles,
    Settings,
    Syntax,
    Test,
)
from prempti_otel.analysis.catalogue.conditions import BadEntryError, always, group_finder, never, pattern, when
from prempti_otel.errors import nearest
from prempti_otel.model.effects import Effect

_ROLE_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "alias": ("", "git"),
    "code": schema.LANGUAGES,
    "script": schema.LANGUAGES,
    "shell": ("", *schema.LANGUAGES),
    "source": schema.REMOTE_FORMS,
    "target": schema.REMOTE_FORMS,
    **dict.fromkeys(schema.FORMS, ("", *schema.NET_OPS)),
}


def compile_entry(
    entry: schema.Entry, parent: Command | None = None, level: int = 0, settings: Settings = ()
) -> Command:
    """The entry and its subcommands as lookups; ``settings`` are those of entries above. Raises BadEntryError."""
    settings = (*((pattern(name).search, roles(text)) for name, text in entry.settings.items()), *settings)
    options = _options(entry, parent, settings)
    command = Command(
        syntax=_syntax(entry, parent),
        options=options,
        operators=frozenset(entry.operators.split()),
        keys={key: roles(text) for key, text in entry.keys.items()},
        subs={},
        verb=pattern(entry.until_verb).search if entry.until_verb else None,
        depth=_depth(entry, level),
        plans=tuple(_plans(entry, options)),
        recursive=when(entry.recursive, options) if entry.recursive else (parent.recursive if parent else never),
        net=tuple(_net(entry, options, parent)),
        stdin=tuple(_stdin(entry, options)),
        arguments=_arguments(entry),
        deletes=_deletes(entry, options),
        run_as=entry.run_as,
        effects=(*(parent.effects if parent else ()), *_effects(entry, options)),
        harmless=_either(parent.harmless if parent else never, when(entry.harmless, options)),
        help=frozenset(entry.help.split()) | (parent.help if parent and entry.inherit else frozenset()),
        guess=entry.guess,
        code=group_finder(entry.code) if entry.code else (parent.code if parent else None),
        long_names=tuple(sorted(name for name in options if name.startswith("--"))),
    )
    _add_subcommands(command, entry, level, settings)
    return command


def _depth(entry: schema.Entry, level: int) -> int:
    """How many words the subcommand has at most, those before this entry included."""
    if entry.depth:
        return level + entry.depth
    return level + 8 if entry.until_verb else level + 1 if entry.sub else 0


def _add_subcommands(command: Command, entry: schema.Entry, level: int, settings: Settings) -> None:
    if not entry.sub:
        return
    passed_on = command if entry.inherit else _without_options(command)
    assert isinstance(command.subs, dict)
    for key, sub in entry.sub.items():
        try:
            compiled = compile_entry(sub, passed_on, level + 1, settings)
        except BadEntryError as error:
            raise BadEntryError(f"{key.split(',')[0]}: {error}") from None
        for names in key.split(","):
            spellings = [name.strip() for name in names.split("|")]
            for name in spellings:
                if name in command.subs:
                    raise BadEntryError(f"the subcommand {name} occurs twice")
                command.subs[name] = (spellings[0], compiled)


def _without_options(command: Command) -> Command:
    """What subcommands take over where options before them are not theirs: effects, help, harmlessness."""
    return Command(
        syntax=Syntax(exact=command.syntax.exact, equals=command.syntax.equals),
        options={},
        operators=frozenset(),
        keys={},
        subs={},
        verb=None,
        depth=0,
        plans=(),
        recursive=never,
        net=(),
        stdin=(),
        arguments=None,
        deletes=None,
        run_as="",
        effects=command.effects,
        harmless=command.harmless,
        help=frozenset(),
        guess=False,
        code=command.code,
    )


def _either(first: Test, second: Test) -> Test:
    if first is never:
        return second
    return first if second is never else lambda parsed: first(parsed) or second(parsed)


def _syntax(entry: schema.Entry, parent: Command | None) -> Syntax:
    names = entry.syntax.split()
    for name in names:
        _known(name, schema.SYNTAX, "syntax")
    given = dict.fromkeys(names, True)
    if parent is not None:
        given = {"single_dash": parent.syntax.single_dash, "exact": parent.syntax.exact, **given}
        given.setdefault("equals", parent.syntax.equals)
    return Syntax(**given)


def _known(name: str, names: Iterable[str], kind: str) -> None:
    known = list(names)
    if name not in known:
        close = nearest(name, known)
        raise BadEntryError(f"unknown {kind} {name}{f'; did you mean {close}' if close else ''}")


@lru_cache(maxsize=512)
def roles(text: str) -> Roles:
    """The roles that a text names, ``ignored`` left out. Raises BadEntryError."""
    found = []
    for item in text.split():
        item, _, condition = item.partition("/")
        name, colon, argument = item.partition(":")
        _known(name, schema.ROLES, "role")
        allowed = _ROLE_ARGUMENTS.get(name, ("",))
        if argument not in allowed:
            _known(argument, allowed, f"argument of {name}") if colon else None
            raise BadEntryError(f"{name} takes one of: {', '.join(filter(None, allowed))}")
        if name != "ignored":
            options = frozenset(condition.removeprefix("!").split(",")) if condition else frozenset()
            absent = condition.startswith("!")
            found.append(Role(name, argument, frozenset() if absent else options, options if absent else frozenset()))
    return tuple(found)


def _options(entry: schema.Entry, parent: Command | None, settings: Settings) -> dict[str, Option]:
    options = dict(parent.options) if parent is not None else {}
    own: set[str] = set()
    ends = frozenset(entry.ends.split())
    for kind, groups, text in _declared(entry):
        for group in groups.split():
            spellings = [name for name in group.split(",") if name]
            taken = own.intersection(spellings)
            if taken:
                raise BadEntryError(f"the option {min(taken)} is declared twice")
            own.update(spellings)
            meant = tuple(_with_settings(role, settings) for role in roles(text))
            option = Option(spellings[0], kind, meant, not ends.isdisjoint(spellings))
            options.update(dict.fromkeys(spellings, option))
    return options | {name: Option(name) for name in _mentioned(entry) if name.startswith("-") and name not in options}


def _with_settings(role: Role, settings: Settings) -> Role:
    return replace(role, settings=settings) if role.name == "setting" else role


def _declared(entry: schema.Entry) -> Iterator[tuple[Kind, str, str]]:
    yield Kind.FLAG, entry.flags, ""
    for kind, given in ((Kind.VALUE, entry.values), (Kind.OPTIONAL, entry.optional), (Kind.PAIR, entry.pairs)):
        items = {given: ""} if isinstance(given, str) else given
        yield from ((kind, groups, text) for groups, text in items.items())
    yield from ((Kind.UNTIL, groups, text) for groups, text in entry.until.items())


def _mentioned(entry: schema.Entry) -> Iterator[str]:
    """Options that conditions name: they exist, so abbreviations of them can be known."""
    given: list[schema.When] = [entry.harmless, entry.recursive, *entry.effects.values(), entry.help]
    while given:
        item = given.pop()
        if isinstance(item, list):
            given.extend(item)
        elif isinstance(item, schema.Condition):
            for names in (item.any_of, item.all_of, item.none_of):
                yield from names.split()
        else:
            yield from item.split()


def _plans(entry: schema.Entry, options: dict[str, Option]) -> Iterator[Plan]:
    given = entry.operands
    if isinstance(given, str):
        if given:
            rest = roles(given)
            yield Plan(always, None, (), None, None, rest)
        return
    for plan in given if isinstance(given, list) else [given]:
        yield Plan(
            test=when(plan.when, options),
            leading=_position(plan.leading),
            fixed=tuple(_position(text) for text in (plan.first, plan.second, plan.third, plan.fourth)),
            last=_position(plan.last),
            dashes=_position(plan.dashes),
            rest=roles(plan.rest),
        )


def _position(text: str) -> Roles | None:
    return roles(text) if text else None


def _net(entry: schema.Entry, options: dict[str, Option], parent: Command | None) -> Iterator[tuple[str, Test]]:
    if isinstance(entry.net, str):
        if parent is not None and parent.net and entry.net == "connect":
            yield from parent.net
        else:
            yield entry.net, always
        return
    for item in entry.net:
        yield item.op, when(item.when, options)


def _stdin(entry: schema.Entry, options: dict[str, Option]) -> Iterator[tuple[Roles, Test]]:
    if isinstance(entry.stdin, str):
        if entry.stdin:
            yield roles(entry.stdin), always
        return
    for item in entry.stdin:
        yield roles(item.role), when(item.when, options)


def _arguments(entry: schema.Entry) -> Filled | None:
    given = entry.arguments
    if given is None:
        return None
    return Filled(
        given.stdin,
        frozenset(given.after.split()),
        given.found,
        given.placeholder,
        given.joined,
        frozenset(given.braces.split()),
    )


def _deletes(entry: schema.Entry, options: dict[str, Option]) -> Deleting | None:
    given = entry.deletes
    if given is None:
        return None
    return Deleting(when(given.when, options), frozenset(given.name.split()), frozenset(given.unless.split()))


def _effects(entry: schema.Entry, options: dict[str, Option]) -> Iterator[tuple[str, Test]]:
    for name, given in entry.effects.items():
        _known(name, [effect.value for effect in Effect], "effect")
        yield name, when(given, options)
