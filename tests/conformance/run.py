"""Measures the rule language against a folder of case files: ``python tests/conformance/run.py DIR``.

A case is recognised by what it holds, not by the file it is in. Prints per file how many cases there
are, agreed, disagreed (each one) and are not applicable (by reason and name; ``--short`` leaves out the names).
Exit status 1 if fewer than 99 % of a file's applicable cases agree, or if no case was found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance import conditions, evaluation, rulesfiles, templates
from tests.conformance.outcome import Case, NotApplicable, Outcome, Tally

REQUIRED = 0.99


def cases_of(content: Any) -> Iterator[tuple[str, Case]]:
    """All cases of a file, each with the list that it stood in."""
    groups = content.items() if isinstance(content, dict) else [("cases", content)]
    for key, group in groups:
        if isinstance(group, list):
            yield from ((key, case) for case in group if isinstance(case, dict) and _is_case(case))


def _is_case(case: Case) -> bool:
    return not {"type", "name", "desc"} <= set(case)


def measure(content: Any) -> Tally:
    """The outcome of each case of one file."""
    tally = Tally()
    registry = evaluation.registry_of(content.get("field_types", {})) if isinstance(content, dict) else {}
    ends = evaluation.connection_ends(case for _, case in cases_of(content))
    for group, case in cases_of(content):
        judge = judge_for(case, group, registry, ends)
        outcome = judge(case) if judge else NotApplicable("the format of the case is not known")
        tally.add(name_of(case), outcome)
        if judge is conditions.parse and (places := conditions.error_offset(case)):
            tally.places += 1
            tally.same_place += places[0] == places[1]
        for same in rulesfiles.schema_opinions(case):
            tally.schemas += 1
            tally.same_schema += same
    return tally


def judge_for(case: Case, group: str, registry: Any, ends: evaluation.Ends) -> Callable[[Case], Outcome] | None:
    """What measures a case with these keys."""
    keys = set(case)
    if "search_paths" in keys:
        return evaluation.paths
    if "intended" in keys:
        return evaluation.intended
    if "op" in keys and "in_hex" in keys:
        return conditions.escaping
    if {"input", "expected_type"} <= keys:
        return evaluation.transformer
    if "field_types" in keys:
        return conditions.typecheck
    if {"content", "plugins"} <= keys:
        return rulesfiles.plugin_requirements
    if {"content", "successful"} <= keys:
        return rulesfiles.captured
    if {"files", "falco_0_44_1"} <= keys:
        return rulesfiles.probe
    if {"pattern", "text", "match"} <= keys:
        return rulesfiles.wildcard
    if {"condition", "codes"} <= keys:
        return rulesfiles.condition_warnings
    if {"format", "json_mode"} <= keys:
        return templates.captured
    if {"format", "fields"} <= keys:
        return templates.probe
    if {"filter", "fields", "expect"} <= keys:
        typed = any(isinstance(field, dict) for field in case["fields"].values()) or "portable" in keys
        if typed:
            return lambda found: evaluation.described(found, ends)
        return lambda found: evaluation.matrix(found, registry)
    if keys <= {"test", "filter", "expect"} or "mock" in group:
        return evaluation.mock
    if keys & {"filter", "expr"}:
        return conditions.parse
    return None


def name_of(case: Case) -> str:
    """How a case is called in the report."""
    text = case.get("filter", case.get("expr", case.get("format", case.get("condition", case.get("name", "")))))
    return f"{case.get('test', '')} {json.dumps(text)}".strip()[:160]


def report(path: Path, tally: Tally, names: bool) -> bool:
    """Print one file's figures; returns whether they suffice."""
    enough = tally.share >= REQUIRED
    print(
        f"{path.name}: {tally.cases} cases, {tally.agreed} agreed, {len(tally.disagreed)} disagreed, "
        f"{len(tally.not_applicable)} not applicable: {tally.share:.2%}{'' if enough else '  BELOW 99 %'}"
    )
    if tally.places:
        print(f"  for information: {tally.same_place} of {tally.places} errors are seen at the same byte")
    if tally.schemas:
        print(f"  for information: {tally.same_schema} of {tally.schemas} files have the same schema warnings")
    for name, outcome in tally.disagreed:
        print(f"  disagreed: {name}\n    expected {outcome.expected}\n    got      {outcome.got}")
    for reason, count in tally.reasons():
        print(f"  not applicable, {count}: {reason}")
        if names:
            print(*(f"    {name}" for name, why in tally.not_applicable if why == reason), sep="\n")
    return enough


def main() -> int:
    os.environ["TZ"] = "UTC"
    time.tzset()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", action="store_true", help="do not name the cases that are not applicable")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.json"))
    results = [report(path, measure(json.loads(path.read_text("utf-8"))), not options.short) for path in files]
    if not results:
        print(f"no case files (*.json) in {options.folder}")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
