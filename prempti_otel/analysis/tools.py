"""What tools other than the shell would touch, from their own arguments.

Of MCP servers' tools, and of those that are not known here, the customary names of arguments tell
(:mod:`prempti_otel.analysis.mcp`): agents get new tools, and more than one that runs commands. Text that a
tool searches for, a prompt or a description is never a path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from prempti_otel.analysis.mcp import read_mcp
from prempti_otel.analysis.net import local_file
from prempti_otel.analysis.patch import Patch, PatchChange, read_patch
from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Word
from prempti_otel.model.call import JsonValue, ToolCall

PATCH_TOOL = "apply_patch"


class PatchedFile(msgspec.Struct, frozen=True):
    """One file that a patch touches: it gets a tool event of its own."""

    op: str
    """``tool.patch_op``: ``Add``, ``Update``, ``Delete`` or ``Move``."""
    path: str
    """``tool.file_path``: for a move, where the file goes."""
    files: tuple[FileAccess, ...]


class ToolReading(msgspec.Struct, frozen=True):
    """What one tool call would touch by itself. File paths may begin with ``~/`` and may be relative."""

    files: tuple[FileAccess, ...] = ()
    hosts: tuple[HostAccess, ...] = ()
    shell: str | None = None
    """Shell code that it runs, to be walked."""
    patched: tuple[PatchedFile, ...] = ()
    """For a patch tool, file by file; ``files`` has the same accesses in one list."""
    statements: str = ""
    """Statements for a database, which the tool itself hands on."""
    dynamic: bool = False
    """Whether its input was not understood, so that it may touch more than this says."""


_NOTHING = ToolReading()
_SETTINGS = "~/.claude/settings.json"
_SCHEDULED = ".claude/scheduled_tasks.json"
_MOST_KEYS = 16
"""Names in one setting's name that are looked at."""
_WORDS_ONLY = frozenset(
    {
        *("Agent", "AskUserQuestion", "EnterPlanMode", "ExitPlanMode", "SendMessage", "Skill", "SlashCommand", "Task"),
        *("TaskCreate", "TaskGet", "TaskList", "TaskUpdate", "TodoRead", "TodoWrite", "ToolSearch", "WebSearch"),
        *("CronDelete", "CronList", "ScheduleWakeup", "PushNotification", "ReportFindings", "SendFeedback"),
    }
)
"""Tools of agents whose arguments are for a model, a person or a search, whatever their names."""


def read_tool(call: ToolCall) -> ToolReading:
    """What ``call`` would touch. Never raises: input that has another shape than the tool's is dynamic or nothing."""
    if call.tool == PATCH_TOOL:
        return _patch(call)
    reader = _READERS.get(call.tool)
    if reader is not None:
        return reader(call)
    if call.command and not call.mcp_server:
        return ToolReading(shell=call.command)
    if call.tool in _WORDS_ONLY:
        return _NOTHING
    found = read_mcp(call)
    return ToolReading(found.files, found.hosts, found.shell, statements=found.statements)


def _text(given: Mapping[str, JsonValue], *names: str) -> str:
    """The first of these arguments that is text with something in it."""
    for name in names:
        value = given.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _path(call: ToolCall) -> str:
    return call.file_path or _text(call.input, "file_path", "notebook_path", "absolute_path", "path")


def _word(text: str) -> Word:
    return Word(text)


def _read(call: ToolCall) -> ToolReading:
    path = _path(call)
    return ToolReading(files=(FileAccess(_word(path), FileOp.READ),)) if path else ToolReading(dynamic=True)


def _write(call: ToolCall) -> ToolReading:
    return _written(call, _text(call.input, "content"), reads=False)


def _edit(call: ToolCall) -> ToolReading:
    edits = call.input.get("edits")
    parts = [call.input, *(edits if isinstance(edits, list | tuple) else ())]
    texts = [_text(part, "new_string") for part in parts if isinstance(part, Mapping)]
    return _written(call, "\n".join(text for text in texts if text), reads=True)


def _notebook(call: ToolCall) -> ToolReading:
    return _written(call, _text(call.input, "new_source"), reads=True)


def _written(call: ToolCall, content: str, *, reads: bool) -> ToolReading:
    path = _path(call)
    if not path:
        return ToolReading(dynamic=True)
    write = FileAccess(_word(path), FileOp.WRITE, content=_word(content))
    return ToolReading(files=(FileAccess(_word(path), FileOp.READ), write) if reads else (write,))


def _search(call: ToolCall) -> ToolReading:
    """Grep and LS: what lies below the given folder, else below the working directory; the pattern is data.

    Names of files that Grep is confined to are reads of their own: a secret's name matters, wherever it lies.
    """
    folder = _text(call.input, "path", "dir_path") or "."
    files = [FileAccess(_word(folder), FileOp.READ, recursive=True)]
    names = _text(call.input, "glob")
    if names and not names.startswith("!"):
        files.append(FileAccess(Word(f"{folder.rstrip('/')}/{names}", pattern=True), FileOp.READ))
    return ToolReading(files=tuple(files))


def _glob(call: ToolCall) -> ToolReading:
    """Glob: the same, except that its pattern may itself name another place."""
    pattern = _text(call.input, "pattern")
    if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
        return ToolReading(files=(FileAccess(Word(pattern, pattern=True), FileOp.READ, recursive=True),))
    return _search(call)


def _config(call: ToolCall) -> ToolReading:
    """Config: without a value it shows a setting; with one it writes the person's settings, which hold hooks, too."""
    name, value = call.input.get("setting"), call.input.get("value")
    if not isinstance(name, str) or not name:
        return ToolReading(dynamic=True)
    if value is None:
        return _NOTHING
    keys = name.split(".")[:_MOST_KEYS]
    short = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1 << 64)
    content = json.dumps(value) if short else "..."
    for key in reversed(keys):
        content = f"{{{json.dumps(key)}: {content}}}"
    return ToolReading(files=(FileAccess(_word(_SETTINGS), FileOp.WRITE, content=_word(content)),))


def _cron(call: ToolCall) -> ToolReading:
    """CronCreate: a prompt for later, which only a durable task keeps in a file."""
    if call.input.get("durable") is not True:
        return _NOTHING
    prompt = _word(_text(call.input, "prompt"))
    return ToolReading(files=(FileAccess(_word(_SCHEDULED), FileOp.WRITE, content=prompt),))


def _projects(call: ToolCall) -> ToolReading:
    """Projects: documents of a service, whose paths are not local; what is uploaded is."""
    local = _text(call.input, "local_path")
    return ToolReading(files=(FileAccess(_word(local), FileOp.READ),)) if local else _NOTHING


def _fetch(call: ToolCall) -> ToolReading:
    """WebFetch: a download for each URL; ``file:`` URLs are reads."""
    more = call.input.get("urls")
    listed = more if isinstance(more, (list, tuple)) else ()
    urls = dict.fromkeys(url for url in (_text(call.input, "url"), *listed) if isinstance(url, str) and url)
    files: list[FileAccess] = []
    hosts: list[HostAccess] = []
    for url in urls:
        path = local_file(url)
        if path is not None:
            files.append(FileAccess(_word(path), FileOp.READ))
        else:
            hosts.append(HostAccess(_word(url), "url", "download"))
    return ToolReading(files=tuple(files), hosts=tuple(hosts), dynamic=not urls)


def _patch(call: ToolCall) -> ToolReading:
    patch: Patch = read_patch(_text(call.input, "command", "input", "patch"))
    patched = tuple(_patched(change) for change in patch.changes if change.path)
    return ToolReading(
        files=tuple(access for file in patched for access in file.files),
        patched=patched,
        dynamic=patch.malformed,
    )


def _patched(change: PatchChange) -> PatchedFile:
    path, added = _word(change.path), _word(change.added)
    match change.op:
        case "Add":
            files: tuple[FileAccess, ...] = (FileAccess(path, FileOp.WRITE, content=added),)
        case "Delete":
            files = (FileAccess(path, FileOp.DELETE),)
        case "Move":
            files = (
                FileAccess(path, FileOp.READ),
                FileAccess(path, FileOp.DELETE),
                FileAccess(_word(change.moved_to), FileOp.WRITE, content=added),
            )
        case _:
            files = (FileAccess(path, FileOp.READ), FileAccess(path, FileOp.WRITE, content=added))
    return PatchedFile(change.op, change.moved_to or change.path, files)


_READERS: Mapping[str, Callable[[ToolCall], ToolReading]] = MappingProxyType(
    {
        "Read": _read,
        "NotebookRead": _read,
        "Write": _write,
        "Edit": _edit,
        "MultiEdit": _edit,
        "NotebookEdit": _notebook,
        "LS": _search,
        "Grep": _search,
        "Glob": _glob,
        "WebFetch": _fetch,
        "Config": _config,
        "CronCreate": _cron,
        "Projects": _projects,
    }
)
"""Tools as Claude Code names them. WebSearch talks to the model's own vendor and names no host."""
