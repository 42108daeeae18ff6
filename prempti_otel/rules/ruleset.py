"""Rules in force: judge a call's events. Judging never raises, whatever the events hold."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from prempti_otel.model.decision import Match, Verdict
from prempti_otel.model.fields import Level
from prempti_otel.rules.checks.compiler import Check, Leaves
from prempti_otel.rules.checks.index import BranchIndex
from prempti_otel.rules.checks.sharing import Sharing
from prempti_otel.rules.checks.spellings import spellings

if TYPE_CHECKING:
    from prempti_otel.model.event import Event
    from prempti_otel.model.fields import Registry
    from prempti_otel.rules.language.ast import Expression
    from prempti_otel.rules.rule import Rule

MATCHES_KEPT = 5
"""Of one rule; the first says on how many events it held."""
_SEVERITY = {Verdict.DENY: 0, Verdict.ASK: 1, Verdict.DEFER: 2}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of one call."""

    matches: tuple[Match, ...]
    """Most severe verdict first, then priority, then the rules' order; at most five of a rule."""
    marks: tuple[str, ...]
    """Labels of the marks that matching rules set, sorted."""


_Weight: TypeAlias = tuple[int, int, int]
"""Severity of verdict, rank of priority, place in the order: the most severe first."""
_Entry: TypeAlias = tuple[int, Check]
_Branches: TypeAlias = "dict[Level, list[tuple[Expression, _Entry]]]"
_Hits: TypeAlias = "dict[int, list[Event]]"


class Ruleset:
    """All rules that were loaded together. Immutable; any number of threads may judge at once."""

    @classmethod
    def build(
        cls, rules: Sequence[Rule], order: Sequence[Rule], digest: str, fields: Registry, leaves: Leaves
    ) -> Generator[None, None, Ruleset]:
        """A ruleset, made in small steps. ``order``: the rules in force; matches of equal weight keep it.

        ``leaves``: checks that the conditions have and that are compiled already.
        """
        marking: _Branches = {}
        judging: _Branches = {}
        weights: list[_Weight] = []
        shared = {level: Sharing(level, fields, leaves) for level in Level}
        for at, rule in enumerate(order):
            weights.append((_SEVERITY[rule.verdict], rule.priority.rank, at))
            target = marking if rule.marks else judging
            for branch in rule.branches:
                check = shared[branch.level].compile(branch.expression)
                target.setdefault(branch.level, []).append((branch.expression, (at, check)))
            yield
        indexes = []
        for found in (marking, judging):
            made: dict[Level, BranchIndex[_Entry]] = {}
            for level, branches in found.items():
                made[level] = yield from BranchIndex.build(branches, fields, level)
            indexes.append(made)
        for level in Level:
            yield from shared[level].let_go()
        return cls(rules, order, weights, digest, indexes[0], indexes[1])

    def __init__(
        self,
        rules: Sequence[Rule],
        order: Sequence[Rule],
        weights: Sequence[_Weight],
        digest: str,
        marking: dict[Level, BranchIndex[_Entry]],
        judging: dict[Level, BranchIndex[_Entry]],
    ) -> None:
        self.rules: Sequence[Rule] = tuple(rules)
        """Every rule of a served source, in order of first definition."""
        self.digest = digest
        """Lower-case hexadecimal SHA-256 of the loaded texts and the selection."""
        self._order = tuple(order)
        self._weights = weights
        self._marking = marking
        self._judging = judging

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """How the rules in force spell components of paths, by folded text."""
        return spellings(rule.tree for rule in self._order)

    def judge(self, events: Sequence[Event]) -> Judgement:
        """Judge a call by all its events, its own first. Marks are set on its tool events as ``call.marks``."""
        hits: _Hits = {}
        marks: tuple[str, ...] = ()
        if self._marking:
            self._match(self._marking, events, hits)
            marks = tuple(sorted({label for at in hits for label in self._order[at].marks}))
            if marks:
                for event in events:
                    if event.level is Level.TOOL:
                        event.set("call.marks", marks)
        self._match(self._judging, events, hits)
        return Judgement(self._matches(hits), marks)

    def _match(self, indexes: dict[Level, BranchIndex[_Entry]], events: Sequence[Event], hits: _Hits) -> None:
        inherited: dict[tuple[Level, int], list[_Entry]] = {}
        for event in events:
            event.forget()
        for event in events:
            index = indexes.get(event.level)
            if index is None:
                continue
            shown = (event.level, id(event.base or event))
            entries = inherited.get(shown)
            if entries is None:
                entries = inherited[shown] = index.inherited(event)
            for at, check in entries + index.own(event):
                if check(event):
                    held = hits.get(at)
                    if held is None:
                        hits[at] = [event]
                    elif held[-1] is not event:
                        held.append(event)

    def _matches(self, hits: _Hits) -> tuple[Match, ...]:
        if not hits:
            return ()
        found: list[Match] = []
        for at in sorted(hits, key=self._weights.__getitem__):
            rule, events = self._order[at], hits[at]
            verdict = rule.verdict
            for number, event in enumerate(events[:MATCHES_KEPT]):
                count = len(events) if number == 0 else 1
                output = _render(rule, event)
                found.append(
                    Match(rule.name, rule.priority, rule.tags, verdict, output, event, rule.description, count)
                )
        return tuple(found)


def _render(rule: Rule, event: Event) -> str:
    """The output; a template that fails must not hide the match."""
    try:
        return rule.template.render(event)
    except Exception as error:  # noqa: BLE001 - the match counts for more than its text
        return f"{rule.output} [output not rendered: {type(error).__name__}]"
