"""What a sed script would do besides editing: commands that it runs, files that it reads and writes.

A small reader of POSIX sed with GNU's ``e``, ``R``, ``W`` and the flags ``e`` and ``w`` of ``s``.
In-place editing is an option of the command, and none of this module's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Text
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 16_384
"""Longest script in characters that is read."""
_DEVICES = ("/dev/stdout", "/dev/stderr", "/dev/stdin")
_WHOLE_LINE = (".*", "^.*$", "^.*", ".*$")
_BLANK = " \t;\n{}"


def analyse_sed(code: str, _: Setting, findings: Findings) -> None:
    """Add what ``code`` would do to ``findings``. Never raises; a script that makes no sense is dynamic."""
    if len(code) > MAX_CODE:
        findings.cut_short()
    if not _Script(code[:MAX_CODE], findings).read():
        findings.dynamic = True


class _Script:
    """A position in a script."""

    def __init__(self, code: str, findings: Findings) -> None:
        self._code = code
        self._at = 0
        self._findings = findings

    def read(self) -> bool:
        """Go through the commands; False where one is unknown."""
        while self._skip(_BLANK):
            self._addresses()
            if not self._command():
                return False
        return True

    def _peek(self) -> str:
        return self._code[self._at : self._at + 1]

    def _take(self) -> str:
        letter = self._peek()
        self._at += 1
        return letter

    def _skip(self, letters: str) -> bool:
        """Go past these letters; whether anything is left."""
        while self._peek() and self._peek() in letters:
            self._at += 1
        return bool(self._peek())

    def _line(self) -> str:
        """The rest of the line."""
        end = self._code.find("\n", self._at)
        end = end if end >= 0 else len(self._code)
        text, self._at = self._code[self._at : end], end
        return text.strip()

    def _addresses(self) -> None:
        while True:
            letter = self._peek()
            if letter == "/" or letter == "\\":
                self._at += letter == "\\"
                self._until(self._take())
            elif not letter or not (letter.isdigit() or letter in "$,~+!IM \t"):
                return
            else:
                self._at += 1

    def _until(self, end: str) -> str:
        """Text up to an ``end`` that is not escaped or in brackets."""
        start = self._at
        bracket = False
        while (letter := self._take()) and (letter != end or bracket):
            if letter == "\\":
                self._at += 1
            elif letter == "[" and not bracket:
                bracket = True
                self._at += self._peek() == "^"
                self._at += self._peek() == "]"
            elif letter == "]":
                bracket = False
        return self._code[start : self._at - 1]

    def _replacement(self, end: str) -> str:
        start = self._at
        while (letter := self._take()) and letter != end:
            self._at += letter == "\\"
        return self._code[start : self._at - 1]

    def _command(self) -> bool:
        letter = self._take()
        match letter:
            case "s":
                self._substitute()
            case "y":
                end = self._take()
                self._replacement(end)
                self._replacement(end)
            case "e":
                self._execute(self._line())
            case "r" | "R":
                self._file(FileOp.READ, self._line())
            case "w" | "W":
                self._file(FileOp.WRITE, self._line())
            case "a" | "i" | "c":
                self._text()
            case ":" | "b" | "t" | "T" | "v":
                while self._peek() and self._peek() not in ";\n}":
                    self._at += 1
            case "#":
                self._line()
            case "q" | "Q" | "l" | "L":
                self._skip("0123456789 \t")
            case _:
                return letter in "=dDgGhHnNpPxzF{}" or not letter
        return True

    def _substitute(self) -> None:
        end = self._take()
        pattern, replacement = self._until(end), self._replacement(end).replace(f"\\{end}", end)
        while self._peek() and self._peek() in "gpiImMe0123456789w":
            flag = self._take()
            if flag == "e":
                known = pattern in _WHOLE_LINE and "&" not in replacement and "\\" not in replacement
                self._findings.run("sh", Text(replacement, known))
            elif flag == "w":
                self._file(FileOp.WRITE, self._line())

    def _execute(self, command: str) -> None:
        """``e COMMAND``; alone it runs the line that is being edited."""
        if command:
            self._findings.run("sh", Text(command))
        else:
            self._findings.dynamic = True

    def _text(self) -> None:
        """Text that is added: to the end of a line that no backslash continues."""
        while True:
            line = self._line()
            self._at += 1
            if not line.endswith("\\") or self._at >= len(self._code):
                return

    def _file(self, op: FileOp, path: str) -> None:
        if path and path not in _DEVICES:
            self._findings.touch(op, Text(path))
