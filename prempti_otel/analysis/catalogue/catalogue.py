"""The command catalogue: what is known of commands, and the reading of one command line with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from prempti_otel.analysis.catalogue.apply import Applied
from prempti_otel.analysis.catalogue.compile import compile_entry
from prempti_otel.analysis.catalogue.compiled import Command
from prempti_otel.analysis.catalogue.conditions import BadEntryError
from prempti_otel.analysis.catalogue.handovers import handovers
from prempti_otel.analysis.catalogue.parse import Parsed, Reader
from prempti_otel.analysis.catalogue.schema import Entry
from prempti_otel.analysis.catalogue.source import TEMPLATE, Raw, Source, entries_of, files_in, merge, to_entry
from prempti_otel.analysis.reading import CommandReading, Stdin, Word
from prempti_otel.errors import nearest

SHIPPED = Path(__file__).resolve().parent.parent / "commands"
"""One file per family."""
_NAME = re.compile(r"[A-Za-z0-9_./+-]+\Z")
"""A command word that may be another one when it runs, but has a value where it is not: ``${PYTHON:-python3}``."""
UNKNOWN = "_unknown"
"""The template that says what may be guessed of a command without an entry."""
_NO_STDIN = Stdin()
_MAX_LIKE = 8


class Catalogue:
    """Entries by name. An entry is compiled when its command is first seen, and kept."""

    def __init__(self, shipped: Mapping[str, Source], extra: Mapping[str, Source] | None = None) -> None:
        self._shipped = shipped
        self._sources = {**shipped, **(extra or {})}
        self._commands: dict[str, Command] = {}
        self._compiled: dict[tuple[Path, int], Command] = {}

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def names(self) -> Iterator[str]:
        """Every name of every command, a name ending in ``*`` standing for versions."""
        return (name for name in self._sources if not name.startswith(TEMPLATE))

    def sources(self) -> Iterator[Source]:
        """Every entry's text and place, each once."""
        seen = {source.place: source for source in self._sources.values()}
        return iter(seen.values())

    def entry(self, name: str) -> Entry:
        """The validated entry of a known name. Raises KeyError, and PremptiError for a bad entry."""
        source = self._sources[name]
        return to_entry(self._resolved(source.raw(), source), source)

    def check(self, pause: Callable[[], None] | None = None) -> None:
        """Compile every entry, with ``pause`` called after each. Raises PremptiError for the first bad one."""
        for name in self._sources:
            if not name.startswith(TEMPLATE):
                self._command(name)
                if pause is not None:
                    pause()

    def read(self, argv: Sequence[Word], stdin: Stdin = _NO_STDIN) -> CommandReading:
        """Read one command line: ``argv[0]`` is the command word. Never raises, whatever the words are."""
        if not argv:
            return CommandReading("", "", ())
        exe = argv[0].text
        name = exe.rpartition("/")[2]
        named = argv[0].known or _NAME.match(exe) is not None
        command = self._commands.get(name) if named else None
        if command is None:
            found = self._find(name) if named else None
            if found is None:
                return _unknown(name, exe, tuple(argv), self._guessed(exe, argv, stdin))
            command = self._commands.get(found) or self._command(found)
            if found.lower() == name.lower():
                name = found
        parsed = Reader(command, argv[1:], stdin).run()
        reading = _reading(name, exe, tuple(argv), parsed)
        if parsed.command.guess and not reading.effects and not (parsed.helped or command.harmless(parsed)):
            words = (argv[0], *map(Word, (*parsed.subcommand, *parsed.flags)), *parsed.operands)
            return msgspec.structs.replace(reading, effects=self._guessed(name, words, stdin))
        return reading

    def _guessed(self, exe: str, argv: Sequence[Word], stdin: Stdin) -> tuple[str, ...]:
        """Effects of a command without an entry. Programs named by a path, as a project's own are, have none."""
        if "/" in exe or not argv[0].known or UNKNOWN not in self._sources:
            return ()
        parsed = Reader(self._commands.get(UNKNOWN) or self._command(UNKNOWN), argv[1:], stdin).run()
        return () if parsed.helped or parsed.command.harmless(parsed) else _effects(parsed)

    def _find(self, name: str) -> str | None:
        """The key that the entry of a command called ``name`` has."""
        if name in self._sources:
            return name if not name.startswith(TEMPLATE) else None
        lower = name.lower().removesuffix(".exe")
        if lower in self._sources and not lower.startswith(TEMPLATE):
            return lower
        stem = lower.rstrip("0123456789.-")
        versioned = f"{stem}*"
        return versioned if stem != lower and versioned in self._sources else None

    def _command(self, name: str) -> Command:
        source = self._sources[name]
        key = (source.file, source.line)
        command = self._compiled.get(key)
        if command is None:
            entry = to_entry(self._resolved(source.raw(), source), source)
            try:
                command = compile_entry(entry)
            except BadEntryError as error:
                raise source.error(str(error)) from None
            self._compiled[key] = command
        self._commands[name] = command
        return command

    def _resolved(self, raw: Mapping[str, Raw], source: Source, depth: int = 0) -> dict[str, Raw]:
        """The entry with what its ``like`` names laid under it, subcommands included."""
        resolved = dict(raw)
        like = resolved.pop("like", None)
        if like is not None:
            base = self._sources.get(like) if isinstance(like, str) else None
            if base is source:
                base = self._shipped.get(source.names[0])
            if base is None:
                close = nearest(str(like), self._sources)
                raise source.error(f"like: no entry {like}{f'; did you mean {close}' if close else ''}")
            if depth >= _MAX_LIKE or base is source:
                raise source.error("like: entries take each other over in a circle")
            resolved = merge(self._resolved(base.raw(), base, depth + 1), resolved)
        subs = resolved.get("sub")
        if isinstance(subs, dict):
            resolved["sub"] = {
                name: self._resolved(sub, source, depth + 1) if isinstance(sub, dict) else sub
                for name, sub in subs.items()
            }
        return resolved


def load_catalogue(extra_dirs: Sequence[Path] = ()) -> Catalogue:
    """The shipped catalogue, with the entries of ``extra_dirs`` in place of shipped ones of the same name.

    Raises PremptiError for anything wrong in an extra folder, with file, line, entry and remedy.
    """
    sources: dict[str, Source] = {}
    for file in files_in(SHIPPED):
        _add(sources, entries_of(file))
    extra: dict[str, Source] = {}
    for folder in extra_dirs:
        for file in files_in(folder):
            _add(extra, entries_of(file))
    catalogue = Catalogue(sources, extra)
    for name in extra:
        if not name.startswith(TEMPLATE):
            catalogue._command(name)
    return catalogue


def _add(sources: dict[str, Source], entries: Iterator[Source]) -> None:
    for source in entries:
        for name in source.names:
            if name in sources:
                raise source.error(f"{name} has an entry in {sources[name].file.name} already")
            sources[name] = source


def _unknown(name: str, exe: str, argv: tuple[Word, ...], effects: tuple[str, ...]) -> CommandReading:
    """An unknown command is name and operands; what looks like an option is one, without a value."""
    flags: list[str] = []
    operands: list[Word] = []
    options: dict[str, str] = {}
    rest = iter(argv[1:])
    for word in rest:
        text = word.text
        if text == "--":
            operands.extend(rest)
        elif len(text) > 1 and text[0] == "-":
            flag, equals, value = text.partition("=")
            flags.append(flag)
            if equals:
                options[flag] = value
        else:
            operands.append(word)
    return CommandReading(
        name, exe, argv, flags=tuple(dict.fromkeys(flags)), options=options, operands=tuple(operands), effects=effects
    )


def _reading(name: str, exe: str, argv: tuple[Word, ...], parsed: Parsed) -> CommandReading:
    command = parsed.command
    subcommand = " ".join(parsed.subcommand)
    flags = tuple(parsed.flags)
    options = _options(parsed) if parsed.values else {}
    operands = tuple(parsed.operands)
    if parsed.helped:
        return CommandReading(name, exe, argv, True, subcommand, flags, options, operands)
    if not (options or command.plans or command.stdin or command.deletes):
        effects = _effects(parsed) if command.effects and not command.harmless(parsed) else ()
        return CommandReading(name, exe, argv, True, subcommand, flags, options, operands, effects)
    applied = _applied(parsed)
    if command.harmless(parsed):
        effects = ()
        applied.harmless()
    else:
        effects = _effects(parsed) if command.effects else ()
    return CommandReading(
        name,
        exe,
        argv,
        True,
        subcommand,
        flags,
        options,
        operands,
        effects,
        tuple(applied.files),
        tuple(applied.host_accesses()) if applied.hosts else (),
        handovers(applied),
        next((code for _, code, _ in applied.codes if code is not None), None) if applied.codes else None,
        applied.sent,
        applied.unread,
    )


def _options(parsed: Parsed) -> dict[str, str]:
    """Values by option; those of one that is given more than once, a line each."""
    texts = [
        words[0].text if len(words) == 1 else " ".join([word.text for word in words]) for _, words in parsed.values
    ]
    names = [option.name for option, _ in parsed.values]
    once = dict(zip(names, texts, strict=True))
    if len(once) == len(texts):
        return once
    values: dict[str, list[str]] = {}
    for name, text in zip(names, texts, strict=True):
        values.setdefault(name, []).append(text)
    return {name: "\n".join(lines) for name, lines in values.items()}


def _applied(parsed: Parsed) -> Applied:
    command = parsed.command
    applied = Applied(parsed, command.recursive(parsed), parsed.assignments)
    applied.options()
    if command.plans:
        applied.operands()
    if command.stdin:
        applied.from_stdin()
    if applied.into:
        applied.targets()
    if command.deletes is not None:
        applied.deleted_below()
    return applied


def _effects(parsed: Parsed) -> tuple[str, ...]:
    found = [effect for effect, test in parsed.command.effects if test(parsed)]
    return tuple(dict.fromkeys(found)) if found else ()
