"""Rules files to a ruleset. Nothing in a file makes this raise: all that is wrong is in the result.

Files are loaded one after another; what is defined so far must compile after each of them, as in Falco.
Work is done in small steps, so that a reload beside running request threads does not stall them.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from prempti_otel.model.event import EVENT_SOURCE
from prempti_otel.model.fields import FIELDS, Registry
from prempti_otel.rules.build import Builder
from prempti_otel.rules.diagnostics import Code, FileResult, JsonObject, LoadError, results_text
from prempti_otel.rules.files.collector import Collector
from prempti_otel.rules.files.requirements import PLUGINS, Version, unmet
from prempti_otel.rules.files.schema import schema_warnings
from prempti_otel.rules.files.yamlnodes import SourceFile
from prempti_otel.rules.ruleset import Rule, Ruleset
from prempti_otel.rules.selection import OutputSuffix, Selection
from prempti_otel.rules.steps import let_go

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rules file's text; ``name`` is the path that diagnostics show."""

    name: str
    content: bytes | str

    def source(self) -> SourceFile:
        """With its text as bytes."""
        content = self.content
        return SourceFile(self.name, content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


@dataclass(frozen=True, slots=True)
class Options:
    """What loading depends on besides the files."""

    fields: Registry = field(default_factory=lambda: FIELDS)
    selection: Selection = field(default_factory=Selection)
    source: str = EVENT_SOURCE
    """The event source that is served; rules of others are skipped."""
    suffixes: tuple[OutputSuffix, ...] = ()
    plugins: Mapping[str, Version] | None = None
    """What ``required_plugin_versions`` is checked against; None: not checked."""


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


def finish(steps: Generator[None, None, T], pause: Callable[[], None] | None) -> T:
    """What the steps come to; ``pause`` is called between them."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            result: T = finished.value
            return result
        if pause is not None:
            pause()


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
            _check_plugins(collector, source, options.plugins)
        except LoadError as error:
            result.errors.append(error.diagnostic)
            return LoadResult(results, None, files)
    ruleset = yield from ruleset_of(rules, files, options)
    yield from let_go(collector.lists, collector.macros, collector.rules)
    yield from builder.let_go()
    return LoadResult(results, ruleset, files)


def _check_plugins(collector: Collector, file: SourceFile, plugins: Mapping[str, Version] | None) -> None:
    if plugins is None:
        return
    sentence = unmet(collector.plugins, plugins)
    if sentence is not None:
        place = (file.location("rules content", ""),)
        raise LoadError(
            file.diagnostic(Code.VALIDATE, sentence, place, "remove the requirement and the rules that need it")
        )


def ruleset_of(rules: Sequence[Rule], files: Sequence[RuleFile], options: Options) -> Generator[None, None, Ruleset]:
    """The rules with the selection applied; one that is enabled by it goes last. ``files``: what the digest is of."""
    selection = options.selection
    order = [rule for rule in rules if rule.enabled]
    for switch in selection.all_switches():
        meant = [rule for rule in rules if switch.applies(rule.name, rule.tags)]
        names = {rule.name for rule in meant}
        if switch.enable:
            known = {rule.name for rule in order}
            order += [rule for rule in meant if rule.name not in known]
        else:
            order = [rule for rule in order if rule.name not in names]
        yield
    limit = selection.minimum_priority.rank
    order = [rule for rule in order if rule.priority.rank <= limit]
    enabled = {rule.name for rule in order}
    final = []
    for rule in rules:
        in_force = rule.name in enabled
        final.append(rule if rule.enabled == in_force else replace(rule, enabled=in_force))
        yield
    by_name = {rule.name: rule for rule in final}
    digest = _digest(files, options)
    return (yield from Ruleset.build(final, [by_name[rule.name] for rule in order], digest, options.fields))


def _digest(files: Sequence[RuleFile], options: Options) -> str:
    """Over names, texts and selection, each with its length, so that nothing can pass for something else."""
    whole = hashlib.sha256()
    for file in files:
        source = file.source()
        for part in (source.name.encode("utf-8", "surrogatepass"), source.content):
            whole.update(b"%d:" % len(part))
            whole.update(part)
    whole.update(repr((options.selection, options.source, options.suffixes)).encode())
    return whole.hexdigest()
