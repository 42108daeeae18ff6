"""The text of a settings file, and the error that tells what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.settings.regular import read_regular

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 262_144


class ConfigError(PremptiError):
    """The settings cannot be used as they are; the place is ``file:line:column``."""


def read_text(path: Path) -> str:
    """The file's text, or ``""`` where there is no such file. Raises ConfigError."""
    try:
        data = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read: {error.strerror}", where=str(path), remedy="correct its permissions"
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the file is larger than {MAX_BYTES // 1024} KiB", where=str(path), remedy="shorten it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigError(
            "the text is not UTF-8", where=f"{path}:{line}:{column}", remedy="save it as UTF-8"
        ) from error


def only_comments(text: str) -> bool:
    """Whether every line is blank or a comment, as in the file that ``premptictl install`` writes.

    Such a text is a YAML document without a value, which is worth knowing without a YAML parser. A line with a
    character that cannot be printed, which YAML may refuse, is for the parser to judge.
    """
    return all(line.isprintable() and line.lstrip(" ")[:1] in ("", "#") for line in text.split("\n"))
