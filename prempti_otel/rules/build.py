"""Everything that is defined so far, compiled: lists into texts, texts to trees, macros into trees, trees checked.

What did not change since the file before is not compiled again, since each prefix of the files must compile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from prempti_otel.rules.checks.compiler import Check, Leaves, compile_expression, warnings_of
from prempti_otel.rules.checks.operands import ConditionTypeError
from prempti_otel.rules.diagnostics import Code, Diagnostic, LoadError, Location, Place
from prempti_otel.rules.files.collector import Collector
from prempti_otel.rules.files.definitions import MacroDefinition, RuleDefinition
from prempti_otel.rules.files.exceptions import condition_text
from prempti_otel.rules.language.ast import Expression
from prempti_otel.rules.language.levels import (
    Branch,
    LevelError,
    branches_of,
    level_warnings,
    names_field,
    split_exceptions,
)
from prempti_otel.rules.language.macros import Kept, MacroError, MacroTable
from prempti_otel.rules.language.na import deprecated_fields, unsafe_checks
from prempti_otel.rules.language.parser import ConditionSyntaxError, parse_condition
from prempti_otel.rules.language.substitution import CompiledList, ExpansionError, compile_lists, substitute
from prempti_otel.rules.output import OutputError, Template, compile_output
from prempti_otel.rules.rule import MARK_TAG, Rule
from prempti_otel.rules.selection import OutputSuffix, with_suffixes
from prempti_otel.rules.steps import let_go

if TYPE_CHECKING:
    from prempti_otel.model.fields import Registry

Report = Callable[[Diagnostic], None]
_CONTAINER_INFO = "%container.info"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What a condition came to, kept from file to file."""

    tree: Expression
    branches: tuple[Branch, ...]
    warnings: tuple[tuple[Code, str], ...]


class Builder:
    """Compiles a collector's definitions, again after each file."""

    def __init__(self, collector: Collector, fields: Registry, suffixes: Sequence[OutputSuffix]) -> None:
        self._collector = collector
        self._fields = fields
        self._suffixes = suffixes
        self._trees: dict[str, Expression] = {}
        self._templates: dict[str, Template] = {}
        self._conditions: dict[tuple[str, int, tuple[int, ...]], _Compiled] = {}
        self._kept: dict[str, tuple[Expression, Expression]] = {}
        self._resolved: dict[int, Kept] = {}
        self.leaves: Leaves = {}
        """The single checks of all conditions, compiled."""
        self._parts: dict[int, tuple[Expression, Check]] = {}
        """Parts of conditions that compile, by identity: macros are the same objects in all that name them."""

    def fork(self, collector: Collector) -> Builder:
        """A builder of what another collector has, which need not compile again what this one has compiled."""
        other = Builder(collector, self._fields, self._suffixes)
        other._trees, other._templates = dict(self._trees), dict(self._templates)
        other._conditions, other._kept = dict(self._conditions), dict(self._kept)
        other._resolved = dict(self._resolved)
        other.leaves, other._parts = dict(self.leaves), dict(self._parts)
        return other

    def build(self, report: Report) -> Generator[None, None, list[Rule]]:
        """All rules of a served source. Raises LoadError at the first that does not compile."""
        lists = compile_lists(self._collector.lists)
        macros = yield from self._macros(lists)
        rules = []
        for definition in self._collector.rules.values():
            if not definition.unknown_source:
                rule = self._rule(definition, lists, macros, report)
                if rule is not None:
                    rules.append(rule)
                yield
        self._unused(lists, macros, report)
        return rules

    def one(self, name: str, report: Report) -> Rule | None:
        """One rule and the macros it needs, compiled; None where it says to be skipped.

        Raises LoadError, which need not be the first that `build` would raise.
        """
        lists = compile_lists(self._collector.lists)
        return self._rule(self._collector.rules[name], lists, self._table(lists), report)

    def let_go(self) -> Iterator[None]:
        """Give back what was kept from file to file, in small steps."""
        yield from let_go(
            self._kept, self._conditions, self._trees, self._templates, self.leaves, self._parts, self._resolved
        )

    def _macros(self, lists: Sequence[CompiledList]) -> Generator[None, None, MacroTable]:
        table = self._table(lists)
        for name in table.definitions:
            table.parsed(name)
            yield
        for name, definition in table.definitions.items():
            try:
                table.resolve_named(name)
            except MacroError as error:
                raise self._macro_error(error, definition, definition.condition) from None
            yield
        return table

    def _table(self, lists: Sequence[CompiledList]) -> MacroTable:
        """All macros, each parsed when it is first asked for."""
        definitions = self._collector.macros

        @cache
        def parsed(name: str) -> Expression:
            definition = definitions[name]
            return self._parsed(self._expanded(definition.condition, lists, definition), definition)

        return MacroTable(definitions, parsed, self._kept, self._resolved)

    def _expanded(self, text: str, lists: Sequence[CompiledList], owner: MacroDefinition | RuleDefinition) -> str:
        try:
            return substitute(text, lists)
        except ExpansionError as error:
            raise _error(owner, Code.COMPILE_CONDITION, str(error), owner.condition_place, "shorten the list") from None

    def _parsed(self, text: str, owner: MacroDefinition | RuleDefinition) -> Expression:
        tree = self._trees.get(text)
        if tree is None:
            try:
                tree = self._trees[text] = parse_condition(text)
            except ConditionSyntaxError as error:
                raise _condition_error(owner, text, error.message, error.offset, error.remedy) from None
        return tree

    def _macro_error(self, error: MacroError, owner: MacroDefinition | RuleDefinition, text: str) -> LoadError:
        code = Code.COMPILE_CONDITION if error.too_large else Code.VALIDATE
        remedy = None if error.too_large else self._macro_remedy(owner, str(error))
        return _condition_error(owner, text, str(error), error.at, remedy, code)

    def _macro_remedy(self, owner: MacroDefinition | RuleDefinition, message: str) -> str:
        from prempti_otel.errors import nearest

        name = message.split("'")[1] if "'" in message else ""
        if isinstance(owner, MacroDefinition) and name in self._collector.macros:
            return "a macro sees only macros that are defined above it"
        guess = nearest(name, self._collector.macros)
        return (
            f"did you mean {guess}?" if guess else "define the macro in this file or an earlier one; fields have a dot"
        )

    def _rule(
        self, rule: RuleDefinition, lists: Sequence[CompiledList], macros: MacroTable, report: Report
    ) -> Rule | None:
        try:
            template, output = self._template(rule, report)
            text = self._expanded(condition_text(rule), lists, rule)
            compiled = self._condition(rule, text, macros)
        except _SkippedError as skipped:
            remedy = "correct the field, or leave out skip-if-unknown-filter"
            report(rule.file.diagnostic(Code.UNKNOWN_FILTER, f"{skipped}; the rule is skipped", rule.place, remedy))
            return None
        for code, sentence in compiled.warnings:
            report(rule.file.diagnostic(code, sentence, _expression_place(rule, text, 0)))
        self._warn_of_append(rule, lists, macros, compiled, report)
        levels = tuple(sorted({branch.level for branch in compiled.branches}))
        return Rule(
            **rule.told(),
            condition=text,
            output=output,
            levels=levels,
            tree=compiled.tree,
            branches=compiled.branches,
            template=template,
        )

    def _template(self, rule: RuleDefinition, report: Report) -> tuple[Template, str]:
        output = with_suffixes(rule.output, rule.name, rule.source, rule.tags, self._suffixes)
        if _CONTAINER_INFO in output:
            output = output.replace(_CONTAINER_INFO, "")
            message = f"{_CONTAINER_INFO} is deprecated and shows nothing"
            report(rule.file.diagnostic(Code.DEPRECATED_ITEM, message, rule.place, "leave it out"))
        for name in deprecated_fields(output):
            message = f"the output names the deprecated field '{name}'"
            report(rule.file.diagnostic(Code.DEPRECATED_ITEM, message, rule.output_place, "leave it out"))
        template = self._templates.get(output)
        if template is None:
            try:
                template = self._templates[output] = compile_output(output, self._fields)
            except OutputError as error:
                if error.unknown_field and rule.skip_if_unknown_filter:
                    raise _SkippedError(error.message) from None
                raise _error(rule, Code.COMPILE_OUTPUT, error.message, rule.output_place, error.remedy) from None
        return template, output

    def _condition(self, rule: RuleDefinition, text: str, macros: MacroTable) -> _Compiled:
        parsed = self._parsed(text, rule)
        try:
            resolved = macros.resolve(parsed)
        except MacroError as error:
            raise self._macro_error(error, rule, text) from None
        marks = any(tag.startswith(MARK_TAG) for tag in rule.tags)
        count = sum(1 for entry in rule.exceptions if entry.values)
        key = (text, count * 2 + marks, tuple(sorted(id(tree) for tree in macros.trees_in(parsed))))
        known = self._conditions.get(key)
        if known is not None and known.tree == resolved.tree:
            return known
        try:
            self._compiled(resolved.tree)
            compiled = self._levelled(resolved.tree, count)
        except ConditionTypeError as error:
            if error.unknown_field and rule.skip_if_unknown_filter:
                raise _SkippedError(error.message) from None
            raise _condition_error(rule, text, error.message, error.offset, error.remedy) from None
        except LevelError as error:
            raise _condition_error(rule, text, str(error), error.at, error.remedy) from None
        if marks and (ref := names_field((branch.expression for branch in compiled.branches), "call.marks")):
            message = "a rule that sets a mark cannot name call.marks, which is only known after it"
            raise _condition_error(rule, text, message, ref.at, "use session.mark_count[LABEL] of earlier calls")
        self._conditions[key] = compiled
        return compiled

    def _compiled(self, node: Expression) -> Check:
        known = self._parts.get(id(node))
        if known is None:
            check = compile_expression(node, self._fields, self._compiled, self.leaves)
            known = self._parts[id(node)] = node, check
        return known[1]

    def _levelled(self, tree: Expression, exceptions: int) -> _Compiled:
        condition, excepted = split_exceptions(tree, exceptions)
        branches = tuple(branches_of(condition, excepted, self._fields))
        sentences = [*warnings_of(tree, self._fields), *level_warnings(condition, self._fields)]
        warnings = [(Code.CONDITION_WARNING, sentence) for sentence in sentences] + unsafe_checks(tree)
        return _Compiled(tree, branches, tuple(warnings))

    def _warn_of_append(
        self,
        rule: RuleDefinition,
        lists: Sequence[CompiledList],
        macros: MacroTable,
        compiled: _Compiled,
        report: Report,
    ) -> None:
        """Say so where appended text moved the rule to events of another level."""
        if rule.before_append is None:
            return
        try:
            tree = macros.resolve(self._parsed(substitute(rule.before_append, lists), rule)).tree
            before = [branch.level for branch in branches_of(tree, (), self._fields)]
        except (LoadError, MacroError, LevelError, ExpansionError, KeyError):
            # The first part alone means nothing: the appended text completes it, and changes no level of it.
            return
        after = [branch.level for branch in compiled.branches]
        if after[: len(before)] != before:
            levels = " and ".join(sorted({level.label for level in after}))
            message = f"appending to the condition changed its level: it is now judged on {levels} events"
            report(rule.file.diagnostic(Code.CONDITION_WARNING, message, rule.condition_place))

    def _unused(self, lists: Sequence[CompiledList], macros: MacroTable, report: Report) -> None:
        for name, macro in self._collector.macros.items():
            if name not in macros.used:
                report(macro.file.diagnostic(Code.UNUSED_MACRO, "no rule or macro uses this macro", macro.place))
        for item in lists:
            if not item.used:
                owner = self._collector.lists[item.name]
                report(owner.file.diagnostic(Code.UNUSED_LIST, "no rule, macro or list uses this list", owner.place))


class _SkippedError(Exception):
    """A rule that says to be skipped if it names an unknown field does."""


def _error(
    owner: MacroDefinition | RuleDefinition, code: Code, message: str, place: Place, remedy: str | None = None
) -> LoadError:
    return LoadError(owner.file.diagnostic(code, message, place, remedy))


def _condition_error(
    owner: MacroDefinition | RuleDefinition,
    text: str,
    message: str,
    offset: int,
    remedy: str | None,
    code: Code = Code.COMPILE_CONDITION,
) -> LoadError:
    """An error within a condition's text, shown with the part of the text where it is."""
    place = _expression_place(owner, text, offset)
    at = len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))
    start = max(0, at - 50)
    shown = text[start : start + 100].translate(_ONE_LINE)
    return LoadError(Diagnostic(code, message, place, remedy, f"{shown}\n{' ' * (at - start)}^"))


_ONE_LINE = {ord(char): " " for char in "\n\r\t\b\v\f"}


def _expression_place(owner: MacroDefinition | RuleDefinition, text: str, offset: int) -> Place:
    """Where the culprit is in the file; the condition's beginning where lists or appends changed the text."""
    parent = owner.condition_place[-1]
    line, column, start = parent.line, parent.column, parent.offset
    exact = _offset_in_file(owner, text, offset)
    if exact is not None:
        source = owner.file.text
        line += source.count("\n", start, exact)
        column = exact - (source.rfind("\n", 0, exact) + 1)
        start = exact
    name = f'"{text[:17]}"'
    return (*owner.condition_place, Location("condition expression", name, parent.file, line, column, start))


def _offset_in_file(owner: MacroDefinition | RuleDefinition, text: str, offset: int) -> int | None:
    """Follow the condition through the file, blanks aside, for YAML may fold them; None where they part."""
    source, at = owner.file.text, owner.condition_place[-1].offset
    if source.startswith((">", "|"), at):
        at = source.find("\n", at) + 1
    elif source.startswith(("'", '"'), at):
        at += 1
    wanted = text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore")
    following = text[len(wanted) : len(wanted) + 1].strip()
    for char in (*wanted.split(), following):
        while at < len(source) and source[at].isspace():
            at += 1
        if not source.startswith(char, at):
            return None
        at += len(char)
    return at - len(following)
