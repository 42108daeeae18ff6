"""Which of the loaded rules are in force: by name, by tag, by severity; and text added to outputs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from prempti_otel.model.decision import Priority

if TYPE_CHECKING:
    from prempti_otel.rules.rule import DefinedRule

R = TypeVar("R", bound="DefinedRule")


@dataclass(frozen=True, slots=True)
class Switch:
    """Enable or disable the rules of a name (``*`` is any run of characters), of a tag, or of both."""

    enable: bool
    rule: str | None = None
    tag: str | None = None

    def applies(self, name: str, tags: Iterable[str]) -> bool:
        """Whether a rule is meant."""
        return (self.rule is None or matches_wildcard(self.rule, name)) and (self.tag is None or self.tag in tags)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is switched after all files are loaded, in this order: rules, tags, switches."""

    disabled_rules: tuple[str, ...] = ()
    disabled_tags: tuple[str, ...] = ()
    switches: tuple[Switch, ...] = ()
    minimum_priority: Priority = Priority.DEBUG
    """Less severe rules are checked, but can by no means be in force."""

    def all_switches(self) -> tuple[Switch, ...]:
        """Everything as switches, in order."""
        rules = tuple(Switch(False, rule=name) for name in self.disabled_rules)
        tags = tuple(Switch(False, tag=name) for name in self.disabled_tags)
        return rules + tags + self.switches


def select(rules: Sequence[R], selection: Selection) -> Generator[None, None, tuple[list[R], list[R]]]:
    """All rules with their state, and those in force, one that is switched on going last; in small steps."""
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
    return final, [by_name[rule.name] for rule in order]


@dataclass(frozen=True, slots=True)
class OutputSuffix:
    """Falco's ``append_output``: a template added to the output of rules that fit all that is given."""

    template: str
    source: str = ""
    tags: tuple[str, ...] = ()
    rule: str = ""

    def applies(self, name: str, source: str, tags: frozenset[str]) -> bool:
        """Whether a rule is meant."""
        return self.source in ("", source) and self.rule in ("", name) and tags.issuperset(self.tags)


def with_suffixes(output: str, name: str, source: str, tags: frozenset[str], suffixes: Sequence[OutputSuffix]) -> str:
    """A rule's output with the suffixes that apply to it, one blank before each."""
    found = [suffix.template for suffix in suffixes if suffix.applies(name, source, tags)]
    return " ".join([output, *found])


def matches_wildcard(pattern: str, text: str) -> bool:
    """Whether ``text`` as a whole fits: ``*`` is any run, everything else stands for itself.

    Each literal part is taken at its first place, the last one at the end, which is all the
    backtracking that ``*`` alone can need.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    last = rest.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in rest:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
