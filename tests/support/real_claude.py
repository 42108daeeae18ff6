"""The real Claude Code: installed from npm once, run headless against a scripted model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_model import PROMPT, Asked, ScriptedModel

VERSION = "2.1.330"
PACKAGE = f"@anthropic-ai/claude-code@{VERSION}"
CACHE = Path(__file__).parents[2] / ".cache" / "agents"
_INSTALL_SECONDS = 600
_QUIET = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


def installed() -> Path:
    """Claude Code's program, installed if it is not. Fails the test with what to install where that cannot be done."""
    folder = CACHE / f"claude-code-{VERSION}"
    program = folder / "node_modules/.bin/claude"
    if not program.exists():
        if not shutil.which("npm"):
            pytest.fail("make e2e needs npm: install Node.js 20 or later (https://nodejs.org)", pytrace=False)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as new:
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", new, PACKAGE]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
            if done.returncode:
                pytest.fail(f"`npm install {PACKAGE}` failed:\n{done.stderr[-2000:]}", pytrace=False)
            shutil.rmtree(folder, ignore_errors=True)
            Path(new).rename(folder)
            Path(new).mkdir()
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, env={"HOME": home}, check=False)
    if VERSION not in done.stdout:
        pytest.fail(
            f"{program} is not Claude Code {VERSION}: {done.stdout}{done.stderr}; remove {folder}", pytrace=False
        )
    return program


@dataclass
class Outcome:
    """One call of the script, and how it ended, by the agent's own report."""

    id: str
    tool: str
    input: dict[str, Any]
    result: str | None
    """What the model was told; None where it never got an answer."""
    is_error: bool
    denied_by: str | None
    """``hook``, ``config`` (the agent itself: its own rules, or nobody is there to be asked), None if not refused."""

    @property
    def ran(self) -> bool:
        """Whether the tool ran and succeeded."""
        return self.result is not None and not self.is_error


@dataclass
class Run:
    """One headless run."""

    calls: list[Outcome]
    exit_code: int
    report: list[dict[str, Any]]
    """The agent's own JSON stream."""
    stderr: str
    debug_log: str

    def __str__(self) -> str:
        return "\n".join(
            [f"exit code {self.exit_code}", *map(str, self.calls), self.stderr[-2000:], self.debug_log[-4000:]]
        )


def run(
    program: Path,
    home: Path,
    project: Path,
    turns: Sequence[Sequence[tuple[str, dict[str, Any]]]],
    *,
    environment: Mapping[str, str] | None = None,
    own_permissions: bool = False,
    timeout: float = 120,
) -> Run:
    """Let Claude Code play ``turns`` (tool name and input of each call) with this HOME, in this project.

    Nothing of the caller's environment reaches it. Without ``own_permissions`` only hooks stand between
    the model and the tools.
    """
    model = ScriptedModel([[Asked(tool, tool_input) for tool, tool_input in turn] for turn in turns])
    with model.serving(), tempfile.TemporaryDirectory() as scratch:
        debug = Path(scratch) / "debug.log"
        command = [str(program), "-p", PROMPT, "--output-format", "stream-json", "--verbose", "--strict-mcp-config"]
        command += ["--debug-file", str(debug)]
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"}
        variables |= _QUIET | {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "dummy"} | dict(environment or {})
        if not own_permissions:
            command.append("--dangerously-skip-permissions")
            variables["IS_SANDBOX"] = "1"  # or else it refuses that option to root
        process = subprocess.Popen(
            command,
            cwd=project,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"Claude Code did not end within {timeout} s; calls so far: {model.calls}", pytrace=False)
        finally:
            _end(process)
        log = debug.read_text(errors="replace") if debug.exists() else ""
    report = [json.loads(line) for line in stdout.decode(errors="replace").splitlines() if line.startswith("{")]
    refused = _refused(report)
    calls = [Outcome(c.id, c.tool, c.input, c.result, c.is_error, refused.get(c.id)) for c in model.calls]
    return Run(calls, process.returncode, report, stderr.decode(errors="replace"), log)


def _refused(report: list[dict[str, Any]]) -> dict[str, str]:
    """Who refused which call."""
    found = {}
    for line in report:
        for item in line.get("tool_result_meta") or []:
            verdict = item.get("permission_decision") or {}
            if verdict.get("decision") == "reject":
                found[item["id"]] = str(verdict.get("source"))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the agent's own process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
