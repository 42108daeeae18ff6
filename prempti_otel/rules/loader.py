"""Rules files to a ruleset. Nothing in a file makes this raise: all that is wrong is in the result.

Files are loaded one after another; what is defined so far must compile after each of them, as in Falco.
Work is done in small steps, so that a reload beside running request threads does not stall them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from prempti_otel.model.fields import FIELDS, Registry
from prempti_otel.rules.build import Builder
from prempti_otel.rules.checks.compiler import Leaves
from prempti_otel.rules.diagnostics import FileResult, JsonObject, LoadError, results_text
from prempti_otel.rules.files.collector import Collector
from prempti_otel.rules.files.requirements import PLUGINS, check_plugins
from prempti_otel.rules.files.schema import schema_warnings
from prempti_otel.rules.options import Options, RuleFile, digest
from prempti_otel.rules.rule import Rule
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.rules.selection import Selection, select
from prempti_otel.rules.steps import finish, let_go


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What loading came to."""

    files: list[FileResult]
    ruleset: Ruleset | None
    """None if any file has an error."""
    given: Sequence[RuleFile] = field(repr=False)
    """All files that were to be loaded; after one with an error none is looked at."""

    @property
    def successful(self) -> bool:
        """Whether there is a ruleset; warnings do not count."""
        return self.ruleset is not None

    def as_json(self) -> JsonObject:
        """What ``falco --validate`` prints with ``json_output``."""
        return results_json(self.files, self.given)

    def as_text(self) -> str:
        """For a person: a line per file, then what was found, with place and remedy."""
        return results_text(self.files)

    def errors_text(self) -> str:
        """Only why there is no ruleset, with place and remedy; empty where there is one."""
        return "\n".join(error.as_text() for result in self.files for error in result.errors)


def results_json(results: Sequence[FileResult], given: Sequence[RuleFile]) -> JsonObject:
    """What loading came to, file by file, in the shape of what ``falco --validate`` prints with ``json_output``."""
    read = zip(results, given, strict=False)
    return {"falco_load_results": [result.as_json(schema_warnings(file.source())) for result, file in read]}


def load(
    files: Sequence[RuleFile],
    *,
    fields: Registry = FIELDS,
    selection: Selection | None = None,
    pause: Callable[[], None] | None = None,
) -> LoadResult:
    """Load files in this order. ``pause`` is called between small steps of the work. Never raises for their content.

    The cyclic garbage collector rests meanwhile: with so many new objects its full passes would take longer
    than the steps do.
    """
    options = Options(fields, selection or Selection(), plugins=PLUGINS)
    collecting = gc.isenabled()
    gc.disable()
    try:
        return finish(load_steps(files, options), pause)
    finally:
        if collecting:
            gc.enable()


def load_steps(files: Sequence[RuleFile], options: Options) -> Generator[None, None, LoadResult]:
    """The same as a generator that yields between small steps and returns the result."""
    collector = Collector(frozenset({options.source}), options.fields)
    builder = Builder(collector, options.fields, options.suffixes)
    results: list[FileResult] = []
    rules: list[Rule] = []
    for file in files:
        source = file.source()
        result = FileResult(file.name)
        results.append(result)
        try:
            for _ in collector.read(source, result.warnings.append):
                yield
            result.own_warnings = len(result.warnings)
            rules = yield from builder.build(result.warnings.append)
            check_plugins(collector.plugins, source, options.plugins)
        except LoadError as error:
            result.errors.append(error.diagnostic)
            return LoadResult(results, None, files)
    ruleset = yield from ruleset_of(rules, files, options, builder.leaves)
    yield from let_go(collector.lists, collector.macros, collector.rules)
    yield from builder.let_go()
    return LoadResult(results, ruleset, files)


def ruleset_of(
    rules: Sequence[Rule], files: Sequence[RuleFile], options: Options, leaves: Leaves
) -> Generator[None, None, Ruleset]:
    """The rules with the selection applied; one that is enabled by it goes last. ``files``: what the digest is of."""
    final, order = yield from select(rules, options.selection)
    return (yield from Ruleset.build(final, order, digest(files, options), options.fields, leaves))
