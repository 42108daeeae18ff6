"""Predicting shell commands in tests: the events of one, and short views of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from prempti_otel.analysis import Context, predict
from prempti_otel.analysis.catalogue import Catalogue, load_catalogue
from prempti_otel.model.call import ToolCall
from prempti_otel.model.event import Event, Value, tool_event

HOME = "/home/dev"
PROJECT = "/home/dev/project"


@cache
def catalogue() -> Catalogue:
    """The shipped catalogue, loaded once."""
    return load_catalogue()


def a_shell_call(code: str, cwd: str = PROJECT) -> ToolCall:
    """A call of the shell tool."""
    return ToolCall(
        agent="claude_code",
        hook_event="PreToolUse",
        session_id="s",
        cwd=cwd,
        real_cwd=cwd,
        tool="Bash",
        input={"command": code},
        input_json="{}",
        command=code,
    )


class Prediction:
    """The events of one shell call."""

    def __init__(self, events: list[Event]) -> None:
        self.tool = events[0]
        self.processes = [event for event in events if "proc.name" in event.values]
        self.files = [event for event in events if "file.op" in event.values]
        self.hosts = [event for event in events if "net.op" in event.values]

    @property
    def names(self) -> list[str]:
        """Names of the processes, in order."""
        return [str(event.values["proc.name"]) for event in self.processes]

    @property
    def command_lines(self) -> list[str]:
        """Command lines of the processes, in order."""
        return [str(event.values["proc.cmdline"]) for event in self.processes]

    def process(self, name: str) -> Event:
        """The first process of that name."""
        return next(event for event in self.processes if event.values["proc.name"] == name)

    def touched(self, op: str) -> list[str]:
        """The real paths of all files touched so, in order."""
        return [str(event.get("file.real_path")) for event in self.files if event.values["file.op"] == op]

    def reached(self) -> set[tuple[Value | None, Value | None]]:
        """Operation and host of every network access."""
        return {(event.get("net.op"), event.get("net.host")) for event in self.hosts}

    @property
    def dynamic(self) -> list[str]:
        """Names of the processes of which it cannot be known what runs."""
        return [str(event.values["proc.name"]) for event in self.processes if event.values["proc.dynamic"]]

    @property
    def effects(self) -> set[str]:
        """Effects of all processes."""
        found = self.tool.values["call.effects"]
        assert isinstance(found, tuple)
        return {str(effect) for effect in found}


def predicted(code: str, cwd: str = PROJECT) -> Prediction:
    """What a shell call would do."""
    call = a_shell_call(code, cwd)
    return Prediction(predict(call, tool_event(call), Context(catalogue(), HOME, "dev")))


def shape(events: Iterable[Event]) -> list[tuple[tuple[str, str], ...]]:
    """Events as plain text, for comparing."""
    return [tuple(sorted((name, repr(value)) for name, value in event.values.items())) for event in events]
