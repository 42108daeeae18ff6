"""Checks that Falco warns of by field name: ``<NA>`` comparisons of two old sources, and deprecated fields."""

from __future__ import annotations

import re

from prempti_otel.rules.diagnostics import Code
from prempti_otel.rules.language.ast import Compare, Constant, Constants, Expression, FieldRef, checks, field_refs

_DEPRECATED = re.compile(r"evt\.dir|evt\.latency(?:\.[a-z]+)*|evt\.wait_latency")
_SOURCES = ("ka.", "jevt.")


def unsafe_checks(tree: Expression) -> list[tuple[Code, str]]:
    """A warning for each kind of trouble, at most one of a kind."""
    found: dict[Code, str] = {}
    for check in checks(tree):
        for ref in field_refs(check):
            if _DEPRECATED.fullmatch(ref.name):
                found[Code.DEPRECATED_ITEM] = f"the condition names the deprecated field '{ref.name}'"
        if not isinstance(check, Compare) or not isinstance(check.right, Constant | Constants):
            continue
        values = check.right.values if isinstance(check.right, Constants) else (check.right.value,)
        if isinstance(check.left, FieldRef) and check.left.name.startswith(_SOURCES) and b"<NA>" in values:
            found[Code.UNSAFE_NA_CHECK] = (
                f"{check.left.name} is compared with <NA>; write 'not {check.left.name} exists'"
            )
    return list(found.items())


def deprecated_fields(output: str) -> list[str]:
    """Deprecated fields that a template's text names, each once."""
    return sorted(set(_DEPRECATED.findall(output)))
