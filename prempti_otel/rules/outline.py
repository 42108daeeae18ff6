"""What rules files define, conditions not compiled: for lists of rules, in a fraction of the time that loading takes.

What is wrong with the files' text and structure is told as loading tells it; whether every condition compiles is not
asked. Nothing is judged by an outline.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prempti_otel.rules.diagnostics import FileResult, LoadError, results_text
from prempti_otel.rules.files.collector import Collector
from prempti_otel.rules.files.requirements import PLUGINS, check_plugins
from prempti_otel.rules.options import Options, RuleFile, digest
from prempti_otel.rules.rule import DefinedRule
from prempti_otel.rules.selection import Selection, select
from prempti_otel.rules.steps import finish

if TYPE_CHECKING:
    from prempti_otel.rules.diagnostics import Diagnostic
    from prempti_otel.rules.files.definitions import RuleDefinition
    from prempti_otel.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Outline:
    """What reading the files came to."""

    files: list[FileResult]
    rules: Sequence[DefinedRule] | None
    """Every rule of the served source, in order of first definition; None if any file has an error."""
    digest: str
    """That of the ruleset that loading the files makes."""
    _collector: Collector = field(repr=False)
    _options: Options = field(repr=False)

    def as_text(self) -> str:
        """For a person: a line per file, then what was found, with place and remedy."""
        return results_text(self.files)

    def compiled(self, rule: DefinedRule) -> Rule:
        """One of the rules, compiled by itself. Raises LoadError."""
        found = _compiled(rule.name, self._collector, self._options)
        assert found is not None, "a rule that is skipped is in no outline"
        return replace(found, enabled=rule.enabled)


def outline(files: Sequence[RuleFile], selection: Selection | None = None) -> Outline:
    """Read files in this order. Never raises for their content."""
    options = Options(selection=selection or Selection(), plugins=PLUGINS)
    return finish(_outline(files, options), None)


def _outline(files: Sequence[RuleFile], options: Options) -> Generator[None, None, Outline]:
    collector = Collector(frozenset({options.source}), options.fields)
    results: list[FileResult] = []
    served: list[RuleDefinition] = []
    rules: list[DefinedRule] | None = None
    try:
        for file in files:
            source = file.source()
            results.append(FileResult(file.name))
            yield from collector.read(source, results[-1].warnings.append)
            served = [rule for rule in collector.rules.values() if _is_served(rule, collector, options)]
            check_plugins(collector.plugins, source, options.plugins)
        rules, _ = yield from select([DefinedRule(**rule.told()) for rule in served], options.selection)
    except LoadError as error:
        results[-1].errors.append(error.diagnostic)
    return Outline(results, rules, digest(files, options), collector, options)


def _is_served(rule: RuleDefinition, collector: Collector, options: Options) -> bool:
    """Whether the rule is of a served source and names no unknown field that it says to be skipped for."""
    if rule.unknown_source:
        return False
    return not rule.skip_if_unknown_filter or _compiled(rule.name, collector, options) is not None


def _compiled(name: str, collector: Collector, options: Options) -> Rule | None:
    from prempti_otel.rules.build import Builder

    return Builder(collector, options.fields, options.suffixes).one(name, _ignored)


def _ignored(_: Diagnostic) -> None:
    """Warnings are what `load` is for."""
