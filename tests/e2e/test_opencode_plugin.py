"""OpenCode's plugin, run by Node.js as OpenCode would call it: only the engine's ``{}`` lets a call run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.guard import Guard
from tests.support.npm_agents import system_path

pytestmark = pytest.mark.e2e

CALL = """
import { pathToFileURL } from "node:url"
const { Prempti } = await import(pathToFileURL(process.argv[1]))
const { tool, args, directory } = JSON.parse(process.argv[2])
const hooks = await Prempti({ directory })
try {
  await hooks["tool.execute.before"]({ tool, sessionID: "ses_1", callID: "call_1" }, { args })
  console.log("ran")
} catch (error) {
  console.log("stopped: " + error.message)
}
"""


@pytest.fixture
def plugin(guard: Guard, home: Path) -> Path:
    """The registered plugin."""
    guard.ctl("hook", "add", "opencode")
    return home / ".config/opencode/plugins/prempti.js"


def call(plugin: Path, project: Path, tool: str, args: dict[str, Any]) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.fail("make e2e needs Node.js 20 or later (https://nodejs.org)", pytrace=False)
    module = plugin.with_suffix(".mjs")  # Bun, in OpenCode, needs no such name
    module.write_text(plugin.read_text())
    given = json.dumps({"tool": tool, "args": args, "directory": str(project)})
    command = [node, "--input-type=module", "-e", CALL, str(module), given]
    environment = {"PATH": system_path(), "HOME": str(project.parent / "home")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    return done.stdout + done.stderr


def test_a_call_runs_or_is_stopped_with_the_reason(guard: Guard, plugin: Path, project: Path) -> None:
    assert call(plugin, project, "bash", {"command": "echo x", "description": "x"}) == "ran\n"
    assert "Recursive removal: `rm -rf x`" in call(plugin, project, "bash", {"command": "rm -rf x"})
    assert "needs a person's approval" in call(plugin, project, "bash", {"command": "publish"})
    assert call(plugin, project, "read", {"filePath": str(project / "a.txt")}) == "ran\n"
    decided = [(each.call.tool, each.decision.action) for each in guard.decisions()]
    assert decided == [("Bash", "defer"), ("Bash", "deny"), ("Bash", "deny"), ("Read", "defer")]


def test_a_payload_that_cannot_be_judged_is_stopped(plugin: Path, project: Path) -> None:
    assert "args.command in the payload is an array" in call(plugin, project, "bash", {"command": ["ls"]})


@pytest.mark.parametrize("failure", ["stopped", "no hook", "killed", "garbage", "empty"])
def test_every_failure_stops_the_call(guard: Guard, plugin: Path, project: Path, failure: str) -> None:
    if failure == "stopped":
        guard.home.stopped.touch()
    elif failure == "no hook":
        guard.home.hook.unlink()
    else:
        ends = {"killed": "import os; os.kill(os.getpid(), 9)", "garbage": "print('{} {}')", "empty": "pass"}
        guard.home.hook.write_text(ends[failure] + "\n")
    assert call(plugin, project, "bash", {"command": "echo x"}).startswith("stopped: ")
