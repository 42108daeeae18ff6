"""What the engine is loaded with: payloads of everyday calls, synthetic rules, client processes, throw-away homes."""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from prempti_otel.engine.client import EngineClient
from prempti_otel.engine.server import COLLECTION
from prempti_otel.settings.home import Home

AGENT = "claude_code"
PROJECT = "/home/dev/project"
COMMANDS = (
    "git status",
    "ls -la src",
    "make test 2>&1 | tail -3",
    "cd /home/dev/project && rg -n 'def main' src | head -20",
    "python -m pytest -q tests/unit",
    "git commit -m 'fix rm -rf'",
    "npm run build && npm test",
    "curl -s https://example.org/data.json",
)
TOOLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("Read", {"file_path": f"{PROJECT}/README.md"}),
    ("Edit", {"file_path": f"{PROJECT}/src/main.py", "old_string": "x = 1", "new_string": "x = 2"}),
    ("Write", {"file_path": f"{PROJECT}/notes.md", "content": "# Notes\n" * 40}),
    ("Grep", {"pattern": "def main", "path": f"{PROJECT}/src"}),
)
START_S = 60.0


def payload(number: int, project: str = PROJECT) -> bytes:
    """The hook's standard input for one of the everyday calls in a project; two thirds are shell commands."""
    kinds: list[tuple[str, dict[str, object]]] = [("Bash", {"command": command}) for command in COMMANDS]
    tool, tool_input = (kinds + list(TOOLS))[number % (len(kinds) + len(TOOLS))]
    call = {
        "session_id": f"bench-{os.getpid()}",
        "transcript_path": "/home/dev/.claude/projects/x/t.jsonl",
        "cwd": project,
        "prompt_id": "p1",
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": tool_input,
        "tool_use_id": f"toolu_{number:012}",
    }
    return json.dumps(call).encode()


def rules_text(count: int) -> str:
    """Rules of the kinds that people write, each about something else; everyday calls match none."""
    forms = (
        "file.op = write and file.real_path startswith /srv/tree{n}/",
        "proc.name = tool{n} and proc.flags intersects (-f, --force)",
        "file.op in (read, write) and file.real_path pmatch (/home/*/.vault{n}, /root/.vault{n})",
        "tool.name in (Write, Edit) and tool.file_name = secret{n}.key",
        "net.host endswith .example{n}.test and net.op = upload",
        'tool.input_command contains "danger{n} --now"',
        "proc.name = git and proc.subcommand = verb{n} and not proc.args contains --dry-run",
    )
    return "".join(
        f"- rule: Synthetic {n}\n  desc: one of many\n  condition: {forms[n % len(forms)].format(n=n)}\n"
        f"  output: synthetic {n} %tool.name\n  priority: WARNING\n  source: coding_agent\n"
        "  tags: [coding_agent_deny]\n"
        for n in range(count)
    )


@contextlib.contextmanager
def home(config: str = "") -> Iterator[Home]:
    """A new home with a short path, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="prempti-bench-", dir="/tmp"))
    made = Home(folder / "home")
    made.create()
    made.config.write_text(config)
    try:
        yield made
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def collecting_as_the_engine() -> Iterator[None]:
    """Garbage is collected as rarely as in the engine, and what was made before counts as never garbage."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextlib.contextmanager
def engine(at: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A running engine."""
    process = subprocess.Popen([sys.executable, "-I", "-m", "prempti_otel.engine", "--home", str(at.root)], cwd="/")
    try:
        with EngineClient(at) as client:
            client.wait_ready(START_S)
        yield process
    finally:
        process.terminate()
        process.wait()


def call_on(root: str, calls: int, started: Barrier) -> tuple[float, float]:
    """In a client process: that many calls over one connection; when it began and ended (monotonic clock)."""
    texts = [payload(number) for number in range(60)]
    with EngineClient(Home(Path(root))) as client:
        client.hook(AGENT, texts[0])
        started.wait()
        begin = time.monotonic()
        for number in range(calls):
            if not client.hook(AGENT, texts[number % 60], timeout=30).complete:
                raise RuntimeError("an incomplete reply")
        return begin, time.monotonic()


def calls_per_second(at: Home, clients: int, calls: int) -> float:
    """Of ``clients`` processes that make ``calls`` calls each, at once."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(clients) as pool:
        started = manager.Barrier(clients)
        spans = pool.starmap(call_on, [(str(at.root), calls, started)] * clients)
    return clients * calls / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def check_healthy(at: Home) -> None:
    """Raises RuntimeError where the engine is degraded: its figures would mean nothing."""
    with EngineClient(at) as client:
        degraded = client.status().degraded
    if degraded:
        raise RuntimeError(list(degraded))


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout) / 1024


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    return statistics.median(values), statistics.quantiles(values, n=100)[98]
