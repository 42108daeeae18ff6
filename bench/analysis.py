"""Command analysis: from a tool call to predicted events, over ordinary commands and over growing input."""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench import growth, load
from bench.rows import Row
from prempti_otel.analysis import Context, predict
from prempti_otel.analysis.catalogue import load_catalogue
from prempti_otel.model.event import tool_event

COMMANDS = Path(__file__).parent.parent / "tests" / "corpus" / "ordinary.txt"


def run(quick: bool) -> list[Row]:
    """Measure; ``quick`` takes fewer samples."""
    context = Context(load_catalogue(), home="/home/dev", user="dev")
    for call in map(growth.shell_call, _commands()):
        predict(call, tool_event(call), context)  # compiles what the catalogue has of each command
    with load.collecting_as_the_engine():
        return [*_ordinary(quick, context), *growth.rows(context, quick=quick)]


def _commands() -> list[str]:
    """Every command of the list; a line in double quotes is a JSON text."""
    lines = [line for line in COMMANDS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [json.loads(line) if line.startswith('"') else line for line in lines]


def _ordinary(quick: bool, context: Context) -> list[Row]:
    """Processor time of each command, all of them in turn, so that none has its own traces in the caches."""
    calls = [growth.shell_call(code) for code in _commands()]
    taken: list[float] = []
    for _ in range(2 if quick else 10):
        for call in calls:
            tool = tool_event(call)
            start = time.thread_time()
            predict(call, tool, context)
            taken.append((time.thread_time() - start) * 1e3)
    middle, tail = load.p50_p99(taken)
    return [
        Row(f"{len(calls)} ordinary commands, p50", middle, "ms", note="goal: 0.1"),
        Row(f"{len(calls)} ordinary commands, p99", tail, "ms", tail / middle, "goal: 1"),
    ]
