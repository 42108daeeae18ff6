"""From a tool call to the events that rules are judged on: the call, its processes, files and hosts.

Puts together what the tool says by itself, what its shell code would run, and where paths and hosts
really lead. It decides nothing, runs nothing and never raises for any input: what it does not
understand becomes one more process event that is dynamic.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from prempti_otel.analysis.net import read_targets
from prempti_otel.analysis.paths import HOMES, SensitiveRoots, sensitive_roots
from prempti_otel.analysis.places import effects_of
from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Origin, Word, variables_of
from prempti_otel.analysis.shell.disk import Disk
from prempti_otel.analysis.shell.state import State, Variable
from prempti_otel.analysis.shell.trace import MOST_EVENTS, FileTouch, Process, Trace
from prempti_otel.analysis.shell.walk import Walk
from prempti_otel.analysis.tools import PatchedFile, read_tool
from prempti_otel.model.event import Event, Value
from prempti_otel.model.fields import Level
from prempti_otel.model.paths import PathResolver

if TYPE_CHECKING:
    from prempti_otel.analysis.reading import Catalogue
    from prempti_otel.model.call import ToolCall

LONGEST_TEXT = 64 * 1024
"""Characters of a script or content that an event carries."""
LONGEST_LINE = 1024
"""Characters of another process's command line that an event carries."""
LONGEST_PATH = 4096
"""Characters of a path that an event carries: ``PATH_MAX`` of Linux, which no kernel looks beyond."""

_HOME = re.compile(rf"(?:{'|'.join(HOMES)}|/var/root)(?=/|\Z)".replace("*", "[^/]+"))
_PROCESS = Level.PROCESS
_UNKNOWN_START = ("$", "`", "~", "<(", ">(")
_NO_LINKS: dict[str, str] = {}
_SQL_CLIENT, _SQL_OPTION = Word("psql"), Word("-c")
"""By what the catalogue knows of this client, statements are read for any."""
_SHELL = "bash"
"""What a shell call's own doings are ascribed to, and what is not understood of it."""


class Context(msgspec.Struct, frozen=True):
    """What prediction needs to know besides the call: the user, and what is known of commands."""

    catalogue: Catalogue
    home: str
    """The user's home directory, absolute."""
    user: str
    tmpdir: str = "/tmp"  # noqa: S108 - a name, not a file
    roots: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    """Sensitive roots that the user configured: absolute paths by label, for ``file.covers``."""
    ignores_case: bool = False
    """Whether the file system of ``home`` does; all others of this machine are taken to be like it."""


def predict(call: ToolCall, tool: Event, context: Context, spellings: Mapping[str, str] | None = None) -> list[Event]:
    """The events of ``call``: ``tool``, the event of the call itself, then processes, files and hosts.

    Sets the ``call.*`` lists on ``tool``. At most 256 events besides tool events, then one dynamic process
    event. A patch that touches several files has one tool event for each. ``spellings`` are those that the rules
    have of components of paths, by folded text: they count where case makes no difference.
    """
    reading = read_tool(call)
    events = _Events(call, tool, context, spellings if context.ignores_case else None)
    cut = reading.dynamic
    if reading.patched:
        events.patched(reading.patched)
    else:
        events.tool_touches(reading.files, reading.hosts)
    if reading.shell is not None:
        trace = _walk(call, reading.shell, context)
        events.processes_of(trace)
        if trace.cut:
            events.not_understood(trace.why or reading.shell)
        elif not events.processes:
            events.shell_itself()
    elif reading.statements:
        events.statements(reading.statements)
    elif cut:
        events.not_understood(call.tool)
    return events.finish()


def _walk(call: ToolCall, code: str, context: Context) -> Trace:
    given = _environment(context.home, context.user, context.tmpdir)
    directory = call.real_cwd or call.cwd
    state = State(cwd=Word(directory, directory.startswith("/")), variables=dict(given), disk=Disk(), given=given)
    trace = Trace()
    if not code.isascii():
        # Lone surrogates cannot reach a shell, nor most libraries here.
        code = code.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    walk = Walk(trace, context.catalogue)
    try:
        walk.code(code, state)
        walk.finish()
    except RecursionError:
        # Caps on nesting keep far from this on an ordinary stack; a caller may stand deeper.
        trace.cut, trace.why = True, code[:1024]
    finally:
        walk.close()
    return trace


@lru_cache(maxsize=16)
def _environment(home: str, user: str, tmpdir: str) -> Mapping[str, Variable]:
    """The variables that every call begins with; to be copied."""
    name = Word(user)
    return {"HOME": Word(home), "USER": name, "LOGNAME": name, "TMPDIR": Word(tmpdir), "IFS": Word(" \t\n")}


class _Events:
    """Makes the events of one call."""

    def __init__(
        self, call: ToolCall, tool: Event, context: Context, spellings: Mapping[str, str] | None = None
    ) -> None:
        self.call = call
        self.tool = tool
        self.context = context
        if spellings is not None:
            known = (*context.home.split("/"), *call.real_cwd.split("/"))
            spellings = {**spellings, **{part.casefold(): part for part in known}}
        self.spellings = spellings
        self.resolver = PathResolver(real=call.real_cwd, spellings=spellings)
        self.cwd = Word(call.real_cwd or call.cwd)
        project = call.real_cwd
        self.roots: SensitiveRoots = (
            SensitiveRoots(context.home, project, context.roots)
            if context.roots
            else sensitive_roots(context.home, project)
        )
        self.tools = [tool]
        self.processes: list[Event] = []
        self.files: list[Event] = []
        self.hosts: list[Event] = []
        self.cut = False
        self._chains: dict[int, tuple[str, ...]] = {}
        self._directories: dict[str, str] = {}
        self._effects: dict[str, None] = {}
        self._walked: Sequence[Process] = ()
        self._lines: dict[int, str] = {}

    # The tool itself

    def tool_touches(self, files: Sequence[FileAccess], hosts: Sequence[HostAccess]) -> None:
        """What a tool other than the shell touches."""
        self._touch(files, self.tool)
        for host in hosts:
            self._host(host, self.tool)

    def patched(self, files: Sequence[PatchedFile]) -> None:
        """One tool event for each file of a patch; all but the first rest on the call's own."""
        self.cut = len(files) > MOST_EVENTS
        for number, patched in enumerate(files[:MOST_EVENTS]):
            event = self.tool
            if number:
                event = Event(Level.TOOL, {}, self.tool)
                self.tools.append(event)
            real = self.resolver.resolve(patched.path, self.cwd.text)
            event.set("tool.patch_op", patched.op)
            event.set("tool.file_path", patched.path)
            event.set("tool.file_name", patched.path.rpartition("/")[2])
            event.set("tool.real_file_path", real)
            self._touch(patched.files, event)

    def _touch(self, files: Sequence[FileAccess], base: Event) -> None:
        for access in files:
            path = access.path
            if path.text.startswith("~/"):
                path = Word(self.context.home + path.text[1:], path.known, path.pattern)
            self._file(access, path, self.cwd, _NO_LINKS, base)

    # Processes

    def processes_of(self, trace: Trace) -> None:
        """All processes of shell code."""
        self._walked = trace.processes
        for process in trace.processes:
            self.process(process)

    def process(self, process: Process) -> None:
        """A process and what it touches."""
        if self._full():
            return
        event = Event(_PROCESS, self._process_values(process), self.tool)
        self.processes.append(event)
        effects = process.effects
        for touch in process.files:
            if self._full():
                break
            effects += self._touched(touch, process, event)
        if effects:
            distinct = dict.fromkeys(effects)
            event.values["proc.effects"] = tuple(distinct)
            self._effects.update(distinct)
        for host in process.hosts:
            self._host(host, event, process.reading.sent or process.sent)

    def _process_values(self, process: Process) -> dict[str, Value]:
        reading = process.reading
        argv = tuple([word.text for word in reading.argv])
        arguments = " ".join(argv[1:])
        ancestors = self._ancestors(process.parent)
        values: dict[str, Value] = {
            "proc.name": reading.name,
            "proc.exe": reading.exe,
            "proc.cmdline": f"{reading.name} {arguments}" if arguments else reading.name,
            "proc.args": arguments,
            "proc.argv": argv,
            "proc.subcommand": reading.subcommand,
            "proc.flags": reading.flags,
            "proc.option": reading.options,
            "proc.operands": tuple([word.text for word in reading.operands]) if reading.operands else (),
            "proc.effects": (),
            "proc.pname": ancestors[0],
            "proc.aname": ancestors,
            "proc.ancestors": ancestors,
            "proc.pipe_from": process.pipe_from,
            "proc.stdin": process.stdin,
            "proc.dynamic": process.dynamic,
            "proc.args_dynamic": process.args_dynamic,
        }
        if process.script is not None:
            values["proc.script"] = process.script[:LONGEST_TEXT]
        if process.user:
            values["proc.user"] = process.user
        if process.remote:
            values["proc.remote"] = process.remote
        elif process.cwd.known and (directory := self._directory(process)):
            values["proc.cwd"] = directory
        if process.environment:
            values["proc.env"] = process.environment
        if process.args_origins:
            self._origins(values, process.args_origins, "proc.args_variables", "proc.args_from")
        if process.stdin_origins:
            self._origins(values, process.stdin_origins, "proc.stdin_variables")
        if process.output_origins:
            self._origins(values, process.output_origins, "proc.output_variables")
        return values

    def _origins(self, values: dict[str, Value], origins: tuple[Origin, ...], names: str, lines: str = "") -> None:
        """Field ``names``, the variables among ``origins``, and field ``lines``, the processes."""
        variables = variables_of(origins)
        if variables:
            values[names] = variables
        if lines and len(variables) < len(origins):
            values[lines] = tuple([self._line(origin) for origin in origins if isinstance(origin, int)])

    def _line(self, number: int) -> str:
        """The beginning of a process's command line, in one line."""
        known = self._lines.get(number)
        if known is None:
            reading = self._walked[number].reading
            words = [reading.name, *(word.text for word in reading.argv[1:MOST_EVENTS])]
            known = self._lines[number] = " ".join(words)[:LONGEST_LINE].replace("\n", " ")
        return known

    def _directory(self, process: Process) -> str:
        """Where a process starts, links followed."""
        text, links = process.cwd.text, process.links
        if not links and text == self.call.real_cwd:
            return text
        known = self._directories.get(text)
        if known is None or links:
            known = self._directories[text] = self.resolver.resolve(text, "", links)
        return known

    def _ancestors(self, parent: Process | None) -> tuple[str, ...]:
        """Names of a process's ancestors, nearest first; the tool is the last."""
        if parent is None:
            return (self.call.tool,)
        known = self._chains.get(id(parent))
        if known is None:
            known = (parent.reading.name, *self._ancestors(parent.parent))
            self._chains[id(parent)] = known
        return known

    def not_understood(self, text: str) -> None:
        """One more process event that says that something was not understood, or not looked at."""
        self._shell_event(text, dynamic=True)

    def shell_itself(self) -> None:
        """The event of shell code that runs no command."""
        self._shell_event(None, dynamic=False)

    def statements(self, sql: str) -> None:
        """The event of statements that a tool hands to a database: the tool stands for the client."""
        client = self.context.catalogue.read((_SQL_CLIENT, _SQL_OPTION, Word(sql)))
        self._shell_event(sql, dynamic=False, name=self.call.mcp_tool or self.call.tool, effects=client.effects)
        self._effects.update(dict.fromkeys(client.effects))

    def _shell_event(
        self, script: str | None, *, dynamic: bool, name: str = _SHELL, effects: tuple[str, ...] = ()
    ) -> None:
        tool = self.call.tool
        values: dict[str, Value] = {
            "proc.name": name,
            "proc.exe": name,
            "proc.cmdline": name,
            "proc.args": "",
            "proc.argv": (name,),
            "proc.subcommand": "",
            "proc.flags": (),
            "proc.option": {},
            "proc.operands": (),
            "proc.effects": effects,
            "proc.pname": tool,
            "proc.aname": (tool,),
            "proc.ancestors": (tool,),
            "proc.pipe_from": (),
            "proc.stdin": "none",
            "proc.dynamic": dynamic,
            "proc.args_dynamic": dynamic,
        }
        if script is not None:
            values["proc.script"] = script[:LONGEST_TEXT]
        self.processes.append(Event(Level.PROCESS, values, self.tool))

    # Files

    def _touched(self, touch: FileTouch, process: Process, event: Event) -> tuple[str, ...]:
        access = touch.access
        if not process.remote:
            return self._file(access, access.path, touch.cwd, touch.links, event)
        self._add_file(access, access.path, None, event)
        return ()

    def _file(
        self, access: FileAccess, path: Word, cwd: Word, links: Mapping[str, str], base: Event
    ) -> tuple[str, ...]:
        """A file event on this machine; effects that touching such a path has."""
        text = path.text
        real = ""
        if text.startswith("~/") and access.op is FileOp.READ and self.context.home:
            text = self.context.home + text[1:]  # a program may expand what the shell does not (curl -d @~/x)
        if text.startswith("/") or cwd.known:
            if path.known or not text.startswith(_UNKNOWN_START):
                real = self.resolver.resolve(text, cwd.text, links)
        elif path.known or not text.startswith(_UNKNOWN_START):
            real = f"{cwd.text}/{text}"
        self._add_file(access, path, real or text, base, dynamic=not text.startswith("/") and not cwd.known)
        return effects_of(access.op, real)

    def _add_file(
        self, access: FileAccess, path: Word, real: str | None, base: Event, *, dynamic: bool = False
    ) -> None:
        if self._full():
            return
        text, op = path.text[:LONGEST_PATH], access.op
        dynamic = dynamic or not path.known or len(path.text) > LONGEST_PATH
        stripped = text.rstrip("/") if len(text) > 1 else text
        folder, slash, name = stripped.rpartition("/")
        if self.spellings is not None:
            name = self.spellings.get(name.casefold(), name)
        values: dict[str, Value] = {
            "file.path": text,
            "file.name": name,
            "file.dir": folder or ("/" if slash else ""),
            "file.op": op.value,
            "file.recursive": access.recursive,
            "file.dynamic": dynamic,
        }
        covers: tuple[str, ...] = ()
        if real is not None:
            real = real[:LONGEST_PATH]
            values["file.real_path"] = real
            home = self._home_path(real)
            if home:
                values["file.home_path"] = home
            if op is FileOp.DELETE or (op is FileOp.READ and access.archives):
                covers = self.roots.covers(real)
        values["file.covers"] = covers
        if access.content is not None:
            values["file.content"] = access.content.text[:LONGEST_TEXT]
        self.files.append(Event(Level.FILE, values, base))

    def _home_path(self, real: str) -> str:
        home = self.context.home
        if home and (real == home or real.startswith(home + "/")):
            return "~" + real[len(home) :]
        match = _HOME.match(real)
        return "~" + real[match.end() :] if match else ""

    # Hosts

    def _host(self, access: HostAccess, base: Event, sent: tuple[Origin, ...] = ()) -> None:
        port = access.port
        for target in read_targets(access.target.text, access.form):
            if self._full():
                return
            values: dict[str, Value] = {
                "net.host": target.host,
                "net.ip_class": target.ip_class,
                "net.op": access.op,
            }
            number = target.port
            if port is not None and port.text.isdecimal() and port.text.isascii() and len(port.text) <= 5:
                number = int(port.text)
            if number:
                values["net.port"] = number
            if target.ip_class != "name" and (address := _address(target.host)) is not None:
                values["net.ip"] = address
            if target.scheme:
                values["net.scheme"] = target.scheme
            if target.url:
                values["net.url"] = target.url
            if sent:
                self._origins(values, sent, "net.sent_variables", "net.sent_from")
            self.hosts.append(Event(Level.NETWORK, values, base))

    # All of it

    def _full(self) -> bool:
        if len(self.processes) + len(self.files) + len(self.hosts) >= MOST_EVENTS:
            self.cut = True
        return self.cut

    def finish(self) -> list[Event]:
        """All events, with the lists over them on the tool level."""
        if self.cut or self.resolver.gave_up:
            self.not_understood(self.call.command or self.call.tool)
        lists: dict[str, Value] = {
            "call.processes": _distinct(self.processes, "proc.name"),
            "call.effects": tuple(self._effects),
            "call.file_ops": _distinct(self.files, "file.op"),
            "call.hosts": _distinct(self.hosts, "net.host"),
        }
        for event in self.tools:
            event.values.update(lists)
        return [*self.tools, *self.processes, *self.files, *self.hosts]


def _distinct(events: Sequence[Event], name: str) -> tuple[str, ...]:
    if len(events) < 2:
        return (str(events[0].values[name]),) if events else ()
    return tuple(map(str, dict.fromkeys([event.values[name] for event in events])))


def _address(host: str) -> str | None:
    """A host that is an address, in inet_ntop's spelling; None for a name."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, host))
    except (OSError, ValueError):
        return None
