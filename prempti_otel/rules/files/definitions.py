"""Lists, macros and rules as their files define them, before anything is compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict

from prempti_otel.model.decision import Priority
from prempti_otel.rules.diagnostics import Place
from prempti_otel.rules.files.yamlnodes import SourceFile

ExceptionValue: TypeAlias = "str | tuple[str, ...] | tuple[str | tuple[str, ...], ...]"
"""A scalar, or a tuple of scalars and lists of scalars, as the rule gives it."""
OWN_TAGS = "coding_agent_"
"""What the tags begin with that mean something here; all others are the rule's writer's."""
KNOWN_TAGS = frozenset({"coding_agent_deny", "coding_agent_ask", "coding_agent_seen"})
"""Those of them without a label. The last is Prempti's, of its catch-all rule, and does nothing here."""


class Told(TypedDict):
    """What a rule's definition says of it, by the names of ``DefinedRule``."""

    name: str
    enabled: bool
    priority: Priority
    tags: tuple[str, ...]
    source: str
    description: str
    file: str
    line: int


@dataclass(slots=True)
class RuleException:
    """One entry under ``exceptions``."""

    name: str
    place: Place
    fields: str | tuple[str, ...] | None
    """One field, or several that are compared together; None in an append to an earlier entry."""
    comps: str | tuple[str, ...] | None
    values: list[ExceptionValue] = field(default_factory=list)


@dataclass(slots=True)
class ListDefinition:
    """A list with its items' source text."""

    name: str
    place: Place
    file: SourceFile
    items: list[str]
    index: int = 0
    """Order of first definition, over all kinds of items."""
    visibility: int = 0
    """Lists and macros whose index is below may be referred to; appending raises it."""


@dataclass(slots=True)
class MacroDefinition:
    """A macro with its condition's text."""

    name: str
    place: Place
    file: SourceFile
    condition: str
    condition_place: Place
    index: int = 0
    visibility: int = 0


@dataclass(slots=True)
class RuleDefinition:
    """A rule with all its texts."""

    name: str
    place: Place
    file: SourceFile
    condition: str
    condition_place: Place
    output: str
    output_place: Place
    description: str
    priority: Priority
    source: str
    enabled: bool = True
    tags: frozenset[str] = frozenset()
    exceptions: list[RuleException] = field(default_factory=list)
    warn_evttypes: bool = True
    skip_if_unknown_filter: bool = False
    capture: bool = False
    capture_duration: int = 0
    """Milliseconds; kept for Falco's sake, nothing is captured here."""
    unknown_source: bool = False
    """Its source is not served here: it is never compiled."""
    before_append: str | None = None
    """The condition as it was before anything was appended to it; None: nothing was."""

    def told(self) -> Told:
        """What is known of the rule without its condition."""
        place = self.place[-1]
        return {
            "name": self.name,
            "enabled": self.enabled,
            "priority": self.priority,
            "tags": tuple(sorted(self.tags)),
            "source": self.source,
            "description": self.description,
            "file": place.file,
            "line": place.line + 1,
        }

    def append_condition(self, text: str) -> None:
        """Join text to the condition, as text."""
        if self.before_append is None:
            self.before_append = self.condition
        self.condition = f"{self.condition} {text}"
