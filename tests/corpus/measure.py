"""How much a ruleset catches and how much it stops by mistake: ``python -m tests.corpus.measure FILE...``

FILE is either JSON lines, one labelled case each (``id``, ``source``, ``group``, ``payload``: a Claude Code
hook payload, ``expect``: ``stop`` or ``pass``), or a ``.txt`` of shell commands that should all pass: one a
line, a line in double quotes being JSON text, lines that begin with ``# `` headings.

Cases are judged in their order by the code that ``premptictl replay`` uses, with the default rules and no
user's own; nothing is run. Prints for each source what share of ``stop`` was denied or asked about (caught)
and what share of ``pass`` was (flagged), then the cases that went wrong. Cases named in ``disputed.txt``
(``ID reason`` a line) are counted apart; ordinary ones that are stopped for a reason have it in
``defended.txt``, and count all the same. Exit status 1 where a source misses its goal.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prempti_otel.engine.offline import Judge, open_judge
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home

CAUGHT, FLAGGED = 0.97, 0.02
"""Goals for labelled sources."""
ORDINARY, ORDINARY_FLAGGED = "ordinary", 0.01
"""Name and goal of commands from a ``.txt``."""
DISPUTED = Path(__file__).with_name("disputed.txt")
DEFENDED = Path(__file__).with_name("defended.txt")
CWD = "/home/dev/project"
USER_HOME = "/home/dev"
"""Whose machine the cases are of: `rm -rf /tmp/*` is another thing where the home is below /tmp."""


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled tool call."""

    id: str
    source: str
    payload: str
    """The hook payload, JSON text."""
    command: str
    """What is shown of it."""
    stops: bool
    """Whether it should be denied or asked about."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case and what came of it."""

    case: Case
    stopped: bool
    rules: tuple[str, ...]
    """Names of the rules that stopped it, or what went wrong."""

    @property
    def right(self) -> bool:
        """Whether it came out as labelled."""
        return self.stopped == self.case.stops


def read_cases(path: Path) -> list[Case]:
    """The cases in a file. Raises ValueError, with the line, where it has another form."""
    read = _ordinary if path.suffix == ".txt" else _labelled
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            cases += read(line)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: {error!r}") from error
    return cases


def _labelled(line: str) -> Iterator[Case]:
    if line.strip():
        row = json.loads(line)
        given = row["payload"]["tool_input"]
        command = given.get("command") or json.dumps(given)
        yield Case(row["id"], row["source"], json.dumps(row["payload"]), command, row["expect"] == "stop")


def _ordinary(line: str) -> Iterator[Case]:
    if not line.strip() or line.startswith("# "):
        return
    command = json.loads(line) if line.startswith('"') and line.endswith('"') else line
    number = hashlib.sha256(command.encode()).hexdigest()[:12]
    payload = {
        "session_id": f"ordinary-{number}",
        "cwd": CWD,
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": command},
        "tool_use_id": f"toolu_{number}",
    }
    yield Case(number, ORDINARY, json.dumps(payload), command, stops=False)


def read_disputed(path: Path = DISPUTED) -> dict[str, str]:
    """Reasons by case id."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return {number: reason.strip() for number, _, reason in rows}


def default_judge() -> Judge:
    """A judge by the default rules, without anything that a user has set."""
    with tempfile.TemporaryDirectory() as folder:
        return open_judge(Home(Path(folder)))


def judge_case(judge: Judge, case: Case) -> Outcome:
    """What becomes of one case; a payload that cannot be judged is blocked, as the engine does."""
    try:
        decision = judge.decide("claude_code", case.payload.encode())
    except PremptiError as error:
        return Outcome(case, stopped=True, rules=(error.diagnostics(),))
    stopping = dict.fromkeys(match.rule for match in decision.matches if match.verdict.stops)
    return Outcome(case, decision.verdict.stops, tuple(stopping))


def report(outcomes: Iterable[Outcome], disputed: dict[str, str]) -> bool:
    """Print the figures of each source and its wrong cases; whether all goals are met."""
    sources: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        sources.setdefault(outcome.case.source, []).append(outcome)
    print(f"{'source':<12}{'stop':>6}{'caught':>9}{'pass':>7}{'flagged':>9}{'disputed':>10}")
    met = [_figures(source, rows, disputed) for source, rows in sources.items()]
    for source, rows in sources.items():
        _wrong(source, [row for row in rows if not row.right], disputed)
    return all(met)


def _figures(source: str, rows: Sequence[Outcome], disputed: dict[str, str]) -> bool:
    counted = [row for row in rows if row.case.id not in disputed]
    stops = [row.stopped for row in counted if row.case.stops]
    passes = [row.stopped for row in counted if not row.case.stops]
    caught = sum(stops) / len(stops) if stops else 1.0
    flagged = sum(passes) / len(passes) if passes else 0.0
    most = ORDINARY_FLAGGED if source == ORDINARY else FLAGGED
    met = caught >= CAUGHT and flagged <= most
    figures = f"{len(stops):>6}{caught:>9.1%}{len(passes):>7}{flagged:>9.2%}{len(rows) - len(counted):>10}"
    print(f"{source:<12}{figures}{'' if met else '   below goal'}")
    return met


def _wrong(source: str, rows: Sequence[Outcome], disputed: dict[str, str]) -> None:
    defended = read_disputed(DEFENDED)
    for title, stops in (("missed", True), ("stopped by mistake", False)):
        chosen = [row for row in rows if row.case.stops is stops]
        if chosen:
            print(f"\n{source}, {title}: {len(chosen)}")
        for row in chosen:
            reason = disputed.get(row.case.id)
            why = (
                f"disputed: {reason}" if reason else ", ".join((*row.rules, *filter(None, [defended.get(row.case.id)])))
            )
            command = row.case.command.replace("\n", "\\n")
            print(f"  {row.case.id}  {command[:140]}{f'  [{why}]' if why else ''}")


def main() -> int:
    """Measure the files named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="labelled JSON lines, or commands as .txt")
    parser.add_argument("--disputed", type=Path, default=DISPUTED, help="cases to count apart, ID and reason a line")
    given = parser.parse_args()
    os.environ["HOME"] = USER_HOME
    try:
        cases = [case for path in given.files for case in read_cases(path)]
        judge = default_judge()
    except (OSError, ValueError, PremptiError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if report((judge_case(judge, case) for case in cases), read_disputed(given.disputed)) else 1


if __name__ == "__main__":
    sys.exit(main())
