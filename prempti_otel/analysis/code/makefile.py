"""What a makefile would run: the commands of its recipes, ``$(shell ..)`` and ``!=``.

Every recipe counts, whichever target is made. Variables are put in as far as the makefile sets them by
plain text; functions other than ``shell`` are not evaluated. Nothing is run and no file is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Text

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 65_536
"""Longest makefile in characters that is read."""
MAX_LINES = 1_000
"""Lines that are looked at, those that are continued counted as one."""
MAX_TEXT = 4_096
"""Characters of one line with its variables put in."""
MAX_FUNCTIONS = 32
"""``$(shell ..)`` that are looked at, nested ones by themselves, too."""
MAX_VALUES = 262_144
"""Characters of variables that are put in, in all."""
_MOST_LEVELS = 6
"""Variables within variables."""

_ASSIGNMENT = re.compile(
    r"(?:(?:export|override)[ \t]++)*+(?P<name>[\w.-]++)[ \t]*+(?P<sign>:{1,3}=|\?=|\+=|!=|=)[ \t]*+(?P<value>.*)"
)
_RULE = re.compile(r"[^\s#:=][^:=#]*+::?+(?!=)(?P<rest>[^;]*+)(?:;(?P<recipe>.*))?")
_REFERENCE = re.compile(r"\$(?:\((?P<round>[^()$]*)\)|\{(?P<curly>[^{}$]*)\}|(?P<one>[^({]))")
_SHELL = re.compile(r"\$[({]shell[ \t]++")
_PREFIX = re.compile(r"[ \t@+-]*+")
_BUILT_IN = {
    "RM": "rm -f",
    "CC": "cc",
    "CXX": "c++",
    "AR": "ar",
    "MAKE": "make",
    "CURDIR": ".",
    "SHELL": "sh",
    "AS": "as",
}
"""Variables that GNU make itself sets (manual, "Implicit Variables"), as far as they begin recipes."""


def analyse_makefile(code: str, setting: Setting, findings: Findings) -> None:
    """Add what ``code`` would do to ``findings``. Never raises."""
    lines = code[:MAX_CODE].replace("\\\n", " ").split("\n")
    if len(code) > MAX_CODE or len(lines) > MAX_LINES:
        findings.cut_short()
    _Makefile(setting, findings).read(lines[:MAX_LINES])


class _Makefile:
    """Reads one makefile from top to bottom."""

    def __init__(self, setting: Setting, findings: Findings) -> None:
        self._setting = setting
        self._findings = findings
        self._variables = dict(_BUILT_IN)
        self._left = MAX_VALUES
        self._functions_left = MAX_FUNCTIONS

    def read(self, lines: list[str]) -> None:
        """Find everything that is run."""
        in_rule = False
        for line in lines:
            if line.startswith("\t") and in_rule:
                self._recipe(line[1:])
                continue
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            self._functions(line)
            assigned = _ASSIGNMENT.match(line.strip())
            rule = None if assigned else _RULE.match(line)
            if assigned is not None:
                self._assign(assigned["name"], assigned["sign"], assigned["value"])
            elif rule is not None:
                in_rule = True
                self._recipe(rule["recipe"] or "")

    def _assign(self, name: str, sign: str, value: str) -> None:
        if sign == "!=":
            self._run(value)
            self._variables.pop(name, None)
        elif sign == "+=" and name in self._variables:
            self._variables[name] = f"{self._variables[name]} {value}"[:MAX_TEXT]
        elif sign != "?=" or name not in self._variables:
            self._variables[name] = value[:MAX_TEXT]

    def _functions(self, line: str) -> None:
        """Run what stands in ``$(shell ..)``."""
        for match in _SHELL.finditer(line[:MAX_TEXT]):
            self._functions_left -= 1
            if self._functions_left < 0:
                self._findings.cut_short()
                return
            self._run(_balanced(line, match.end(), line[match.start() + 1]))

    def _recipe(self, line: str) -> None:
        self._functions(line)
        start = _PREFIX.match(line)
        code = line[start.end() :] if start is not None else line
        if code.strip():
            self._run(code)

    def _run(self, code: str) -> None:
        """Run shell code after make has put its variables in."""
        if len(code) > MAX_TEXT:
            self._findings.cut_short()
        text = code
        for _ in range(_MOST_LEVELS):
            if "$" not in text:
                break
            text = _REFERENCE.sub(self._value, text)[:MAX_TEXT]
        self._findings.run("sh", self._setting.literal(Text(text.replace(_DOLLAR, "$"))))

    def _value(self, reference: re.Match[str]) -> str:
        """A reference's value; the shell's variable where the makefile sets none, as make hands its own on."""
        name = reference["round"] or reference["curly"] or reference["one"] or ""
        if name == "$":
            return _DOLLAR
        value = self._variables.get(name)
        self._left -= len(value or "")
        if self._left < 0:
            self._findings.cut_short()
        if value is None or self._left < 0:
            return f"{_DOLLAR}{{{name if name.isidentifier() else 'VALUE'}}}"
        return value


_DOLLAR = "\0"
"""Stands for a dollar that is not make's, until all variables are in."""


def _balanced(line: str, at: int, opening: str) -> str:
    """The text from ``at`` up to the parenthesis or brace that closes ``opening``."""
    closing = ")" if opening == "(" else "}"
    depth = 1
    for end in range(at, min(len(line), at + MAX_TEXT)):
        depth += (line[end] == opening) - (line[end] == closing)
        if not depth:
            return line[at:end]
    return line[at : at + MAX_TEXT]
