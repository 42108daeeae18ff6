"""Running files that the same code has written: scripts given to an interpreter, run by their name, or looked for.

What a file holds is known from the walk alone; no file is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from prempti_otel.analysis.reading import FileOp, Handover, Word
from prempti_otel.analysis.shell.disk import WrittenFile
from prempti_otel.analysis.shell.state import State
from prempti_otel.analysis.shell.trace import Process

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.running import Runs

STDIN_FILES = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/proc/thread-self/fd/0"})
"""Files that are the standard input of whoever opens them."""
OTHER_FILES = ("/dev/fd/", "/proc/self/fd/")
"""Files that a redirection has opened; which, is not followed."""
_COPIES_FILES = frozenset({"cp", "gcp", "install", "ginstall"})
_APPENDS = frozenset({"tee", "sponge"})
KEEPS_STDIN = _COPIES_FILES | _APPENDS | {"dd"}
"""Commands that write standard input to files, some where they are given it as a file."""
_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?(?P<name>[A-Za-z]+)")
_INTERPRETERS = {
    "sh": "sh", "bash": "sh", "dash": "sh", "zsh": "sh", "ksh": "sh", "ash": "sh", "make": "make", "awk": "awk",
    "python": "python", "node": "javascript", "perl": "perl", "ruby": "ruby", "php": "php",
}  # fmt: skip
_LOOKED_FOR = dict.fromkeys(("make", "gmake"), ("make", ("GNUmakefile", "makefile", "Makefile")))
"""By command, the language and names of files that it runs without being given them (GNU make's manual)."""


def given(commands: Runs, process: Process, handover: Handover, file: Word, inner: State) -> Word | None:
    """A file given to an interpreter: known only if the same code has written it."""
    if file.text in STDIN_FILES or file.text == "-":
        return commands.code(process, replace(handover, code_file=None, code=inner.stdin.text), inner)
    if commands.is_fetched(file):
        commands.effect(process, "runs_remote_code")
    if file.text in commands.walk.files:
        content = commands.walk.files[file.text]
        if content is None:
            process.dynamic = True
            process.script = process.script or ""
            return None
        return commands.interpret(process, handover.language, content, handover.args, inner)
    written = inner.disk.written(inner.path(file))
    if written is None:
        process.dynamic = process.dynamic or file.text.startswith(OTHER_FILES)
        return None
    return _interpret(commands, process, handover.language, written, (file, *handover.args), inner)


def as_command(commands: Runs, process: Process, argv: tuple[Word, ...], state: State) -> None:
    """A command that is a file which the same code has written."""
    written = state.disk.written(state.path(argv[0]))
    if written is not None:
        match = _SHEBANG.match(written.content.text) if written.content is not None else None
        language = _INTERPRETERS.get(match["name"], "") if match else "sh"
        _interpret(commands, process, language, written, argv, commands.inner(process, state))


def looked_for(commands: Runs, process: Process, state: State) -> None:
    """A file that a command looks for by itself where it is given no code."""
    language, names = _LOOKED_FOR.get(process.reading.name, ("", ()))
    found = [file for name in names if (file := state.disk.written(state.path(Word(name)))) is not None]
    if found and process.script is None:
        _interpret(commands, process, language, found[0], (), commands.inner(process, state))


def run(
    commands: Runs, process: Process, start: Callable[[Word], Word | None], written: WrittenFile, state: State
) -> Word | None:
    """Run a file that the same code has written or downloaded, with each text that it may have."""
    if written.downloaded:
        commands.effect(process, "runs_remote_code")
    if not written.texts:
        process.dynamic = True
    calls = state.calls
    result: Word | None = None
    for text in written.texts:
        mark = hash(text.text)
        if mark not in calls:
            state.calls = (*calls, mark)
            result = start(text)
    state.calls = calls
    return result if len(written.texts) == 1 else None


def _interpret(
    commands: Runs, process: Process, language: str, written: WrittenFile, args: Sequence[Word], inner: State
) -> Word | None:
    def interpret(code: Word) -> Word | None:
        return commands.interpret(process, language, code, args, inner.copy())

    return run(commands, process, interpret, written, inner)


def kept(process: Process, state: State) -> Word | None:
    """What one of :data:`KEEPS_STDIN` writes of standard input; None where it writes another file's text."""
    read = [touch.access.path.text for touch in process.files if touch.access.op is FileOp.READ]
    takes_file = process.reading.name in _COPIES_FILES
    if takes_file is not bool(read) or any(path not in STDIN_FILES for path in read):
        return None
    return state.stdin.text


def appends(process: Process) -> bool:
    """Whether it adds to what is in the files."""
    return process.reading.name in _APPENDS and "-a" in process.reading.flags
