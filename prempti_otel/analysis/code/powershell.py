"""What PowerShell code would do, statement by statement, in the words of the commands that do the same elsewhere.

PowerShell's own commands and their short names stand for a shell's (``Remove-Item``, ``ri`` and ``del`` for
``rm``), so that the catalogue says what they do; all other words are commands of the system. Variables,
expressions and pipelines into blocks are not followed: what they hold is unknown, never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import re2

from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Items, Text

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 65_536
"""Longest code in characters that is read."""
MAX_STATEMENTS = 256

_STANDS_FOR = {
    "rm": "remove-item ri rm rmdir del erase rd",
    "cat": "get-content gc cat type",
    "tee": "set-content sc out-file add-content ac tee-object",
    "curl": "invoke-webrequest iwr invoke-restmethod irm curl wget start-bitstransfer",
    "mv": "move-item mi mv move rename-item ren",
    "cp": "copy-item cpi cp copy",
    "kill": "stop-process spps kill",
    "shutdown": "stop-computer restart-computer",
    "eval": "invoke-expression iex",
}
"""Commands of a shell by names of PowerShell (learn.microsoft.com, Microsoft.PowerShell.Management and .Utility)."""
_COMMAND = {name: command for command, names in _STANDS_FOR.items() for name in names.split()}
_DISKS = frozenset({"clear-disk", "format-volume", "initialize-disk", "remove-partition"})
_FLAGS = {"recurse": "-r", "r": "-r", "force": "-f", "fo": "-f"}
_VALUES = (
    "path",
    "literalpath",
    "filepath",
    "uri",
    "outfile",
    "value",
    "destination",
    "encoding",
    "method",
    "body",
    "name",
)
_TARGETS = ("path", "literalpath", "filepath", "uri", "outfile", "destination")
_FETCH = re2.compile(r"(?i)\b(invoke-webrequest|iwr|invoke-restmethod|irm|curl|wget|download(string|data|file))\b")
_RUN = re2.compile(r"(?i)\b(invoke-expression|iex)\b")
_SOCKET = re2.compile(r"(?i)net\.sockets\.(tcp|udp)client[\s(]*[\"']([A-Za-z0-9_.-]+)[\"']\s*,\s*(\d+)")
_PART = re2.compile(r"\"(?:[^\"`]|`.)*\"|'[^']*'|[;\n|{}]|&&|[^\s;|{}\"']+|\s+|[\"']")
_ASSIGNMENT = re2.compile(r"^\$[\w:]+$")


def analyse_powershell(code: str, setting: Setting, findings: Findings) -> None:
    """Add what ``code`` would do to ``findings``. Never raises."""
    if len(code) > MAX_CODE:
        findings.cut_short()
    text = code[:MAX_CODE].encode("utf-8", "replace").decode()
    if _RUN.search(text) and _FETCH.search(text):
        findings.cause("runs_remote_code")
    for _, host, port in _SOCKET.findall(text):
        findings.contact("connect", Text(host), "host", Text(port))
    for count, words in enumerate(_statements(text)):
        if count >= MAX_STATEMENTS:
            findings.cut_short()
            return
        _statement(words, setting, findings)


def _statements(text: str) -> list[list[str]]:
    """Words of each statement and pipeline stage, quotes kept."""
    found: list[list[str]] = [[]]
    open_word = False
    for match in _PART.finditer(text):
        part = match.group(0)
        if part.isspace() and part != "\n" and "\n" not in part:
            open_word = False
        elif part in (";", "|", "{", "}", "&&") or part.isspace():
            found.append([])
            open_word = False
        elif open_word:
            found[-1][-1] += part
        else:
            found[-1].append(part)
            open_word = True
    return [words for words in found if words]


def _statement(words: Sequence[str], setting: Setting, findings: Findings) -> None:
    if len(words) > 2 and _ASSIGNMENT.match(words[0]) and words[1] == "=":
        words = words[2:]
    if words[0] in ("&", ".") and len(words) > 1:
        words = words[1:]
    name = _plain(words[0]).lower()
    if name.startswith(("$", "[", "(", "@", "-")) or not name[:1].isalpha():
        return
    if name in _DISKS:
        findings.cause("destroys_disk")
        return
    command = _COMMAND.get(name)
    if command == "eval":
        if not _FETCH.search(" ".join(words)) and len(words) > 1:
            findings.run("powershell", setting.literal(Text(_plain(words[1]), "$" not in words[1])))
        return
    rest = [_word(word, setting) for word in (_options(words[1:], native=name == command) if command else words[1:])]
    findings.run("argv", Items((Text(command or _plain(words[0])), *rest)))


def _options(words: Sequence[str], *, native: bool) -> list[str]:
    """PowerShell's options as a shell's: switches that matter by a letter, values that are paths as operands.

    Outside of Windows some of the short names are the system's ``native`` commands, which take their own options.
    """
    found: list[str] = []
    skipped = False
    for word in words:
        option = word[1:].rstrip(":").lower() if word.startswith("-") else ""
        if option:
            found += [_FLAGS[option]] if option in _FLAGS else [word] if native else []
            skipped = option in _VALUES and option not in _TARGETS
        elif skipped:
            skipped = False
        else:
            found += [part for part in word.split(",") if part] if word[0] not in "\"'" else [word]
    return found


def _word(word: str, setting: Setting) -> Text:
    text = _plain(word)
    known = word.startswith("'") or "$" not in text
    if text.startswith("~"):
        text, known = (setting.home + text[1:], known) if setting.home else (text, False)
    if text.lower().startswith(("$home", "$env:home")) and setting.home:
        text, known = setting.home + text[text.lower().index("home") + 4 :], True
    return Text(text, known)


def _plain(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word.strip("()\"'")
