"""The reference page of the shipped rules, generated from the rule files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict

if TYPE_CHECKING:
    from prempti_otel.rules.rule import Rule

_INTRODUCTION = """# Default rules

Generated from `rules/default` by `make docs`. Do not edit.

Every rule is judged on every call; the strictest verdict of those that hold is what counts. *deny* blocks,
*ask* puts the call before a person (and blocks where the agent cannot ask), *inform* is recorded only.
`premptictl explain 'COMMAND'` says which of them hold for a command and why. Lists and macros of these files
are made to be extended from your own ones; see [writing rules](writing-rules.md).
"""
_VERDICTS = {Verdict.DENY: "deny", Verdict.ASK: "ask"}
_SECTIONS = {
    "boundary": "The working directory's boundary",
    "sensitive_paths": "Sensitive paths",
    "sandbox": "Agents' own sandboxes and prompts",
    "destruction": "Destruction",
    "threats": "Threats",
    "content": "Instructions, skills and MCP servers",
    "persistence": "Persistence",
    "self_protection": "The guard itself",
}


def default_rules_page() -> str:
    """The page as Markdown: a table per section, rules in the files' order. Raises PremptiError if they do not load."""
    from prempti_otel.engine.rulesets import read_rule_files
    from prempti_otel.rules.loader import load
    from prempti_otel.settings.resources import resource

    result = load(read_rule_files([resource("rules/default")]))
    if result.ruleset is None:
        raise PremptiError(result.as_text().strip(), remedy="correct the rules")
    parts = [_INTRODUCTION]
    for tag, title in _SECTIONS.items():
        rules = [rule for rule in result.ruleset.rules if tag in rule.tags]
        parts.append(f"\n## {title}\n\n| rule | verdict | what and why | ATT&CK |\n|---|---|---|---|\n")
        parts += [_row(rule) for rule in rules]
    return "".join(parts)


def _row(rule: Rule) -> str:
    verdict = _VERDICTS.get(rule.verdict, "inform")
    technique = ", ".join(_link(tag) for tag in rule.tags if tag[:1] == "T" and tag[1:2].isdigit())
    meaning = " ".join(rule.description.split()).replace("|", "\\|")
    return f"| {rule.name} | {verdict} | {meaning} | {technique} |\n"


def _link(technique: str) -> str:
    return f"[{technique}](https://attack.mitre.org/techniques/{technique.replace('.', '/')}/)"
