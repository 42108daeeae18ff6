"""What a tool of an MCP server, or one that is not known here, would touch, by its arguments' customary names.

No schema says what it does with them: a command is taken for shell code on this machine, a path for
a file here, a URL for a host that is contacted, what a path is used for by the words of the tool's name.
Arguments that name a repository, a bucket or the like say that paths are not local. Free text is data.
Names count however they are spelled (``file_path``, ``filePath``, ``FILE-PATH``) and however deep they stand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from prempti_otel.analysis.net import local_file
from prempti_otel.analysis.paths import HOMES
from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Word
from prempti_otel.model.call import JsonValue, ToolCall

_COMMANDS = ("command", "cmd", "shellcommand", "commandline", "clicommand", "bashcommand", "bash", "powershell")
_SEVERAL = ("commands", "cmds")
"""A command each; what a list of words is for the others is a list of commands here."""
_ARGUMENTS = ("args", "argv", "arguments")
_TYPED = ("input", "text", "keys", "stdin", "chars")
"""What is typed, where a tool is a terminal's."""
_CODE = ("code", "script", "sourcecode", "pythoncode", "pythonscript", "jscode", "javascriptcode")
_ALWAYS_STATEMENTS = ("sql", "statement", "sqlquery")
_STATEMENTS = (*_ALWAYS_STATEMENTS, "query")
_URLS = ("url", "uri", "endpoint", "href", "link", "baseurl", "targeturl", "urls")
_PATHS = (
    *("path", "filepath", "filename", "file", "relativepath", "absolutepath", "targetfile", "paths", "filepaths"),
    *("directory", "dir", "folder", "outputpath", "notebookpath", "files"),
)
_SOURCES = ("source", "src", "from", "oldpath", "sourcepath")
_TARGETS = ("destination", "dest", "dst", "target", "to", "newpath", "destinationpath", "targetpath")
_CONTENTS = ("content", "contents", "text", "newstring", "newtext", "filetext", "data", "newsource")
_ELSEWHERE = frozenset(
    {
        "owner",
        "repo",
        "repository",
        "bucket",
        "projectid",
        "organization",
        "branch",
        "ref",
        "sha",
        "space",
    }
)
"""Arguments beside which a path lies in a repository, a bucket or a page of some service."""
_IN_HOME = ("~/", *(f"{home.removesuffix('/*')}/" for home in HOMES))
"""Where no service's paths begin: an argument that a server ignores does not make such a one another machine's."""
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

_TERMINALS = frozenset({"shell", "terminal", "bash", "zsh", "sh", "tmux", "iterm", "console", "pty", "stdin"})
"""Words of tools that type, or run what they are given."""
_RUNNING = frozenset({"run", "exec", "execute", "spawn", "process", "command", "launch"}) | _TERMINALS

_SEARCHING = frozenset({"search", "websearch", "lookup"})
_DATABASES = (
    "sql",
    "postgres",
    "db",
    "data",
    "maria",
    "mongo",
    "snowflake",
    "bigquery",
    "clickhouse",
    "supabase",
    "neon",
    "oracle",
)
"""Parts of words that tell of a database, whose search may take statements."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SQL = re.compile(
    r"(?i)\s*+(?:--[^\n]*+\n\s*+|/\*(?:[^*]++|\*(?!/))*+\*/\s*+)*+(?:select|insert|update|delete|drop|alter|create|truncate|grant|revoke|with|replace|merge|call|do|begin|set|vacuum|exec)\b"
)
_MOST = 64
"""Values of one argument that are looked at."""
_LONGEST_PATH = 4096
_DEEPEST = 4
_MOST_NAMES = 256
"""Arguments that are looked at, those within others among them."""
Given = Mapping[str, Sequence[JsonValue]]
"""Values by the name of their argument, in small letters and without what joins its words; the outermost first."""


class McpReading(msgspec.Struct, frozen=True):
    """What one call touches, as far as its arguments' names tell."""

    files: tuple[FileAccess, ...]
    hosts: tuple[HostAccess, ...]
    shell: str | None
    """A command, or code with the interpreter before it."""
    statements: str
    """SQL; ``""`` for none."""


def read_mcp(call: ToolCall) -> McpReading:
    """What ``call`` would touch. Never raises; arguments with other names or of other types are data."""
    given = _named(call.input)
    named = [word.lower() for word in _WORDS.findall(call.mcp_tool or call.tool)]
    words = frozenset([*named, *(word.lower() for word in _WORDS.findall(call.mcp_server))])
    remote = not _ELSEWHERE.isdisjoint(given)
    files = [file for file in _files(given, frozenset(named)) if not remote or file.path.text.startswith(_IN_HOME)]
    hosts: list[HostAccess] = []
    for url in _texts(given, _URLS):
        path = local_file(url)
        if path is not None:
            files.append(FileAccess(Word(path), _op(frozenset(named))))
        elif "://" in url:
            hosts.append(HostAccess(Word(url), "url", "download"))
    names = _ALWAYS_STATEMENTS if _looks_for(words) else _STATEMENTS
    statements = "\n".join(text for text in _texts(given, names) if _SQL.match(text))
    shell = _shell(given, words)
    if shell is not None and "powershell" in "".join(named):
        shell = f"pwsh -Command {shlex.quote(shell)}"
    return McpReading(tuple(files), tuple(hosts), shell or _code(given, words), statements)


def _looks_for(words: Collection[str]) -> bool:
    """Whether a ``query`` is words to look for: by the tool's name, and no database is named with it."""
    return not _SEARCHING.isdisjoint(words) and not any(part in word for word in words for part in _DATABASES)


def _named(given: Mapping[str, JsonValue]) -> Given:
    found: dict[str, list[JsonValue]] = {}
    level: list[Mapping[str, JsonValue]] = [given]
    seen = 0
    for _ in range(_DEEPEST):
        inner: list[Mapping[str, JsonValue]] = []
        for mapping in level:
            for name, value in mapping.items():
                seen += 1
                if seen > _MOST_NAMES:
                    return found
                found.setdefault(name.replace("_", "").replace("-", "").lower(), []).append(value)
                values = value[:_MOST] if isinstance(value, list | tuple) else (value,)
                inner += [one for one in values if isinstance(one, Mapping)]
        level = inner
    return found


def _texts(given: Given, names: tuple[str, ...]) -> Iterator[str]:
    """The texts that arguments of these names hold, by themselves or in a list."""
    for name in names:
        for value in given.get(name, ()):
            for text in value[:_MOST] if isinstance(value, list | tuple) else (value,):
                if isinstance(text, str) and text:
                    yield text


def _shell(given: Given, words: Collection[str]) -> str | None:
    """All commands in the arguments, a line each."""
    more = [text for value in given.get("args", ()) if isinstance(value, list | tuple) for text in _words_in(value)]
    found: list[str] = []
    for name in _COMMANDS:
        for value in given.get(name, ()):
            text = shlex.join(_words_in(value)) if isinstance(value, list | tuple) else value
            if not isinstance(text, str) or not text.strip() or (text in _VERBS and "path" in given):
                continue
            found.append(f"{text} {shlex.join(more)}" if more else text)
    found += _texts(given, _SEVERAL)
    if not found and not _RUNNING.isdisjoint(words):
        listed = (_words_in(value) for name in _ARGUMENTS for value in given.get(name, ()) if isinstance(value, list))
        found += [shlex.join(line) for line in listed if line]
    if not found and not _TERMINALS.isdisjoint(words):
        found += _texts(given, _TYPED)
    return "\n".join(found) or None


def _words_in(value: Sequence[JsonValue]) -> list[str]:
    return [text for text in value if isinstance(text, str)]


def _code(given: Given, words: Collection[str]) -> str | None:
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


def _op(words: Collection[str]) -> FileOp:
    if not _DELETING.isdisjoint(words):
        return FileOp.DELETE
    return FileOp.READ if _WRITING.isdisjoint(words) else FileOp.WRITE


def _files(given: Given, words: Collection[str]) -> Iterator[FileAccess]:
    moves = not _MOVING.isdisjoint(words)
    op = _op(words)
    content = next(_texts(given, _CONTENTS), None) if op is FileOp.WRITE else None
    for path in _paths(given, _PATHS):
        yield FileAccess(path, op, op is FileOp.DELETE, content=Word(content) if content is not None else None)
    for path in _paths(given, _SOURCES, absolute=True):
        yield FileAccess(path, FileOp.READ)
        if moves:
            yield FileAccess(path, FileOp.DELETE, recursive=True)
    for path in _paths(given, _TARGETS, absolute=True):
        yield FileAccess(path, FileOp.WRITE)


def _paths(given: Given, names: tuple[str, ...], *, absolute: bool = False) -> Iterator[Word]:
    """Texts that may be paths, ``file:`` URLs among them; ``absolute`` leaves out those that need not be."""
    for text in _texts(given, names):
        local = local_file(text)
        if local is not None:
            yield Word(local)
            continue
        if len(text) > _LONGEST_PATH or "\n" in text or "://" in text:
            continue
        if not absolute or text.startswith(("/", "~/", "./", "../")):
            yield Word(text)
