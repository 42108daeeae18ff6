"""What a tool of an MCP server would touch, by the customary names of its arguments.

No schema says what a server does with them: a command is taken for shell code on this machine, a path for
a file here, a URL for a host that is contacted, what a path is used for by the words of the tool's name.
Arguments that name a repository, a bucket or the like say that paths are not local. Free text is data.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prempti_otel.analysis.net import local_file
from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Word
from prempti_otel.model.call import JsonValue, ToolCall

_COMMANDS = ("command", "cmd", "shell_command", "command_line", "commandLine", "bash")
_CODE = ("code", "script", "source_code")
_STATEMENTS = ("sql", "query", "statement", "sql_query")
_URLS = ("url", "uri", "endpoint", "href", "link", "base_url", "target_url", "urls")
_PATHS = (
    *("path", "file_path", "filePath", "filepath", "filename", "file_name", "file", "relative_path", "absolute_path"),
    *("directory", "dir", "folder", "output_path", "notebook_path", "paths", "file_paths"),
)
_SOURCES = ("source", "src", "from", "old_path", "source_path", "oldPath")
_TARGETS = ("destination", "dest", "dst", "target", "to", "new_path", "destination_path", "newPath")
_CONTENTS = ("content", "contents", "text", "new_string", "new_text", "file_text", "data")
_ELSEWHERE = frozenset(
    {
        "owner",
        "repo",
        "repository",
        "bucket",
        "project_id",
        "projectId",
        "organization",
        "branch",
        "ref",
        "sha",
        "space",
    }
)
"""Arguments beside which a path lies in a repository, a bucket or a page of some service."""
_VERBS = frozenset({"view", "create", "str_replace", "insert", "undo_edit", "delete", "rename"})
"""What editors' tools take as their ``command``."""
_DELETING = frozenset({"delete", "remove", "rm", "unlink", "trash", "erase"})
_MOVING = frozenset({"move", "rename", "mv"})
_WRITING = frozenset(
    {
        "write",
        "create",
        "edit",
        "save",
        "append",
        "put",
        "update",
        "insert",
        "replace",
        "modify",
        "mkdir",
        "patch",
        "set",
    }
)
_PROGRAMS = {"python": "python3 -c", "javascript": "node -e", "js": "node -e", "node": "node -e", "ruby": "ruby -e"}
_PROGRAMS |= {
    "perl": "perl -e",
    "php": "php -r",
    "bash": "bash -c",
    "sh": "sh -c",
    "shell": "sh -c",
    "py": "python3 -c",
}
"""How code in a language is run, by the language's names."""
_KERNELS = frozenset({"execute", "jupyter", "ipython", "notebook", "kernel", "cell"})
"""Words of tools that run code which is Python's unless they say otherwise."""
_BROWSERS = frozenset({"browser", "page", "playwright", "puppeteer", "chrome", "devtools"})
"""Words of tools whose code runs in a web page, out of reach of this machine's files."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SQL = re.compile(
    r"(?i)\s*+(?:--[^\n]*+\n\s*+|/\*(?:[^*]++|\*(?!/))*+\*/\s*+)*+(?:select|insert|update|delete|drop|alter|create|truncate|grant|revoke|with|replace|merge|call|do|begin|set|vacuum|exec)\b"
)
_MOST = 64
"""Values of one argument that are looked at."""
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class McpReading:
    """What one call touches, as far as its arguments' names tell."""

    files: tuple[FileAccess, ...]
    hosts: tuple[HostAccess, ...]
    shell: str | None
    """A command, or code with the interpreter before it."""
    statements: str
    """SQL; ``""`` for none."""


def read_mcp(call: ToolCall) -> McpReading:
    """What ``call`` would touch. Never raises; arguments with other names or of other types are data."""
    given = call.input
    named = [word.lower() for word in _WORDS.findall(call.mcp_tool)]
    words = frozenset([*named, *(word.lower() for word in _WORDS.findall(call.mcp_server))])
    files = [] if not _ELSEWHERE.isdisjoint(given) else list(_files(given, frozenset(named)))
    hosts: list[HostAccess] = []
    for url in _texts(given, _URLS):
        path = local_file(url)
        if path is not None:
            files.append(FileAccess(Word(path), FileOp.READ))
        elif "://" in url:
            hosts.append(HostAccess(Word(url), "url", "download"))
    statements = "\n".join(text for text in _texts(given, _STATEMENTS) if _SQL.match(text))
    return McpReading(tuple(files), tuple(hosts), _shell(given) or _code(given, words), statements)


def _texts(given: Mapping[str, JsonValue], names: tuple[str, ...]) -> Iterator[str]:
    """The texts that arguments of these names hold, by themselves or in a list."""
    for name in names:
        value = given.get(name)
        for text in value[:_MOST] if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and text:
                yield text


def _shell(given: Mapping[str, JsonValue]) -> str | None:
    for name in _COMMANDS:
        value = given.get(name)
        if isinstance(value, list | tuple):
            value = shlex.join(text for text in value if isinstance(text, str))
        if not isinstance(value, str) or not value.strip() or (value in _VERBS and "path" in given):
            continue
        more = given.get("args")
        listed = [text for text in more if isinstance(text, str)] if isinstance(more, list | tuple) else []
        return f"{value} {shlex.join(listed)}" if listed else value
    return None


def _code(given: Mapping[str, JsonValue], words: frozenset[str]) -> str | None:
    """Code with its interpreter before it, where the language is told by an argument or by the tool's name."""
    code = next(_texts(given, _CODE), "")
    if not code or not _BROWSERS.isdisjoint(words):
        return None
    language = next(_texts(given, ("language", "lang", "interpreter")), "").lower()
    program = (
        _PROGRAMS.get(language) if language else next((_PROGRAMS[word] for word in words if word in _PROGRAMS), None)
    )
    if program is None and not language and not _KERNELS.isdisjoint(words):
        program = _PROGRAMS["python"]
    return f"{program} {shlex.quote(code)}" if program else None


def _files(given: Mapping[str, JsonValue], words: frozenset[str]) -> Iterator[FileAccess]:
    moves = not _MOVING.isdisjoint(words)
    if not _DELETING.isdisjoint(words):
        op = FileOp.DELETE
    else:
        op = FileOp.READ if _WRITING.isdisjoint(words) else FileOp.WRITE
    content = next(_texts(given, _CONTENTS), None) if op is FileOp.WRITE else None
    for path in _paths(given, _PATHS):
        yield FileAccess(path, op, op is FileOp.DELETE, content=Word(content) if content is not None else None)
    for path in _paths(given, _SOURCES, absolute=True):
        yield FileAccess(path, FileOp.READ)
        if moves:
            yield FileAccess(path, FileOp.DELETE, recursive=True)
    for path in _paths(given, _TARGETS, absolute=True):
        yield FileAccess(path, FileOp.WRITE)


def _paths(given: Mapping[str, JsonValue], names: tuple[str, ...], *, absolute: bool = False) -> Iterator[Word]:
    """Texts that may be paths; ``absolute`` leaves out those that need not be."""
    for text in _texts(given, names):
        if len(text) > _LONGEST_PATH or "\n" in text or "://" in text:
            continue
        if not absolute or text.startswith(("/", "~/", "./", "../")):
            yield Word(text)
