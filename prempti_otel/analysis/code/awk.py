"""What an awk program would do besides computing: commands, files and hosts that its text names.

There is no maintained grammar of awk to build on, so this reads tokens: enough to tell strings, regular
expressions and comments from code, and to find ``system``, ``getline``, pipes and redirections (POSIX
awk; gawk's ``|&`` and ``/inet``). Arguments that are not literal text are unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from prempti_otel.analysis.code.escapes import unescaped
from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Text, Unknown, Value, as_text, concat
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 16_384
"""Longest program in characters that is read."""

_DOUBLE = frozenset({"||", "&&", "|&", ">>", "<=", ">=", "==", "!=", "+=", "-=", "*=", "/=", "%=", "^=", "++", "--"})
_OPERAND_ENDS = frozenset({")", "]", "$", "++", "--"})
_ENDS = frozenset({";", "\n", "{", "}", ")", ","})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_DEVICES = ("/dev/stdout", "/dev/stderr", "/dev/stdin", "-")


class Token(msgspec.Struct, frozen=True):
    """One token; ``kind`` is ``string``, ``name``, ``number``, ``regex`` or ``sign``."""

    kind: str
    text: str


def analyse_awk(code: str, _: Setting, findings: Findings) -> None:
    """Add what ``code`` would do to ``findings``. Never raises."""
    if len(code) > MAX_CODE:
        findings.cut_short()
    _Program(tokens(code[:MAX_CODE]), findings).read()


def tokens(code: str) -> list[Token]:
    """The tokens of an awk program, blanks and comments left out; one look at each character."""
    found: list[Token] = []
    at = 0
    while at < len(code):
        letter = code[at]
        end = at + 1
        if letter in " \t\r":
            at = end
            continue
        if letter == "#":
            at = (code.find("\n", at) + 1 or len(code) + 1) - 1
            continue
        kind = "sign"
        if letter == '"':
            kind, end = "string", _end_of_quoted(code, at, '"')
        elif letter == "/" and not _after_operand(found):
            kind, end = "regex", _end_of_quoted(code, at, "/")
        elif letter.isalpha() or letter == "_":
            kind, end = "name", _end_of_run(code, at)
        elif letter.isdigit():
            kind, end = "number", _end_of_run(code, at)
        elif code[at : at + 2] in _DOUBLE:
            end = at + 2
        if letter != "\\":
            found.append(Token(kind, code[at:end]))
        at = end
    return found


def _end_of_quoted(code: str, at: int, quote: str) -> int:
    """Where a string or regular expression ends: after its quote, or before the line's end."""
    bracket = False
    at += 1
    while at < len(code) and code[at] != "\n":
        letter = code[at]
        if letter == "\\":
            at += 1
        elif letter == quote and not bracket:
            return at + 1
        elif quote == "/" and letter in "[]":
            bracket = letter == "[" and "]" in code[at + 1 : at + 100]
        at += 1
    return min(at, len(code))


def _end_of_run(code: str, at: int) -> int:
    while at < len(code) and (code[at].isalnum() or code[at] in "_."):
        at += 1
    return at


def _after_operand(found: list[Token]) -> bool:
    if not found:
        return False
    last = found[-1]
    return last.kind in ("name", "number", "string") or last.text in _OPERAND_ENDS


class _Program:
    """Looks through the tokens of one program."""

    def __init__(self, found: Sequence[Token], findings: Findings) -> None:
        self._tokens = found
        self._findings = findings
        self._texts: dict[str, Value] = {}

    def read(self) -> None:
        """Find everything that acts."""
        self._assignments()
        for at, token in enumerate(self._tokens):
            following = self._tokens[at + 1].text if at + 1 < len(self._tokens) else ""
            if token.kind == "name":
                self._name(token.text, at, following)
            elif token.text in ("|", "|&"):
                self._pipe(at, following)

    def _name(self, name: str, at: int, following: str) -> None:
        if name == "system" and following == "(":
            self._findings.run("sh", self._value(at + 2))
        elif name in ("print", "printf"):
            self._redirection(at + 1)
        elif name == "getline":
            target = at + 2 if self._kind(at + 1) == "name" else at + 1
            if self._text(target) == "<":
                self._file(FileOp.READ, self._value(target + 1))
        elif name == "ENVIRON" and following != "[":
            self._findings.cause("dumps_environment")
        elif name == "ENVIRON" and self._kind(at + 2) == "string":
            # Most programs print nearly all that they name.
            variable = self._text(at + 2).strip('"')
            self._findings.put_out([Unknown(variable, variables=(variable,))])

    def _pipe(self, at: int, following: str) -> None:
        if following == "getline":
            start = at
            while start > 0 and self._text(start - 1) not in _ENDS and self._text(start - 1) not in ("(", "||", "&&"):
                start -= 1
            self._command(self._value(start))
        elif self._texts_or_string(at + 1):
            command = self._value(at + 1)
            self._command(command)
            if as_text(command).text.rpartition("/")[2].partition(" ")[0] in _SHELLS:
                self._findings.run("sh", self._printed(at))

    def _printed(self, at: int) -> Value:
        """What the ``print`` before the pipe at ``at`` puts into it."""
        while at > 0 and (self._text(at) == "," or self._text(at) not in _ENDS):
            at -= 1
            if self._text(at) in ("print", "printf"):
                return self._value(at + 1)
        return Unknown("...")

    def _texts_or_string(self, at: int) -> bool:
        return self._kind(at) in ("string", "name") or self._text(at) in ("(", "$")

    def _command(self, value: Value) -> None:
        """A command to pipe from or to, or gawk's special file of a connection."""
        text = as_text(value)
        if text.text.startswith("/inet"):
            parts = [*text.text.split("/"), "", "", "", ""]
            self._findings.contact("connect", Text(parts[4], text.known), "host", Text(parts[5]))
        else:
            self._findings.run("sh", value)

    def _redirection(self, at: int) -> None:
        """``print .. > FILE``: a ``>`` outside of brackets."""
        depth = 0
        while at < len(self._tokens):
            text = self._text(at) if self._kind(at) == "sign" else ""
            depth += (text in ("(", "[")) - (text in (")", "]"))
            if depth < 0 or (depth == 0 and text in (";", "\n", "}", "|", "|&")):
                return
            if depth == 0 and text in (">", ">>"):
                self._file(FileOp.WRITE, self._value(at + 1))
                return
            at += 1

    def _file(self, op: FileOp, value: Value) -> None:
        text = as_text(value)
        if text.text.startswith("/inet"):
            self._command(value)
        elif text.text not in _DEVICES:
            self._findings.touch(op, value)

    def _assignments(self) -> None:
        """Names that are given literal text once; any other assignment makes them unknown."""
        for at, token in enumerate(self._tokens):
            if token.kind == "name" and self._text(at + 1) == "=" and self._kind(at + 1) == "sign":
                value = self._value(at + 2)
                self._texts[token.text] = value if token.text not in self._texts else Unknown(token.text)

    def _value(self, at: int) -> Value:
        """The text that the tokens from ``at`` to the end of the expression make, strung together."""
        parts: list[Value] = []
        if self._text(at) == "(":
            at += 1
        while at < len(self._tokens):
            token = self._tokens[at]
            if token.kind == "string":
                parts.append(Text(_unquoted(token.text)))
            elif token.kind == "name" and self._text(at + 1) != "(" and self._text(at + 1) != "[":
                parts.append(self._texts.get(token.text, Unknown(token.text)))
            elif token.kind == "sign" and (token.text in _ENDS or token.text in ("|", "|&", ">", ">>", "&&", "||")):
                break
            elif token.text == "$":
                at += 1
                parts.append(Unknown("field"))
            else:
                parts.append(Unknown(token.text))
                break
            at += 1
        return concat(parts) if parts else Unknown("...")

    def _text(self, at: int) -> str:
        return self._tokens[at].text if 0 <= at < len(self._tokens) else ""

    def _kind(self, at: int) -> str:
        return self._tokens[at].kind if 0 <= at < len(self._tokens) else ""


def _unquoted(text: str) -> str:
    parts = text[1:].removesuffix('"').split("\\")
    whole = parts[0]
    rest = iter(parts[1:])
    for part in rest:
        if not part:
            whole += "\\" + next(rest, "")
        elif part[0] in "01234567":
            digits = part[: 1 + sum(1 for letter in part[1:3] if letter in "01234567")]
            whole += unescaped("\\" + digits.rjust(2, "0")) + part[len(digits) :]
        else:
            whole += unescaped("\\" + part[0]) + part[1:]
    return whole
