"""What all files together define: redefinition, ``append`` and ``override``, in order of first definition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

import yaml

from prempti_otel.errors import nearest
from prempti_otel.rules.diagnostics import Code, Diagnostic
from prempti_otel.rules.files.definitions import (
    KNOWN_TAGS,
    OWN_TAGS,
    ListDefinition,
    MacroDefinition,
    RuleDefinition,
    RuleException,
)
from prempti_otel.rules.files.exceptions import check_exception, merge_exception
from prempti_otel.rules.files.reader import Item, exceptions, items, plugin_requirements
from prempti_otel.rules.files.requirements import (
    ENGINE_VERSION,
    PluginRequirement,
    compatible,
    parse_engine_version,
    shown,
)
from prempti_otel.rules.files.yamlnodes import SourceFile, documents, entries, is_null
from prempti_otel.rules.rule import MARK_TAG

if TYPE_CHECKING:
    from prempti_otel.model.fields import Registry

_LIST_NAME = re.compile(r"""[^()"'\s=,]+\Z""")
_MACRO_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*\Z")
_LIST_KEYS = frozenset({"list", "items", "append", "override"})
_MACRO_KEYS = frozenset({"macro", "condition", "append", "override"})
_RULE_APPEND = frozenset({"condition", "output", "desc", "tags", "exceptions"})
_RULE_REPLACE = _RULE_APPEND | {
    "priority",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
}
_RULE_KEYS = _RULE_REPLACE | {"rule", "source", "append", "override"}
_DEPRECATED_APPEND = "the key 'append' is deprecated"
_VERDICTS = f"{OWN_TAGS}deny blocks, {OWN_TAGS}ask asks a person, {MARK_TAG}LABEL sets a mark; no tag allows"
_NO_RULE = "there is no rule of that name to change yet"


class _Ordered(Protocol):
    name: str
    index: int
    visibility: int


_T = TypeVar("_T", bound=_Ordered)


class Collector:
    """Everything defined so far. ``sources`` are the event sources that are served."""

    def __init__(self, sources: frozenset[str], fields: Registry) -> None:
        self.lists: dict[str, ListDefinition] = {}
        self.macros: dict[str, MacroDefinition] = {}
        self.rules: dict[str, RuleDefinition] = {}
        self.plugins: list[PluginRequirement] = []
        self._sources = sources
        self._fields = fields
        self._count = 0

    def fork(self) -> Collector:
        """A collector that has all of this and may take in more, this one staying as it is.

        The definitions themselves are shared: nothing may be appended to or overridden in the fork.
        """
        other = Collector(self._sources, self._fields)
        other.lists, other.macros, other.rules = dict(self.lists), dict(self.macros), dict(self.rules)
        other.plugins = list(self.plugins)
        other._count = self._count
        return other

    def read(
        self,
        file: SourceFile,
        report: Callable[[Diagnostic], None],
        admit: Callable[[str, Item], None] | None = None,
    ) -> Iterator[None]:
        """Take in one file, an item at each step. Raises LoadError at the first thing that cannot be.

        ``admit`` is asked about each item first, by its kind (empty: unknown); it refuses by a LoadError.
        """
        takers: Mapping[str, Callable[[Item], None]] = {
            "required_engine_version": self._engine_version,
            "required_plugin_versions": self._plugin_versions,
            "list": self._list,
            "macro": self._macro,
            "rule": self._rule,
        }
        for root in documents(file):
            if root is None:
                yield
                continue
            for kind, item in items(root, file, report):
                if admit is not None:
                    admit(kind, item)
                if kind:
                    takers[kind](item)
                else:
                    item.warn(Code.UNKNOWN_ITEM, "this item is neither a rule nor a macro nor a list; it is ignored")
                yield

    def _engine_version(self, item: Item) -> None:
        text = item.scalar("required_engine_version")
        version = parse_engine_version(text)
        if version is None:
            raise item.error(f"'{text}' is not an engine version", remedy="write a number, or x.y.z")
        if not compatible(ENGINE_VERSION, version):
            message = f"the rules require engine version {shown(version)}, and this is {shown(ENGINE_VERSION)}"
            raise item.error(message, code=Code.VALIDATE)

    def _plugin_versions(self, item: Item) -> None:
        self.plugins.extend(plugin_requirements(item))

    def _define(self, table: dict[str, _T], definition: _T) -> None:
        """A later definition replaces the earlier one, but keeps its place in the order."""
        self._count += 1
        definition.visibility = self._count
        previous = table.get(definition.name)
        definition.index = previous.index if previous else self._count
        table[definition.name] = definition

    def _list(self, item: Item) -> None:
        item.only(_LIST_KEYS)
        name = item.scalar("list")
        if not _LIST_NAME.match(name):
            remedy = "leave out blanks, quotes and ( ) , ="
            item.warn(Code.INVALID_LIST_NAME, f"'{name}' is no name that conditions can hold", None, remedy)
        if "items" not in item.keys:
            raise item.error("the key 'items' is missing")
        appends, _ = _changes(item, frozenset({"items"}), frozenset({"items"}))
        values = item.scalars("items", "list") or []
        if not appends:
            self._define(self.lists, ListDefinition(name, item.place, item.file, values))
            return
        previous = self.lists.get(name)
        if previous is None:
            raise item.error("there is no list of that name to append to yet", code=Code.VALIDATE)
        self._count += 1
        previous.items = previous.items + values
        previous.visibility = self._count

    def _macro(self, item: Item) -> None:
        item.only(_MACRO_KEYS)
        name = item.scalar("macro")
        if not _MACRO_NAME.match(name):
            item.warn(
                Code.INVALID_MACRO_NAME,
                f"'{name}' is no name that conditions can hold",
                None,
                "use letters, digits and _",
            )
        condition = item.scalar("condition")
        appends, _ = _changes(item, frozenset({"condition"}), frozenset({"condition"}))
        place = item.within("macro condition", "", item.keys["condition"])
        if not appends:
            self._define(self.macros, MacroDefinition(name, item.place, item.file, condition, place))
            return
        previous = self.macros.get(name)
        if previous is None:
            raise item.error("there is no macro of that name to append to yet", code=Code.VALIDATE)
        self._count += 1
        previous.condition = f"{previous.condition} {condition}"
        previous.visibility = self._count

    def _rule(self, item: Item) -> None:
        item.only(_RULE_KEYS)
        name = item.scalar("rule")
        appends, replaces = _changes(item, _RULE_APPEND, _RULE_REPLACE)
        if appends == {"*"}:
            self._append_rule(item, name)
        elif appends or replaces:
            self._override_rule(item, name, appends, replaces)
        elif not any(key in item.keys for key in ("condition", "output", "desc", "priority")):
            self._enable_rule(item, name)
        else:
            self._define_rule(item, name)

    def _previous(self, item: Item, name: str, message: str) -> RuleDefinition:
        previous = self.rules.get(name)
        if previous is None:
            raise item.error(message, remedy="define it above, or in an earlier file", code=Code.VALIDATE)
        self._same_source(item, previous)
        return previous

    def _same_source(self, item: Item, previous: RuleDefinition) -> None:
        node = item.keys.get("source")
        source = node.value if isinstance(node, yaml.ScalarNode) and not is_null(node) else ""
        if source and source != previous.source:
            message = f"the rule has source {previous.source} already, and cannot change it"
            raise item.error(message, code=Code.VALIDATE)

    def _append_rule(self, item: Item, name: str) -> None:
        previous = self._previous(item, name, _NO_RULE)
        if not (item.has("condition") or item.has("exceptions")):
            raise item.error("appending to a rule takes a condition or exceptions", code=Code.VALIDATE)
        if item.has("condition"):
            previous.append_condition(item.scalar("condition"))
        self._append_exceptions(item, previous)

    def _append_exceptions(self, item: Item, rule: RuleDefinition) -> None:
        fields = None if rule.unknown_source else self._fields
        for entry in self._exceptions(item):
            merge_exception(rule, entry, item.file, fields)
            if not entry.values:
                item.warn(Code.APPEND_NO_VALUES, f"the exception '{entry.name}' is given no values", entry.place)

    def _exceptions(self, item: Item) -> list[RuleException]:
        found = exceptions(item)
        names: set[str] = set()
        for entry in found:
            if entry.name in names:
                item.warn(
                    Code.EXCEPTION_NAME_NOT_UNIQUE, f"the exception '{entry.name}' is defined twice here", entry.place
                )
            names.add(entry.name)
        return found

    def _override_rule(self, item: Item, name: str, appends: set[str], replaces: set[str]) -> None:
        for key, operation in [*((key, "append") for key in appends), *((key, "replace") for key in replaces)]:
            if key not in item.keys:
                raise item.error(f"override says to {operation} '{key}', which is not given")
        for key in item.keys:
            if key in _RULE_REPLACE and key not in appends | replaces:
                place = item.within("overrides", key, item.keys[key])
                raise item.error(
                    f"the key '{key}' has no entry under override", place, "say whether to append or replace it"
                )
        previous = self._previous(item, name, _NO_RULE)
        for key in sorted(appends):
            self._append_key(item, previous, key)
        for key in sorted(replaces):
            self._replace_key(item, previous, key)

    def _append_key(self, item: Item, rule: RuleDefinition, key: str) -> None:
        match key:
            case "condition":
                rule.append_condition(item.scalar(key))
            case "output":
                rule.output = f"{rule.output} {item.scalar(key)}"
            case "desc":
                rule.description = f"{rule.description} {item.scalar(key)}"
            case "tags":
                rule.tags |= _tags(item)
            case _:
                self._append_exceptions(item, rule)

    def _replace_key(self, item: Item, rule: RuleDefinition, key: str) -> None:
        match key:
            case "condition":
                rule.condition = item.scalar(key)
                rule.before_append = None
                rule.condition_place = item.within("rule condition", "", item.keys[key])
            case "output":
                rule.output = item.scalar(key)
                rule.output_place = item.within("rule output", "", item.keys[key])
            case "desc":
                rule.description = item.scalar(key)
            case "tags":
                rule.tags = _tags(item)
            case "exceptions":
                rule.exceptions = self._complete_exceptions(item, None if rule.unknown_source else self._fields)
            case "priority":
                rule.priority = item.priority()
            case "capture_duration":
                rule.capture_duration = item.number(key) or 0
            case _:
                setattr(rule, key.replace("-", "_"), item.flag(key) is True)

    def _complete_exceptions(self, item: Item, fields: Registry | None) -> list[RuleException]:
        found = self._exceptions(item)
        for entry in found:
            if entry.fields is None:
                raise item.error("the key 'fields' is missing", entry.place)
            check_exception(entry, item.file, fields)
        return found

    def _enable_rule(self, item: Item, name: str) -> None:
        if "enabled" not in item.keys:
            raise item.error(
                "the key 'condition' is missing", remedy="a rule needs condition, output, desc and priority"
            )
        item.warn(
            Code.DEPRECATED_ITEM,
            "a rule with nothing but 'enabled' is deprecated",
            None,
            "add override: {enabled: replace}",
        )
        enabled = item.flag("enabled")
        previous = self._previous(item, name, "there is no rule of that name to enable or disable yet")
        previous.enabled = enabled is True

    def _define_rule(self, item: Item, name: str) -> None:
        condition, output = item.scalar("condition"), item.scalar("output")
        description, priority = item.scalar("desc"), item.priority()
        source = item.optional("source") or "syscall"
        unknown = source not in self._sources
        rule = RuleDefinition(
            name,
            item.place,
            item.file,
            condition,
            item.within("rule condition", "", item.keys["condition"]),
            output.strip(" \t\n\r\v\f"),
            item.within("rule output", "", item.keys["output"]),
            description,
            priority,
            source,
            tags=_tags(item),
            unknown_source=unknown,
        )
        for key in ("enabled", "warn_evttypes", "skip-if-unknown-filter", "capture"):
            flag = item.flag(key)
            if flag is not None:
                setattr(rule, key.replace("-", "_"), flag)
        rule.capture_duration = item.number("capture_duration") or 0
        if unknown:
            served = ", ".join(sorted(self._sources))
            remedy = f"rules judged here say source: {served}"
            item.warn(Code.UNKNOWN_SOURCE, f"the source '{source}' is unknown; the rule is skipped", None, remedy)
        previous = self.rules.get(name)
        if previous is not None and previous.source != source:
            message = f"the rule has source {previous.source} already, and cannot change it"
            raise item.error(message, code=Code.VALIDATE)
        rule.exceptions = self._complete_exceptions(item, None if unknown else self._fields)
        self.rules[name] = rule


def _tags(item: Item) -> frozenset[str]:
    """The rule's tags. One that reads as a verdict and is none would leave a rule that stops nothing, unnoticed."""
    tags = frozenset(item.scalars("tags") or ())
    for tag in sorted(tags):
        labelled = tag.startswith(MARK_TAG) and tag != MARK_TAG
        if tag.lower().startswith(OWN_TAGS) and tag not in KNOWN_TAGS and not labelled:
            guess = nearest(tag.lower().removeprefix(OWN_TAGS), [known.removeprefix(OWN_TAGS) for known in KNOWN_TAGS])
            remedy = f"did you mean {OWN_TAGS}{guess}?" if guess else _VERDICTS
            item.warn(
                Code.UNKNOWN_ITEM, f"the tag '{tag}' means nothing: the rule does not stop a call by it", None, remedy
            )
    return tags


def _changes(item: Item, appendable: frozenset[str], replaceable: frozenset[str]) -> tuple[set[str], set[str]]:
    """Keys to append and to replace; the old ``append: true`` appends ``*``, which stands for all."""
    legacy = item.flag("append") is True
    if legacy:
        item.warn(
            Code.DEPRECATED_ITEM, _DEPRECATED_APPEND, None, "write override: {condition: append}, or items: append"
        )
    appends, replaces = _overrides(item, appendable, replaceable)
    if legacy and (appends or replaces):
        raise item.error("'append: true' and 'override' cannot stand together", remedy="leave out 'append'")
    return ({"*"} if legacy else appends), replaces


def _overrides(item: Item, appendable: frozenset[str], replaceable: frozenset[str]) -> tuple[set[str], set[str]]:
    node = item.keys.get("override")
    appends: set[str] = set()
    replaces: set[str] = set()
    if node is None or isinstance(node, yaml.ScalarNode):
        return appends, replaces
    if not isinstance(node, yaml.MappingNode):
        raise item.error("the value of override must be a mapping", item.within("overrides", "", node))
    for key, value in entries(node).items():
        place = item.within("overrides", key, value)
        operation = item.text(value, place, key)
        if operation == "append":
            if key not in appendable:
                raise item.error(f"the key '{key}' cannot be appended to", place, "use replace")
            appends.add(key)
        elif operation == "replace":
            if key not in replaceable:
                raise item.error(f"the key '{key}' cannot be replaced", place)
            replaces.add(key)
        else:
            raise item.error(f"'{operation}' is no override", place, "write append or replace")
    return appends, replaces
