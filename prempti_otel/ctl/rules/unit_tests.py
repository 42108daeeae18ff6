"""Unit tests of rules: calls in YAML, the verdict and the rules that each must get.

A file beside the rules, in a folder ``tests``:

    cases:
      - command: rm -rf ~
        verdict: deny
        rules: [Delete a root of the system or of a home]
      - tool: Write
        input: {file_path: notes.md, content: rm -rf /}
        verdict: pass
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from xml.etree import ElementTree

import msgspec
from msgspec import Meta

from prempti_otel.engine.offline import Judge
from prempti_otel.engine.prediction import shipped_context
from prempti_otel.engine.projects.rules import Everywhere
from prempti_otel.errors import PremptiError
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.settings.document import compose
from prempti_otel.settings.text import ConfigError, read_text
from prempti_otel.settings.validate import converted

FOLDER = "tests"
"""Name of the folder beside rule files that holds their tests."""


HOME, USER = "/home/dev", "dev"
"""Whose calls they are, so that ``~`` in a case means the same on every machine."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One call: a shell command, a tool with its input, or an agent's whole payload."""

    command: str = ""
    tool: str = ""
    input: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    agent: str = "claude_code"
    cwd: str = "/home/dev/project"


class Case(Step, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A call and what is expected of it."""

    verdict: Annotated[Literal["deny", "ask", "stop", "pass"], Meta(description="stop: deny or ask; pass: neither")]
    name: str = ""
    rules: list[str] = []
    """Rules that must hold, others may."""
    not_rules: list[str] = []
    """Rules that must not."""
    after: list[Step] = []
    """Calls of the same session that come first."""


class Cases(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A test file."""

    cases: Annotated[list[Case], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Result:
    """One case, judged."""

    name: str
    place: str
    """``file:line`` of the case."""
    failure: str
    """What was other than expected; empty where nothing was."""
    seconds: float


def find(paths: Sequence[Path]) -> list[Path]:
    """Test files: the ones given, and those in the folders given or in ``tests`` below them."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            folder = path / FOLDER if (path / FOLDER).is_dir() else path
            found += sorted(entry for entry in folder.iterdir() if entry.suffix in (".yaml", ".yml"))
        elif path.exists():
            found.append(path)
    return found


def run(
    files: Sequence[Path],
    ruleset: Ruleset,
    project_of: Callable[[Path], Everywhere | None] = lambda _: None,
) -> list[Result]:
    """Judge every case of every file, those of a project's file by its rules, too.

    Raises PremptiError for a file that cannot be read.
    """
    results = []
    for file in files:
        project = project_of(file)
        known = {rule.name for rule in ruleset.rules} | (project.names if project is not None else frozenset())
        document = compose(file, read_text(file))
        cases, reader = converted(document, Cases)
        for index, case in enumerate(cases.cases):
            place = document.place(reader.nodes[f"$.cases[{index}]"]).rpartition(":")[0]
            for name in (*case.rules, *case.not_rules):
                if name not in known:
                    raise ConfigError(f"there is no rule {name!r}", where=place, remedy="premptictl rules list")
            results.append(_judge(case, place, judge_of(ruleset, project)))
    return results


def judge_of(ruleset: Ruleset, project: Everywhere | None = None) -> Judge:
    """A fresh judge of calls that :data:`USER` makes; marks are its own."""
    tmpdir = "/tmp"  # noqa: S108 - a name
    context = msgspec.structs.replace(shipped_context(), home=HOME, user=USER, tmpdir=tmpdir, ignores_case=False)
    return Judge(ruleset, context=context, projects=project)


def _judge(case: Case, place: str, judge: Judge) -> Result:
    started = time.perf_counter()
    try:
        for step in case.after:
            judge.decide(step.agent, payload_of(step))
        decision = judge.decide(case.agent, payload_of(case))
    except PremptiError as error:
        failure = error.diagnostics()
    else:
        held = list(dict.fromkeys(match.rule for match in decision.matches))
        failure = _difference(case, str(decision.verdict), held)
    name = case.name or case.command or case.tool or "payload"
    return Result(name, place, failure, time.perf_counter() - started)


def _difference(case: Case, verdict: str, held: Sequence[str]) -> str:
    said = []
    accepted = {"stop": ("deny", "ask"), "pass": ("defer", "allow")}.get(case.verdict, (case.verdict,))
    if verdict not in accepted:
        said.append(f"verdict {verdict}, expected {case.verdict}")
    missing = [name for name in case.rules if name not in held]
    if missing:
        said.append(f"did not hold: {', '.join(missing)}")
    unwanted = [name for name in case.not_rules if name in held]
    if unwanted:
        said.append(f"held: {', '.join(unwanted)}")
    if said:
        said.append(f"rules that held: {', '.join(held) or 'none'}")
    return "; ".join(said)


def payload_of(step: Step) -> bytes:
    """What an agent's hook would send for ``step``."""
    if step.payload:
        return msgspec.json.encode(step.payload)
    return msgspec.json.encode(
        {
            "session_id": "rule-test",
            "transcript_path": "",
            "cwd": step.cwd,
            "permission_mode": "default",
            "hook_event_name": "PreToolUse",
            "tool_name": step.tool or "Bash",
            "tool_input": step.input or {"command": step.command},
            "tool_use_id": "rule-test",
        }
    )


def junit(results: Sequence[Result]) -> str:
    """The results as JUnit XML, for CI servers."""
    failures = sum(bool(result.failure) for result in results)
    suite = ElementTree.Element(
        "testsuite",
        name="premptictl rules test",
        tests=str(len(results)),
        failures=str(failures),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        file, _, line = result.place.rpartition(":")
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=Path(file).stem,
            name=_xml_text(result.name),
            file=file,
            line=line,
            time=f"{result.seconds:.4f}",
        )
        if result.failure:
            ElementTree.SubElement(case, "failure", message=_xml_text(result.failure))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _xml_text(text: str) -> str:
    """``text`` without what XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or c > "\ue000" else "\ufffd" for c in text)
