"""The walk over a script's syntax tree that JavaScript, Perl, PHP and Ruby share.

It is modest on purpose: it follows literals, names that are given a value, functions of the script
itself, and calls of library functions that a table knows. It is flow-insensitive where that is safe:
a name that is assigned twice stands for both values. Nothing is run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code.escapes import escape_at
from prempti_otel.analysis.code.findings import Call, Findings, Names
from prempti_otel.analysis.code.grammars import parse
from prempti_otel.analysis.code.values import (
    Choice,
    Items,
    Local,
    Object,
    Plain,
    Table,
    Text,
    Unknown,
    Value,
    as_text,
    choose,
    concat,
    decoded,
    of_and,
)
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from tree_sitter import Node

    from prempti_otel.analysis.code.python_expressions import Setting

MAX_STEPS = 8_000
"""Nodes looked at in one piece of code."""
MAX_DEPTH = 80
"""Nesting of nodes that is followed."""
_MAX_CALLS = 8

Handler = Callable[["Script", "Node"], Value]
Special = Callable[["Script", Call], "Value | None"]

_CONTENTS = frozenset({"string_fragment", "string_content", "string_value", "heredoc_content", "heredoc_body"})
"""Node types of text inside quotes; what no named child of theirs covers is literal."""


class OutOfSteps(Exception):  # noqa: N818, it ends a walk and is no failure
    """The budget is spent."""


class Script(ABC):
    """One script being walked; each language is a subclass with its node types and its table."""

    grammar: ClassVar[str]
    language: ClassVar[str]
    handlers: ClassVar[Mapping[str, str]]
    """Names of the methods that take a node, by node type."""
    names: ClassVar[Names]
    special: ClassVar[Mapping[str, Special]]
    telling: ClassVar[tuple[str, ...]]
    """Words without which code that does not parse is of no interest."""
    elements: ClassVar[frozenset[str]] = frozenset()
    """Node types on the left of an assignment that are part of something larger: no variable of their own."""

    def __init__(self, setting: Setting, findings: Findings) -> None:
        self.setting = setting
        self.findings = findings
        self.variables: dict[str, Value] = {}
        self.functions: list[tuple[Sequence[Node], Node | None, bytes]] = []
        self._called: set[int] = set()
        self._active: list[int] = []
        self._steps = MAX_STEPS
        self._depth = 0
        self._level = 0
        self._data = b""
        self.repeating = 0

    def run(self, code: str) -> None:
        """Walk ``code``. Never raises; what is not understood and might act is dynamic."""
        try:
            self._walk_code(code)
            for key in range(len(self.functions)):
                if key not in self._called:
                    self.enter(key, ())
        except (OutOfSteps, RecursionError):
            self.findings.cut_short()

    def _walk_code(self, code: str) -> None:
        data = code.encode("utf-8", "replace")
        root = parse(self.grammar, data)
        if root is None:
            self.findings.cut_short()
        else:
            if root.has_error and any(word in code for word in self.telling):
                self.findings.dynamic = True
            outer, self._data = self._data, data
            try:
                self.walk(root)
            finally:
                self._data = outer

    def run_code(self, code: Value) -> None:
        """Walk code that the script runs by ``eval``, with the same names."""
        for text in [as_text(each) for each in (code.values if isinstance(code, Choice) else (code,))]:
            if not text.known or self._level >= _MAX_CALLS:
                self.findings.dynamic = True
                continue
            self._level += 1
            try:
                self._walk_code(text.text)
            finally:
                self._level -= 1

    def value(self, node: Node) -> Value:
        """What ``node`` is worth; what its calls do goes to the findings."""
        self._steps -= 1
        if self._steps < 0:
            raise OutOfSteps
        if self._depth >= MAX_DEPTH:
            self.findings.cut_short()
            return Unknown("...")
        self._depth += 1
        try:
            handler = self.handlers.get(node.type)
            if handler is not None:
                found: Value = getattr(self, handler)(node)
                return found
            return self.walk(node)
        finally:
            self._depth -= 1

    def walk(self, node: Node) -> Value:
        """A node without a value of its own: its parts are evaluated for what they do."""
        for child in node.named_children:
            self.value(child)
        return Unknown(self.source(node)[:40])

    def source(self, node: Node | None) -> str:
        """The text of ``node``; ``""`` for none."""
        return self._data[node.start_byte : node.end_byte].decode("utf-8", "replace") if node is not None else ""

    def field(self, node: Node, name: str) -> Value:
        """The value of a field of ``node``; unknown where it has none."""
        part = node.child_by_field_name(name)
        return self.value(part) if part is not None else Unknown("...")

    # values

    def string(self, node: Node) -> Value:
        """A string of literal parts, escapes and interpolated values."""
        parts: list[Value] = []
        at = node.start_byte
        whole = self._data[node.start_byte : node.end_byte]
        is_content = node.type in _CONTENTS
        for child in node.children:
            if is_content and not child.is_named:
                continue
            if is_content and child.start_byte > at:
                parts.append(self._literal(whole[at - node.start_byte : child.start_byte - node.start_byte]))
            at = child.end_byte
            if child.type == "escape_sequence":
                text, end = escape_at(whole, child.start_byte - node.start_byte, at - node.start_byte)
                at = end + node.start_byte
                parts.append(Text(text))
            elif child.is_named:
                parts.append(self._part(child))
        if is_content:
            parts.append(self._literal(whole[at - node.start_byte :]))
        return concat(parts)

    def _literal(self, data: bytes) -> Text:
        return self.setting.literal(Text(data.decode("utf-8", "replace")))

    def _part(self, node: Node) -> Value:
        if node.type in _CONTENTS:
            return self.string(node) if node.named_child_count else self.setting.literal(Text(self.source(node)))
        return self.value(node)

    def number(self, node: Node) -> Value:
        """An integer; other numbers are unknown."""
        try:
            return Plain(int(self.source(node)[:40], 0))
        except ValueError:
            return Unknown(self.source(node)[:40])

    def items(self, node: Node) -> Value:
        """A list of what its named parts are worth; lists among them are spread."""
        values = [self.value(child) for child in node.named_children if child.type != "comment"]
        return Items(tuple(values)) if len(values) <= fold.MAX_ITEMS else Unknown("[...]")

    def first(self, node: Node) -> Value:
        """The value of the only named part (parentheses, ``await``)."""
        value: Value = Unknown("...")
        for child in node.named_children:
            value = self.value(child)
        return value

    def joined(self, node: Node) -> Value:
        """A binary operation: ``+`` and ``.`` join text, in a chain of any length."""
        chain: list[Node] = []
        signs: set[str] = set()
        at: Node | None = node
        while at is not None and at.type == node.type:
            right = at.child_by_field_name("right")
            signs.add(self.source(at.child_by_field_name("operator")))
            chain += [right] if right is not None else []
            at = at.child_by_field_name("left")
        values = [self.value(part) for part in ([at] if at is not None else []) + chain[::-1]]
        if signs <= {"+", "."}:
            return concat(values)
        if signs <= {"&&", "and"}:
            values = of_and(values)
        return choose(values) if signs <= {"||", "??", "&&", "or", "and", "//", "?:"} else Unknown("...")

    def either(self, node: Node) -> Value:
        """A conditional expression: the value of any part but the condition."""
        parts = [self.value(child) for child in node.named_children]
        return choose(parts[1:]) if len(parts) > 1 else Unknown("...")

    def command(self, node: Node) -> Value:
        """Backticks: shell code, in which what is not interpolated is literal."""
        parts = [Text(self.source(c)) if c.type == "string_content" else self.value(c) for c in node.named_children]
        self.findings.run("sh", concat(parts))
        return Unknown("`..`")

    def assigned(self, node: Node) -> Value:
        """``x = value``."""
        left, value = node.child_by_field_name("left"), self.field(node, "right")
        if left is not None:
            self.bind(left, value)
        return value

    def augmented(self, node: Node) -> Value:
        """``x += value``, the text of both; what a loop may add to is unknown."""
        left = node.child_by_field_name("left")
        if left is None or left.type in self.elements or node.child_by_field_name("right") is None:
            return self.walk(node)
        return self.extend(self.source(left), self.field(node, "right"))

    def extend(self, name: str, value: Value) -> Value:
        """Append ``value`` to the text of a variable."""
        made = concat([self.name_value(name), value])
        self.variables[name] = Unknown(name) if self.repeating else made
        return made

    def name_value(self, name: str) -> Value:
        """The value of a variable."""
        return self.variables.get(name, Unknown(name))

    def give(self, name: str, value: Value, *, reads: bool = False) -> None:
        """Assign: a name that had a value may have either from now on."""
        if reads and self.repeating:
            value = Unknown(name)
        old = self.variables.get(name)
        self.variables[name] = value if old is None or isinstance(old, Unknown) else choose([value, old])

    def repeat(self, node: Node) -> Value:
        """A loop: its parts, once."""
        self.repeating += 1
        try:
            return self.walk(node)
        finally:
            self.repeating -= 1

    def repeated(self, body: Node | None) -> Value:
        """The body of a loop, once."""
        self.repeating += 1
        try:
            return self.value(body) if body is not None else Unknown("...")
        finally:
            self.repeating -= 1

    # calls

    def define(self, parameters: Iterable[Node], body: Node | None) -> Value:
        """A function of the script's own; its body is walked when it is called, or at the end."""
        self.functions.append((list(parameters), body, self._data))
        return Local(len(self.functions) - 1)

    def enter(self, key: int, args: Sequence[Value]) -> Value:
        """Walk the body of a function with these arguments; others are unknown."""
        self._called.add(key)
        parameters, body, data = self.functions[key]
        if key in self._active or len(self._active) >= _MAX_CALLS or body is None:
            return Unknown("...")
        self._active.append(key)
        outer, self._data = self._data, data
        try:
            for at, parameter in enumerate(parameters):
                self.bind(parameter, args[at] if at < len(args) else Unknown(self.source(parameter)[:40]))
            value = self.value(body)
            return value if body.type not in ("statement_block", "block", "compound_statement") else Unknown("...")
        finally:
            self._active.pop()
            self._data = outer

    @abstractmethod
    def bind(self, target: Node, value: Value) -> None:
        """Give a parameter or the left side of an assignment its value."""

    def call(self, call: Call) -> Value:
        """A call of a library function, or of nothing known."""
        special = self.special.get(call.name)
        if special is not None:
            found = special(self, call)
            return Unknown(call.name) if found is None else found
        does = self.names.get(call.name)
        if does is not None:
            return self.findings.apply(does, call) or Unknown(call.name)
        return self.passed_on(call)

    def passed_on(self, call: Call) -> Value:
        """An unknown call: functions among its arguments are called, with the receiver's elements if it has any."""
        given: tuple[Value, ...] = ()
        if isinstance(call.receiver, Items):
            given = (choose(call.receiver.values),)
        elif call.receiver is not None:
            given = (call.receiver,)
        for arg in call.args:
            if isinstance(arg, Local):
                self.enter(arg.key, given)
        return Unknown(call.name)


def parts_of(node: Node, field: str) -> list[Node]:
    """The named parts of a field of ``node``, comments aside; none where it has no such field."""
    found = node.child_by_field_name(field)
    return [part for part in found.named_children if part.type != "comment"] if found is not None else []


def argument(call: Call, at: int = 0) -> Value:
    """One argument; unknown where the call does not give it."""
    return call.args[at] if at < len(call.args) else Unknown("...")


def touches(op: FileOp, *, recursive: bool = False, first: int = 0) -> Special:
    """A function that touches each of its arguments from the given one on."""

    def apply(script: Script, call: Call) -> None:
        for value in spread(call.args[first:]):
            if not isinstance(value, Table | Object):
                script.findings.touch(op, value, recursive=recursive)

    return apply


def run_words(script: Script, call: Call) -> None:
    """``system(CODE)`` of Perl and Ruby: one argument is shell code, several are a command."""
    options = next((arg for arg in call.args if isinstance(arg, Table)), Table(()))
    given = spread(arg for arg in call.args if not isinstance(arg, Table))
    if len(given) == 1:
        script.findings.run("sh", given[0], directory=options.get("chdir"))
    elif given:
        script.findings.run("argv", Items(given), directory=options.get("chdir"))


def listed(_script: Script, _call: Call) -> Value:
    """A function that lists the names in a folder."""
    return Items((Text("*", pattern=True),))


def globbed(_script: Script, call: Call) -> Value:
    """A function that gives the files that match a pattern."""
    texts = [as_text(each) for arg in call.args[:1] for each in (arg.values if isinstance(arg, Items) else (arg,))]
    return Items(tuple(Text(text.text, text.known, pattern=True) for text in texts))


def joined_path(_script: Script, call: Call) -> Value:
    """A function that joins parts of a path with slashes."""
    return fold.join_path(call.args)


def decoder(function: Callable[..., bytes]) -> Special:
    """A function that decodes its first argument."""

    def apply(_script: Script, call: Call) -> Value | None:
        data = argument(call)
        if not isinstance(data, Text) or not data.known:
            return data
        made = fold.decode_bytes(function, data.text.encode("latin-1", "replace"))
        return Text(decoded(made)) if isinstance(made, Text) and made.known else made

    return apply


def move_to(script: Script, call: Call) -> None:
    """A function that changes the working directory."""
    script.findings.move(argument(call))


def spread(values: Iterable[Value]) -> tuple[Value, ...]:
    """The values with lists among them spread, as list arguments are in Perl."""
    flat: list[Value] = []
    for value in values:
        flat += value.values if isinstance(value, Items) else (value,)
    return tuple(flat)
