"""One rule: as its files define it, and compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prempti_otel.model.decision import Priority, Verdict

if TYPE_CHECKING:
    from prempti_otel.model.fields import Level
    from prempti_otel.rules.language.ast import Expression
    from prempti_otel.rules.language.levels import Branch
    from prempti_otel.rules.output import Template

MARK_TAG = "coding_agent_mark:"
"""A tag that begins so sets the mark that follows."""
_VERDICT_TAGS = (("coding_agent_deny", Verdict.DENY), ("coding_agent_ask", Verdict.ASK))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinedRule:
    """What is known of a rule without its condition."""

    name: str
    enabled: bool
    """Whether it is in force, the selection considered."""
    priority: Priority
    tags: tuple[str, ...]
    """Sorted."""
    source: str
    description: str
    file: str
    line: int
    """From 1: where the rule was first defined, or last redefined."""

    @property
    def verdict(self) -> Verdict:
        """What it asks for by its tags; ``defer`` where it only informs."""
        return next((verdict for tag, verdict in _VERDICT_TAGS if tag in self.tags), Verdict.DEFER)

    @property
    def marks(self) -> tuple[str, ...]:
        """Labels of the session marks it sets."""
        return tuple(tag.removeprefix(MARK_TAG) for tag in self.tags if tag.startswith(MARK_TAG) and tag != MARK_TAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(DefinedRule):
    """One loaded rule."""

    condition: str
    """With exceptions, lists in place, macros by name."""
    output: str
    levels: tuple[Level, ...]
    """Of its branches, each once, shallowest first."""
    tree: Expression
    """The condition, macros in place."""
    branches: tuple[Branch, ...]
    template: Template
