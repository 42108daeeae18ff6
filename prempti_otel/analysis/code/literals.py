"""What code in a language without a reader of its own would do, by the text constants in its calls.

For Lua, R, Tcl, Expect, AppleScript, Emacs Lisp, gdb and the many languages that seldom come on a command
line: calls that run a command, read or delete a file are told by their names, and what they are given by the
constants that follow. Nothing is parsed: a name in a comment counts like one in code, and what is put
together at run time is unknown. It must never claim that nothing happens where a command's name is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import re2

from prempti_otel.analysis.code.escapes import unescaped
from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Items, Text, Unknown, Value, concat
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 65_536
"""Longest code in characters that is read."""
MAX_CALLS = 64
"""Calls looked at in one piece of code."""
_REACH = 400
"""Characters after a call's name in which its constants are looked for."""

_CALL = re2.compile(
    r"(?i)(?P<run>\b(?:os\.execute|io\.popen|system2?|shell|popen|spawn|do shell script|sys\.command|callcommand|"
    r"readprocess|os[.:]cmd|system\.(?:cmd|shell)|shell-command(?:-to-string)?|(?:start|call)-process|process\.(?:run|start)|"
    r"runtime\.getruntime\(\)\.exec|unix\.system|sh|run|success|readchomp|qx)\s*[(!]?\s*[({\[]*\s*(?::spawn,\s*)?[\"'`])"
    r"|(?P<delete>\b(?:os\.remove|unlink|file\.remove|file\.rm(?:_rf)?!?|rm|delete-(?:file|directory)|delete-tree|"
    r"sys\.remove|removedirectoryrecursive|deletedir|rmdir)\s*[(\s]\s*[\"'])"
    r"|(?P<read>\b(?:io\.open|io\.lines|readlines|readrds|file\.read!?|slurp|readfile|insert-file-contents|"
    r"read-file|read_file)\s*[(\s]\s*[\"'])"
)
_STRING = re2.compile(r'"((?:[^"\\]|\\(?s:.))*)"|\'((?:[^\'\\]|\\(?s:.))*)\'|`([^`]*)`')
_ESCAPE = re2.compile(r"\\(?:x[0-9a-fA-F]{2}|u\{?[0-9a-fA-F]{4}\}?|[0-7]{3}|(?s:.))")
_JOINERS = re2.compile(r"^\s*(?:\.\.|\+|<>|&|\.|\^)\s*$")
_LINE = re2.compile(
    r"(?m)(?P<run>(?:^|[;\[{])\s*(?:spawn|exec|!|shell|pipe)\s*(?:-[a-z]+\s+)*(?P<words>[^;\]}\n]+))"
    r"|(?P<delete>(?:^|[;\[{])\s*file\s+delete\s+(?:-force\s+)?(?:--\s+)?(?P<paths>[^;\]}\n]+))"
)
_EXECUTED = re2.compile(r"(?:\"([^\"\\\n]+)\"|'([^'\\\n]+)')\s*\.\s*(?:execute\(\)|!!?)")
"""A constant that is itself run: Groovy, Scala."""
_LANGUAGES = {
    "py": "python",
    "python": "python",
    "pyx": "python",
    "lua": "lua",
    "luado": "lua",
    "perl": "perl",
    "ruby": "ruby",
}
"""Languages that vi's descendants and gdb take code of, by their command (Vim's if_pyth.txt, if_lua.txt)."""
_EDITOR = re2.compile(
    r"^[:\s]*(?:silent!?\s+|%|\d+|,|\$)*(?:(?P<shell>(?:r(?:ead)?|w(?:rite)?)?\s*!|(?:platform\s+)?shell\s+|pipe\s+)|(?P<language>[a-z]+)(?:3|do)?\s+)(?P<rest>(?s:.+))$"
)
_OPS = {"delete": FileOp.DELETE, "read": FileOp.READ}


def analyse_literals(code: str, setting: Setting, findings: Findings) -> None:
    """Add what calls with constant arguments in ``code`` would do to ``findings``. Never raises."""
    text = _bounded(code, findings)
    read = 0
    for count, match in enumerate(_CALL.finditer(text)):
        if count >= MAX_CALLS:
            findings.cut_short()
            return
        if match.start() < read:
            continue
        start = match.end() - 1
        strings, rest, length = _strings(text[start : start + _REACH], setting)
        read = start + length
        kind = next(name for name, part in match.groupdict().items() if part)
        if strings and kind == "run":
            _run(strings, rest, findings)
        elif strings:
            findings.touch(_OPS[kind], _at_home(strings[0], setting), recursive=kind == "delete")
    for double, single in _EXECUTED.findall(text)[:MAX_CALLS]:
        findings.run("sh", setting.literal(Text(double or single)))


def analyse_command_lines(code: str, setting: Setting, findings: Findings) -> None:
    """The same for languages whose commands are words of a line: Tcl, Expect, gdb. Never raises."""
    text = _bounded(code, findings)
    for count, match in enumerate(_LINE.finditer(text)):
        if count >= MAX_CALLS:
            findings.cut_short()
            return
        if match.group("words"):
            findings.run("sh", setting.literal(Text(match.group("words").strip())))
        for path in (match.group("paths") or "").split():
            findings.touch(FileOp.DELETE, _at_home(Text(path.strip('"{}')), setting), recursive=True)
    analyse_literals(text, setting, findings)


def analyse_editor(code: str, setting: Setting, findings: Findings) -> None:
    """What command lines of vi's descendants, ed or gdb would do: shell commands, and code of a language."""
    text = _bounded(code, findings)
    lines = [text] if text.lstrip(": ").startswith(tuple(_LANGUAGES)) else text.split("\n")
    if len(lines) > MAX_CALLS:
        findings.cut_short()
    for line in lines[:MAX_CALLS]:
        match = _EDITOR.match(line)
        rest = setting.literal(Text(match.group("rest"))) if match else None
        if match and rest and match.group("shell"):
            findings.run("sh", rest)
        elif match and rest and match.group("language") in _LANGUAGES:
            findings.run(_LANGUAGES[match.group("language")], rest)
        else:
            analyse_literals(line, setting, findings)


def _bounded(code: str, findings: Findings) -> str:
    if len(code) > MAX_CODE:
        findings.cut_short()
    return code[:MAX_CODE].encode("utf-8", "replace").decode()


def _strings(text: str, setting: Setting) -> tuple[list[Text], bool, int]:
    """Constants of one call, those strung together as one; whether others may be between them; where they end."""
    found: list[Text] = []
    end = 0
    other = False
    for match in _STRING.finditer(text):
        between = text[end : match.start()]
        if found and any(sign in between for sign in ");\n"):
            break
        raw = next(group for group in match.groups() if group is not None)
        value = setting.literal(Text(_ESCAPE.sub(lambda escape: unescaped(escape.group(0)), raw)))
        if found and _JOINERS.match(between):
            found[-1] = Text(found[-1].text + value.text, found[-1].known and value.known)
        else:
            other = other or (bool(found) and any(letter.isalnum() for letter in between))
            found.append(value)
        end = match.end()
    return found, other, end


def _run(strings: list[Text], other: bool, findings: Findings) -> None:
    if len(strings) == 1:
        findings.run("sh", strings[0])
        return
    words: tuple[Value, ...] = tuple(strings)
    findings.run("argv", Items(words), more=other)


def _at_home(path: Text, setting: Setting) -> Value:
    if path.text.startswith("~/"):
        return concat([Text(setting.home) if setting.home else Unknown("~"), Text(path.text[1:])])
    return path
