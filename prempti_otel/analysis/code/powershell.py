"""What PowerShell code would do, statement by statement, in the words of the commands that do the same elsewhere.

PowerShell's own commands and their short names stand for a shell's (``Remove-Item``, ``ri`` and ``del`` for
``rm``), so that the catalogue says what they do; all other words are commands of the system. Variables,
expressions and pipelines into blocks are not followed: what they hold is unknown, never dropped. What stands in
parentheses is read as a statement of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import re2

from prempti_otel.analysis.code.cmd import windows_path
from prempti_otel.analysis.code.findings import Findings
from prempti_otel.analysis.code.values import Items, Text
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from prempti_otel.analysis.code.python_expressions import Setting

MAX_CODE = 65_536
"""Longest code in characters that is read."""
MAX_STATEMENTS = 256
_DEEPEST = 32
"""Parentheses within each other; deeper ones are text."""
_INNER = "$(...)"

_STANDS_FOR = {
    "rm": "remove-item ri rm rmdir del erase rd",
    "cat": "get-content gc cat type",
    "tee": "set-content sc out-file add-content ac tee-object",
    "curl": "invoke-webrequest iwr invoke-restmethod irm curl wget",
    "curl -O": "start-bitstransfer",
    "truncate -s 0": "clear-content clc",
    "mv": "move-item mi mv move rename-item ren",
    "cp": "copy-item cpi cp copy",
    "kill": "stop-process spps kill",
    "shutdown": "stop-computer restart-computer",
    "eval": "invoke-expression iex",
}
"""Commands of a shell by names of PowerShell (learn.microsoft.com, Microsoft.PowerShell.Management and .Utility)."""
_COMMAND = {name: command for command, names in _STANDS_FOR.items() for name in names.split()}
_CAUSES = {
    "destroys_disk": "clear-disk format-volume initialize-disk remove-partition",
    "weakens_security": "set-mppreference add-mppreference set-executionpolicy disable-windowsoptionalfeature",
    "changes_network": (
        "set-netfirewallprofile disable-netfirewallrule new-netfirewallrule remove-netfirewallrule "
        "set-dnsclientserveraddress"
    ),
    "persists": "register-scheduledtask new-scheduledtask register-scheduledjob new-service set-service",
    "changes_accounts": "new-localuser set-localuser remove-localuser enable-localuser add-localgroupmember",
    "records_activity": "get-clipboard gcb",
    "reads_secrets": "get-secret get-storedcredential unprotect-cmsmessage",
    "erases_tracks": "clear-eventlog remove-eventlog clear-history",
    "stops_processes": "stop-service suspend-service",
}
"""Effects by cmdlets that no command of a shell stands for."""
_EFFECT = {name: effect for effect, names in _CAUSES.items() for name in names.split()}
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
    "infile",
    "headers",
    "contenttype",
    "verb",
    "windowstyle",
    "argumentlist",
    "source",
)
_TARGETS = ("path", "literalpath", "filepath", "uri", "outfile", "destination", "source", "name")
_SENT = {"infile": "-T", "body": "-d"}
"""Options of web requests by those of curl that send the same."""
_FETCH = re2.compile(r"(?i)\b(invoke-webrequest|iwr|invoke-restmethod|irm|curl|wget|download(string|data|file))\b")
_RUN = re2.compile(r"(?i)\b(invoke-expression|iex|scriptblock\]::create|invokescript|start-process|saps)\b")
_OPS = {"dele": FileOp.DELETE, "read": FileOp.READ, "open": FileOp.READ}
"""By the first letters of a method's name."""
_SAVED = re2.compile(r"(?i)\.download(?:file|string|data)\(\s*[\"']([^\"']+)[\"'](?:\s*,\s*[\"']([^\"']+)[\"'])?")
_STATIC = re2.compile(
    r"(?i)io\.(?:file|directory)\]::(delete|read\w*|openread|write\w*|append\w*)\(\s*[\"']([^\"']+)[\"'](\s*,\s*\$true)?"
)
"""Calls of .NET's classes for files: what is done, the path, and whether all that is below it."""
_LISTINGS = frozenset({"get-childitem", "gci", "dir", "ls", "get-item", "gi"})
_SOCKET = re2.compile(r"(?i)net\.sockets\.(tcp|udp)client[\s(]*[\"']([A-Za-z0-9_.-]+)[\"']\s*,\s*(\d+)")
_SIGNS = r"'[^']*'|[;\n|{}()]|&&|[^\s;|{}()\"']+|\s+|[\"']"
_PART = re2.compile(rf"(?s)\"(?:[^\"`]|`.)*\"|(\"(?:[^\"`]|`.)*`?\z)|{_SIGNS}")
"""A piece of a word, or what ends one; in a group, what begins with a quote that nothing closes."""
_UNQUOTED = re2.compile(_SIGNS)
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
    for verb, path, below in _STATIC.findall(text):
        op = _OPS.get(verb[:4].lower(), FileOp.WRITE)
        findings.touch(op, Text(*windows_path(path, setting.home)), recursive=bool(below))
    for address, file in _SAVED.findall(text):
        findings.contact("download", Text(address), "url")
        if file:
            findings.touch(FileOp.WRITE, Text(*windows_path(file, setting.home)))
    for count, words in enumerate(_statements(text)):
        if count >= MAX_STATEMENTS:
            findings.cut_short()
            return
        _statement(words, setting, findings)


def _statements(text: str) -> list[list[str]]:
    """Words of each statement and pipeline stage, quotes kept; ``$(...)`` stands for one in parentheses."""
    found: list[list[list[str]]] = [[]]
    outer: list[list[list[str]]] = []
    current = found[0]
    open_word = False
    for part in _parts(text):
        if part.isspace() and "\n" not in part:
            open_word = False
        elif part == "(" and not open_word and len(outer) < _DEEPEST:
            current.append([_INNER])
            outer.append(current)
            found.append(current := [])
        elif part == ")" and outer:
            current = outer.pop()
            open_word = True
        elif part in (";", "|", "{", "}", "&&") or part.isspace():
            found.append(current := [])
            open_word = False
        elif open_word:
            current[-1].append(part)
        else:
            current.append([part])
            open_word = True
    return [["".join(pieces) for pieces in words] for words in found if words]


def _parts(text: str) -> Iterator[str]:
    """The pieces of words, and what is between them; a double quote that nothing closes stands for itself."""
    for match in _PART.finditer(text):
        if match.group(1) is None:
            yield match.group(0)
        else:
            # No quote behind it closes it, and so none behind it closes another: they are not searched for again.
            yield from (inner.group(0) for inner in _UNQUOTED.finditer(text, match.start()))


def _statement(words: Sequence[str], setting: Setting, findings: Findings) -> None:
    if len(words) > 2 and _ASSIGNMENT.match(words[0]) and words[1] == "=":
        words = words[2:]
    if words[0] in ("&", ".") and len(words) > 1:
        words = words[1:]
        words = [_plain(words[0]), *words[1:]]
    name = words[0].lower()
    if not name[:1].isalpha() and not name.startswith(("./", ".\\", "/")):
        return
    effect = _EFFECT.get(name)
    if effect is not None:
        findings.cause(effect)
        return
    if name in ("start-process", "saps", "start"):
        _started(words[1:], setting, findings)
        return
    if name in _LISTINGS and any(word.lower().startswith("env:") for word in words[1:]):
        findings.cause("dumps_environment")
        return
    command = _COMMAND.get(name)
    if command == "eval":
        if not _FETCH.search(" ".join(words)) and len(words) > 1:
            findings.run("powershell", setting.literal(Text(_plain(words[1]), "$" not in words[1])))
        return
    rest = [_word(word, setting) for word in (_options(words[1:], native=name == command) if command else words[1:])]
    made = (Text(part) for part in command.split()) if command else (Text(_plain(words[0])),)
    findings.run("argv", Items((*made, *rest)))


def _started(words: Sequence[str], setting: Setting, findings: Findings) -> None:
    """``Start-Process FILE -ArgumentList WORDS``."""
    lowered = [word.lower() for word in words]
    if "runas" in lowered:
        findings.cause("escalates")
    given = [word for word in _options(words, native=False) if word]
    if given:
        findings.run("argv", Items(tuple(_word(word, setting) for word in given)))


def _options(words: Sequence[str], *, native: bool) -> list[str]:
    """PowerShell's options as a shell's: switches that matter by a letter, values that are paths as operands.

    Outside of Windows some of the short names are the system's ``native`` commands, which take their own options.
    """
    found: list[str] = []
    skipped = False
    for word in words:
        option = word[1:].rstrip(":").lower() if word.startswith("-") else ""
        if option:
            found += [_FLAGS[option]] if option in _FLAGS else [_SENT[option]] if option in _SENT else [word] * native
            skipped = option in _VALUES and option not in _TARGETS and option not in _SENT
        elif skipped:
            skipped = False
        else:
            found += [part for part in word.split(",") if part] if word[0] not in "\"'" else [word]
    return found


def _word(word: str, setting: Setting) -> Text:
    text, known = windows_path(_plain(word), setting.home)
    return Text(text, known or (word.startswith("'") and "$" in text))


def _plain(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word.strip("()\"'")
