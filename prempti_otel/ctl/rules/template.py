"""``premptictl rules new``: a commented rule, and tests for it, made from a recorded call.

The record is what an agent asked for, so it is hostile text: everything of it is quoted, and what cannot be
is left out. Nothing that exists is overwritten.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from prempti_otel.ctl.files import write_private
from prempti_otel.ctl.output import printable
from prempti_otel.ctl.parameters import SEQ
from prempti_otel.ctl.rules.project_places import folder_here
from prempti_otel.errors import PremptiError
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from prempti_otel.audit.records import DecisionBody, EventBody

PREPARE = frozenset({"cd", "export", "set", "source", "."})
"""Commands that come before the one that a call is about."""
HINTS = (
    "proc.name",
    "proc.subcommand",
    "proc.operands",
    "proc.cmdline",
    "file.op",
    "file.home_path",
    "file.path",
    "net.op",
    "net.host",
)
MOST_EVENTS = 8
LONGEST_WORD = 120
TEST_HOME = "/home/dev"
"""Where `rules test` has ``~``."""
_BARE = re.compile(r"[A-Za-z0-9_./~-]+")


@click.command()
@click.argument("seq", type=SEQ)
@click.option("--name", help="The rule's name; by default it is made from the call.")
@click.option(
    "--verdict", type=click.Choice(["deny", "ask"]), default="ask", show_default=True, help="What it asks for."
)
@click.option("--project", is_flag=True, help="Write it into the project around the current folder.")
def new(seq: int, name: str | None, verdict: str, project: bool) -> None:
    """Make a rule from the recorded call SEQ (see `premptictl logs`): a commented file, and a test beside it.

    They are written below PREMPTI_HOME/rules/user, and the rule is in force at once; in a project, below
    .prempti/rules, it is in force once you trust it. An existing file is never overwritten.
    """
    home = Home.from_environment()
    body = _decision(home, seq)
    subject = _subject(body)
    title = name or f"Like record {seq}: {subject}"[:80].strip()
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or f"record-{seq}"
    folder = folder_here(home) if project else home.user_rules
    rule_file = folder / f"{slug}.yaml"
    test_file = folder / "tests" / f"{slug}.yaml"
    for file in (rule_file, test_file):
        if file.exists():
            raise PremptiError("this file exists already", where=str(file), remedy="choose another --name, or edit it")
    rule = rule_text(body, title, verdict, seq)
    _check(rule_file, rule)
    if not project:
        home.create()
    test_file.parent.mkdir(mode=0o755 if project else 0o700, parents=project, exist_ok=True)
    write_private(rule_file, rule.encode())
    write_private(test_file, test_text(body, title).encode())
    click.echo(f"rule: {rule_file}\ntest: {test_file}\n")
    if project:
        place = shlex.quote(os.path.relpath(folder))
        click.echo("nobody trusts it yet; edit it, then:")
        click.echo(f"  premptictl rules check {place}\n  premptictl rules test {place}\n  premptictl rules trust")
        return
    click.echo("it is in force, for calls like this one; edit it, then:")
    click.echo("  premptictl rules check\n  premptictl rules test\n  premptictl replay --history 30")


def rule_text(body: DecisionBody, name: str, verdict: str, seq: int) -> str:
    """The rule file."""
    level, clauses = _condition(body)
    seen = "".join(f"#   {hint}\n" for hint in _hints(body))
    output = {
        "process": "`%proc.cmdline` is not wanted here; say what to do instead",
        "file": "%file.op of %file.path is not wanted here; say what to do instead",
        "network": "talking to %net.host is not wanted here; say what to do instead",
        "tool": "%tool.name is not wanted here; say what to do instead",
    }[level]
    rule = {
        "rule": name,
        "desc": "Say why, for whoever reads the alert.",
        "condition": " and ".join(clauses),
        "output": output,
        "priority": "WARNING",
        "source": "coding_agent",
        "tags": [f"coding_agent_{verdict}"],
    }
    return f"""\
# Made from record {seq}. What the call would do, as rules see it:
#
{seen}#
# The condition holds for little more than that call: leave clauses out, or add words to a list, until it holds for
# what you mean (`premptictl explain --rule`, `premptictl replay --history 30`). It is judged on each {level} event;
# all fields: docs/fields.md. The output is what the model is told: name what it should do instead.
# coding_agent_ask puts the call before a person, coding_agent_deny blocks it.
{_yaml([rule])}"""


def test_text(body: DecisionBody, name: str) -> str:
    """The test file: the recorded call, which must be stopped, and a place for one that must not."""
    case: dict[str, Any] = {"verdict": "stop", "rules": [name]}
    call = body.call
    case["cwd"] = _at_test_home(call.cwd) if call.cwd.startswith("/") else f"{TEST_HOME}/project"
    if call.tool == "Bash":
        case["command"] = _at_test_home(call.command)
    else:
        case["tool"] = call.tool
        case["input"] = _moved(call.input)
    return f"""\
# The recorded call, after redaction, moved to the home of {TEST_HOME}.
# Add calls that are alike but harmless, with `verdict: pass`: that is where rules go wrong.
{_yaml({"cases": [case]})}"""


def _decision(home: Home, seq: int) -> DecisionBody:
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import DecisionBody, body_of

    with StoreReader(home) as store:
        record = store.get(seq)
    if record is None:
        raise PremptiError(f"there is no record {seq}", remedy="premptictl logs")
    if record.kind is not RecordKind.DECISION:
        raise PremptiError(f"record {seq} is no call but of kind {record.kind.value}", remedy="premptictl logs")
    body = body_of(record, DecisionBody)
    if not body.events:
        raise PremptiError(f"the call of record {seq} was not judged", remedy="choose another record")
    return body


def _subject(body: DecisionBody) -> str:
    call = body.call
    text = call.command or f"{call.tool} {call.file_path}"
    return printable(" ".join(text.split()))[:60]


def _condition(body: DecisionBody) -> tuple[str, list[str]]:
    """The level and the clauses of a first condition: what the call is about, and little else."""
    for level, choose in (("process", _subcommand), ("network", _host), ("file", _file), ("process", _process)):
        for event in body.events:
            if event.level == level and (clauses := choose(event, body.call.real_cwd)):
                return level, clauses
    name = _quoted(body.call.tool)
    return "tool", [f"tool.name = {name}"] if name else ["tool.name exists"]


def _subcommand(event: EventBody, _cwd: str) -> list[str]:
    clauses = _equal(event, "proc.name", "proc.subcommand")
    return [*clauses, *_operand(event)] if len(clauses) == 2 else []


def _host(event: EventBody, _cwd: str) -> list[str]:
    clauses = _equal(event, "net.op", "net.host")
    return clauses if len(clauses) == 2 else []


def _file(event: EventBody, cwd: str) -> list[str]:
    """Of a file that is changed, or read outside the working directory: reading inside is what every call does."""
    operation, path = event.fields.get("file.op"), str(event.fields.get("file.real_path", ""))
    if operation == "exec" or (operation == "read" and path.startswith(f"{cwd}/")):
        return []
    clauses = _equal(event, "file.op", "file.home_path")
    return clauses if len(clauses) == 2 else []


def _process(event: EventBody, _cwd: str) -> list[str]:
    clauses = _equal(event, "proc.name")
    return [*clauses, *_operand(event)] if clauses and event.fields.get("proc.name") not in PREPARE else []


def _equal(event: EventBody, *fields: str) -> list[str]:
    """A clause for each of ``fields`` that can be said in a word."""
    values = [(field, event.fields.get(field)) for field in fields]
    return [f"{field} = {word}" for field, value in values if isinstance(value, str) and (word := _quoted(value))]


def _operand(event: EventBody) -> list[str]:
    """The first word that is neither option nor path, as a clause: where something stands is another question."""
    operands = event.fields.get("proc.operands")
    words = (
        [word for word in operands if isinstance(word, str) and "/" not in word] if isinstance(operands, list) else []
    )
    word = _quoted(words[0]) if words else ""
    return [f"proc.operands intersects ({word})"] if word else []


def _quoted(value: str) -> str:
    """``value`` as a condition has it; empty where it cannot be said in one word."""
    if len(value) > LONGEST_WORD or not value:
        return ""
    if _BARE.fullmatch(value):
        return value
    if not value.isprintable() or "\\" in value:
        return ""
    if '"' not in value:
        return f'"{value}"'
    return f"'{value}'" if "'" not in value else ""


def _hints(body: DecisionBody) -> list[str]:
    lines = []
    for event in body.events[: MOST_EVENTS + 1]:
        parts = [f"{field} = {_told(event.fields[field])}" for field in HINTS if event.fields.get(field)]
        if parts:
            lines.append(f"{event.level}: {', '.join(parts)}")
    return lines[:MOST_EVENTS] or [f"tool: tool.name = {_short(body.call.tool)}"]


def _told(value: object) -> str:
    return _short(f"({', '.join(map(str, value))})" if isinstance(value, list) else value)


def _short(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= 80 else text[:79] + "…"


def _at_test_home(text: str) -> str:
    return text.replace(str(Path.home()), TEST_HOME) if str(Path.home()) != "/" else text


def _moved(value: Any) -> Any:
    if isinstance(value, str):
        return _at_test_home(value)
    if isinstance(value, dict):
        return {key: _moved(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner) for inner in value]
    return value


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def _check(file: Path, text: str) -> None:
    """Raises PremptiError where the rule would not load: better no file than a broken one in force."""
    from prempti_otel.rules.loader import load
    from prempti_otel.rules.options import RuleFile

    result = load([RuleFile(str(file), text)])
    if result.ruleset is None:
        raise PremptiError(
            f"no rule can be made of this call: {result.as_text().strip()}", remedy="docs/writing-rules.md"
        )
