"""A project's rules, loaded on top of the installed ones: judged besides them, never in their place.

They see the installed lists and macros and have a ruleset of their own, so that nothing in them can change what an
installed rule says of a call. A file that tries is refused whole, and the others of the project stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prempti_otel.rules.build import Builder
from prempti_otel.rules.diagnostics import Code, Diagnostic, FileResult, LoadError, results_text
from prempti_otel.rules.files.collector import Collector
from prempti_otel.rules.files.reader import Item
from prempti_otel.rules.files.tightening import Tightening
from prempti_otel.rules.files.yamlnodes import SourceFile
from prempti_otel.rules.language.ast import Compare, Constants, Expression, checks
from prempti_otel.rules.loader import ruleset_of
from prempti_otel.rules.options import Options, RuleFile
from prempti_otel.rules.rule import Rule
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.rules.steps import finish, let_go

MAX_RULES = 500
"""Rules of one project."""
MAX_CHECKS = 20_000
"""Field checks of all rules of one project, macros and lists in place: what a call may have to wait for."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """What a project's rules build on: the installed lists and macros, and the names that are taken."""

    collector: Collector
    builder: Builder
    tightening: Tightening


@dataclass(frozen=True, slots=True)
class ProjectLoad:
    """What loading a project's files came to."""

    files: list[FileResult]
    """One for each file that was given; a refused one has an error."""
    ruleset: Ruleset | None
    """The rules of the files that were not refused; None where there is no such file."""
    given: Sequence[RuleFile] = field(repr=False)
    macros: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The macros that the files define, with their conditions."""
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    @property
    def successful(self) -> bool:
        """Whether no file was refused."""
        return all(result.successful for result in self.files)

    def only(self, names: Collection[str]) -> ProjectLoad:
        """The same, with what was said of these files only."""
        return replace(
            self,
            files=[result for result in self.files if result.name in names],
            given=[file for file in self.given if file.name in names],
        )

    def as_text(self) -> str:
        """For a person: a line per file, then what was found, with place and remedy."""
        return "\n".join(results_text([result]) for result in self.files)


def foundation(
    files: Sequence[RuleFile], options: Options | None = None, pause: Callable[[], None] | None = None
) -> Foundation:
    """What the installed ``files`` define. Raises LoadError where they do not load."""
    return finish(_foundation(files, options or Options()), pause)


def load_project(
    files: Sequence[RuleFile],
    base: Foundation,
    options: Options | None = None,
    pause: Callable[[], None] | None = None,
) -> ProjectLoad:
    """Load a project's files in this order. Never raises for their content."""
    return finish(_load(files, base, options or Options()), pause)


def _foundation(files: Sequence[RuleFile], options: Options) -> Generator[None, None, Foundation]:
    collector = Collector(frozenset({options.source}), options.fields)
    for file in files:
        for _ in collector.read(file.source(), _ignored):
            yield
    tightening = Tightening(dict(collector.rules))
    # The rules themselves are compiled and judged elsewhere.
    yield from let_go(collector.rules)
    builder = Builder(collector, options.fields, options.suffixes)
    yield from builder.build(_ignored)
    return Foundation(collector, builder, tightening)


def _load(files: Sequence[RuleFile], base: Foundation, options: Options) -> Generator[None, None, ProjectLoad]:
    collector, builder = base.collector, base.builder
    results: list[FileResult] = []
    accepted: list[RuleFile] = []
    rules: list[Rule] = []
    for file in files:
        result = FileResult(file.name)
        results.append(result)
        tried = collector.fork()
        tried_builder = builder.fork(tried)
        try:
            rules_then = yield from _file(file.source(), tried, tried_builder, base.tightening, result)
        except LoadError as error:
            result.errors.append(error.diagnostic)
            continue
        collector, builder, rules = tried, tried_builder, rules_then
        accepted.append(file)
    ruleset = (yield from ruleset_of(rules, accepted, options, builder.leaves)) if accepted else None
    macros = {name: macro.condition for name, macro in collector.macros.items() if name not in base.collector.macros}
    lists = {name: one.items for name, one in collector.lists.items() if name not in base.collector.lists}
    return ProjectLoad(results, ruleset, files, macros, lists)


def _file(
    source: SourceFile, collector: Collector, builder: Builder, tightening: Tightening, result: FileResult
) -> Generator[None, None, list[Rule]]:
    def admit(kind: str, item: Item) -> None:
        tightening.admit(kind, item, collector)
        if kind == "rule" and len(collector.rules) >= MAX_RULES:
            raise item.error(f"a project can have {MAX_RULES} rules", code=Code.VALIDATE)

    for _ in collector.read(source, result.warnings.append, admit):
        yield
    result.own_warnings = len(result.warnings)
    built: list[Diagnostic] = []
    rules = yield from builder.build(built.append)
    result.warnings += [diagnostic for diagnostic in built if diagnostic.file == source.name]
    if sum(_size(rule.tree) for rule in rules) > MAX_CHECKS:
        raise _refused(
            source, f"with this file the project's rules come to more than {MAX_CHECKS} checks", "shorten it"
        )
    return rules


def _size(tree: Expression) -> int:
    """Field checks of a condition; each value of a list counts as one, for some operators try them all."""
    return sum(
        len(leaf.right.values) if isinstance(leaf, Compare) and isinstance(leaf.right, Constants) else 1
        for leaf in checks(tree)
    )


def _refused(source: SourceFile, message: str, remedy: str) -> LoadError:
    return LoadError(source.diagnostic(Code.VALIDATE, message, (source.location("rules content", ""),), remedy))


def _ignored(_: Diagnostic) -> None:
    """Warnings about the installed files are told where those are loaded."""
