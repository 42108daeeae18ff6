"""From argv to options and operands, by an entry's option syntax.

The rules are those of getopt_long(3) with the deviations that an entry names. Whatever is not declared is
kept: an unknown option is a flag, an unknown word that could be an option is an operand. Never raises.
"""

from __future__ import annotations

import shlex
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from prempti_otel.analysis.catalogue.compiled import Command, Kind, Option
from prempti_otel.analysis.reading import Stdin, Word

_FALSE = frozenset({"false", "no", "0", "none", "off"})
_UNTIL_ENDS = frozenset({";", "+"})
_MAX_SPLICES = 4
_LONGEST_SPLICE = 16 * 1024
"""Characters of words in a word that are split as a shell does it; longer ones at blanks."""
_LONGEST_CLUSTER = 256
"""Letters of a cluster of options that are looked at one by one."""
HELP = frozenset({"--help", "--version"})
_SIGNS = frozenset({"-", "+"})
"""What options begin with."""


class Parsed(msgspec.Struct):
    """Options and operands of one command line, and the (sub)command that they belong to."""

    command: Command
    stdin: Stdin
    flags: list[str] = msgspec.field(default_factory=list)
    seen: set[str] = msgspec.field(default_factory=set)
    values: list[tuple[Option, tuple[Word, ...]]] = msgspec.field(default_factory=list)
    """Options with their values, in order; several words for an option up to ``;``."""
    operands: list[Word] = msgspec.field(default_factory=list)
    dashes: int = -1
    """How many operands there were before ``--``; -1 without it."""
    leading: int = -1
    """How many operands there were before the first option; -1 without options."""
    subcommand: list[str] = msgspec.field(default_factory=list)
    assignments: dict[str, Word] = msgspec.field(default_factory=dict)
    helped: bool = False
    """Whether an option that only prints help was given where the command surely takes it for one."""
    texts: list[str] = msgspec.field(default_factory=list)
    """Code and text that ``text`` conditions look at."""

    def flag(self, name: str) -> None:
        """Note that option ``name`` was given."""
        if name not in self.seen:
            self.seen.add(name)
            self.flags.append(name)


class Reader:
    """One pass over the words of a command line."""

    __slots__ = ("done", "parsed", "position", "splices", "words")

    def __init__(self, command: Command, words: Sequence[Word], stdin: Stdin) -> None:
        self.words = words
        self.position = 0
        self.done = command.syntax.no_options
        self.splices = 0
        self.parsed = Parsed(command, stdin)

    def run(self) -> Parsed:
        """Read all words."""
        parsed = self.parsed
        operators = parsed.command.operators
        if parsed.command.syntax.bundle:
            self._bundle()
        while self.position < len(self.words):
            word = self.words[self.position]
            self.position += 1
            text = word.text
            if operators and text in operators and not self.done:
                self._seen_option()
                parsed.flag(text)
            elif text[:1] not in _SIGNS or len(text) < 2:
                self._operand(word)
            elif self.done:
                if text == "--" and self._separates():
                    parsed.dashes = len(parsed.operands)
                else:
                    self._operand(word)
            elif text[0] == "+":
                if parsed.command.syntax.plus and word.known:
                    self._seen_option()
                    self._plus(word)
                else:
                    self._operand(word)
            elif text == "--":
                if parsed.command.syntax.no_dashes:
                    self._operand(word)
                else:
                    self.done = True
                    parsed.dashes = len(parsed.operands)
            else:
                self._seen_option()
                self._option(word)
        return parsed

    def _separates(self) -> bool:
        """Whether ``--`` stands between two kinds of operands, where options have ended before."""
        parsed = self.parsed
        return parsed.dashes < 0 and any(plan.dashes is not None for plan in parsed.command.plans)

    def _plus(self, word: Word) -> None:
        parsed = self.parsed
        option = parsed.command.options.get("+")
        if option is not None:
            parsed.flag("+")
            parsed.values.append((option, (word.part(word.text[1:]),)))
        elif word.text in parsed.command.options:
            self._take(parsed.command.options[word.text], None)
        else:
            parsed.flag(word.text)
            for letter in word.text[1:_LONGEST_CLUSTER]:
                option = parsed.command.options.get(f"+{letter}")
                if option is not None:
                    self._take(option, None)

    def _seen_option(self) -> None:
        if self.parsed.leading < 0:
            self.parsed.leading = len(self.parsed.operands)

    def _operand(self, word: Word) -> None:
        parsed = self.parsed
        command = parsed.command
        text = word.text
        if not parsed.operands and command.depth:
            if self._subcommand(text):
                return
        elif command.syntax.assignments and not parsed.operands and _is_assignment(text):
            name, _, value = text.partition("=")
            parsed.assignments[name] = word.part(value)
            return
        if command.keys and "=" in text:
            key, _, value = text.partition("=")
            roles = command.keys.get(key)
            if roles is not None:
                parsed.values.append((Option(key, Kind.VALUE, roles), (word.part(value),)))
                return
        parsed.operands.append(word)
        if command.syntax.stops:
            self.done = True

    def _subcommand(self, text: str) -> bool:
        """Whether the word belongs to the subcommand."""
        parsed = self.parsed
        command = parsed.command
        found = command.subs.get(text)
        if found is not None:
            parsed.subcommand.append(found[0])
            parsed.command = found[1]
            self.done = self.done or found[1].syntax.no_options
            return True
        if command.subs and command.plans:
            return False
        taken = parsed.subcommand
        if len(taken) >= command.depth or (command.verb is not None and taken and command.verb(taken[-1])):
            return False
        parsed.subcommand.append(text)
        return True

    def _option(self, word: Word) -> None:
        command = self.parsed.command
        text = word.text
        option = command.options.get(text)
        if option is not None:
            self._take(option, None)
        elif text.startswith("--") or command.syntax.single_dash:
            self._long(word)
        else:
            self._cluster(word, text[1:])

    def _long(self, word: Word) -> None:
        parsed = self.parsed
        command = parsed.command
        name, equals, value = word.text.partition("=")
        attached = word.part(value) if equals else None
        option = command.options.get(name)
        if option is None and command.syntax.single_dash:
            other = name[1:] if name.startswith("--") else f"-{name}"
            option = command.options.get(other)
        if option is None and not command.syntax.exact and name.startswith("--"):
            option = _abbreviated(name, command)
        if option is None:
            self._help(name)
            if equals:
                parsed.flag(name)
                parsed.values.append((Option(name, Kind.VALUE), (word.part(value),)))
            else:
                parsed.flag(name)
            return
        if option.kind is Kind.FLAG and attached is not None:
            if attached.text in _FALSE and option.name != "--force":
                return
            parsed.values.append((option, (attached,)))
            attached = None
        self._take(option, attached)

    def _cluster(self, word: Word, letters: str) -> None:
        command = self.parsed.command
        if letters[0].isdigit() and f"-{letters[0]}" not in command.options:
            self.parsed.flag(word.text)
            return
        for index, letter in enumerate(letters[:_LONGEST_CLUSTER]):
            option = command.options.get(f"-{letter}")
            if option is None:
                self._help(f"-{letter}")
                self.parsed.flag(f"-{letter}")
                continue
            if option.kind is Kind.FLAG:
                self._take(option, None)
                continue
            rest = letters[index + 1 :]
            if rest.startswith("=") and command.syntax.equals:
                rest = rest[1:]
            self._take(option, word.part(rest) if rest else None)
            return

    def _take(self, option: Option, attached: Word | None) -> None:
        self.parsed.flag(option.name)
        self._help(option.name)
        if option.kind is not Kind.FLAG:
            self._take_value(option, attached)
        if option.ends:
            self.done = True

    def _take_value(self, option: Option, attached: Word | None) -> None:
        parsed = self.parsed
        if option.kind is Kind.UNTIL:
            parsed.values.append((option, self._until()))
        elif option.kind is Kind.PAIR:
            pair = tuple(self.words[self.position : self.position + 2])
            self.position += len(pair)
            parsed.values.append((option, pair))
        else:
            value = attached
            if value is None and option.kind is Kind.VALUE and self.position < len(self.words):
                value = self.words[self.position]
                self.position += 1
            if value is not None:
                parsed.values.append((option, (value,)))
                if option.roles and any(role.name == "splice" for role in option.roles):
                    self._splice(value)

    def _help(self, name: str) -> None:
        parsed = self.parsed
        if (name in HELP or name in parsed.command.help) and (parsed.subcommand or not parsed.operands):
            parsed.helped = True

    def _until(self) -> tuple[Word, ...]:
        start = self.position
        while self.position < len(self.words):
            text = self.words[self.position].text
            self.position += 1
            if text in _UNTIL_ENDS:
                return tuple(self.words[start : self.position - 1])
        return tuple(self.words[start:])

    def _splice(self, value: Word) -> None:
        """Put the words of ``value`` where it stood; nested ones only so often, since each makes more words."""
        self.splices += 1
        if self.splices > _MAX_SPLICES:
            return
        try:
            parts = shlex.split(value.text) if len(value.text) <= _LONGEST_SPLICE else value.text.split()
        except ValueError:
            parts = value.text.split()
        inner = [value.part(part) for part in parts]
        self.words = [*self.words[: self.position], *inner, *self.words[self.position :]]

    def _bundle(self) -> None:
        """The first word without a dash is a cluster; its values follow in the order of its letters."""
        if not self.words or self.words[0].text.startswith("-") or not self.words[0].known:
            return
        self.position = 1
        for letter in self.words[0].text:
            self._take(self.parsed.command.options.get(f"-{letter}", Option(f"-{letter}")), None)
        self.parsed.leading = -1


def _is_assignment(text: str) -> bool:
    """Whether env(1) and its like take the word for a variable: their names may be any text."""
    return text.find("=") > 0


def _abbreviated(name: str, command: Command) -> Option | None:
    """The option that ``name`` is an unambiguous beginning of, as getopt_long(3) has it."""
    names = command.long_names
    index = bisect_left(names, name)
    found: Option | None = None
    while index < len(names) and names[index].startswith(name):
        option = command.options[names[index]]
        if found is not None and option.name != found.name:
            return None
        found = option
        index += 1
    return found
