"""Falco's ``pmatch``: does one of the patterns name the path itself or something above it?

Patterns and values are split at ``/``, empty components vanish, ``.`` and ``..`` mean nothing. A
component with ``? * [`` matches as a glob against exactly one component. All patterns share one
trie, so many cost hardly more than one; unlike Falco's, several globs side by side all count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prempti_otel.rules.checks.globs import BytesPredicate, glob_predicate, is_glob

LONGEST = 64 * 1024
"""Bytes of a path that are looked at: 16 times what a kernel takes (PATH_MAX), and a small part of a payload."""
_SLASHES = re.compile(b"/{2,}")


class PathPrefixes:
    """A set of path patterns; calling it with a path tells whether one of them is a prefix of it."""

    __slots__ = ("_root",)

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self._root = _Node()
        for pattern in patterns:
            self._root.add(components(pattern))

    def __call__(self, path: bytes) -> bool:
        """Whether a pattern is a prefix of ``path``."""
        return self._root.matches(components(path))


class _Node:
    __slots__ = ("ends", "exact", "globs")

    def __init__(self) -> None:
        self.ends = False
        self.exact: dict[bytes, _Node] = {}
        self.globs: dict[bytes, tuple[BytesPredicate, _Node]] = {}

    def add(self, parts: list[bytes]) -> None:
        """Put one pattern into the trie."""
        node = self
        for part in parts:
            if is_glob(part):
                if part not in node.globs:
                    node.globs[part] = (glob_predicate(part), _Node())
                node = node.globs[part][1]
            else:
                node = node.exact.setdefault(part, _Node())
        node.ends = True

    def matches(self, parts: list[bytes]) -> bool:
        """Whether a pattern ends on the way of ``parts``; breadth first, so the work is bounded by the trie's size."""
        if self.ends:
            return True
        frontier = [self]
        for part in parts:
            below: list[_Node] = []
            for node in frontier:
                if (found := node.exact.get(part)) is not None:
                    below.append(found)
                if node.globs:
                    below += [child for predicate, child in node.globs.values() if predicate(part)]
            if not below:
                return False
            for node in below:
                if node.ends:
                    return True
            frontier = below
        return False


def components(path: bytes) -> list[bytes]:
    """The components of a path; empty ones vanish, and those beyond ``LONGEST``, where no pattern reaches."""
    if len(path) > LONGEST:
        path = _SLASHES.sub(b"/", path)[:LONGEST]
    return [part for part in path.split(b"/") if part]
