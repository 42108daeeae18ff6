"""Where a decision's time goes: each of its steps by itself, in processor time, over ordinary commands."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

from bench import load
from bench.engine import parts
from bench.rows import Row
from prempti_otel import agents
from prempti_otel.agents.interface import Arrival
from prempti_otel.analysis import predict
from prempti_otel.audit.records import decision_record
from prempti_otel.audit.redaction import Redactor
from prempti_otel.engine.decide import decide
from prempti_otel.engine.keeper import Keeper
from prempti_otel.engine.trail import Trail
from prempti_otel.model.event import tool_event

COMMANDS = Path(__file__).parent.parent / "tests" / "corpus" / "ordinary.txt"
STEPS = ("parse", "predict", "judge", "decide", "reply", "record", "append")


def payloads(most: int) -> list[bytes]:
    """``most`` shell calls, spread evenly over the list of ordinary commands."""
    lines = [line for line in COMMANDS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [_payload(lines[number * len(lines) // most]) for number in range(most)]


def _payload(command: str) -> bytes:
    call = {
        "session_id": "bench",
        "transcript_path": "/home/dev/.claude/projects/x/t.jsonl",
        "cwd": load.PROJECT,
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": command, "description": "One of the ordinary commands"},
        "tool_use_id": "toolu_01",
    }
    return json.dumps(call).encode()


def one(payload: bytes, keeper: Keeper, trail: Trail, redactor: Redactor) -> tuple[float, ...]:
    """Processor time of each step of one call, in milliseconds."""
    policy = keeper.policy
    ruleset, store = policy.ruleset, trail.store
    assert ruleset is not None
    assert store is not None
    marks = [time.thread_time_ns()]
    agent = agents.get(load.AGENT)
    call = agent.parse(payload, Arrival(1, time.time_ns()))
    marks.append(time.thread_time_ns())
    events = predict(call, tool_event(call), policy.context)
    marks.append(time.thread_time_ns())
    judgement = ruleset.judge(events)
    marks.append(time.thread_time_ns())
    decision = decide(
        call,
        judgement.matches,
        mode=policy.mode,
        floor=policy.floor,
        can_ask=True,
        ruleset_digest=ruleset.digest,
        duration=0.0005,
    )
    marks.append(time.thread_time_ns())
    agent.reply(call, decision)
    marks.append(time.thread_time_ns())
    record = decision_record(call, events, decision, redactor=redactor)
    marks.append(time.thread_time_ns())
    store.append(record)
    marks.append(time.thread_time_ns())
    return tuple((after - before) / 1e6 for before, after in itertools.pairwise(marks))


def run(quick: bool) -> list[Row]:
    """Median and tail of each step, and of all together."""
    calls = payloads(200)
    with load.home() as home, parts(home) as (keeper, trail, _):
        redactor = Redactor.open(home)
        for payload in calls:
            one(payload, keeper, trail, redactor)
        with load.collecting_as_the_engine():
            taken = [one(payload, keeper, trail, redactor) for _ in range(2 if quick else 10) for payload in calls]
    rows: list[Row] = []
    totals = [sum(times) for times in taken]
    for name, values in [*zip(STEPS, zip(*taken, strict=True), strict=True), ("all", totals)]:
        middle, tail = load.p50_p99(values)
        rows.append(Row(f"{name}, p50", middle, "ms", note=f"{len(calls)} ordinary commands" if not rows else ""))
        rows.append(Row(f"{name}, p99", tail, "ms", tail / middle))
    return rows
