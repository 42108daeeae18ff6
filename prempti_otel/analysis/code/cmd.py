"""What code for Windows' ``cmd.exe`` would do, command by command, and Windows' paths as the ones known here.

Its own commands (``del``, ``type``, ``rd``) stand for a shell's, so that the catalogue says what they do; all
other words are commands of the system. Loops are followed into the command that they repeat; variables, except the
ones that name the home, are unknown, never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import re2

from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Items, Text
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 65_536
"""Longest code in characters that is read."""
MAX_COMMANDS = 256
"""Commands of one piece of code that are read."""

_STANDS_FOR = {
    "type": "cat",
    "more": "cat",
    "del": "rm",
    "erase": "rm",
    "rd": "rm",
    "rmdir": "rm",
    "copy": "cp",
    "xcopy": "cp",
    "robocopy": "cp",
    "move": "mv",
    "ren": "mv",
    "set": "env",
}
"""Commands of a shell by names of cmd.exe (learn.microsoft.com, Windows commands)."""
_WHOLE_TREES = frozenset({"/s", "/e", "/mir", "/purge"})
_BEFORE_COMMANDS = frozenset({"call", "start", "do", "else", "cmd", "cmd.exe", "/c", "/k", "/b", "/wait", "/min"})
_PART = re2.compile(r"\"[^\"]*\"?|[&|()\n]|>>?|<|[^\s&|()\"<>]+")
_LOOP = re2.compile(r"(?i)\bfor\s+(?:/[a-z]\s+(?:\"[^\"]*\"\s+)?)?%+\w\s+in\s+\([^)]*\)\s+do\b")
_DRIVE = re2.compile(r"^[A-Za-z]:[\\/]")
_HOME = re2.compile(r"(?i)^(?:%userprofile%|%homedrive%%homepath%|%homepath%|\$env:userprofile|\$env:home|\$home|~)")


def windows_path(text: str, home: str) -> tuple[str, bool]:
    """A word as a path of this machine where it is one of Windows', and whether it is fully known.

    A drive is the root, ``C:\\Users\\x`` is ``/Users/x``, what names the user's profile is ``home``.
    """
    match = _HOME.match(text) if text.startswith(("%", "$", "~")) else None
    if match is not None and (len(text) == match.end() or text[match.end()] in "\\/"):
        return home + text[match.end() :].replace("\\", "/"), bool(home)
    if text[1:2] == ":" and _DRIVE.match(text):
        return "/" + text[2:].replace("\\", "/").lstrip("/"), "%" not in text and "$" not in text
    if text.startswith((".\\", "..\\")):
        text = text.replace("\\", "/")
    return text, "%" not in text and "$" not in text


def analyse_cmd(code: str, setting: Setting, findings: Findings) -> None:
    """Add what ``code`` would do to ``findings``. Never raises."""
    if len(code) > MAX_CODE:
        findings.cut_short()
    words: list[str] = []
    count = 0
    text = _LOOP.sub(" ", code[:MAX_CODE].encode("utf-8", "replace").decode())
    for part in [*_PART.findall(text), "\n"]:
        if part in ("&", "|", "(", ")", "\n"):
            count += bool(words)
            if count > MAX_COMMANDS:
                findings.cut_short()
                return
            _command(words, setting, findings)
            words = []
        else:
            words.append(part)


def _command(words: Sequence[str], setting: Setting, findings: Findings) -> None:
    lowered = [word.lower().lstrip("@") for word in words]
    first = next((at for at, word in enumerate(lowered) if word and word not in _BEFORE_COMMANDS), len(words))
    words, lowered = words[first:], lowered[first:]
    for index, word in enumerate(words[:-1]):
        if word in (">", ">>"):
            findings.touch(FileOp.WRITE, _word(words[index + 1], setting))
    redirected = next((index for index, word in enumerate(words) if word in (">", ">>", "<")), len(words))
    words, lowered = words[:redirected], lowered[:redirected]
    if not words:
        return
    name = lowered[0].strip('"').removesuffix(".exe")
    command = _STANDS_FOR.get(name)
    if command is None:
        exe = windows_path(words[0].lstrip("@").strip('"'), setting.home)[0]
        here = "/" not in exe and exe.lower().endswith((".bat", ".cmd"))
        rest = (_word(word, setting) for word in words[1:])
        findings.run("argv", Items((Text(f"./{exe}" if here else exe), *rest)))
    elif command != "env" or len(words) == 1:
        recursive = [Text("-r")] if not _WHOLE_TREES.isdisjoint(lowered) else []
        given = [_word(word, setting) for word in words[1:] if not word.startswith("/")]
        findings.run("argv", Items((Text(command), *recursive, *given)))


def _word(word: str, setting: Setting) -> Text:
    return Text(*windows_path(word.strip('"'), setting.home))
