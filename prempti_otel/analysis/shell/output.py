"""What a command writes to standard output, where its arguments and input say so by themselves.

Only commands whose output is a plain function of known text; for all others it is not known.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence

from prempti_otel.analysis.reading import Stdin, Word, joined, origins_of
from prempti_otel.analysis.shell import values
from prempti_otel.analysis.shell.state import EMPTY, State

SILENT = frozenset(
    {
        ":", "alias", "break", "cd", "chmod", "chown", "continue", "declare", "exec", "exit", "export", "false", "kill",
        "let", "local", "mkdir", "popd", "pushd", "read", "readonly", "return", "rm", "rmdir", "set", "shift", "shopt",
        "sleep", "test", "touch", "trap", "true", "typeset", "umask", "unalias", "unset", "wait", "[",
    }
)  # fmt: skip
"""Commands that write nothing to standard output as scripts use them."""

DECODERS = frozenset(
    {
        "base32", "base64", "basenc", "bunzip2", "bzcat", "gunzip", "gzip", "openssl", "rev", "tr", "unxz", "uudecode",
        "xxd", "xz", "xzcat", "zcat", "zstd", "zstdcat",
    }
)  # fmt: skip
"""Commands that turn what looks like data into code."""

CONSUMERS = frozenset({"xargs", "parallel"})
"""Commands that read standard input themselves, so that what they run does not."""

_LONGEST = values.LONGEST_VALUE
_SPACES = re.compile(r"\s+")


def stdout(argv: Sequence[Word], stdin: Stdin, state: State) -> Word | None:
    """What the command writes, line end included; None where that is not known at all."""
    name = argv[0].text.rpartition("/")[2]
    if name in SILENT:
        return EMPTY
    writer = _WRITERS.get(name)
    if writer is None or not argv[0].known:
        return None
    word = writer(argv[1:], stdin, state)
    return word if word is None or len(word.text) <= _LONGEST else None


def echo_or_printf(argv: Sequence[Word], state: State) -> Word | None:
    """The same for a builtin that reads no input."""
    return stdout(argv, Stdin(), state)


def _joined(words: Sequence[Word]) -> Word:
    word = joined(words)
    known = all(word.known and not word.pattern for word in words)
    return Word(word.text, known, origins=word.origins)


def _echo(arguments: Sequence[Word], _stdin: Stdin, _state: State) -> Word:
    newline, escapes = "\n", False
    rest = list(arguments)
    while rest and re.fullmatch("-[neE]+", rest[0].text) and rest[0].known:
        letters = rest.pop(0).text[1:]
        newline = "" if "n" in letters else newline
        escapes = "e" in letters or (escapes and "E" not in letters)
    word = _joined(rest)
    if escapes and len(word.text) > _LONGEST:
        return Word(word.text, known=False, origins=word.origins)
    text = values.echo_escapes(word.text) if escapes else word.text
    return word.part(text + newline)


def _printf(arguments: Sequence[Word], _stdin: Stdin, _state: State) -> Word | None:
    rest = list(arguments)
    if rest and rest[0].text == "--":
        rest.pop(0)
    if not rest or rest[0].text == "-v":
        return EMPTY
    if len(rest[0].text) > _LONGEST:
        return None
    text = values.printf(rest[0].text, [word.text for word in rest[1:]])
    return None if text is None else _joined(rest).part(text)


def _cat(arguments: Sequence[Word], stdin: Stdin, state: State) -> Word | None:
    files = [word for word in arguments if not (word.text.startswith("-") and word.text != "-")]
    if len(files) != len(arguments):
        return None
    if not files:
        return stdin.text
    parts: list[Word] = []
    for word in files:
        written = state.disk.written(state.path(word))
        content = stdin.text if word.text == "-" else written.content if written and word.known else None
        if content is None:
            return None
        parts.append(content)
    known = all(part.known for part in parts)
    return Word("".join(part.text for part in parts), known, origins=origins_of(parts))


def _pwd(_arguments: Sequence[Word], _stdin: Stdin, state: State) -> Word:
    return Word(state.cwd.text + "\n", state.cwd.known)


def _tee(_arguments: Sequence[Word], stdin: Stdin, _state: State) -> Word | None:
    return stdin.text


def _rev(arguments: Sequence[Word], stdin: Stdin, _state: State) -> Word | None:
    if arguments or stdin.text is None or not stdin.text.known:
        return None
    return Word("\n".join(line[::-1] for line in stdin.text.text.split("\n")))


def _base64(arguments: Sequence[Word], stdin: Stdin, _state: State) -> Word | None:
    options = [word.text for word in arguments]
    if stdin.text is None or not stdin.text.known or len(options) != 1:
        return None
    if options[0] not in ("-d", "-D", "--decode", "-di", "-id"):
        return None
    return _decoded(lambda text: base64.b64decode(text + "=" * (-len(text) % 4), validate=True), stdin.text.text)


def _xxd(arguments: Sequence[Word], stdin: Stdin, _state: State) -> Word | None:
    options = "".join(sorted(word.text.replace("-", "") for word in arguments))
    if stdin.text is None or not stdin.text.known or options not in ("pr", "pr", "plainr", "ppr"):
        return None
    return _decoded(bytes.fromhex, stdin.text.text)


def _decoded(decode: Callable[[str], bytes], text: str) -> Word | None:
    try:
        return Word(decode(_SPACES.sub("", text)).decode())
    except (ValueError, binascii.Error):
        return None


def _lookup(arguments: Sequence[Word], _stdin: Stdin, _state: State) -> Word | None:
    """``which rm`` gives some path to rm: its name runs the same."""
    names = [word for word in arguments if not word.text.startswith("-")]
    return names[0].part(names[0].text + "\n") if len(names) == 1 else None


def _command(arguments: Sequence[Word], stdin: Stdin, state: State) -> Word | None:
    if arguments and arguments[0].text in ("-v", "-V"):
        return _lookup(arguments, stdin, state)
    return stdout(arguments, stdin, state) if arguments else EMPTY


def _dirname(arguments: Sequence[Word], _stdin: Stdin, _state: State) -> Word | None:
    if len(arguments) != 1:
        return None
    head, slash, _ = arguments[0].text.rstrip("/").rpartition("/")
    return arguments[0].part((head or ("/" if slash else ".")) + "\n")


def _basename(arguments: Sequence[Word], _stdin: Stdin, _state: State) -> Word | None:
    if not 1 <= len(arguments) <= 2 or arguments[0].text.startswith("-"):
        return None
    name = arguments[0].text.rstrip("/").rpartition("/")[2]
    suffix = arguments[1].text if len(arguments) > 1 else ""
    known = all(word.known for word in arguments)
    return Word(name.removesuffix(suffix) + "\n", known, origins=arguments[0].origins)


def _realpath(arguments: Sequence[Word], _stdin: Stdin, _state: State) -> Word | None:
    paths = [word for word in arguments if not word.text.startswith("-")]
    return paths[0].part(paths[0].text + "\n") if len(paths) == 1 else None


_WRITERS: dict[str, Callable[[Sequence[Word], Stdin, State], Word | None]] = {
    "base64": _base64,
    "basename": _basename,
    "cat": _cat,
    "command": _command,
    "dirname": _dirname,
    "echo": _echo,
    "printf": _printf,
    "pwd": _pwd,
    "realpath": _realpath,
    "rev": _rev,
    "tee": _tee,
    "which": _lookup,
    "xxd": _xxd,
}
