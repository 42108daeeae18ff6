"""Which environment variables' values and other processes' output reach a process, and what it puts out of them.

They are followed through assignments, substitutions, pipes and files that the same code writes, under whatever
name. Nothing here knows which variables hold secrets, and nothing decides.
"""

from __future__ import annotations

import re

from prempti_otel.analysis.reading import ALL_VARIABLES, CodeReading, Origin, Word, origins_of, united
from prempti_otel.analysis.shell import output
from prempti_otel.analysis.shell.declarations import DECLARATIONS
from prempti_otel.analysis.shell.state import State, held
from prempti_otel.analysis.shell.trace import Process
from prempti_otel.model.effects import Effect

_PRINTERS = frozenset({"echo", "printf", "print", "yes", "expr", "figlet", "cowsay"})
"""What puts out its arguments."""
_AWKS = frozenset({"awk", "gawk", "mawk"})
_FILLED = _AWKS | {"sed", "gsed"}
"""What puts out what its program says, and takes parts of that as arguments."""
_ASKED = {"printenv": "", "launchctl": "getenv", **dict.fromkeys(DECLARATIONS, "-p")}
"""What puts out the variables that its operands name, and with which subcommand or option."""
_KNOWING = _ASKED.keys() | {"envsubst", "jq"}
"""What reads variables by itself."""
_SEARCHES = frozenset({"grep", "egrep", "fgrep", "ggrep", "rg", "zgrep"})
_WORD = re.compile(r"[A-Za-z_]{3,}")
_JQ = re.compile(r"(?:\$ENV|\benv)(?:\.([A-Za-z_][A-Za-z0-9_]*)|\.?\[\"([A-Za-z0-9_]+)\"\])")
_TEMPLATE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_LONGEST_PATTERN = 1024
_QUIET = frozenset({"-c", "-q", "-l", "-L"})
"""Options of a search with which it shows no line."""
_FILTERS = _SEARCHES | _AWKS | output.DECODERS | {
    "bat", "batcat", "cat", "column", "cut", "envsubst", "expand", "fmt", "fold", "gcut", "gsed", "head", "hexdump",
    "jq", "less", "more", "nl", "od", "paste", "pr", "sed", "sort", "strings", "tac", "tail", "tee", "uniq",
    "yq",
}  # fmt: skip
"""What puts out what it reads, or a good part of it, in the same or another shape."""


def follow(process: Process, argv: tuple[Word, ...], written: Word | None, state: State, *, more: bool) -> None:
    """Note what reaches ``process``, and pass on what its standard output holds of it.

    ``written`` is what it writes there, where that is known; ``more`` says that it gets further arguments, from
    what its parent reads.
    """
    stdin = state.stdin.origins
    name = process.reading.name
    if not (stdin or process.args_dynamic or process.effects or name in _KNOWING or (written and written.origins)):
        return
    arguments = origins_of(argv[1:]) if process.args_dynamic else ()
    parent = process.parent
    if parent is not None and process.args_dynamic and (more or parent.reading.name in output.CONSUMERS):
        arguments = united(arguments, parent.stdin_origins, state.fed)
    process.args_origins, process.stdin_origins = arguments, stdin
    if name == "jq" and process.reading.operands:
        stdin = united(stdin, _values_of(_named(process), state))
    elif name == "envsubst" and state.stdin.text is not None:
        filled = _TEMPLATE.findall(state.stdin.text.text[:_LONGEST_PATTERN])
        stdin = united(stdin, _values_of(tuple(filled), state))
    if name in _ASKED and _ASKED[name] in (process.reading.subcommand, *process.reading.flags, ""):
        given = _asked(process, state)
    elif Effect.DUMPS_ENVIRONMENT in process.effects:
        given = (ALL_VARIABLES,)
    elif written is not None and not more:
        given = written.origins
    elif not stdin and not arguments:
        return
    elif name in _PRINTERS:
        given = arguments
    elif name in output.CONSUMERS and not process.reading.runs:
        given = stdin
    else:
        given = _filtered(process, argv, stdin)
    if given:
        put_out(process, given, state)


def of_code(process: Process, found: CodeReading, state: State) -> None:
    """Pass on the variables that code prints which ``process`` runs, and note those that it sends."""
    if Effect.DUMPS_ENVIRONMENT in found.effects:
        put_out(process, (ALL_VARIABLES,), state)
    if found.printed:
        put_out(process, _values_of(found.printed, state), state)
    if found.sent:
        process.sent = united(process.sent, _values_of(found.sent, state))


def _values_of(names: tuple[str, ...], state: State) -> tuple[Origin, ...]:
    """Where the values of variables come from that a program finds under these names."""
    return united(*[held(name, state.variables.get(name)) for name in names])


def put_out(process: Process, origins: tuple[Origin, ...], state: State) -> None:
    """Let what comes from there be in the standard output of ``process``."""
    if state.output is None:
        process.output_origins = united(process.output_origins, origins)
    else:
        state.output.update(dict.fromkeys(origins))


def _asked(process: Process, state: State) -> tuple[Origin, ...]:
    """The variables whose values a command prints that is given their names; all, where it is given none."""
    names = [word for word in process.reading.operands if word.known and word.text]
    if not names:
        return (ALL_VARIABLES,)
    return _values_of(tuple([word.text for word in names]), state)


def _named(process: Process) -> tuple[str, ...]:
    """Variables that a program for jq names: ``$ENV.A``, ``env["A"]`` (jq's manual)."""
    return tuple([named or quoted for named, quoted in _JQ.findall(process.reading.operands[0].text)])


def _filtered(process: Process, argv: tuple[Word, ...], stdin: tuple[Origin, ...]) -> tuple[Origin, ...]:
    """What a filter lets through of its input."""
    reading = process.reading
    if reading.name not in _FILTERS or (reading.name in _SEARCHES and not _QUIET.isdisjoint(reading.flags)):
        return ()
    pipes = origins_of([word for word in argv[1:] if word.text.startswith("<(")])
    given = united(stdin, pipes)
    if reading.name in _FILLED and "-i" not in reading.flags:
        given = united(given, process.args_origins)
    named = tuple([origin for origin in given if isinstance(origin, int) or not origin.startswith(ALL_VARIABLES)])
    if len(named) == len(given):
        return given
    if Effect.SHOWS_NAMES in process.effects:
        return named
    picked = _picked(process) if ALL_VARIABLES in given else []
    return united(named, picked) if picked else given


def _picked(process: Process) -> list[str]:
    """``*TOKEN`` for a search for ``token``; none where something else is looked for than a few words."""
    reading = process.reading
    selects = reading.name in _SEARCHES or reading.name in _AWKS or "-n" in reading.flags
    given = reading.options.get("-e") or next((word.text for word in reading.operands), "")
    if not selects or "-v" in reading.flags or len(given) > _LONGEST_PATTERN:
        return []
    return [ALL_VARIABLES + word.upper() for word in _WORD.findall(given)]
