"""Command analysis: from a tool call to predicted events, over ordinary commands and over growing input."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from bench.rows import Row
from prempti_otel.analysis import Context, predict
from prempti_otel.analysis.catalogue import load_catalogue
from prempti_otel.model.call import ToolCall
from prempti_otel.model.event import tool_event

ORDINARY = (
    "git status",
    "ls -la src",
    "npm test",
    "npm run build 2>&1 | tail -20",
    "pytest -q tests/unit -k 'parser and not slow'",
    "cargo build --release",
    "grep -rn 'TODO' --include='*.py' . | head -50",
    "find . -name '*.ts' -not -path './node_modules/*' | xargs wc -l",
    "git add -A && git commit -m \"$(cat <<'EOF'\nFix the parser\n\nIt's about rm -rf.\nEOF\n)\"",
    "cd packages/core && npm install && cd - && make test",
    'for f in src/*.js; do node --check "$f"; done',
    "docker compose up -d && docker compose logs -f web | grep -m1 ready",
    "sed -n 1,120p src/index.ts",
    "curl -s http://localhost:8080/health | jq .status",
    "if [ -f .env ]; then set -a; . ./.env; set +a; fi; python manage.py migrate",
    "cat > notes.md <<'EOF'\n# Notes\n\nrm -rf / is bad\nEOF",
    "python3 -c \"import json; print(json.load(open('package.json'))['version'])\"",
    "gh pr create --title 'Add x' --body \"$(cat body.md)\"",
    "mkdir -p build && cp -r assets build/ && rm -rf build/tmp",
    "VAR=1 sudo -n env FOO=bar bash -c 'echo $FOO && ls'",
)
"""Of the kinds that agents run most."""


def _context() -> Context:
    return Context(load_catalogue(), home="/home/dev", user="dev")


def _call(code: str) -> ToolCall:
    cwd = "/home/dev/project"
    return ToolCall("claude_code", "PreToolUse", "s", cwd, cwd, "Bash", {"command": code}, "{}", command=code)


def _seconds(code: str, context: Context, rounds: int) -> list[float]:
    call = _call(code)
    taken: list[float] = []
    for _ in range(rounds):
        tool = tool_event(call)
        start = time.perf_counter()
        predict(call, tool, context)
        taken.append(time.perf_counter() - start)
    return taken


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _growing(kibibytes: int) -> str:
    line = "echo \"a $x\" 'b c' | grep -v d > out && test -f e\n"
    return line * (kibibytes * 1024 // len(line) + 1)


def _ordinary(quick: bool, context: Context) -> list[Row]:
    for code in ORDINARY:
        _seconds(code, context, 2)
    taken = [second for code in ORDINARY for second in _seconds(code, context, 20 if quick else 300)]
    floor = statistics.median(_seconds("ls", context, 50))
    return [
        Row(
            f"{len(ORDINARY)} ordinary commands, {name}",
            _percentile(taken, share) * 1e3,
            "ms",
            ratio=_percentile(taken, share) / floor,
            note="ratio: against `ls`",
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]


def _by_size(quick: bool, context: Context) -> list[Row]:
    rows: list[Row] = []
    first = 0.0
    for kibibytes in (1, 4, 16, 64, 256, 1024):
        second = min(_seconds(_growing(kibibytes), context, 2 if quick else 5))
        first = first or second
        note = "ratio: against 1 KiB; bounded beyond the caps" if kibibytes == 1 else ""
        rows.append(Row(f"script of {kibibytes} KiB", second * 1e3, "ms", ratio=second / first, note=note))
    return rows


def _hostile(quick: bool, context: Context) -> list[Row]:
    codes = {
        "1 MiB of $(": "$(" * (512 * 1024),
        "100,000 pipeline stages": "a|" * 100_000 + "a",
        "30,000 open parentheses": "(" * 30_000,
        "nested loops": "".join(f"for a{n} in {{1..30}}; do " for n in range(10)) + "rm x;" + "done;" * 10,
        "1 MiB of quotes and dollars": 'echo "' + "$`" * (512 * 1024),
        "here-document of 1 MiB": "cat > f <<'E'\n" + "a line of text\n" * 70_000 + "E\n",
    }
    return [Row(name, min(_seconds(code, context, 1 if quick else 3)) * 1e3, "ms") for name, code in codes.items()]


def run(quick: bool) -> list[Row]:
    """Measure; ``quick`` takes fewer samples."""
    context = _context()
    return [*_ordinary(quick, context), *_by_size(quick, context), *_hostile(quick, context)]
