"""Conditions of an entry as functions over a parsed command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import re2

from prempti_otel.analysis.catalogue.compiled import Option, Test
from prempti_otel.analysis.catalogue.found import MAX_TEXT, encodable
from prempti_otel.analysis.catalogue.parse import Parsed
from prempti_otel.analysis.catalogue.schema import Condition, When
from prempti_otel.analysis.reading import Word


class BadEntryError(ValueError):
    """Something in an entry that the schema alone cannot see; the message names it."""


class Searcher(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object:
        """Anything true where the pattern occurs."""


class _Compiled(Protocol):
    """What google-re2 makes of a pattern."""

    def search(self, text: bytes) -> object:
        """A match, or None."""


class Pattern:
    """A compiled pattern that takes any text: RE2 itself refuses lone surrogates, which file names may have."""

    __slots__ = ("_search",)

    def __init__(self, compiled: _Compiled) -> None:
        self._search = compiled.search

    def search(self, text: str) -> object:
        """Anything true where the pattern occurs."""
        # Of a text, RE2's wrapper counts characters to say where it matched, which takes several times as long.
        return self._search(text.encode("utf-8", "replace"))


def always(_: Parsed) -> bool:
    """The condition that always holds."""
    return True


def never(_: Parsed) -> bool:
    """The condition that never holds."""
    return False


_REMEMBERED = 256
_SHORT = 64
"""Answers on so many subcommands, each shorter than this, are remembered: they recur, unlike operands."""
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def group_finder(text: str) -> Callable[[str], list[str]]:
    """What the first group of an RE2 pattern matches in a text, each time. Raises BadEntryError."""
    try:
        compiled = re2.compile(text, _OPTIONS)
    except re2.error as error:
        raise BadEntryError(f"the pattern {text!r} is not RE2: {error}") from None
    if compiled.groups < 1:
        raise BadEntryError(f"the pattern {text!r} has no group")
    return lambda given: [match.group(1) for match in compiled.finditer(encodable(given[:MAX_TEXT]))]


def pattern(text: str) -> Searcher:
    """The RE2 pattern. Raises BadEntryError."""
    try:
        compiled = re2.compile(text, _OPTIONS)
    except re2.error as error:
        raise BadEntryError(f"the pattern {text!r} is not RE2: {error}") from None
    return Pattern(compiled)


def when(given: When, options: Mapping[str, Option]) -> Test:
    """The compiled form; names of options are put into the spelling that rules see. Raises BadEntryError."""
    if isinstance(given, list):
        if not given:
            raise BadEntryError("an empty list of conditions never holds; leave the key out")
        tests = [when(item, options) for item in given]
        return tests[0] if len(tests) == 1 else lambda parsed: any(test(parsed) for test in tests)
    if isinstance(given, Condition):
        return _condition(given, options)
    if given == "always":
        return always
    if not given:
        return never
    return _any_of(_names(given, options))


def _names(text: str, options: Mapping[str, Option]) -> frozenset[str]:
    return frozenset(options[name].name if name in options else name for name in text.split())


def _any_of(names: frozenset[str]) -> Test:
    if not names:
        raise BadEntryError("a list of options is empty")
    return lambda parsed: not names.isdisjoint(parsed.seen)


def _condition(given: Condition, options: Mapping[str, Option]) -> Test:
    tests: list[Test] = []
    if given.any_of:
        tests.append(_any_of(_names(given.any_of, options)))
    if given.all_of:
        tests.append(_all_of(_names(given.all_of, options)))
    if given.none_of:
        tests.append(_none_of(_names(given.none_of, options)))
    if given.dashes is not None:
        tests.append(_dashes(given.dashes))
    if given.operands != "0+":
        tests.append(_count(given.operands))
    if given.stdin:
        kinds = frozenset(given.stdin.split())
        tests.append(lambda parsed: parsed.stdin.kind in kinds)
    tests += [_option(name, text, options, wanted=True) for name, text in given.option.items()]
    tests += [_option(name, text, options, wanted=False) for name, text in given.no_option.items()]
    if given.subcommand:
        tests.append(_subcommand(pattern(given.subcommand)))
    if given.first:
        tests.append(_first(pattern(given.first)))
    if given.operand:
        tests.append(_operand(pattern(given.operand), pattern(given.other_than) if given.other_than else None))
    elif given.other_than:
        tests.append(_not_all(pattern(given.other_than)))
    if given.no_operand:
        tests.append(_not(_operand(pattern(given.no_operand))))
    if given.text:
        tests.append(_text(pattern(given.text), pattern(given.no_text) if given.no_text else None))
    if not tests:
        raise BadEntryError("an empty condition; write `always`")
    return _all(tests)


def _all(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda parsed: all(test(parsed) for test in tests)


def _not(test: Test) -> Test:
    return lambda parsed: not test(parsed)


def _all_of(names: frozenset[str]) -> Test:
    return lambda parsed: names <= parsed.seen


def _none_of(names: frozenset[str]) -> Test:
    return lambda parsed: names.isdisjoint(parsed.seen)


def _dashes(wanted: bool) -> Test:
    return lambda parsed: (0 <= parsed.dashes < len(parsed.operands)) is wanted


def _count(text: str) -> Test:
    low, _, high = text.rstrip("+").partition("-")
    least = int(low)
    most = 1 << 30 if text.endswith("+") else int(high or low)
    return lambda parsed: least <= len(parsed.operands) <= most


def _option(name: str, text: str, options: Mapping[str, Option], *, wanted: bool) -> Test:
    seen = options[name].name if name in options else name
    search = pattern(text).search

    def test(parsed: Parsed) -> bool:
        if seen not in parsed.seen and not any(option.name == seen for option, _ in parsed.values):
            return not wanted
        found = any(search(word.text) for option, words in parsed.values if option.name == seen for word in words)
        return found is wanted

    return test


def _subcommand(compiled: Searcher) -> Test:
    known: dict[str, bool] = {}

    def test(parsed: Parsed) -> bool:
        text = " ".join(parsed.subcommand)
        found = known.get(text)
        if found is None:
            found = bool(compiled.search(text))
            if len(known) < _REMEMBERED and len(text) < _SHORT:
                known[text] = found
        return found

    return test


def _first(compiled: Searcher) -> Test:
    return lambda parsed: bool(parsed.operands and compiled.search(parsed.operands[0].text))


def _operand(wanted: Searcher, unwanted: Searcher | None = None) -> Test:
    if unwanted is None:
        return lambda parsed: _matches(wanted.search, parsed.operands)
    return lambda parsed: any(wanted.search(word.text) and not unwanted.search(word.text) for word in parsed.operands)


def _not_all(compiled: Searcher) -> Test:
    """Holds where there is no operand, too: what is acted on is named by an option then."""
    return lambda parsed: not parsed.operands or not all(compiled.search(word.text) for word in parsed.operands)


def _matches(search: Callable[[str], object], words: Sequence[Word]) -> bool:
    return any(search(word.text) for word in words)


def _text(wanted: Searcher, unwanted: Searcher | None) -> Test:
    if unwanted is None:
        return lambda parsed: any(wanted.search(text) for text in parsed.texts)
    return lambda parsed: any(wanted.search(text) and not unwanted.search(text) for text in parsed.texts)
