"""What an item of a project's rules file may be: something new, which can only stop more calls.

A project's file comes out of a repository, and so may be anybody's. It is refused whole at the first item that
could take something away from the rules it is added to, or that only looks as if it did something.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from prempti_otel.model.event import EVENT_SOURCE
from prempti_otel.rules.diagnostics import Code, LoadError
from prempti_otel.rules.files.definitions import KNOWN_TAGS, OWN_TAGS
from prempti_otel.rules.rule import MARK_TAG

if TYPE_CHECKING:
    from prempti_otel.rules.files.collector import Collector
    from prempti_otel.rules.files.definitions import RuleDefinition
    from prempti_otel.rules.files.reader import Item

_KEYS: Mapping[str, frozenset[str]] = {
    "list": frozenset({"list", "items"}),
    "macro": frozenset({"macro", "condition"}),
    "rule": frozenset(
        {"rule", "desc", "condition", "output", "priority", "source", "tags", "exceptions", "enabled", "warn_evttypes"}
    ),
}
"""What each kind of item may hold."""
_WHY_NOT = {
    "append": "a project's rules change no others",
    "override": "a project's rules change no others",
    "skip-if-unknown-filter": "a rule that may be left out in silence protects nobody",
    "required_engine_version": "a project's rules make no demands on the guard",
    "required_plugin_versions": "a project's rules make no demands on the guard",
}
_LONGEST_NAME = 200
_NOT_TIGHTER = "a project's rules can only add to the installed ones"


class Tightening:
    """Admits the items of project files to a collector that holds the installed definitions and earlier files'."""

    def __init__(self, installed_rules: Mapping[str, RuleDefinition]) -> None:
        self._rules = {_seen_as(name): rule for name, rule in installed_rules.items()}

    def admit(self, kind: str, item: Item, known: Collector) -> None:
        """Raises LoadError for an item that is not to be taken in."""
        if kind not in _KEYS:
            if kind:
                raise _refused(item, f"'{kind}' cannot stand here: {_WHY_NOT[kind]}", "leave it out")
            raise _refused(item, "this item is neither a rule nor a macro nor a list", "leave it out")
        for key in item.keys:
            if key not in _KEYS[kind]:
                why = _WHY_NOT.get(key, f"it means nothing in a {kind} of a project")
                raise _refused(item, f"the key '{key}' cannot stand here: {why}", "leave it out")
        name = item.scalar(kind)
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise _refused(
                item, f"the name of the {kind} is longer than {_LONGEST_NAME} characters, or not printable", "rename it"
            )
        if kind == "rule":
            self._admit_rule(item, name, known)
        else:
            _admit_definition(item, kind, name, known)

    def _admit_rule(self, item: Item, name: str, known: Collector) -> None:
        other = self._rules.get(_seen_as(name)) or known.rules.get(name)
        if other is not None:
            where = f"{other.file.name}:{other.place[-1].line + 1}"
            raise _refused(item, f"there is a rule of that name already, in {where}", "give it a name of its own")
        if item.flag("enabled") is False:
            raise _refused(item, "a rule of a project cannot be switched off", "leave it out")
        source = item.optional("source")
        if source != EVENT_SOURCE:
            said = f"'{source}'" if source else "missing"
            raise _refused(
                item, f"the source is {said}, so that the rule would never be judged", f"write source: {EVENT_SOURCE}"
            )
        for tag in item.scalars("tags") or ():
            if tag.startswith(MARK_TAG):
                raise _refused(item, f"the tag '{tag}' sets a mark, which other rules may trust", "leave it out")
            if tag.lower().startswith(OWN_TAGS) and tag not in KNOWN_TAGS:
                raise _refused(item, f"the tag '{tag}' is none that a project's rule can have: {_NOT_TIGHTER}")


def _admit_definition(item: Item, kind: str, name: str, known: Collector) -> None:
    other = known.lists.get(name) or known.macros.get(name)
    if other is not None:
        where = f"{other.file.name}:{other.place[-1].line + 1}"
        what = f"there is a list or macro '{name}' already, in {where}"
        raise _refused(item, what, f"give the {kind} a name of its own")


def _refused(item: Item, message: str, remedy: str | None = None) -> LoadError:
    return item.error(message, remedy=remedy, code=Code.VALIDATE)


def _seen_as(name: str) -> str:
    """The same for names that a person would take for the same."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
