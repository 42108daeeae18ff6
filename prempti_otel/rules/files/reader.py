"""Rules files: which items they hold, and what each key must look like. Definitions go to the collector.

The first thing that cannot be ends the file with a LoadError, as in Falco; warnings are reported and the file goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import yaml

from prempti_otel.errors import nearest
from prempti_otel.model.decision import Priority
from prempti_otel.rules.diagnostics import Code, Diagnostic, LoadError, Location, Place
from prempti_otel.rules.files.definitions import RuleException
from prempti_otel.rules.files.requirements import PluginRequirement, Version, parse_version
from prempti_otel.rules.files.yamlnodes import SourceFile, entries, is_null, parse_bool

_ITEM_KINDS = ("required_engine_version", "required_plugin_versions", "list", "macro", "rule")
_PRIORITIES = {priority.lower(): priority for priority in Priority} | {"info": Priority.INFORMATIONAL}
MAX_VALUES = 1_000_000
"""Values of one exception, aliases opened."""


@dataclass(frozen=True, slots=True)
class Item:
    """One mapping of a rules file, with typed access to its keys; each access may raise LoadError."""

    file: SourceFile
    place: Place
    node: yaml.MappingNode
    keys: Mapping[str, yaml.Node]
    report: Callable[[Diagnostic], None]

    def within(self, item_type: str, item_name: str, node: yaml.Node) -> Place:
        """The place of a node inside this item."""
        return (*self.place, self.file.location(item_type, item_name, node))

    def error(
        self, message: str, place: Place | None = None, remedy: str | None = None, code: Code = Code.YAML_VALIDATE
    ) -> LoadError:
        """An error at this item, or at a place within it."""
        return LoadError(self.file.diagnostic(code, message, place or self.place, remedy))

    def warn(self, code: Code, message: str, place: Place | None = None, remedy: str | None = None) -> None:
        """A warning at this item, or at a place within it."""
        self.report(self.file.diagnostic(code, message, place or self.place, remedy))

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        node = self.keys.get(key)
        return node is not None and not is_null(node)

    def scalar(self, key: str) -> str:
        """A required text."""
        if key not in self.keys:
            raise self.error(f"the key '{key}' is missing")
        found = self.optional(key)
        if found is None:
            raise self.error(f"the key '{key}' has no value", self.within("value for", key, self.keys[key]))
        return found

    def optional(self, key: str) -> str | None:
        """A text that may be absent or null, but not empty."""
        node = self.keys.get(key)
        if node is None or is_null(node):
            return None
        return self.text(node, self.within("value for", key, node), key)

    def text(self, node: yaml.Node, place: Place, key: str) -> str:
        """The source text of a scalar that may not be empty."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(f"the value of '{key}' must be a scalar", place)
        if not node.value:
            raise self.error(f"the value of '{key}' must not be empty", place)
        return str(node.value)

    def flag(self, key: str) -> bool | None:
        """A bool as yaml-cpp reads it."""
        text = self.optional(key)
        if text is None:
            return None
        value = parse_bool(text)
        if value is None:
            place = self.within("value for", key, self.keys[key])
            raise self.error(f"'{text}' is not a boolean", place, "write true or false")
        return value

    def number(self, key: str) -> int | None:
        """An unsigned number."""
        text = self.optional(key)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise self.error(f"'{text}' is not a number", self.within("value for", key, self.keys[key]))
        return int(text)

    def scalars(self, key: str, item_type: str = "value for") -> list[str] | None:
        """A sequence of scalars, or None where the key is absent."""
        node = self.keys.get(key)
        if node is None:
            return None
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(
                f"the value of '{key}' must be a sequence", self.within(item_type, key, node), f"write {key}: [a, b]"
            )
        return [self.element(child, key) for child in node.value]

    def element(self, node: yaml.Node, key: str) -> str:
        """One scalar of a sequence: null is none."""
        if not isinstance(node, yaml.ScalarNode) or is_null(node):
            place = self.within("value for", key, node)
            raise self.error(f"each element of '{key}' must be a scalar", place, "put an empty or null text in quotes")
        return str(node.value)

    def only(self, known: frozenset[str]) -> None:
        """Warn of keys that mean nothing."""
        for key in self.keys:
            if key not in known:
                guess = nearest(key, known)
                self.warn(
                    Code.UNKNOWN_KEY,
                    f"the key '{key}' is unknown and ignored",
                    None,
                    f"did you mean {guess}?" if guess else None,
                )

    def priority(self) -> Priority:
        """The rule's priority."""
        text = self.scalar("priority")
        found = _PRIORITIES.get(text.lower())
        if found is None:
            place = self.within("rule priority", text, self.keys["priority"])
            raise self.error(f"'{text}' is not a priority", place, "it is one of " + ", ".join(Priority))
        return found


def items(root: yaml.Node, file: SourceFile, report: Callable[[Diagnostic], None]) -> Iterator[tuple[str, Item]]:
    """All items of one document with their kinds (empty: unknown). Raises LoadError."""
    top = (file.location("rules content", "", root),)
    if is_null(root):
        return
    if not isinstance(root, yaml.SequenceNode):
        raise LoadError(
            file.diagnostic(
                Code.YAML_VALIDATE,
                "a rules file is a list of items",
                top,
                "begin each item with '- rule:', '- macro:' or '- list:'",
            )
        )
    # Taken off one by one, so that a large tree is not freed in one long step at the end.
    pending = root.value
    pending.reverse()
    while pending:
        node = pending.pop()
        if is_null(node):
            continue
        place = (*top, file.location("rules content item", "", node))
        if not isinstance(node, yaml.MappingNode):
            raise LoadError(file.diagnostic(Code.YAML_VALIDATE, "each item of a rules file is a mapping", place))
        keys = entries(node)
        kind = next((name for name in _ITEM_KINDS if name in keys), "")
        yield kind, _named(Item(file, place, node, keys, report), kind, top)


def _named(item: Item, kind: str, top: Place) -> Item:
    """The item with its own name in its place, where it has one."""
    if kind not in ("list", "macro", "rule"):
        return item
    name = item.scalar(kind)
    return replace(item, place=(*top, item.file.location(kind, name, item.node)))


def plugin_requirements(item: Item) -> Iterator[PluginRequirement]:
    """The entries of ``required_plugin_versions``."""
    node = item.keys["required_plugin_versions"]
    if not isinstance(node, yaml.SequenceNode):
        raise item.error("the value of required_plugin_versions must be a sequence")
    for child in node.value:
        entry = _sub_item(item, child, "required plugin versions entry")
        found = dict([_requirement(entry)])
        alternatives = entry.keys.get("alternatives")
        if alternatives is not None and not is_null(alternatives):
            if not isinstance(alternatives, yaml.SequenceNode):
                raise entry.error("the value of alternatives must be a sequence")
            for other in alternatives.value:
                name, version = _requirement(_sub_item(entry, other, "required plugin versions alternative"))
                if name in found:
                    message = f"plugin '{name}' is named twice among the alternatives"
                    raise entry.error(message, code=Code.VALIDATE)
                found[name] = version
        yield PluginRequirement(tuple(found.items()))


def _sub_item(item: Item, node: yaml.Node, item_type: str) -> Item:
    place = item.within(item_type, "", node)
    if not isinstance(node, yaml.MappingNode):
        raise item.error(f"each {item_type} is a mapping", place)
    return Item(item.file, place, node, entries(node), item.report)


def _requirement(entry: Item) -> tuple[str, Version]:
    name, text = entry.scalar("name"), entry.scalar("version")
    version = parse_version(text)
    if version is None:
        raise entry.error(f"'{text}' is not a version", remedy="write x.y.z", code=Code.VALIDATE)
    return name, version


def exceptions(item: Item) -> list[RuleException]:
    """The entries of ``exceptions``."""
    node = item.keys.get("exceptions")
    if node is None or is_null(node):
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise item.error("the value of exceptions must be a sequence", item.within("exceptions", "", node))
    found = []
    for child in node.value:
        entry = _sub_item(item, child, "exception")
        name = entry.scalar("name")
        place = item.within("exception", name, child)
        entry = replace(entry, place=place)
        values = _values(entry)
        found.append(RuleException(name, place, _one_or_many(entry, "fields"), _one_or_many(entry, "comps"), values))
    return found


def _one_or_many(entry: Item, key: str) -> str | tuple[str, ...] | None:
    node = entry.keys.get(key)
    if node is None or is_null(node):
        return None
    if isinstance(node, yaml.SequenceNode):
        return tuple(entry.text(child, entry.within("value for", key, child), key) for child in node.value)
    return entry.text(node, entry.within("value for", key, node), key)


def _values(entry: Item) -> list[str | tuple[str | tuple[str, ...], ...]]:
    node = entry.keys.get("values")
    if node is None or is_null(node):
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise entry.error("the value of values must be a sequence", entry.within("exception values", "", node))
    budget = [MAX_VALUES]
    return [_value(entry, child, budget) for child in node.value]


def _value(entry: Item, node: yaml.Node, budget: list[int]) -> str | tuple[str | tuple[str, ...], ...]:
    if not isinstance(node, yaml.SequenceNode):
        return _leaf(entry, node, budget)
    return tuple(
        tuple(_leaf(entry, leaf, budget) for leaf in child.value)
        if isinstance(child, yaml.SequenceNode)
        else _leaf(entry, child, budget)
        for child in node.value
    )


def _leaf(entry: Item, node: yaml.Node, budget: list[int]) -> str:
    place: tuple[Location, ...] = entry.within("exception value", "", node)
    budget[0] -= 1
    if budget[0] < 0:
        raise entry.error(f"an exception has more than {MAX_VALUES} values", place)
    if is_null(node):
        raise entry.error("an exception's value must not be null", place)
    return entry.text(node, place, "values")
