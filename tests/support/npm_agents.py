"""Installs a real agent from npm once, and runs it headless against a scripted model.

Nothing of the caller's environment reaches it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_model import Asked, ScriptedModel

CACHE = Path(__file__).parents[2] / ".cache" / "agents"
_INSTALL_SECONDS = 600


@dataclass
class Outcome:
    """One call of the script, and how it ended, by what the agent reported."""

    id: str
    tool: str
    input: Any
    result: str | None
    """What the model was told; None where it never got an answer."""
    is_error: bool
    denied_by: str | None
    """``hook``, ``config`` (the agent itself: its own rules, or nobody is there to be asked), None if not refused."""

    @property
    def ran(self) -> bool:
        """Whether the tool ran and succeeded."""
        return self.result is not None and not self.is_error and self.denied_by is None


@dataclass
class Run:
    """One headless run."""

    calls: list[Outcome]
    exit_code: int
    stdout: str
    stderr: str
    debug_log: str = ""

    def __str__(self) -> str:
        shown = [f"exit code {self.exit_code}", *map(str, self.calls), self.stdout[-2000:], self.stderr[-2000:]]
        return "\n".join([*shown, self.debug_log[-4000:]])


def installed(package: str, version: str, folder: str, program: str) -> Path:
    """The program of ``package``, installed if it is not. Fails the test with what to install where that cannot be."""
    place = CACHE / f"{folder}-{version}"
    path = place / "node_modules/.bin" / program
    if not path.exists():
        if not shutil.which("npm"):
            pytest.fail("make e2e needs npm: install Node.js 20 or later (https://nodejs.org)", pytrace=False)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as new:
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", new, f"{package}@{version}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
            if done.returncode:
                pytest.fail(f"`npm install {package}@{version}` failed:\n{done.stderr[-2000:]}", pytrace=False)
            shutil.rmtree(place, ignore_errors=True)
            Path(new).rename(place)
            Path(new).mkdir()
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": system_path()}
        done = subprocess.run([path, "--version"], capture_output=True, text=True, env=environment, check=False)
    if version not in done.stdout:
        pytest.fail(f"{path} is not {package} {version}: {done.stdout}{done.stderr}; remove {place}", pytrace=False)
    return path


def system_path() -> str:
    """The system's folders of programs, and the folder of ``node`` where it is none of them."""
    folders = ["/usr/local/bin", "/usr/bin", "/bin"]
    node = shutil.which("node")
    if node and str(Path(node).parent) not in folders:
        folders.insert(0, str(Path(node).parent))
    return ":".join(folders)


def play(
    command: Sequence[str], home: Path, project: Path, variables: Mapping[str, str], timeout: float
) -> tuple[int, str, str]:
    """Run the agent to its end: exit code, standard output, standard error. Fails the test when time is over."""
    environment = {"PATH": system_path(), "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"} | dict(variables)
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{Path(command[0]).name} did not end within {timeout} s", pytrace=False)
    finally:
        _end(process)
    return process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the agent's own process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@dataclass(frozen=True)
class Headless:
    """How an agent is run without a person; called with the program and the script.

    Only hooks stand between the model and the tools, save what the agent itself never does.
    """

    start: Callable[[str], tuple[Sequence[str], Mapping[str, str]]]
    """Its arguments and variables for a model at this address."""
    outcome: Callable[[Asked], Outcome]
    """How a call ended, by what the model was told."""
    model: Callable[[Sequence[Sequence[Asked]]], ScriptedModel] = ScriptedModel
    """A model in the form that the agent speaks."""

    def __call__(
        self,
        program: Path,
        home: Path,
        project: Path,
        turns: Sequence[Sequence[tuple[str, Any]]],
        *,
        environment: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Run:
        """Let the agent play ``turns`` (its tool's name and input of each call) with this HOME, in this project."""
        model = self.model([[Asked(tool, given) for tool, given in turn] for turn in turns])
        with model.serving():
            arguments, variables = self.start(model.url)
            command = [str(program), *arguments]
            code, stdout, stderr = play(command, home, project, {**variables, **(environment or {})}, timeout)
        return Run([self.outcome(call) for call in model.calls], code, stdout, stderr)
