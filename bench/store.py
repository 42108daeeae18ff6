"""The audit store: what recording adds to a decision, and what a call takes on disk."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.rows import Row
from prempti_otel.audit.records import decision_record
from prempti_otel.audit.redaction import Redactor
from prempti_otel.audit.store import Store
from prempti_otel.model.call import ToolCall
from prempti_otel.model.decision import Decision, DecisionSource, Match, Mode, Priority, Verdict
from prempti_otel.model.event import Event, Value, tool_event
from prempti_otel.model.fields import Level
from prempti_otel.model.record import Record
from prempti_otel.settings.home import Home

PLAIN = "git status && npm run build -- --watch"
SECRET = "curl -H 'Authorization: Bearer Zm9vYmFyYmF6cXV4' https://api.example.com/v1/things"
LONG = "echo " + "word " * 12_000


def run(quick: bool) -> list[Row]:
    """Times in microseconds; ratios against hashing and encoding the same record, which no store can do without."""
    count = 2_000 if quick else 20_000
    with tempfile.TemporaryDirectory(prefix="prempti-bench-") as folder:
        home = Home(Path(folder))
        home.create()
        redactor = Redactor.open(home)
        record = _record(redactor, PLAIN)
        floor = _times(count, lambda: hashlib.sha256(msgspec.json.encode(record.body)).hexdigest())
        rows = [_row("encode and hash one record (floor)", floor, 0.5, floor)]
        rows += _redaction(redactor, floor, count)
        with Store.open(home) as store:
            append = _times(count, lambda: store.append(record))
            rows += [
                _row("append, p50", append, 0.5, floor, "durability: process"),
                _row("append, p99", append, 0.99, floor),
            ]
            threads = _from_threads(store, redactor, 8, count // 8)
            rows += [_row("append from 8 threads, p50", threads, 0.5, floor, "including the wait for the others")]
            written = store.last_seq
        size = home.audit_db.stat().st_size
        rows.append(Row("on disk per call", size / written, "bytes", note=f"{written} records, four events each"))
    with tempfile.TemporaryDirectory(prefix="prempti-bench-") as folder:
        home = Home(Path(folder))
        home.create()
        with Store.open(home, "power") as store:
            synced = _times(count // 20, lambda: store.append(record))
        rows.append(_row("append, durability: power, p50", synced, 0.5, floor, "one sync of the disk each"))
    return rows


def _redaction(redactor: Redactor, floor: list[float], count: int) -> list[Row]:
    plain, long = (_record(redactor, command).body for command in (PLAIN, LONG))
    cases = [
        ("redact a typical record", lambda: redactor.redact(dict(plain)), count),
        ("redact a record of 120 KB", lambda: redactor.redact(dict(long)), count // 20),
        ("make a typical record, redaction included", lambda: _record(redactor, PLAIN), count),
        ("make a record with a secret", lambda: _record(redactor, SECRET), count // 20),
    ]
    return [_row(name, _times(number, work), 0.5, floor, "p50") for name, work, number in cases]


def _record(redactor: Redactor, command: str) -> Record:
    call = ToolCall(
        agent="claude_code",
        hook_event="PreToolUse",
        session_id="5a2e6c1e-9d1f-4b0e-8f0a-1c2d3e4f5a6b",
        prompt_id="prompt-1",
        cwd="/home/user/project",
        real_cwd="/home/user/project",
        tool="Bash",
        input={"command": command, "description": "Build the project"},
        input_json=msgspec.json.encode({"command": command, "description": "Build the project"}).decode(),
        command=command,
        use_id="toolu_01AbCdEfGhIjKlMnOpQrStUv",
        permission_mode="default",
        transcript_path="/home/user/.claude/projects/-home-user-project/5a2e6c1e.jsonl",
        correlation_id=1,
        received_ns=time.time_ns(),
    )
    tool = tool_event(call)
    process: dict[str, Value] = {
        "proc.name": "git",
        "proc.exe": "git",
        "proc.cmdline": command,
        "proc.args": "status",
        "proc.argv": ("git", "status"),
        "proc.subcommand": "status",
        "proc.pname": "bash",
        "proc.stdin": "none",
        "proc.dynamic": False,
        "proc.args_dynamic": False,
    }
    events = [tool, Event(Level.PROCESS, dict(process), tool), Event(Level.PROCESS, dict(process), tool)]
    events.append(Event(Level.FILE, {"file.path": "build", "file.real_path": "/home/user/project/build"}, events[1]))
    match = Match("Ask before a build", Priority.NOTICE, ("coding_agent_ask",), Verdict.ASK, "build?", events[1], "why")
    decision = Decision(
        Verdict.ASK, Verdict.ASK, DecisionSource.RULE, "build?", (match,), Mode.GUARDRAILS, "0" * 64, 0.0003
    )
    return decision_record(call, events, decision, redactor=redactor)


def _times(count: int, work: Callable[[], object]) -> list[float]:
    """Sorted, in seconds."""
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return sorted(taken)


def _from_threads(store: Store, redactor: Redactor, threads: int, each: int) -> list[float]:
    record = _record(redactor, PLAIN)
    found: list[float] = []
    lock = threading.Lock()

    def work() -> None:
        taken = _times(each, lambda: store.append(record))
        with lock:
            found.extend(taken)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(found)


def _row(name: str, times: list[float], quantile: float, floor: list[float], note: str = "") -> Row:
    value = times[int(len(times) * quantile)]
    return Row(name, value * 1e6, "µs", value / floor[len(floor) // 2], note)
