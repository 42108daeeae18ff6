"""Rules, conditions and events for tests of the rule language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prempti_otel.model.event import Event
from prempti_otel.model.fields import Level
from prempti_otel.rules.checks.compiler import compile_condition
from prempti_otel.rules.loader import LoadResult, load
from prempti_otel.rules.options import RuleFile
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.rules.selection import Selection


def event(values: Mapping[str, Any] | None = None, level: Level = Level.TOOL, base: Event | None = None) -> Event:
    """An event of these values and nothing else."""
    return Event(level, dict(values or {}), base)


def holds(condition: str, values: Mapping[str, Any] | None = None) -> bool:
    """Whether a condition without lists and macros holds on one event of these values."""
    return compile_condition(condition).holds(event(values))


def rule(name: str = "r", condition: str = "tool.name = Bash", **keys: str) -> str:
    """The YAML of one rule; further keys as YAML text."""
    lines = {"desc": "d", "output": "o", "priority": "WARNING", "source": "coding_agent", **keys}
    more = "".join(
        f"  {key.replace('skip_if', 'skip-if').replace('_unknown_', '-unknown-')}: {value}\n"
        for key, value in lines.items()
    )
    return f"- rule: {name}\n  condition: >\n    {condition}\n{more}"


def loaded(*texts: str | bytes, selection: Selection | None = None) -> LoadResult:
    """Files ``f1.yaml``, ``f2.yaml``, ... loaded in order."""
    files = [RuleFile(f"f{number}.yaml", text) for number, text in enumerate(texts, 1)]
    return load(files, selection=selection)


def ruleset(*texts: str, selection: Selection | None = None) -> Ruleset:
    """The ruleset of files that must load."""
    result = loaded(*texts, selection=selection)
    assert result.ruleset is not None, result.as_text()
    return result.ruleset


def codes(result: LoadResult) -> list[str]:
    """All codes, errors first, in order."""
    return [str(item.code) for file in result.files for item in (*file.errors, *file.warnings)]


def matched(rules: Ruleset, *events: Event) -> list[str]:
    """Names of the rules that held, in the order of the judgement."""
    return [match.rule for match in rules.judge(events).matches]
