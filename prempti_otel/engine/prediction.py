"""What prediction knows besides the call: the user of this installation, and the command catalogue."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from prempti_otel.analysis import Context
from prempti_otel.analysis.catalogue import load_catalogue
from prempti_otel.model.paths import ignores_case


@cache
def shipped_context() -> Context:
    """The shipped catalogue alone."""
    return context_with([])


def context_with(folders: Sequence[Path], *, pause: Callable[[], None] | None = None) -> Context:
    """The shipped catalogue and the user's own entries in ``folders``. Raises PremptiError for a bad entry.

    With ``pause`` all entries are compiled now, so that no call waits for its command's; it is called between them.
    """
    home, user = _account()
    catalogue = load_catalogue([folder for folder in folders if folder.is_dir()])
    if pause is not None:
        catalogue.check(pause)
    return Context(
        catalogue,
        home=home,
        user=user,
        tmpdir=gettempdir(),
        ignores_case=ignores_case(home),
    )


def _account() -> tuple[str, str]:
    """Home directory, symlinks followed as in all real paths, and name; a container's user may have no account."""
    uid = os.getuid()
    try:
        account = pwd.getpwuid(uid)
        home, user = account.pw_dir, account.pw_name
    except KeyError:
        home, user = "/", str(uid)
    return os.path.realpath(os.environ.get("HOME") or home), user
