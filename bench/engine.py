"""The engine: what a decision takes, by how many rules, how many a second, how much memory, and when disturbed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench import load
from bench.disturbance import disturbed
from bench.rows import Row
from prempti_otel.engine.health import Health
from prempti_otel.engine.keeper import Keeper
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.pipeline import Pipeline
from prempti_otel.engine.projects.notices import Notices
from prempti_otel.engine.projects.trust import TrustedFile, TrustList, fingerprint
from prempti_otel.engine.sessions import Sessions
from prempti_otel.engine.trail import Trail
from prempti_otel.settings.home import Home

GOALS = "goals: p50 0.5 ms, p99 2 ms"
ONLY_OWN_RULES = "rules: {default: false}\n"


def run(quick: bool) -> list[Row]:
    """All of it; some minutes, a fraction of that where ``quick``."""
    rows = decision_time(600 if quick else 6000)
    rows += by_rules((100, 1000) if quick else (100, 1000, 10_000), 300 if quick else 1500)
    rows += by_projects(400 if quick else 3000)
    rows += throughput(400 if quick else 2500, 2000 if quick else 10_000)
    return rows + disturbed(quick)


@contextmanager
def parts(home: Home) -> Iterator[tuple[Keeper, Trail, Health]]:
    """Settings, rules and a real store, loaded as the engine does. Raises RuntimeError where they are not sound."""
    health = Health()
    trail = Trail(home, health)
    keeper = Keeper(home, health, trail)
    keeper.load_config()
    if not trail.open(keeper.config):
        raise RuntimeError(health.sentences())
    keeper.load_rules()
    if keeper.load_error:
        raise RuntimeError(keeper.load_error)
    yield keeper, trail, health
    trail.close()
    if health.sentences():
        raise RuntimeError(health.sentences())


@contextmanager
def pipeline(config: str = "", rules: str = "", trusted: Sequence[TrustedFile] = ()) -> Iterator[Pipeline]:
    """Steps 1 to 6 without the socket, with a real store, in this process."""
    with load.home(config) as home:
        if rules:
            (home.user_rules / "bench.yaml").write_text(rules)
        if trusted:
            home.trusted.touch(mode=0o600)
            home.trusted.write_bytes(msgspec.json.encode(TrustList(files=list(trusted))))
        with parts(home) as (keeper, trail, health):
            notices = Notices(home, health, trail)
            yield Pipeline(lambda: keeper.policy, trail, Sessions(), Numbers(), health, notices=notices)


def measure(judge: Pipeline, calls: int, project: str = load.PROJECT) -> tuple[list[float], float]:
    """Wall time of each call and processor time of one on average, in milliseconds."""
    # No call is asked about twice: the earlier one would be recorded as over besides.
    texts = [load.payload(number, project) for number in range(180 + calls)]
    for text in texts[:180]:
        judge.hook(load.AGENT, text)
    times = []
    with load.collecting_as_the_engine():
        cpu = time.thread_time()
        for text in texts[180:]:
            begin = time.perf_counter_ns()
            judge.hook(load.AGENT, text)
            times.append((time.perf_counter_ns() - begin) / 1e6)
        cpu = time.thread_time() - cpu
    return times, cpu / calls * 1e3


def decision_time(calls: int) -> list[Row]:
    """Steps 1 to 6 with the default rules, recorded, ``durability: process``."""
    with pipeline() as judge:
        times, cpu = measure(judge, calls)
    middle, tail = load.p50_p99(times)
    return [
        Row("decision, default rules, recorded, p50", middle, "ms", note=f"{calls} calls; {GOALS}"),
        Row("decision, default rules, recorded, p99", tail, "ms", tail / middle),
        Row("decision, processor time, mean", cpu, "ms", cpu / middle),
    ]


def by_rules(counts: tuple[int, ...], calls: int) -> list[Row]:
    """The same with other numbers of rules, in turns; ratios are to the smallest."""
    rows: list[Row] = []
    base = 0.0
    for count in counts:
        with pipeline(ONLY_OWN_RULES, load.rules_text(count)) as judge:
            middle, _ = load.p50_p99(measure(judge, calls)[0])
        base = base or middle
        goal = "goal 3 ×" if count > counts[0] else ""
        rows.append(Row(f"decision with {count:,} rules, p50", middle, "ms", middle / base, goal))
    return rows


def by_projects(calls: int) -> list[Row]:
    """The same with the default rules and a trusted project's hundred: none, elsewhere, where the calls are made."""
    rows: list[Row] = []
    base = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        here, elsewhere = (_project(folder / one) for one in ("here", "elsewhere"))
        cases: dict[str, tuple[TrustedFile, ...]] = {
            "no project's rules": (),
            "rules of another project": (elsewhere,),
            "100 rules of its project": (here,),
        }
        for what, trusted in cases.items():
            with pipeline(trusted=trusted) as judge:
                middle, _ = load.p50_p99(measure(judge, calls, str(folder / "here"))[0])
            base = base or middle
            rows.append(Row(f"decision with {what}, p50", middle, "ms", middle / base))
    return rows


def _project(root: Path) -> TrustedFile:
    file = root / ".prempti" / "rules" / "bench.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(load.rules_text(100))
    return TrustedFile(path=str(file), sha256=fingerprint(file.read_bytes()))


def throughput(calls: int, for_memory: int) -> list[Row]:
    """Calls a second through the socket, recorded, and resident memory after that many calls."""
    with load.home() as home, load.engine(home) as process:
        fresh = load.resident_mib(process.pid)
        one = load.calls_per_second(home, 1, calls)
        eight = load.calls_per_second(home, 8, max(calls // 4, 100))
        made = calls + 8 * max(calls // 4, 100)
        if made < for_memory:
            load.calls_per_second(home, 2, (for_memory - made) // 2 + 1)
        resident = load.resident_mib(process.pid)
        load.check_healthy(home)
    return [
        Row("calls a second, 1 client, recorded", one, "1/s"),
        Row("calls a second, 8 clients, recorded", eight, "1/s", eight / one),
        Row(
            f"resident memory after {max(made, for_memory):,} calls", resident, "MiB", resident / fresh, "goal 120 MiB"
        ),
    ]
