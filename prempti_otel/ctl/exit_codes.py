"""Exit codes of premptictl; ``docs/commands.md`` is generated from here."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of a command says."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:  # noqa: D102
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "done, and what was checked is well"
    FINDING = 1, "done, but what was checked is not well: a broken rule, a bad line, a broken chain"
    USAGE = 2, "the command line is not understood; nothing was done"
    FAILED = 3, "could not be done; the message names the next step"
    UNREACHABLE = 4, "the engine does not answer"
