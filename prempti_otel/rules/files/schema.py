"""Falco's JSON schema of rules files: a second opinion on keys and types, which decides nothing.

``falco --validate`` reports it as ``schema_valid`` and ``schema_warnings``, in the words of its validator.
That one knows only scalars, so that text is a bool if it says ``true`` or ``false``, quoted or not, and
that everything passes for text; what decides whether a file loads is the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from prempti_otel.rules.diagnostics import LoadError
from prempti_otel.rules.files.yamlnodes import SourceFile, documents, is_null

_Report: TypeAlias = Callable[[str], None]
_Check: TypeAlias = Callable[[yaml.Node, str, _Report], bool]
"""Whether a node fits; says what does not, with the node's path, innermost first."""
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_MAX = 2**63


def schema_warnings(file: SourceFile) -> list[str] | None:
    """What the schema finds in a file; None where it has nothing to judge: no YAML, or no document."""
    found: list[str] = []
    judged = False
    try:
        for root in documents(file):
            if root is not None:
                judged = True
                _FILE(root, "<root>", found.append)
    except LoadError:
        return None
    return found if judged else None


def _wrong_type(path: str, report: _Report) -> bool:
    report(f"failed for {path}: Value type not permitted by 'type' constraint.")
    return False


def _anything(_: yaml.Node, __: str, ___: _Report) -> bool:
    return True


def _scalar(fits: Callable[[str], bool]) -> _Check:
    def check(node: yaml.Node, path: str, report: _Report) -> bool:
        fine = isinstance(node, yaml.ScalarNode) and not is_null(node) and fits(node.value)
        return fine or _wrong_type(path, report)

    return check


def _is_integer(text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and len(text) < 100 and -_MAX <= int(text) < _MAX


def _one_of(*words: str) -> _Check:
    def check(node: yaml.Node, path: str, report: _Report) -> bool:
        if isinstance(node, yaml.ScalarNode) and node.value in words:
            return True
        report(f"failed for {path}: Failed to match against any enum values.")
        return False

    return check


def _array(item: _Check) -> _Check:
    def check(node: yaml.Node, path: str, report: _Report) -> bool:
        if not isinstance(node, yaml.SequenceNode):
            return (isinstance(node, yaml.MappingNode) and not node.value) or _wrong_type(path, report)
        fine = True
        for index, child in enumerate(node.value):
            if not item(child, f"{path}[{index}]", report):
                report(f"failed for {path}: Failed to validate item #{index} in array.")
                fine = False
        return fine

    return check


@dataclass(frozen=True, slots=True)
class _Object:
    """A mapping of these keys and no others; an empty sequence passes for an empty one."""

    keys: Mapping[str, _Check]
    required: Collection[str] = ()
    minimum: int = 0

    def __call__(self, node: yaml.Node, path: str, report: _Report) -> bool:
        if not isinstance(node, yaml.MappingNode) and not (isinstance(node, yaml.SequenceNode) and not node.value):
            return _wrong_type(path, report)
        names = [key.value if isinstance(key, yaml.ScalarNode) else "" for key, _ in node.value]
        fine = len(names) >= self.minimum
        if not fine:
            report(f"failed for {path}: Object should have no fewer than {self.minimum} properties.")
        fine = self._properties(node, names, path, report) and fine
        for name in self.required:
            if name not in names:
                report(f"failed for {path}: Missing required property '{name}'.")
                fine = False
        return fine

    def _properties(self, node: yaml.CollectionNode, names: list[str], path: str, report: _Report) -> bool:
        fine = True
        for name in sorted(self.keys.keys() & set(names)):
            _, value = node.value[names.index(name)]
            if not self.keys[name](value, f"{path}[{name}]", report):
                message = "Failed to validate against schema associated with property name"
                report(f"failed for {path}: {message} '{name}'.")
                fine = False
        # Of a key that stands twice nothing is left to name: the validator compares numbers.
        known = set(names) & self.keys.keys()
        if len(known) != len(names):
            other = next((name for name in names if name not in known), "")
            message = "Object contains a property that could not be validated using 'properties' or"
            report(f"failed for {path}: {message} 'additionalProperties' constraints: '{other}'.")
            fine = False
        return fine


_BOOL = _scalar(lambda text: text in ("true", "false"))
_INTEGRAL = _scalar(_is_integer)
_VERSIONED = {"name": _anything, "version": _anything}
_ALTERNATIVE = _Object(_VERSIONED, required=("name", "version"))
_PLUGIN = _Object({**_VERSIONED, "alternatives": _array(_ALTERNATIVE)}, required=("name", "version"))
_EXCEPTION = _Object(dict.fromkeys(("name", "fields", "comps", "values"), _anything), required=("name",))
_OVERRIDE = _Object(
    dict.fromkeys(
        (
            *("items", "desc", "condition", "output", "priority", "enabled", "exceptions", "capture"),
            *("capture_duration", "tags", "warn_evttypes", "skip-if-unknown-filter"),
        ),
        _one_of("append", "replace"),
    ),
    minimum=1,
)
_PRIORITY = _one_of(
    *("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG"),
)
_ITEM = _Object(
    {
        **dict.fromkeys(
            ("required_engine_version", "macro", "condition", "list", "rule", "desc", "output", "source"), _anything
        ),
        **dict.fromkeys(("enabled", "append", "capture", "warn_evttypes", "skip-if-unknown-filter"), _BOOL),
        **dict.fromkeys(("items", "tags"), _array(_anything)),
        "required_plugin_versions": _array(_PLUGIN),
        "priority": _PRIORITY,
        "capture_duration": _INTEGRAL,
        "exceptions": _array(_EXCEPTION),
        "override": _OVERRIDE,
    }
)
_FILE = _array(_ITEM)
"""The keys of Falco 0.44's ``rule_json_schema.h``."""
