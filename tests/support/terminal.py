"""A shell in a real terminal, typed into as a person does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pexpect

PROMPT = re.compile(r"\[(\d+)\] guest\$ $")
"""The prompt tells the exit status of the command before it."""
_CONTROL = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])|\r")
ROWS, COLUMNS = 50, 120


@dataclass(frozen=True)
class Screen:
    """What a command printed, without colours and cursor movements."""

    text: str
    status: int
    raw: str
    """With them."""


class Terminal:
    """bash in a pseudo terminal, with nothing of the caller's environment."""

    def __init__(self, home: Path, path: str, variables: Mapping[str, str] | None = None) -> None:
        environment = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        environment |= {"PS1": "[$?] guest$ ", "HISTFILE": ""}
        self.transcript = ""
        self._shell = pexpect.spawn(
            "/bin/bash",
            ["--norc", "--noprofile", "--noediting", "-i"],
            env=environment | dict(variables or {}),  # type: ignore[arg-type]
            cwd=str(home),
            encoding="utf-8",
            codec_errors="replace",
            dimensions=(ROWS, COLUMNS),
            timeout=300,
        )
        self._shell.delaybeforesend = None
        self._shell.expect(PROMPT)

    def run(self, command: str, *, status: int | None = 0, timeout: float = 300) -> str:
        """Type ``command`` and wait for the prompt; what is on the screen then. It must end with ``status``."""
        self.type(command)
        screen = self.wait(timeout)
        assert status is None or screen.status == status, f"{command}: {screen.status}\n{self.transcript}"
        return screen.text

    def type(self, line: str) -> None:
        """Type a line, and do not wait for what it does."""
        self._shell.sendline(line)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._shell.sendintr()

    def wait_for(self, text: str, timeout: float = 300) -> None:
        """Wait until ``text`` is printed."""
        self._shell.expect_exact(text, timeout=timeout)
        self.transcript += f"{self._shell.before}{text}"

    def wait(self, timeout: float = 300) -> Screen:
        """Wait for the prompt."""
        try:
            self._shell.expect(PROMPT, timeout=timeout)
        except pexpect.ExceptionPexpect:
            raise AssertionError(f"no prompt within {timeout} s\n{self.transcript}{self._shell.before}") from None
        raw = str(self._shell.before)
        self.transcript += _CONTROL.sub("", raw)
        shown = _CONTROL.sub("", raw.partition("\n")[2])
        return Screen(shown, int(self._shell.match.group(1)), raw)  # type: ignore[union-attr]

    def close(self) -> None:
        """End the shell."""
        self._shell.close(force=True)
