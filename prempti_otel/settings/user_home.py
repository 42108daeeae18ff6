"""Which folder is the user's home: what ``~`` means in calls, and where the rules look for keys and settings.

Agents and their shells go by ``HOME``, which may name another folder than the account does (containers, ``sudo -E``).
A hook that starts the engine must not pass it on, for a repository can set it there: so premptictl writes it down.
"""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.settings import whole
from prempti_otel.settings.regular import read_regular

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

_LIMIT = 4096
"""Bytes of a path."""


def remember_user_home(home: Home) -> None:
    """Write down ``HOME`` where it is not the account's, for engines that hooks start. Raises PremptiError."""
    named = os.environ.get("HOME", "")
    try:
        if not named.startswith("/") or _same(named, account_home()):
            home.user_home.unlink(missing_ok=True)
        else:
            whole.replace(home.user_home, os.fsencode(named))
    except OSError as error:
        raise PremptiError(
            f"the user's home cannot be written down: {error.strerror}",
            where=str(home.user_home),
            remedy="correct permissions or free space",
        ) from error


def remembered_user_home(home: Home) -> str:
    """What was written down; empty where that is nothing. Raises PremptiError where it is no path."""
    try:
        content = read_regular(home.user_home, _LIMIT)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise PremptiError(
            f"this cannot be read: {error.strerror}",
            where=str(home.user_home),
            remedy="remove it, then premptictl restart",
        ) from error
    path = os.fsdecode(content)
    if len(content) > _LIMIT or "\0" in path or not path.startswith("/"):
        raise PremptiError("this is no absolute path", where=str(home.user_home), remedy="premptictl restart")
    return path


def account_home() -> str:
    """The home of this user's account; empty for a container's made-up user, who has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _same(one: str, other: str) -> bool:
    return bool(other) and os.path.realpath(one) == os.path.realpath(other)
