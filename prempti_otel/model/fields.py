"""The registry of rule fields: each field is declared here once.

Names, types and meanings of Prempti's own fields (``agent.*``, ``tool.*``, ``correlation.id``,
``session.*``) are those of falcosecurity/prempti's plugin, ``evt.*`` those that Falco gives every
plugin source; ``proc.*``, ``file.*``, ``net.*``, ``call.*`` and ``mcp.*`` are this project's.
``docs/fields.md`` is generated from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

from prempti_otel.model.effects import Effect


class Level(IntEnum):
    """What one event stands for. A branch of a condition is judged on events of the deepest level it names."""

    TOOL = 0
    PROCESS = 1
    FILE = 2
    NETWORK = 3

    @property
    def label(self) -> str:
        """The word used in docs, records and telemetry."""
        return self.name.lower()


class FieldType(StrEnum):
    """Falco's plugin field types. Values of the last two are addresses as text, in inet_ntop's spelling."""

    STRING = "string"
    UINT64 = "uint64"
    BOOL = "bool"
    RELTIME = "reltime"
    ABSTIME = "abstime"
    IPADDR = "ipaddr"
    IPNET = "ipnet"
    """Compared with networks."""


class Argument(Enum):
    """What stands in brackets after a field's name."""

    NONE = "none"
    OPTIONAL_INDEX = "optional index"
    REQUIRED_INDEX = "index"
    OPTIONAL_KEY = "optional key"
    REQUIRED_KEY = "key"
    OPTIONAL_INDEX_OR_KEY = "optional index or key"

    @property
    def required(self) -> bool:
        """Whether the field cannot stand without it."""
        return self in (Argument.REQUIRED_INDEX, Argument.REQUIRED_KEY)

    @property
    def takes_key(self) -> bool:
        """Whether text is legal in the brackets."""
        return self in (Argument.OPTIONAL_KEY, Argument.REQUIRED_KEY, Argument.OPTIONAL_INDEX_OR_KEY)


@dataclass(frozen=True, slots=True)
class Field:
    """One rule field."""

    name: str
    type: FieldType
    level: Level
    meaning: str
    """One or two sentences for the reference page."""
    is_list: bool = False
    argument: Argument = Argument.NONE
    any_value: bool = False
    """A check holds if it holds for any of the values (Falco's ``proc.aname`` without an argument)."""
    absent: int | None = None
    """What the field is under a key that the event does not have; None: missing."""
    values: tuple[str, ...] = ()
    """All that it can be; empty where it can be anything. A constant that is none of them is warned of."""


Registry = Mapping[str, Field]
"""Fields by name, as the rule compiler takes them."""

_S, _N, _B = FieldType.STRING, FieldType.UINT64, FieldType.BOOL


def _fields(level: Level, *rows: Field | tuple[str, FieldType, str]) -> list[Field]:
    return [row if isinstance(row, Field) else Field(row[0], row[1], level, row[2]) for row in rows]


def _list(name: str, level: Level, meaning: str, values: tuple[str, ...] = ()) -> Field:
    return Field(name, _S, level, meaning, is_list=True, values=values)


def _any_of(name: str, level: Level, meaning: str) -> Field:
    """A field with several values, of which a check asks for any."""
    return Field(name, _S, level, meaning, any_value=True)


def _one_of(name: str, level: Level, meaning: str, *values: str) -> Field:
    """A field with a closed set of values."""
    return Field(name, _S, level, meaning, values=values)


_EFFECTS = tuple(str(effect) for effect in Effect)
_FILE_OPS = ("read", "write", "delete", "exec", "chmod", "link")


_TOOL, _PROCESS, _FILE, _NETWORK = Level.TOOL, Level.PROCESS, Level.FILE, Level.NETWORK

_ALL = [
    *_fields(
        _TOOL,
        ("correlation.id", _N, "Number of the call, given by the engine; in every reason and record."),
        ("agent.name", _S, "The coding agent: `claude_code`, `codex`, `gemini`, ..."),
        _one_of("agent.os", _TOOL, "`linux` or `macos`.", "linux", "macos"),
        ("agent.pid", _N, "Process id of the agent; 0 where it is not known."),
        ("agent.hook_event_name", _S, "The agent's own name of the hook event, such as `PreToolUse`."),
        ("agent.session_id", _S, "The agent's session."),
        ("agent.model", _S, "The model, where the agent reports it."),
        ("agent.turn_id", _S, "The turn within the session, where the agent reports it."),
        (
            "agent.permission_mode",
            _S,
            "The agent's permission mode, such as `default` or `bypassPermissions`.",
        ),
        ("agent.transcript_path", _S, "Path of the session's transcript."),
        ("agent.cwd", _S, "Working directory as the agent gave it."),
        ("agent.real_cwd", _S, "Working directory, absolute, symlinks followed."),
        ("agent.real_cwd_prefix", _S, "`agent.real_cwd` with exactly one `/` at the end."),
        ("tool.use_id", _S, "The agent's own id of the call."),
        ("tool.name", _S, "The tool: `Bash`, `Write`, `Edit`, `Read`, `mcp__server__tool`, ..."),
        ("tool.input", _S, "The tool's whole input as compact JSON."),
        ("tool.input_command", _S, "The shell command, for `Bash`."),
        ("tool.file_path", _S, "The file that the tool names, as given."),
        ("tool.file_name", _S, "Last component of `tool.file_path`."),
        ("tool.real_file_path", _S, "The same file, absolute, symlinks followed, a missing suffix kept."),
        _one_of(
            "tool.patch_op",
            _TOOL,
            "`Add`, `Update`, `Delete` or `Move`, for the files of a patch.",
            *("Add", "Update", "Delete", "Move", ""),
        ),
        Field(
            "session.mark_age_ms",
            _N,
            _TOOL,
            "Milliseconds since the session mark was last set; missing where it never was.",
            argument=Argument.REQUIRED_KEY,
        ),
        Field(
            "session.mark_count",
            _N,
            _TOOL,
            "How many calls of this session set the mark; 0 where none did.",
            argument=Argument.REQUIRED_KEY,
            absent=0,
        ),
        ("mcp.server", _S, "Name of the MCP server, for MCP tools."),
        ("mcp.tool", _S, "Name of the tool at its MCP server, for MCP tools."),
        _list("call.processes", _TOOL, "Names of all processes that the call is predicted to run."),
        _list("call.effects", _TOOL, "All `proc.effects` of the call.", _EFFECTS),
        _list("call.file_ops", _TOOL, "All `file.op` of the call.", _FILE_OPS),
        _list("call.hosts", _TOOL, "All `net.host` of the call."),
        _list("call.marks", _TOOL, "Marks that rules tagged `coding_agent_mark:LABEL` set for this very call."),
        ("evt.num", _N, "The same number as `correlation.id`."),
        ("evt.time", FieldType.ABSTIME, "When the engine had the call; `HH:MM:SS.nnnnnnnnn`, local time."),
        ("evt.time.s", FieldType.ABSTIME, "The same, cut to seconds: `HH:MM:SS`."),
        ("evt.time.iso8601", FieldType.ABSTIME, "The same in UTC: `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000`."),
        (
            "evt.datetime",
            FieldType.ABSTIME,
            "The same with its date: `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`, local time.",
        ),
        ("evt.datetime.s", FieldType.ABSTIME, "The same, cut to seconds."),
        ("evt.rawtime", FieldType.ABSTIME, "The same in nanoseconds since 1970."),
        ("evt.rawtime.s", FieldType.ABSTIME, "Whole seconds since 1970."),
        ("evt.rawtime.ns", FieldType.ABSTIME, "The nanoseconds within that second."),
        ("evt.reltime", FieldType.RELTIME, "Nanoseconds since the engine judged its first call."),
        ("evt.reltime.s", FieldType.RELTIME, "Whole seconds of it."),
        ("evt.reltime.ns", FieldType.RELTIME, "The nanoseconds within that second."),
        ("evt.pluginname", _S, "`coding_agent`."),
        ("evt.plugininfo", _S, "Tool and input in a line."),
        ("evt.source", _S, "`coding_agent`."),
        ("evt.is_async", _B, "Always false."),
        ("evt.asynctype", _S, "Always missing."),
        ("evt.hostname", _S, "Name of this machine."),
    ),
    *_fields(
        _PROCESS,
        ("proc.name", _S, "Last component of the command word."),
        ("proc.exe", _S, "The command word as written, after expansion."),
        ("proc.cmdline", _S, "Name and arguments: expanded, quotes gone, single blanks."),
        ("proc.args", _S, "The arguments in one string."),
        _list("proc.argv", _PROCESS, "The command word and its arguments."),
        ("proc.subcommand", _S, "`push` for `git -C x push`, `compose down` for `docker compose -f y down`."),
        _list("proc.flags", _PROCESS, "Options without their values, one spelling each: `-rf` is `-r` and `-f`."),
        Field(
            "proc.option",
            _S,
            _PROCESS,
            "An option's value: `proc.option[-u]`.",
            argument=Argument.REQUIRED_KEY,
        ),
        _list("proc.operands", _PROCESS, "What remains: neither options nor their values."),
        _list(
            "proc.effects", _PROCESS, "What running it with these options does, from the command catalogue.", _EFFECTS
        ),
        ("proc.pname", _S, "Who runs it: a wrapper, a shell, or the tool."),
        Field(
            "proc.aname",
            _S,
            _PROCESS,
            "Name of an ancestor: any of them, or the Nth with `proc.aname[N]`.",
            argument=Argument.OPTIONAL_INDEX,
            any_value=True,
        ),
        _list("proc.ancestors", _PROCESS, "Names of all ancestors, nearest first."),
        _list("proc.pipe_from", _PROCESS, "Names of all processes upstream in its pipeline."),
        _one_of(
            "proc.stdin",
            _PROCESS,
            "`none`, `pipe`, `file`, `heredoc` or `herestring`.",
            *("none", "pipe", "file", "heredoc", "herestring"),
        ),
        ("proc.script", _S, "Code given to an interpreter."),
        ("proc.user", _S, "Another user that it runs as: `root` under sudo."),
        ("proc.remote", _S, "The remote host, container or pod that it runs in."),
        (
            "proc.cwd",
            _S,
            "Working directory in which it starts, absolute, symlinks followed; missing where it cannot be known.",
        ),
        Field(
            "proc.env",
            _S,
            _PROCESS,
            "What the call sets a variable to that the process can inherit, exported or not: `proc.env[PATH]`; each "
            "value, where several are possible; missing where the call does not set it.",
            argument=Argument.REQUIRED_KEY,
            any_value=True,
        ),
        _any_of(
            "proc.args_variables",
            _PROCESS,
            "Environment variables whose values its arguments hold, of those that the call does not set, under "
            "whatever name the code passes them on; `*` for all of them, as `env` prints them, `*TOKEN` for those of "
            "them that a search for `token` finds.",
        ),
        _any_of(
            "proc.stdin_variables", _PROCESS, "As `proc.args_variables`: those whose values its standard input holds."
        ),
        _any_of(
            "proc.output_variables",
            _PROCESS,
            "As `proc.args_variables`: those whose values it puts out for the agent to see, and not into a pipe, a "
            "file or a substitution.",
        ),
        _any_of(
            "proc.args_from",
            _PROCESS,
            "Command lines of the processes whose output its arguments hold: `docker ps -aq` for "
            "`docker rm $(docker ps -aq)`. The first 1,024 characters of each.",
        ),
        ("proc.dynamic", _B, "Whether the command's name, its code, or which command runs cannot be known."),
        ("proc.args_dynamic", _B, "Whether some argument cannot be known."),
    ),
    *_fields(
        _FILE,
        ("file.path", _S, "The path as named."),
        ("file.real_path", _S, "The same, absolute, symlinks followed, a missing suffix and patterns kept."),
        (
            "file.home_path",
            _S,
            "The real path below a home folder, whosever, with that folder as `~`: `~/.ssh/config`; missing elsewhere.",
        ),
        ("file.name", _S, "Last component of the path."),
        ("file.dir", _S, "The rest of the path."),
        _one_of("file.op", _FILE, "`read`, `write`, `delete`, `exec`, `chmod` or `link`.", *_FILE_OPS),
        ("file.recursive", _B, "Whether the operation takes what is below, too."),
        _list("file.covers", _FILE, "Labels of the sensitive roots that lie below the path."),
        ("file.content", _S, "What is being written, where known."),
        ("file.dynamic", _B, "Whether the path is not fully known."),
    ),
    *_fields(
        _NETWORK,
        ("net.host", _S, "Host: lower case, IDN in ASCII, integer and hex addresses in dotted form."),
        ("net.port", _N, "Port, where known."),
        ("net.scheme", _S, "Scheme of the URL, where there is one."),
        ("net.url", _S, "The URL, normalised, where there is one."),
        (
            "net.ip",
            FieldType.IPADDR,
            "The host, where it is an address, and not a name: `net.ip in (10.0.0.1, fd00::1)`.",
        ),
        _one_of(
            "net.ip_class",
            _NETWORK,
            "`loopback`, `private`, `link_local`, `metadata`, `public` or `name`.",
            *("loopback", "private", "link_local", "metadata", "public", "name"),
        ),
        _any_of(
            "net.sent_variables",
            _NETWORK,
            "Environment variables whose values are in the address, or in what the arguments say to send as a "
            "request's body, not in its header; `*` for all of them.",
        ),
        _any_of("net.sent_from", _NETWORK, "As `proc.args_from`: those whose output is in the address or the body."),
        _one_of(
            "net.op",
            _NETWORK,
            "`download`, `upload`, `connect`, `listen` or `publish`.",
            *("download", "upload", "connect", "listen", "publish"),
        ),
    ),
]

FIELDS: Registry = MappingProxyType({field.name: field for field in _ALL})
"""Every field of the source ``coding_agent``, in the order of the reference page."""
