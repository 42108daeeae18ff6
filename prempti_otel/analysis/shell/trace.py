"""What the walk finds: processes with what they touch, in the order in which they would run."""

from __future__ import annotations

import msgspec

from prempti_otel.analysis.reading import CommandReading, FileAccess, HostAccess, Origin, Word


class FileTouch(msgspec.Struct, gc=False):
    """One path that a process touches, and where it is relative to."""

    access: FileAccess
    cwd: Word
    links: dict[str, str]
    """Links that earlier commands made: absolute path to target."""
    append: bool = False
    """Whether a write adds to what is there."""


class Process(msgspec.Struct):
    """One simple command that would run."""

    reading: CommandReading
    parent: Process | None
    pipe_from: tuple[str, ...]
    stdin: str
    user: str
    remote: str
    cwd: Word
    """Where it starts."""
    links: dict[str, str]
    """Links that earlier commands made."""
    environment: dict[str, tuple[str, ...]]
    """What the call sets variables to that it can inherit."""
    dynamic: bool = False
    args_dynamic: bool = False
    args_origins: tuple[Origin, ...] = ()
    """Where its arguments come from, as far as they are not known."""
    stdin_origins: tuple[Origin, ...] = ()
    """The same of its standard input, besides the processes upstream."""
    output_origins: tuple[Origin, ...] = ()
    """The same of what it puts out for the agent to see."""
    sent: tuple[Origin, ...] = ()
    """Where the addresses and bodies come from that code sends which it runs."""
    script: str | None = None
    effects: list[str] = msgspec.field(default_factory=list)
    files: list[FileTouch] = msgspec.field(default_factory=list)
    hosts: list[HostAccess] = msgspec.field(default_factory=list)


MOST_EVENTS = 256
"""Events of one call: processes, files and hosts together."""


class Trace(msgspec.Struct):
    """All of a call's processes."""

    processes: list[Process] = msgspec.field(default_factory=list)
    events: int = 0
    """Processes, files and hosts so far."""
    cut: bool = False
    """Whether a cap ended the walk or something could not be understood: one more dynamic event says so."""
    why: str = ""
    """What was not understood, for that event."""

    def full(self) -> bool:
        """Whether no more events are kept."""
        return self.events >= MOST_EVENTS

    def add(self, process: Process) -> None:
        """Keep a process; its files and hosts are counted as they are at that time."""
        self.processes.append(process)
        self.events += 1 + len(process.files) + len(process.hosts)

    def names(self, first: int) -> tuple[str, ...]:
        """Names of the processes from number ``first`` on, each once."""
        return tuple(dict.fromkeys([process.reading.name for process in self.processes[first:]]))

    def fetches(self, first: int) -> bool:
        """Whether one of the processes from number ``first`` on downloads something."""
        for process in self.processes[first:]:
            for host in process.hosts:
                if host.op == "download":
                    return True
        return False
