"""Cases on rules files: loaded or not, codes, compiled conditions, matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from prempti_otel.model.decision import Priority
from prempti_otel.model.event import Event
from prempti_otel.model.fields import FIELDS, Argument, Field, FieldType, Level, Registry
from prempti_otel.rules.diagnostics import FileResult, LoadError
from prempti_otel.rules.files.collector import Collector
from prempti_otel.rules.files.requirements import parse_version, unmet
from prempti_otel.rules.files.schema import schema_warnings
from prempti_otel.rules.files.yamlnodes import SourceFile
from prempti_otel.rules.language.ast import canonical
from prempti_otel.rules.loader import LoadResult, load_steps
from prempti_otel.rules.options import Options, RuleFile
from prempti_otel.rules.selection import OutputSuffix, Selection, Switch, matches_wildcard
from tests.conformance.evaluation import Values, registry_of
from tests.conformance.outcome import Case, Disagreed, NotApplicable, Outcome
from tests.conformance.templates import PROBE_FIELDS, PROBE_TIME

_NUMBERS = frozenset({"evt.num", "proc.pid", "proc.ppid", "thread.tid", "fd.num", "user.uid"})
_INDEXED = frozenset({"proc.aname", "proc.apid", "evt.arg"})
_SYSCALL_ONLY = frozenset({"LOAD_NO_EVTTYPE"})
"""Codes that only the syscall source can give."""


def _run(files: list[RuleFile], options: Options) -> LoadResult:
    steps = load_steps(files, options)
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            result: LoadResult = finished.value
            return result


def syscall_registry(text: str) -> Registry:
    """Stand-ins for all fields that a text names: text, but for the few that are numbers."""
    names = set(re.findall(r"\b[a-z]+(?:\.[a-z_0-9]+)+", text)) - {"ci.internal"}
    return {name: _syscall_field(name) for name in names}


def _syscall_field(name: str) -> Field:
    kind = FieldType.UINT64 if name in _NUMBERS else FieldType.STRING
    argument = Argument.OPTIONAL_INDEX_OR_KEY if name in _INDEXED else Argument.NONE
    return Field(name, kind, Level.TOOL, "", argument=argument)


def schema_opinions(case: Case) -> Iterator[bool]:
    """Whether the schema finds in each file what Falco's validator does; for the summary only."""
    if "content" in case and "schema_validation" in case:
        yield _schema_status(schema_warnings(_source(case["content"]))) == case["schema_validation"]
    answers = case.get("falco_0_44_1")
    files = answers.get("files") or () if isinstance(answers, dict) else ()
    for given, answer in zip(case.get("files") or (), files, strict=False):
        if "schema_validation" in answer:
            found = schema_warnings(_source(given["content"]))
            yield (_schema_status(found), found) == (answer["schema_validation"], answer["schema_warnings"])


def _source(content: str) -> SourceFile:
    return SourceFile("f.yaml", content.encode("utf-8", "surrogatepass"))


def _schema_status(found: list[str] | None) -> str:
    return "none" if found is None else found[0] if found else "ok"


def captured(case: Case) -> Outcome:
    """One file, loaded with the source ``syscall``."""
    text = case["content"]
    suffixes = []
    for setting in case.get("engine_config", []):
        if setting["kind"] == "add_extra_format":
            suffixes.append(OutputSuffix(setting["format"], setting["source"], tuple(setting["tags"]), setting["rule"]))
    registry = syscall_registry(text + " ".join(suffix.template for suffix in suffixes))
    result = _run([RuleFile("f.yaml", text)], Options(registry, source="syscall", suffixes=tuple(suffixes)))
    expected = {key: [item["code"] for item in case[key]] for key in ("errors", "warnings")}
    problem = _compare_file(result.files[0], case["successful"], expected["errors"], expected["warnings"])
    if problem is not None or result.ruleset is None:
        return problem
    described = case.get("describe")
    rules = described.get("rules", []) if isinstance(described, dict) else []
    return _compare_rules(result, rules) or _compare_enabled(result, case["num_enabled_default_ruleset"])


def _compare_enabled(result: LoadResult, expected: int) -> Outcome:
    assert result.ruleset is not None
    got = sum(rule.enabled for rule in result.ruleset.rules)
    return None if got == expected else Disagreed(f"{expected} enabled", f"{got} enabled")


def _compare_file(got: FileResult, successful: bool, errors: list[str], warnings: list[str]) -> Outcome:
    if got.successful != successful:
        return Disagreed("loads" if successful else f"fails: {errors}", [item.as_text() for item in got.errors])
    got_errors = sorted(item.code for item in got.errors)
    if got_errors != sorted(errors):
        return Disagreed(errors, got_errors)
    expected = sorted(code for code in warnings if code not in _SYSCALL_ONLY)
    got_warnings = sorted(item.code for item in got.warnings)
    return None if got_warnings == expected else Disagreed(f"warnings {expected}", f"warnings {got_warnings}")


def _compare_rules(result: LoadResult, rules: list[dict[str, Any]]) -> Outcome:
    assert result.ruleset is not None
    known = {rule.name: rule for rule in result.ruleset.rules}
    for expected in rules:
        rule = known.get(expected["name"])
        if rule is None:
            return Disagreed(f"rule {expected['name']}", sorted(known))
        wanted = (
            expected.get("condition_compiled"),
            expected["priority"],
            sorted(expected["tags"]),
            expected["enabled"],
        )
        compiled = canonical(rule.tree) if wanted[0] is not None else None
        got = (compiled, str(rule.priority), list(rule.tags), rule.enabled)
        if got != wanted:
            return Disagreed(wanted, got)
        if expected.get("output_compiled") not in (None, rule.output):
            return Disagreed(expected["output_compiled"], rule.output)
    return None


def _answer(case: Case) -> dict[str, Any]:
    """The answer of the version whose language this is."""
    found: dict[str, Any] = case["falco_0_44_1"]
    return found


def probe(case: Case) -> Outcome:
    """Several files with options, and events to judge."""
    answer = _answer(case)
    reason = _on_purpose(case, answer)
    if reason is not None:
        return NotApplicable(reason)
    given = case.get("options") or {}
    registry = {**FIELDS, **registry_of(PROBE_FIELDS)}
    files = [RuleFile(file["name"], file["content"]) for file in case["files"]]
    options = Options(registry, _selection(given), suffixes=tuple(_suffixes(given)))
    result = _run(files, options)
    for expected, got in zip(answer["files"], result.files, strict=False):
        codes = {key: [item["code"] for item in expected[key]] for key in ("errors", "warnings")}
        # The engine that was asked served the source syscall as well.
        got.warnings[:] = [item for item in got.warnings if "source 'syscall'" not in item.message]
        if (problem := _compare_file(got, expected["successful"], codes["errors"], codes["warnings"])) is not None:
            return problem
    if result.ruleset is None:
        return None
    described = [rule for rule in answer.get("rules", []) if isinstance(rule, dict)]
    served = [rule for rule in described if rule.get("source", "coding_agent") == "coding_agent"]
    # What Falco describes is the files alone; the selection shows in the matches and in how many are enabled.
    unselected = _run(files, replace(options, selection=Selection()))
    return (
        _compare_rules(unselected, served)
        or (
            _compare_enabled(result, answer["num_enabled"])
            if "num_enabled" in answer and len(served) == len(described)
            else None
        )
        or _compare_matches(result, case, answer)
    )


def _on_purpose(case: Case, answer: dict[str, Any]) -> str | None:
    """Why the case asks for something that is different here on purpose."""
    messages = [item["message"] for file in answer["files"] for item in file["errors"]]
    if any("parameter too long" in message for message in messages):
        return "constants may be longer than 255 bytes here"
    text = "".join(file["content"] for file in case["files"])
    if "source: syscall" in text or re.search(r"^- rule:(?!(?:\n .*)*\n  source:)", text, re.MULTILINE):
        served = [
            rule for rule in answer.get("rules", []) if isinstance(rule, dict) and rule.get("source") == "syscall"
        ]
        if served or any("LOAD_NO_EVTTYPE" in str(file) for file in answer["files"]):
            return "rules of the source syscall are skipped here"
    if re.search(r"""in \("\\d"\)""", text):
        return "a bad escape in the first item of a list is an error here, where Falco takes the list as empty"
    return None


def _selection(given: Any) -> Selection:
    switches = [Switch(item["enable"], item.get("rule"), item.get("tag")) for item in given.get("selection", [])]
    minimum = Priority(given["min_priority"].capitalize()) if "min_priority" in given else Priority.DEBUG
    return Selection(switches=tuple(switches), minimum_priority=minimum)


def _suffixes(given: Any) -> list[OutputSuffix]:
    return [
        OutputSuffix(item["format"], item.get("source", ""), tuple(item.get("tags", [])), item.get("rule", ""))
        for item in given.get("append_output", [])
    ]


def _compare_matches(result: LoadResult, case: Case, answer: dict[str, Any]) -> Outcome:
    assert result.ruleset is not None
    for values, expected in zip(case.get("events") or [], answer.get("matches", []), strict=False):
        event: Event = Values({"evt.time": PROBE_TIME, **values})
        got = [
            (match.rule, str(match.priority), match.output, list(match.tags))
            for match in result.ruleset.judge([event]).matches
        ]
        wanted = [(match["rule"], match["priority"], match["message"], match["tags"]) for match in expected]
        if len({match[1] for match in wanted}) > 1:
            got, wanted = sorted(got), sorted(wanted)
        if got != wanted:
            return Disagreed(wanted, got)
    return None


def wildcard(case: Case) -> Outcome:
    """A pattern of rule selection and a rule's name."""
    got = matches_wildcard(case["pattern"], case["text"])
    return None if got == case["match"] else Disagreed(case["match"], got)


_NAME = "the rule"


def condition_warnings(case: Case) -> Outcome:
    """Which codes a condition is warned of with."""
    text = case["condition"]
    registry = {field: Field(field, FieldType.STRING, Level.TOOL, "") for field in syscall_registry(text)}
    lines = [
        f"- rule: {_NAME}",
        "  desc: d",
        "  output: o",
        "  priority: info",
        "  source: syscall",
        "  condition: >",
        f"    {text}",
    ]
    result = _run([RuleFile("f.yaml", "\n".join(lines) + "\n")], Options(registry, source="syscall"))
    got = sorted({str(item.code) for item in result.files[0].warnings})
    return None if got == sorted(set(case["codes"])) else Disagreed(case["codes"], got)


def plugin_requirements(case: Case) -> Outcome:
    """A file that requires plugins, and the plugins that there are."""
    collector = Collector(frozenset({"coding_agent"}), FIELDS)
    try:
        for _ in collector.read(SourceFile("f.yaml", case["content"].encode()), lambda _: None):
            pass
    except LoadError as error:
        return None if not case["load_ok"] else Disagreed("loads", error.diagnostics())
    if not case["load_ok"]:
        return Disagreed("fails", "loads")
    plugins = {plugin["name"]: parse_version(plugin["version"]) or (0, 0, 0) for plugin in case["plugins"]}
    sentence = unmet(collector.plugins, plugins)
    return None if (sentence is None) == case["satisfied"] else Disagreed(case["error"], sentence)
