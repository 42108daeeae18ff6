"""The JSON of each command has the keys that its page names."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ctl import PREMPTICTL, Ctl

PAGE = Path(__file__).parents[2] / "docs/json-output.md"
ROWS = {
    command: (kind, re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)|, as .*", "", keys)))
    for command, kind, keys in re.findall(
        r"^\| `([^`|]+)`[^|]* \| (\w[^|]*) \| (.+) \|$", PAGE.read_text(), re.MULTILINE
    )
}
ARGUMENTS = {
    "logs": ("logs", "-n", "1"),
    "rules show NAME": ("rules", "show", "Read credentials"),
    "explain COMMAND": ("explain", "cat ~/.ssh/id_rsa"),
    "replay --history DAYS": ("replay", "--history", "1"),
    "hook add AGENT": ("hook", "add", "claude_code"),
    "install": ("install", "--dry-run"),
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctl]:
    home = tmp_path_factory.mktemp("json") / "home"
    home.mkdir()
    ctl = Ctl(home)
    ctl.ok("install", "--no-service")
    yield ctl
    ctl("stop", "--keep-hooks")


def test_each_command_has_the_keys_of_the_page(installed: Ctl) -> None:
    assert len(ROWS) > 15
    for command, (kind, keys) in ROWS.items():
        done = installed(*ARGUMENTS.get(command, tuple(command.split())), "--format", "json")
        assert done.stdout.endswith("\n"), f"{command}: {done.stderr}"
        assert done.stdout.count("\n") == 1, command
        value = json.loads(done.stdout)
        assert isinstance(value, list) == (kind == "list"), command
        found = value[0] if isinstance(value, list) else value
        if keys:
            assert sorted(found) == sorted(keys if command != "audit show" else ROWS["logs"][1]), command


@pytest.mark.parametrize("words", [("doctor",), ("status",), ("hook", "status"), ("rules", "list")])
@pytest.mark.parametrize("colour", [True, False])
def test_colour_is_for_terminals_without_no_color(ctl: Ctl, words: tuple[str, ...], colour: bool) -> None:
    ctl.ok("hook", "add", "claude_code")
    main, terminal = pty.openpty()
    environment = ctl.env | {"TERM": "xterm-256color", "COLUMNS": "100"} | ({} if colour else {"NO_COLOR": "1"})
    process = subprocess.Popen([PREMPTICTL, *words], stdout=terminal, env=environment, cwd=ctl.user_home)
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(main, 65_536):
            shown += piece
    except OSError:  # how Linux tells that the other side is closed
        assert process.wait(60) is not None
    os.close(main)
    assert bool(re.search(rb"\x1b\[[0-9;]*(3[0-7]|2)m", shown)) == colour, shown
    assert "\x1b" not in ctl(*words).stdout
