"""The installed copy of the hook, and the command line that an agent is told to run.

The hook that runs must be neither the checkout's nor in a folder that a repository could write
to, so it is copied to ``PREMPTI_HOME/bin``. Nothing in the command depends on the environment:
a repository can set that for hooks, ``PATH`` included.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from prempti_otel.errors import PremptiError
from prempti_otel.settings import whole
from prempti_otel.settings.home import Home
from prempti_otel.settings.resources import resource

ENTRY = "prempti_hook.py"
"""The file that is run; the others beside it are its modules."""


def install(home: Home) -> bool:
    """Copy the hook to ``home.bin``, 0600, each file replaced as a whole. Whether anything changed.

    Raises PremptiError where that folder cannot be written to.
    """
    changed = False
    try:
        home.create()
        for name, content in _shipped().items():
            target = home.bin / name
            if _content(target) != content:
                whole.replace(target, content)
                changed = True
    except OSError as error:
        raise PremptiError(
            f"the hook cannot be installed: {error.strerror}",
            where=str(error.filename or home.bin),
            remedy="correct permissions or free space",
        ) from error
    return changed


def problems(home: Home) -> list[str]:
    """What is wrong with the installed copy, a sentence each."""
    missing = [name for name in _shipped() if not (home.bin / name).is_file()]
    if missing:
        return [f"{home.bin} lacks {', '.join(missing)}: calls are blocked, or pass unjudged with --fail-open"]
    stale = [name for name, content in _shipped().items() if _content(home.bin / name) != content]
    return [f"{home.bin} holds another version of {', '.join(stale)}: run premptictl hook add"] if stale else []


def interpreter() -> str:
    """The Python that runs the hook: the base one, without links, for a virtual environment adds milliseconds."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def command(
    agent: str, home: Home, *, fail_open: bool, lifecycle: bool = False, http: int = 0, denial: str = ""
) -> str:
    """The shell command that an agent runs before each tool call.

    What comes after the hook catches what it cannot report itself (no interpreter, a crash, a signal).
    ``lifecycle``: the one for events that nobody is asked about; it never holds the agent up.
    ``http``: the one that lets no prompt begin whose calls would not get to the engine on that port.
    ``denial``: for an agent that reads why on standard output only, what to say there where the hook blocks a call by
    itself: JSON in which ``%s`` is a string's place. The exit status blocks the call without it, too.
    """
    words = [interpreter(), "-I", "-S", str(home.bin / ENTRY), agent, "--home", str(home.root)]
    words += ["--engine", sys.executable]
    if lifecycle:
        return f"{shlex.join([*words, '--lifecycle'])} || {_LOST}"
    if fail_open:
        return f"{shlex.join([*words, '--fail-open'])} || {_OPEN}"
    if http:
        return f"{shlex.join([*words, '--http', str(http)])} || {_CLOSED}"
    if denial:
        lost = shlex.quote(denial.replace("%s", _FAILED))
        words += ["--denial", denial]
        return f"{shlex.join(words)} || {{ [ $? = 2 ] || {{ echo '{_FAILED}' >&2; echo {lost}; }}; exit 2; }}"
    return f"{shlex.join(words)} || {_CLOSED}"


_FAILED = "prempti hook failed: call blocked"
_CLOSED = f"{{ [ $? = 2 ] || echo '{_FAILED}' >&2; exit 2; }}"
_OPEN = "{ echo 'prempti hook failed: call passed unjudged' >&2; echo '{}'; }"
_LOST = "{ echo 'prempti hook failed: event not recorded' >&2; echo '{}'; }"


def is_ours(text: str) -> bool:
    """Whether the shell command ``text`` runs this hook, from whatever home."""
    return f"/{ENTRY}" in text


def _shipped() -> dict[str, bytes]:
    folder = resource(f"hook/{ENTRY}").parent
    return {path.name: path.read_bytes() for path in sorted(folder.glob("prempti_*.py"))}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
