"""How one case came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Case: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class NotApplicable:
    """A case that says nothing about the source ``coding_agent``, or differs from it on purpose."""

    reason: str


@dataclass(frozen=True)
class Disagreed:
    """What was expected and what came."""

    expected: object
    got: object


Outcome: TypeAlias = NotApplicable | Disagreed | None
"""None: agreed."""


@dataclass
class Tally:
    """All outcomes of one file."""

    agreed: int = 0
    disagreed: list[tuple[str, Disagreed]] = field(default_factory=list)
    not_applicable: list[tuple[str, str]] = field(default_factory=list)
    places: int = 0
    """Errors whose place the cases tell; it is reported and decides nothing."""
    same_place: int = 0
    schemas: int = 0
    """Files of which the cases tell what a JSON schema finds; it is reported and decides nothing."""
    same_schema: int = 0

    def add(self, name: str, outcome: Outcome) -> None:
        match outcome:
            case None:
                self.agreed += 1
            case Disagreed():
                self.disagreed.append((name, outcome))
            case NotApplicable(reason):
                self.not_applicable.append((name, reason))

    @property
    def cases(self) -> int:
        return self.agreed + len(self.disagreed) + len(self.not_applicable)

    @property
    def share(self) -> float:
        """Agreed among the applicable; 1 where none applies."""
        judged = self.agreed + len(self.disagreed)
        return self.agreed / judged if judged else 1.0

    def reasons(self) -> Iterator[tuple[str, int]]:
        yield from Counter(reason for _, reason in self.not_applicable).most_common()
