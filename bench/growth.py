"""How the time of command analysis grows with its input, from 1 KiB to 1 MiB, and whom that keeps waiting."""

from __future__ import annotations

import math
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from bench.rows import Row
from prempti_otel.analysis import Context, predict
from prempti_otel.model.call import ToolCall
from prempti_otel.model.event import tool_event

SIZES = (1, 4, 16, 64, 256, 1024)
"""KiB of input."""
CAP = 64
"""KiB of shell code that are read; beyond it time is to stay as it is, but for looking at the text at all."""
SWITCH_S = 0.0005
"""The engine's switch interval between threads."""
_COLUMNS = "▁▂▃▄▅▆▇█"
_LEAST_MS, _MOST_MS = 0.1, 1_000
_PAUSE_S = 0.001
_TURN_S = 0.0002
"""Less than a client needs from an answer to its next call, over a socket of the same machine."""
_SMALL = "ls -la src"


def repeated(unit: str) -> Callable[[int], str]:
    """As often as it takes, with its number for ``{}``."""
    return lambda size: "".join(
        unit.replace("{}", str(number)) for number in range(size // len(unit.replace("{}", "000")) + 1)
    )


def within(before: str, unit: str, after: str) -> Callable[[int], str]:
    """The same between two texts."""
    fill = repeated(unit)
    return lambda size: f"{before}{fill(size)}{after}"


def nested(opening: str, inner: str, closing: str) -> Callable[[int], str]:
    """``inner`` in as many pairs."""
    pair = len(opening) + len(closing)
    return lambda size: opening * (size // pair) + inner + closing * (size // pair)


FAMILIES: dict[str, Callable[[int], str]] = {
    "ordinary script": repeated("echo \"a $x\" 'b c' | grep -v d > out && test -f e\n"),
    "rm of many paths": within("rm -rf ", "/home/dev/d{}/x ", ""),
    "rm of many globs": within("rm -rf ", "/h*{}/* ", ""),
    "one word of globs": within("rm -rf /", "*a", ""),
    "one word of braces": within("echo ", "{a,", ""),
    "one word of quotes": within("echo ", "'a'", ""),
    "pipeline": within("a", "|a", ""),
    "conditions and variables": repeated("if a;then v{}=1;fi;"),
    "loops in loops": nested("for i in a b;do ", "case x in esac;", "done;"),
    "wrappers": within("", "sudo ", "rm -rf /"),
    "environment": within("env ", "A{}=1 ", "rm -rf /"),
    "eval of eval": within("", "eval ", "rm -rf /"),
    "substitutions": within("echo ", "$(b) ", ""),
    "open substitutions": repeated("$("),
    "open parentheses": repeated("( "),
    "functions": repeated("f{}(){ a;};"),
    "quotes and dollars": within('echo "', "$`", ""),
    "here-documents": repeated("cat <<E\nx\nE\n"),
    "one here-document": within("cat > f <<'E'\n", "a line of text\n", "E\n"),
    "Python": within("python3 - <<'E'\n", "os.remove('a{}')\n", "E\n"),
    "JavaScript": within("node -e '", 'require("fs").rmSync("a{}");', "'"),
    "SQL": within('psql -c "', "drop table t{};", '"'),
    "makefile": within("make -f - <<'E'\nall:\n", "\trm a{}\n", "E\n"),
    "URLs": within("curl ", "http://h{}.example/ ", ""),
}


def rows(context: Context, *, quick: bool) -> list[Row]:
    """Each family's time over the sizes, plotted, and the delay of another call beside it."""
    found: list[Row] = []
    for name, make in FAMILIES.items():
        times = [_milliseconds(make(size * 1024), context, 1 if quick else 3) for size in SIZES]
        at_cap = SIZES.index(CAP)
        shown = f"{_plot(times)} {', '.join(f'{taken:.1f}' for taken in times)}; exponent {exponent(times):.2f}"
        found.append(Row(f"{name}, most", max(times), "ms", max(times[at_cap + 1 :]) / times[at_cap], shown))
    return [_legend(), *found, *_waiting(context, quick=quick)]


def _legend() -> Row:
    sizes = ", ".join(map(str, SIZES))
    note = (
        f"each row: ms for {sizes} KiB, plotted from {_LEAST_MS} to {_MOST_MS} ms on a logarithmic scale; exponent "
        f"of time over size up to {CAP} KiB, 1 for linear; ratio: the most beyond {CAP} KiB against it"
    )
    return Row("growing input", float(SIZES[-1]), "KiB", note=note)


def exponent(times: Sequence[float]) -> float:
    """The slope of time over size on logarithmic scales up to the cap, by least squares."""
    sizes = SIZES[: SIZES.index(CAP) + 1]
    logarithms = [math.log(taken) for taken in times[: len(sizes)]]
    return statistics.linear_regression([math.log(size) for size in sizes], logarithms).slope


def shell_call(code: str) -> ToolCall:
    """A call of the shell tool."""
    cwd = "/home/dev/project"
    return ToolCall("claude_code", "PreToolUse", "s", cwd, cwd, "Bash", {"command": code}, "{}", command=code)


def _milliseconds(code: str, context: Context, rounds: int) -> float:
    """The least processor time of some rounds."""
    call = shell_call(code)
    taken: list[float] = []
    for _ in range(rounds):
        tool = tool_event(call)
        start = time.thread_time()
        predict(call, tool, context)
        taken.append((time.thread_time() - start) * 1e3)
    return min(taken)


def _plot(times: Sequence[float]) -> str:
    """A column for each time, its height logarithmic."""
    steps = len(_COLUMNS) - 1
    scale = steps / math.log(_MOST_MS / _LEAST_MS)
    return "".join(_COLUMNS[max(0, min(steps, round(math.log(taken / _LEAST_MS) * scale)))] for taken in times)


def _waiting(context: Context, *, quick: bool) -> Iterator[Row]:
    """How long another call takes while one thread does nothing but analyse a large input."""
    samples = 60 if quick else 300
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        taken = sorted(_latencies(context, samples))
        quiet = statistics.median(taken)
        note = f"from when it is due; {_tail(taken)}"
        yield Row(f"another call (`{_SMALL}`) alone, p50", quiet, "ms", note=note)
        for name, make in FAMILIES.items():
            stop = threading.Event()
            thread = threading.Thread(target=_busy, args=(make(CAP * 1024), context, stop))
            thread.start()
            taken = sorted(_latencies(context, samples))
            stop.set()
            thread.join()
            middle = statistics.median(taken)
            yield Row(f"beside {name} of {CAP} KiB, p50", middle, "ms", middle / quiet, _tail(taken))
    finally:
        sys.setswitchinterval(interval)


def _tail(taken: Sequence[float]) -> str:
    return f"p99 {taken[len(taken) * 99 // 100]:.2f} ms, longest {taken[-1]:.1f} ms"


def _busy(code: str, context: Context, stop: threading.Event) -> None:
    """One call after another, each when its client could have sent it.

    Without that pause, a call that takes a few microseconds of Python between searches that let the lock go would be
    given it back each time before the other thread is awake, which no engine that waits for calls does.
    """
    call = shell_call(code)
    while not stop.is_set():
        predict(call, tool_event(call), context)
        time.sleep(_TURN_S)


def _latencies(context: Context, samples: int) -> list[float]:
    """From the moment when a call is due: it has to win the lock first, as in a server."""
    call = shell_call(_SMALL)
    taken: list[float] = []
    for _ in range(samples):
        due = time.perf_counter() + _PAUSE_S
        time.sleep(_PAUSE_S)
        predict(call, tool_event(call), context)
        taken.append((time.perf_counter() - due) * 1e3)
    return taken
