"""What became of rules files between two loads: told in the log, in a record and by ``premptictl status``."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prempti_otel.rules.options import RuleFile

ACTION = "rules-changed"
"""The admin record's."""


def changes(before: Sequence[RuleFile], after: Sequence[RuleFile]) -> list[str]:
    """A line for each file that was added, changed or removed; where none was, the selection of rules was."""
    old, new = ({file.name: file.source().content for file in files} for files in (before, after))
    told = [f"added {name}{_owner(name)}" for name in new if name not in old]
    told += [f"changed {name}{_owner(name)}" for name in new if name in old and old[name] != new[name]]
    told += [f"removed {name}" for name in old if name not in new]
    return told or ["which rules the settings select"]


def _owner(name: str) -> str:
    """Whose file it is, where it is not this user's; empty also where that cannot be known any more."""
    try:
        owner = Path(name).stat().st_uid
        return "" if owner == os.geteuid() else f" (a file of {pwd.getpwuid(owner).pw_name})"
    except (OSError, KeyError):
        return ""
