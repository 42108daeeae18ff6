"""``premptictl replay``: judge hook payloads without a running engine and without recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from prempti_otel import typed
from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.parameters import DAYS
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from prempti_otel.engine.offline import Judge

DEFAULT_AGENT = "claude_code"


@click.command()
@click.argument("source", metavar="[FILE|-]", type=click.File("rb"), default="-")
@click.option(
    "--rules",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Judge by these files, in this order, instead of the installed rules.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default=lambda: "text" if sys.stdout.isatty() else "json",
    show_default="text on a terminal, else json",
    help="For a person, or for a script.",
)
@click.option("--history", metavar="DAYS", type=DAYS, help="Judge recorded calls instead.")
@click.option(
    "--add",
    "added",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Judge by these files, besides the installed rules.",
)
def replay(source: BinaryIO, paths: tuple[Path, ...], form: str, history: float | None, added: tuple[Path, ...]) -> int:
    """Judge hook payloads, one JSON object a line, from FILE or standard input.

    Nothing runs and nothing is recorded. A line is a hook payload, or an object that holds one
    under `payload` and, optionally, the agent's name under `agent`. Each gives one line of output in the same
    order; a line that cannot be judged gives an `error` object in its place, and the exit status is 1 at the end.

    With --history, the recorded calls of the last DAYS are judged anew, and what would get another verdict is shown;
    calls that hold redacted or cut text are counted apart, as approximate.
    """
    from prempti_otel.engine.offline import open_judge
    from prempti_otel.settings.home import Home

    home = Home.from_environment()
    judge = open_judge(home, paths, added)
    if history is not None:
        from prempti_otel.ctl.replay.history import replay_history

        replay_history(home, judge, history, form)
        return ExitCode.OK
    if source.isatty():
        click.echo(
            "reading payloads from the terminal, one a line; Ctrl-D ends (or name a FILE, or --history)", err=True
        )
    failed = False
    for answer in _answers(judge, source):
        failed |= "error" in answer
        _write(answer, form)
    sys.stdout.flush()
    return ExitCode.FINDING if failed else ExitCode.OK


def _answers(judge: Judge, source: BinaryIO) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(source, 1):
        try:
            agent, payload = _unwrap(line)
            decision = judge.decide(agent, payload)
        except PremptiError as error:
            yield {"error": {"line": number, "message": error.diagnostics()}}
            continue
        names = list(dict.fromkeys(match.rule for match in decision.matches))
        yield {
            "verdict": str(decision.verdict),
            "rules": names,
            "stopped_by": list(dict.fromkeys(m.rule for m in decision.matches if m.verdict.stops)),
            "reason": decision.reason,
        }


def _unwrap(line: bytes) -> tuple[str, bytes]:
    """Agent and payload of one line, wrapped or bare."""
    try:
        value = typed.decode(line, dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return DEFAULT_AGENT, line  # the adapter says what is wrong with it
    if "payload" not in value:
        return DEFAULT_AGENT, line
    agent = DEFAULT_AGENT
    if "agent" in value:
        try:
            agent = typed.decode(value["agent"], str)
        except msgspec.DecodeError:
            raise PremptiError("`agent` is not a text", remedy="name the agent, such as claude_code") from None
    return agent, bytes(value["payload"])


def _write(answer: dict[str, Any], form: str) -> None:
    if form == "json":
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        return
    from prempti_otel.ctl.output import printable

    if "error" in answer:
        click.echo(f"error  line {answer['error']['line']}: {printable(answer['error']['message'])}")
    else:
        click.echo(f"{answer['verdict']:<6} {', '.join(answer['rules'])}")
