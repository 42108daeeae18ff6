"""Macros in conditions: substitution of trees, so that a macro is as if in parentheses.

A macro sees macros defined before its last definition or append, a rule sees all of them. Trees that
would grow beyond reason are refused before they are compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prempti_otel.rules.files.definitions import MacroDefinition
from prempti_otel.rules.language.ast import And, Compare, Constants, Exists, Expression, Macro, Not, Or, checks

MAX_CHECKS = 100_000
"""Field checks of one condition, macros in place."""
MAX_DEPTH = 200
"""Nesting of ``and``, ``or`` and ``not`` of one condition, macros in place."""


class MacroError(ValueError):
    """A macro is unknown, refers to itself, or makes the condition too large."""

    def __init__(self, message: str, at: int = 0, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.at = at
        self.too_large = too_large


@dataclass(frozen=True, slots=True)
class Resolved:
    """A tree without macros and how large it is as a tree (shared parts counted each time)."""

    tree: Expression
    checks: int
    depth: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A condition, the macros that it names, each with its tree, and what it came to with these."""

    condition: Expression
    macros: Mapping[str, Expression]
    resolved: Resolved


@dataclass(slots=True)
class MacroTable:
    """All macros of a ruleset; resolves those that conditions name."""

    definitions: Mapping[str, MacroDefinition]
    parsed: Callable[[str], Expression]
    """The tree of a macro of that name, macros in it not resolved; the same object each time."""
    known: dict[str, tuple[Expression, Expression]] = field(default_factory=dict)
    """Per macro its parsed and its resolved tree, kept from file to file so that equal trees stay the same object."""
    kept: dict[int, Kept] = field(default_factory=dict)
    """Conditions that were resolved with the macros of earlier files, by identity."""
    used: set[str] = field(default_factory=set)
    _resolved: dict[str, Resolved] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def resolve(self, tree: Expression) -> Resolved:
        """A rule's tree with macros in place. Raises MacroError."""
        kept = self.kept.get(id(tree))
        if kept is None or any(self._tree_of(name) is not macro for name, macro in kept.macros.items()):
            try:
                resolved = self._resolve(tree, None)
            except RecursionError:
                raise MacroError("with its macros the condition is nested too deep", too_large=True) from None
            names = {leaf.name for leaf in checks(tree) if isinstance(leaf, Macro)}
            kept = self.kept[id(tree)] = Kept(tree, {name: self._resolved[name].tree for name in names}, resolved)
        self.used.update(kept.macros)
        return kept.resolved

    def _tree_of(self, name: str) -> Expression | None:
        done = self._resolved.get(name)
        return None if done is None else done.tree

    def _resolve(self, tree: Expression, visibility: int | None) -> Resolved:
        match tree:
            case Macro(name, at):
                definition = self.definitions.get(name)
                if definition is None or (visibility is not None and definition.index >= visibility):
                    raise MacroError(f"'{name}' is neither a field check nor a macro known here", at)
                self.used.add(name)
                return self._resolve_named(name, at)
            case Not(child):
                inner = self._resolve(child, visibility)
                same = inner.tree is child
                return _limited(Resolved(tree if same else Not(inner.tree), inner.checks, inner.depth + 1))
            case And(children) | Or(children):
                parts = [self._resolve(child, visibility) for child in children]
                same = all(part.tree is child for part, child in zip(parts, children, strict=True))
                whole = tree if same else type(tree)(tuple(part.tree for part in parts))
                size = sum(part.checks for part in parts)
                return _limited(Resolved(whole, size, 1 + max(part.depth for part in parts)))
            case Exists():
                return Resolved(tree, 1, 1)
            case Compare(_, _, right):
                return Resolved(tree, 1 + (len(right.values) if isinstance(right, Constants) else 0) // 16, 1)

    def resolve_named(self, name: str) -> Resolved:
        """The tree of one macro. Raises MacroError."""
        try:
            return self._resolve_named(name, 0)
        except RecursionError:
            raise MacroError("with its macros the condition is nested too deep", too_large=True) from None

    def _resolve_named(self, name: str, at: int) -> Resolved:
        if (done := self._resolved.get(name)) is not None:
            return done
        if name in self._open:
            raise MacroError(f"macro '{name}' refers to itself", at)
        if len(self._open) >= MAX_DEPTH:
            raise MacroError(f"more than {MAX_DEPTH} macros refer to each other in a chain", at, too_large=True)
        self._open.append(name)
        try:
            parsed = self.parsed(name)
            done = self._resolve(parsed, self.definitions[name].visibility)
        finally:
            self._open.pop()
        before = self.known.get(name)
        if before is not None and before[0] is parsed and before[1] == done.tree:
            done = Resolved(before[1], done.checks, done.depth)
        self.known[name] = (parsed, done.tree)
        self._resolved[name] = done
        return done

    def trees_in(self, tree: Expression) -> Iterable[Expression]:
        """The resolved trees of the macros that a rule's tree, which was resolved, names itself."""
        return self.kept[id(tree)].macros.values()


def _limited(resolved: Resolved) -> Resolved:
    if resolved.checks > MAX_CHECKS:
        raise MacroError(f"with its macros the condition has more than {MAX_CHECKS} checks", too_large=True)
    if resolved.depth > MAX_DEPTH:
        raise MacroError(f"with its macros the condition is nested more than {MAX_DEPTH} deep", too_large=True)
    return resolved
