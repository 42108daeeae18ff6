"""What a command runs in turn: other commands and code, with the arguments, user and place they get."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from prempti_otel.analysis.catalogue.compiled import Filled
from prempti_otel.analysis.catalogue.found import HERE, MAX_TEXT, Found
from prempti_otel.analysis.catalogue.parse import Parsed
from prempti_otel.analysis.reading import Handover, Origin, Word, joined, origins_of, united

MAX_RUNS = 257
"""Commands that one command line hands over to: more than events are kept, so what is left out is told of."""
_MOST_WORDS = 1 << 15
"""Words of all commands that a placeholder is filled in; those after them are one command that is not known."""
_HERE = Word(".")


def handovers(found: Found) -> tuple[Handover, ...]:
    """What is run in turn, at most :data:`MAX_RUNS`."""
    if found.codes or found.commands or found.parsed.command.arguments is not None:
        return tuple(islice(_all(found), MAX_RUNS))
    return ()


def _all(found: Found) -> Iterator[Handover]:
    args = tuple(found.args)
    for language, code, file in found.codes:
        if language == HERE:
            yield Handover("sh", code=code)
        else:
            yield _handover(found, language, code=code, code_file=file, args=args)
    filled = found.parsed.command.arguments
    for role, given in found.commands:
        words = given[1:] if given and given[0].text == "--" else given
        if filled is not None:
            yield from _filled(found, filled, words)
        elif role != "command":
            yield _handover(found, "sh" if role == "shell" else role, code=joined(words))
        elif words:
            yield _handover(found, "argv", argv=words)
    if filled is not None and filled.joined and not found.commands:
        yield from _filled(found, filled, ())


def _filled(found: Found, filled: Filled, words: tuple[Word, ...]) -> Iterator[Handover]:
    placeholder = found.placeholder or filled.placeholder
    if not placeholder and not filled.braces.isdisjoint(found.parsed.seen):
        placeholder = "{}"
    values, words, complete = _arguments(filled, words, found.parsed, lines=bool(placeholder))
    used = bool(placeholder) and any(placeholder in word.text for word in words)
    if not values and not words:
        return
    if filled.found and not used:
        yield _handover(found, "argv", argv=words)
    elif not values:
        variables = found.parsed.stdin.origins if filled.stdin else ()
        line = tuple(_unfilled(word, placeholder, variables) for word in words)
        yield _line(found, filled, line, more=not (complete or used))
    elif used or filled.joined:
        most = max(1, _MOST_WORDS // (len(words) + 1))
        for value in values[:most]:
            line = tuple(_replaced(word, placeholder, value) for word in words)
            yield _line(found, filled, line if used else (*line, value), more=False)
        if len(values) > most:
            yield _line(found, filled, tuple(_unfilled(word, placeholder) for word in words), more=True)
    else:
        yield _line(found, filled, (*words, *values), more=False)


def _line(found: Found, filled: Filled, words: tuple[Word, ...], *, more: bool) -> Handover:
    if filled.joined and len(words) == 1:
        return _handover(found, "sh", code=Word(words[0].text, words[0].known and not more), more=more)
    return _handover(found, "argv", argv=words, more=more)


def _handover(
    found: Found,
    language: str,
    *,
    argv: tuple[Word, ...] = (),
    code: Word | None = None,
    code_file: Word | None = None,
    args: tuple[Word, ...] = (),
    more: bool = False,
) -> Handover:
    run_as = found.parsed.command.run_as
    user = found.user or (Word(run_as) if run_as else None)
    return Handover(language, argv, code, code_file, args, more, found.environment, user, found.remote, found.directory)


def starts(parsed: Parsed) -> list[Word]:
    """Where a search begins: the operands before the first option, else here."""
    count = parsed.leading if parsed.leading >= 0 else len(parsed.operands)
    return parsed.operands[:count] or [_HERE]


def bounding_name(parsed: Parsed) -> Word | None:
    """The one pattern that the names of all that is found match; None where there is none such."""
    deleting = parsed.command.deletes
    if deleting is None or not deleting.unless.isdisjoint(parsed.seen):
        return None
    names = [words[0] for option, words in parsed.values if option.name in deleting.name and words]
    return names[0] if len(names) == 1 else None


def _unfilled(word: Word, placeholder: str, origins: tuple[Origin, ...] = ()) -> Word:
    """The word with its placeholder left standing for something unknown that comes from there."""
    if not placeholder or placeholder not in word.text:
        return word
    return Word(word.text, False, word.pattern, united(word.origins, origins))


def _replaced(word: Word, placeholder: str, value: Word) -> Word:
    if not placeholder or placeholder not in word.text:
        return word
    if len(word.text) + word.text.count(placeholder) * len(value.text) > MAX_TEXT:
        return _unfilled(word, placeholder)
    text = word.text.replace(placeholder, value.text)
    origins = origins_of((word, value))
    return Word(text, word.known and value.known, word.pattern or value.pattern, origins)


def _arguments(
    filled: Filled, words: tuple[Word, ...], parsed: Parsed, *, lines: bool
) -> tuple[list[Word], tuple[Word, ...], bool]:
    """Further arguments as far as known, the command without them, and whether these are all.

    Where something stands for them, blanks do not divide them: xargs(1) on `-I`, GNU parallel always.
    """
    if filled.found:
        name = bounding_name(parsed)
        shown = "{}" if name is None else name.text
        paths = [f"{start.text.rstrip('/')}/{shown}" for start in starts(parsed)]
        return [Word(path, known=False, pattern=name is not None) for path in paths], words, True
    for index, word in enumerate(words):
        if word.text in filled.after and word.known:
            values = [value for value in words[index + 1 :] if value.text not in filled.after]
            return values, words[:index], True
    if not filled.stdin or parsed.stdin.kind == "none":
        return [], words, False
    text = parsed.stdin.text
    if text is None or not text.known:
        return [], words, False
    given = text.text.replace("\0", "\n")
    parts = [line.strip() for line in given.split("\n")] if lines else given.split()
    return [Word(part) for part in parts if part], words, True
