"""Builtins that change the shell's own state, or run code in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from prempti_otel.analysis.reading import FileAccess, FileOp, Word, joined, origins_of, united
from prempti_otel.analysis.shell import again
from prempti_otel.analysis.shell.declarations import DECLARATIONS, declare
from prempti_otel.analysis.shell.output import echo_or_printf
from prempti_otel.analysis.shell.redirect import Redirected
from prempti_otel.analysis.shell.state import EMPTY, State, values_of
from prempti_otel.analysis.shell.trace import FileTouch, Process
from prempti_otel.analysis.shell.written import OTHER_FILES, STDIN_FILES
from prempti_otel.analysis.shell.written import run as run_written

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.command import Commands

RUNNING = frozenset({".", "builtin", "command", "eval", "exec", "source", "time"})
"""Builtins that run code or a command, so that what they write is what that writes."""
LOOKUPS = frozenset({"command", "type", "which", "hash", "whereis"})

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EXEC_OPTIONS = re.compile(r"-(?:-|[cl]+a?|a)\Z")

Builtin = Callable[["Commands", Process, tuple[Word, ...], State], "Word | None"]


def _split(arguments: Sequence[Word]) -> tuple[list[str], list[Word]]:
    """Leading options, and what remains."""
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].text.startswith("-") and len(rest[0].text) > 1:
        option = rest.pop(0).text
        if option == "--":
            break
        options.append(option)
    return options, rest


def _change_directory(state: State, target: Word) -> None:
    previous = state.cwd
    state.cwd = state.below(target)
    state.previous = previous


def _cd(_commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    rest = list(argv[1:])
    while rest and rest[0].text in ("-P", "-L", "-e", "-@", "--"):
        rest.pop(0)
    if not rest:
        home = state.variables.get("HOME")
        _change_directory(state, home if isinstance(home, Word) else Word("$HOME", known=False))
    elif rest[0].text == "-":
        _change_directory(state, state.previous or Word("$OLDPWD", known=False))
    elif rest[0].text:
        _change_directory(state, _searched(rest[0], state))
    return EMPTY


def _searched(target: Word, state: State) -> Word:
    """What ``cd`` and ``pushd`` come to by ``CDPATH``: its first folder, which comes before the current one."""
    variable = state.variables.get("CDPATH")
    if variable is None or target.text.startswith(("/", "./", "../")) or target.text in (".", ".."):
        return target
    folders = values_of(variable)
    first = folders[0].text.partition(":")[0] if folders else ""
    return Word(f"{first}/{target.text}", folders[0].known and target.known, target.pattern) if first else target


def _pushd(_commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    _, rest = _split(argv[1:])
    if rest and not rest[0].text.startswith("+"):
        state.stack.append(state.cwd)
        _change_directory(state, rest[0])
    elif state.stack:
        state.stack[-1], state.cwd = state.cwd, state.stack[-1]
    return EMPTY


def _popd(_commands: Commands, _process: Process, _argv: tuple[Word, ...], state: State) -> Word | None:
    state.cwd = state.stack.pop() if state.stack else Word("$OLDPWD", known=False)
    return EMPTY


def _evaluate_indices(commands: Commands, words: Sequence[Word], state: State) -> None:
    """Names that a builtin is given are evaluated, so that an index in one runs its substitutions."""
    for word in words:
        if "[" in word.text and word.known:
            again.index(commands.expander, word.text, state)


def _unset(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    options, rest = _split(argv[1:])
    _evaluate_indices(commands, rest, state)
    for word in rest:
        if "-f" in options or state.variables.pop(word.text, None) is None:
            state.functions.pop(word.text, None)
        if word.text in ("HOME", "USER", "PWD"):
            state.variables[word.text] = Word(f"${word.text}", known=False)
    return EMPTY


def _from_stdin(name: str, state: State) -> Word:
    """What a variable holds that gets a part of standard input which is not known."""
    return Word(f"${name}", known=False, origins=united(state.stdin.origins, state.fed))


def _read(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    """``read`` knows what it reads where standard input is one known text; further names share the rest."""
    options, rest = _split(argv[1:])
    array = any(option.startswith("-a") for option in options)
    takes_value = {"-p", "-d", "-n", "-N", "-t", "-u", "-i"}
    skip = sum(option in takes_value for option in options)
    names = [word.text for word in rest[0 if array else skip :] if _NAME.match(word.text)] or ["REPLY"]
    _evaluate_indices(commands, rest, state)
    text = state.stdin.text
    plain = text is not None and text.known and not skip and state.stdin.kind == "herestring"
    if not plain or text is None:
        for name in names:
            state.variables[name] = _from_stdin(name, state)
        return EMPTY
    line = text.text.partition("\n")[0]
    if array:
        state.variables[names[0]] = tuple(Word(part) for part in line.split())
        return EMPTY
    parts = line.split(None, len(names) - 1)
    for at, name in enumerate(names):
        state.variables[name] = Word(parts[at].rstrip() if at < len(parts) else "")
    return EMPTY


def _mapfile(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    _evaluate_indices(commands, argv[1:], state)
    for option, callback in pairwise(argv[1:]):
        if option.text == "-C":
            _later(commands, process, callback, state)
    names = [word.text for word in argv[1:] if _NAME.match(word.text)]
    name = names[-1] if names else "MAPFILE"
    text = state.stdin.text
    if text is not None and text.known:
        state.variables[name] = tuple(Word(line) for line in text.text.splitlines()[:512])
    else:
        state.variables[name] = _from_stdin(name, state)
    return EMPTY


def _set(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    rest = list(argv[1:])
    if any(word.text == "xtrace" or (word.text[:1] == "-" and "x" in word.text) for word in rest):
        commands.inherited.traced(commands, process, state)
    while rest and rest[0].text[:1] in "-+" and rest[0].text not in ("-", "--"):
        if rest.pop(0).text.endswith("o") and rest:
            rest.pop(0)
    if rest and rest[0].text in ("-", "--"):
        state.parameters = tuple(rest[1:])
    elif rest:
        state.parameters = tuple(rest)
    return EMPTY


def _shift(_commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    count = argv[1].text if len(argv) > 1 else "1"
    if state.parameters is not None:
        if count.isdecimal() and count.isascii() and len(count) < 6:
            state.parameters = state.parameters[int(count) :]
        else:
            state.parameters = None
    return EMPTY


def _alias(_commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    for word in argv[1:]:
        name, equals, code = word.text.partition("=")
        if equals:
            state.aliases[name] = Word(code, word.known)
    return EMPTY


def _unalias(_commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    for word in argv[1:]:
        state.aliases.pop(word.text, None)
    return EMPTY


def _eval(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    rest = argv[2:] if len(argv) > 1 and argv[1].text == "--" else argv[1:]
    if not rest:
        return EMPTY
    return _in_shell(commands, process, joined(rest), state)


def _in_shell(commands: Commands, process: Process, code: Word, state: State) -> Word | None:
    """Code that the shell itself runs: its variables and directory stay."""
    if commands.is_fetched(code):
        commands.effect(process, "runs_remote_code")
    parent, parameters, name, replayed = state.parent, state.parameters, state.name, state.replayed
    state.parent = process
    state.depth += 1
    written = commands.interpret(process, "sh", code, (name, *(parameters or ())), state)
    state.depth -= 1
    state.parent, state.parameters, state.name, state.replayed = parent, parameters, name, replayed
    return written


def _source(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    _, rest = _split(argv[1:])
    if not rest:
        return EMPTY
    file = rest[0]
    if commands.is_fetched(file):
        commands.effect(process, "runs_remote_code")
    if file.text in commands.walk.files:
        content = commands.walk.files[file.text]
    elif file.text in STDIN_FILES:
        content = state.stdin.text
    else:
        if not any(touch.access.op is FileOp.EXEC for touch in process.files):
            process.files.append(FileTouch(FileAccess(file, FileOp.EXEC), state.cwd, state.disk.links))
        written = state.disk.written(state.path(file))
        if written is None:
            process.dynamic = process.dynamic or not file.known or file.text.startswith(OTHER_FILES)
            return None
        return run_written(commands, process, lambda code: _in_shell(commands, process, code, state), written, state)
    if content is None:
        process.dynamic = True
        return None
    return _in_shell(commands, process, content, state)


def _later(commands: Commands, process: Process, code: Word, state: State) -> None:
    """Code that runs later is walked where it is set, in a copy of the state."""
    inner = state.copy()
    inner.parent = process
    inner.depth += 1
    commands.interpret(process, "sh", code, (state.name, *state.parameters) if state.parameters else (), inner)


def _trap(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    options, rest = _split(argv[1:])
    if options or len(rest) < 2 or rest[0].text in ("", "-"):
        return EMPTY
    code, variables, cwd, parameters = rest[0], state.variables.copy(), state.cwd, state.parameters
    if state.output is not None:
        _later(commands, process, code, state)

    def end() -> None:
        """The shell may end right after the trap is set, or when all else has run.

        What is only set later is taken to be there: without it the code has nothing to act on.
        """
        early = state.copy()
        early.variables |= variables
        early.cwd, early.parameters = cwd, parameters
        _later(commands, process, code, early)
        if early.variables != state.variables or cwd != state.cwd:
            _later(commands, process, code, state)

    commands.walk.at_end.append(end)
    return EMPTY


def _complete(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    """``complete`` and ``compgen``: what makes completions is code, and a list of words is expanded."""
    for option, value in pairwise(argv[1:]):
        if option.text in ("-C", "-F"):
            _later(commands, process, value, state)
        elif option.text == "-W" and value.known:
            again.substitutions(commands.expander, value.text, state)
    return None


def _hash(_commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    """``hash -p FILE NAME`` lets the name run the file, as an alias does."""
    options, rest = _split(argv[1:])
    if "-p" in options and len(rest) > 1:
        for name in rest[1:]:
            state.aliases[name.text] = rest[0]
    return None


def _command(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    """``command`` and ``builtin``: with ``-v`` a look-up, else the command without functions of its name."""
    options, rest = _split(argv[1:])
    if any("v" in option.lower() for option in options) or not rest:
        return echo_or_printf(argv, state)
    return _run_in_shell(commands, process, tuple(rest), state)


def _run_in_shell(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    if state.depth > commands.walk.deepest:
        commands.walk.cut(argv[0].text)
        return None
    parent, functions, aliases = state.parent, state.functions, state.aliases
    state.parent, state.functions, state.aliases = process, {}, {}
    state.depth += 1
    written = commands.run(argv, state, Redirected(), in_shell=True)
    state.depth -= 1
    functions.update(state.functions)
    aliases.update(state.aliases)
    state.parent, state.functions, state.aliases = parent, functions, aliases
    return written


def _exec(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    rest = list(argv[1:])
    while rest and _EXEC_OPTIONS.match(rest[0].text):
        if rest.pop(0).text.endswith("a") and rest:
            rest.pop(0)
    return _run_in_shell(commands, process, tuple(rest), state) if rest else EMPTY


def _time(commands: Commands, process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    _, rest = _split(argv[1:])
    return _run_in_shell(commands, process, tuple(rest), state) if rest else EMPTY


def _printf(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    if len(argv) > 3 and argv[1].text == "-v":
        _evaluate_indices(commands, argv[2:3], state)
        value = echo_or_printf((argv[0], *argv[3:]), state)
        name = argv[2].text
        origins = origins_of(argv[3:])
        state.variables[name] = value if value is not None else Word(f"${name}", known=False, origins=origins)
    return None


def _unknown_names(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    """``let`` and ``getopts`` set variables to what is not followed here."""
    for word in argv[1:]:
        again.arithmetic(commands.expander, word.text, state, expanded=not word.known)
        name = word.text.partition("=")[0].strip()
        if _NAME.match(name):
            state.variables[name] = Word(f"${name}", known=False)
    return EMPTY


def _test(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    for option, name in pairwise(argv):
        if option.text == "-v":
            _evaluate_indices(commands, (name,), state)
    return EMPTY


def _wait(commands: Commands, _process: Process, argv: tuple[Word, ...], state: State) -> Word | None:
    _evaluate_indices(commands, argv[1:], state)
    return EMPTY


BUILTINS: dict[str, Builtin] = {
    **dict.fromkeys(sorted(DECLARATIONS), declare),
    ".": _source,
    "hash": _hash,
    "compgen": _complete,
    "complete": _complete,
    "wait": _wait,
    "test": _test,
    "[": _test,
    "alias": _alias,
    "builtin": _command,
    "cd": _cd,
    "chdir": _cd,
    "command": _command,
    "eval": _eval,
    "exec": _exec,
    "getopts": _unknown_names,
    "let": _unknown_names,
    "mapfile": _mapfile,
    "popd": _popd,
    "printf": _printf,
    "pushd": _pushd,
    "read": _read,
    "readarray": _mapfile,
    "set": _set,
    "shift": _shift,
    "source": _source,
    "time": _time,
    "trap": _trap,
    "unalias": _unalias,
    "unset": _unset,
}
"""By name; each gives what it writes to standard output, where known."""
