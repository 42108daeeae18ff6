"""Which rule files make up a ruleset, and the copy of the last ones that were good.

Collects and keeps texts; what is in force is the keeper's. Cheap to import: premptictl does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Priority
from prempti_otel.settings.home import HOME_NAME
from prempti_otel.settings.regular import read_regular
from prempti_otel.settings.resources import resource

if TYPE_CHECKING:
    from prempti_otel.rules.options import RuleFile
    from prempti_otel.rules.selection import Selection
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home

MAX_BYTES = 8 * 1024 * 1024
"""Largest rule file."""
_SUFFIXES = (".yaml", ".yml")
HOME_RULES = "<the guard's home>"
"""Stands for a file where a name of one is expected."""
_GUARD_PATHS = "guard_paths"
"""The list of the default rules that is_guard_file goes by."""
_SPECIAL = re.compile(r"[^\w./@%+-]")
Signature = tuple[tuple[str, int, int, int], ...]
"""Path, inode, size and time of change of each file: enough to notice an edit."""


def rule_paths(home: Home, config: Config) -> list[Path]:
    """All files of the ruleset in the order they are loaded: default, configured, the user's own.

    Relative paths in ``rules.files`` start at PREMPTI_HOME, ``~`` is the user's home.
    Raises PremptiError where a configured one is not there.
    """
    paths: list[Path] = []
    if config.rules.default:
        paths += files_of(resource("rules/default"))
    for name in config.rules.files:
        paths += files_of(home.root / Path(name).expanduser())
    if home.user_rules.is_dir():
        paths += files_of(home.user_rules)
    return paths


def files_of(path: Path) -> list[Path]:
    """``path`` itself, or the rule files in that folder by name. Raises PremptiError."""
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        return sorted(entry for entry in path.iterdir() if entry.suffix in _SUFFIXES and not entry.name.startswith("."))
    except OSError as error:
        raise _unreadable(path, error) from error


def read_rule_files(paths: Iterable[Path]) -> list[RuleFile]:
    """The texts of files and of the rule files in folders, in order. Raises PremptiError."""
    return [_read(file) for path in paths for file in files_of(path)]


def installed_rule_files(home: Home, config: Config) -> list[RuleFile]:
    """The texts of the ruleset that ``config`` asks for. Raises PremptiError.

    The default rules guard ``~/.prempti``; where the guard's home is another folder, they are told so.
    """
    files = [_read(path) for path in rule_paths(home, config)]
    places = _other_home(home) if config.rules.default else []
    return [*files, _home_as_rules(places)] if places else files


def _other_home(home: Home) -> list[str]:
    """The names of the guard's home, without the usual one: where it lies elsewhere, or is a link."""
    names = dict.fromkeys((os.path.normpath(home.root), os.path.realpath(home.root)))
    return [name for name in names if name != str(Path.home() / HOME_NAME)]


def _home_as_rules(places: Iterable[str]) -> RuleFile:
    """Adds ``places`` to the guard's own; what may mean something in a list or a pattern becomes any character."""
    from prempti_otel.rules.options import RuleFile

    items = ", ".join(f'"{_SPECIAL.sub("?", place)}"' for place in places)
    text = f"- list: {_GUARD_PATHS}\n  items: [{items}]\n  override: {{items: append}}\n"
    return RuleFile(HOME_RULES, text.encode())


def _read(path: Path) -> RuleFile:
    from prempti_otel.rules.options import RuleFile

    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise PremptiError(f"the rule file is larger than {MAX_BYTES // 1024 // 1024} MiB", where=str(path))
    return RuleFile(str(path), data)


def _unreadable(path: Path, error: OSError) -> PremptiError:
    return PremptiError(
        f"the rule file cannot be read: {error.strerror}", where=str(path), remedy="correct rules.files or the file"
    )


def signature(paths: Sequence[Path]) -> Signature:
    """What changes when one of the files is edited, replaced, added or removed; missing ones count as such."""
    seen = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            seen.append((str(path), 0, 0, 0))
        else:
            seen.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(seen)


def selection(config: Config) -> Selection:
    """Which of the loaded rules ``config`` puts in force."""
    from prempti_otel.rules.selection import Selection

    rules = config.rules
    return Selection(
        disabled_rules=tuple(rules.disable),
        disabled_tags=tuple(rules.disable_tags),
        minimum_priority=Priority(rules.minimum_priority.capitalize()),
    )
