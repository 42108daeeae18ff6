"""What a piece of JavaScript would do under Node.js, from its syntax alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code.findings import Call
from prempti_otel.analysis.code.javascript_library import BUILT_IN_MODULES, GLOBALS, NAMES, SPECIAL, module_name
from prempti_otel.analysis.code.scripts import Script, parts_of
from prempti_otel.analysis.code.values import (
    Items,
    Local,
    Plain,
    Ref,
    Table,
    Text,
    Unknown,
    Value,
    alternatives,
    as_text,
    choose,
    concat,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_TEXT_METHODS = {
    "toLowerCase": "lower",
    "toUpperCase": "upper",
    "trim": "strip",
    "trimEnd": "rstrip",
    "trimStart": "lstrip",
}


_KEEPING = frozenset(
    {
        "toString", "valueOf", "trim", "trimStart", "trimEnd", "toLowerCase", "toUpperCase", "concat", "split", "join",
        "padEnd", "padStart", "normalize", "reverse", "repeat", "then",
    }
)  # fmt: skip
"""Methods that give a good part of the text that they are called on."""


class JavaScript(Script):
    """A script for Node.js."""

    grammar = "javascript"
    language = "javascript"
    names = NAMES
    special = SPECIAL
    elements = frozenset({"member_expression", "subscript_expression", "parenthesized_expression"})
    telling = ("fs", "child_process", "exec", "spawn", "eval", "Function", "fetch", "http", "require", "import", "net")
    handlers: ClassVar[Mapping[str, str]] = {
        "string": "string",
        "template_string": "string",
        "template_substitution": "first",
        "number": "number",
        "true": "constant",
        "false": "constant",
        "null": "constant",
        "undefined": "constant",
        "identifier": "identifier",
        "member_expression": "member",
        "subscript_expression": "subscript",
        "call_expression": "called",
        "new_expression": "called",
        "binary_expression": "joined",
        "ternary_expression": "either",
        "parenthesized_expression": "first",
        "await_expression": "first",
        "array": "items",
        "object": "table",
        "variable_declarator": "declared",
        "assignment_expression": "assigned",
        "augmented_assignment_expression": "augmented",
        "import_statement": "imported",
        "arrow_function": "function",
        "function_expression": "function",
        "function_declaration": "function",
        "generator_function_declaration": "function",
        "method_definition": "function",
        "for_in_statement": "for_each",
        "for_statement": "repeat",
        "while_statement": "repeat",
        "do_statement": "repeat",
    }

    def constant(self, node: Node) -> Value:
        """``true``, ``false``, ``null``, ``undefined``."""
        return Plain({"true": True, "false": False}.get(node.type))

    def identifier(self, node: Node) -> Value:
        """A name: the script's own, a global, or a built-in module."""
        name = self.source(node)
        if name in self.variables:
            return self.variables[name]
        return Ref(name) if name in GLOBALS or name in BUILT_IN_MODULES else Unknown(name)

    def member(self, node: Node) -> Value:
        """``object.property``."""
        owner = node.child_by_field_name("object")
        name = self.source(node.child_by_field_name("property"))
        return self.property(self.value(owner), name) if owner is not None else Unknown(name)

    def property(self, owner: Value, name: str) -> Value:
        """A property by its name."""
        match owner:
            case Ref("process.env"):
                home = name == "HOME" and self.setting.home
                return Text(self.setting.home) if home else Unknown(name, variables=(name,))
            case Ref("process") if name == "argv":
                return Items((Text("node"), *self.setting.args[1:]))
            case Ref(base) if base in ("globalThis", "global", "window") and name != "fetch":
                return Ref(name)
            case Ref() if name in ("promises", "default"):
                return owner
            case Ref(base):
                return Ref(f"{base}.{name.removesuffix('Sync')}")
            case Table():
                return owner.get(name) or Unknown(name)
            case Unknown(source, file, remote, variables):
                return Unknown(f"{source}.{name}"[-80:], file, remote, variables if name in _KEEPING else ())
            case _:
                return Unknown(name)

    def subscript(self, node: Node) -> Value:
        """``object[key]``."""
        owner, key = node.child_by_field_name("object"), node.child_by_field_name("index")
        if owner is None or key is None:
            return Unknown("...")
        base, found = self.value(owner), self.value(key)
        match base, found:
            case (Items(values), Plain(int(number))) if 0 <= number < len(values):
                return values[number]
            case (_, Text(text, True)):
                return self.property(base, text)
            case (Ref(name), _):
                return Ref(f"{name}.?")
            case _:
                return Unknown("...")

    def called(self, node: Node) -> Value:
        """A call or ``new``."""
        target = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        if target is None:
            return self.walk(node)
        callee: Value = Ref("import")
        receiver: Value | None = None
        name = ""
        if target.type == "member_expression":
            owner = target.child_by_field_name("object")
            name = self.source(target.child_by_field_name("property"))
            receiver = self.value(owner) if owner is not None else None
            callee = self.property(receiver, name) if receiver is not None else Unknown(name)
        elif target.type != "import":
            callee = self.value(target)
        given = parts_of(node, "arguments")
        args = tuple(self.value(part) for part in given if part.type != "spread_element")
        more = any(part.type == "spread_element" for part in given)
        return choose(self._call(each, name, receiver, args, more) for each in alternatives(callee))

    def _call(self, callee: Value, name: str, receiver: Value | None, args: tuple[Value, ...], more: bool) -> Value:
        match callee:
            case Local(key):
                return self.enter(key, args)
            case Ref(full) if full.endswith(".?") and full.partition(".")[0] in BUILT_IN_MODULES:
                self.findings.dynamic = True
                return Unknown("...")
            case Ref(full) if full.endswith((".then", ".forEach", ".map")):
                return self.passed_on(Call(full, args, receiver=receiver))
            case Ref(full):
                return self._library(full, args, receiver, more)
            case _:
                found = self._method(receiver, name, args)
                return self.passed_on(Call(name, args, receiver=receiver)) if found is None else found

    def _library(self, full: str, args: tuple[Value, ...], receiver: Value | None, more: bool) -> Value:
        found = self.call(Call(full, args, receiver=receiver, more=more))
        if isinstance(found, Unknown) and full.startswith("net.Socket"):
            return Ref("net.Socket")
        self.passed_on(Call(full, args))
        return found

    def _method(self, receiver: Value | None, name: str, args: tuple[Value, ...]) -> Value | None:
        match receiver:
            case Text() if name == "toString" or name == "valueOf":
                return fold.text_method(receiver, "decode", ()) if receiver.binary else receiver
            case Text() if name == "concat":
                return concat([receiver, *args])
            case Text(text, True) if name == "split" and args == (Text(""),):
                return Items(tuple(Text(letter) for letter in text[: fold.MAX_ITEMS]))
            case Text():
                return fold.text_method(receiver, _TEXT_METHODS.get(name, name), args)
            case Items(values) if name == "join":
                return fold.text_method(as_text(args[0]) if args else Text(","), "join", (receiver,))
            case Items(values) if name == "reverse":
                return Items(values[::-1])
            case Unknown(source, file, remote, variables) if file is not None or remote or variables:
                self.passed_on(Call(name, args, receiver=receiver))
                return receiver if name in _KEEPING else Unknown(source, file, remote)
            case _:
                return None

    def table(self, node: Node) -> Value:
        """An object literal."""
        pairs: list[tuple[Value, Value]] = []
        for child in node.named_children:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if child.type == "pair" and key is not None and value is not None:
                name = self.value(key) if key.type != "property_identifier" else Text(self.source(key))
                pairs.append((name, self.value(value)))
            elif child.type == "shorthand_property_identifier":
                pairs.append((Text(self.source(child)), self.name_value(self.source(child))))
            else:
                self.value(child)
        return Table(tuple(pairs))

    def declared(self, node: Node) -> Value:
        """``const name = value``."""
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is not None and value is not None:
            self.bind(name, self.value(value))
        return Unknown("...")

    def bind(self, target: Node, value: Value) -> None:
        """A name, or the names of a destructuring pattern."""
        match target.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                self.give(self.source(target), value)
            case "object_pattern":
                for child in target.named_children:
                    self._bind_property(child, value)
            case "array_pattern":
                for at, child in enumerate(target.named_children):
                    known = isinstance(value, Items) and at < len(value.values)
                    self.bind(child, value.values[at] if known and isinstance(value, Items) else Unknown("..."))
            case "assignment_pattern" | "formal_parameters" | "rest_pattern":
                for child in target.named_children[:1]:
                    self.bind(child, value)
            case _:
                self.walk(target)

    def _bind_property(self, child: Node, owner: Value) -> None:
        if child.type == "shorthand_property_identifier_pattern":
            self.give(self.source(child), self.property(owner, self.source(child)))
            return
        key, inner = child.child_by_field_name("key"), child.child_by_field_name("value")
        if key is not None and inner is not None:
            self.bind(inner, self.property(owner, self.source(key)))

    def imported(self, node: Node) -> Value:
        """``import ... from "module"``."""
        source = node.child_by_field_name("source")
        module = Ref(module_name(as_text(self.value(source)).text)) if source is not None else Ref("?")
        pending = [child for child in node.named_children if child.type == "import_clause"]
        while pending:
            part = pending.pop()
            if part.type == "identifier":
                self.give(self.source(part), module)
            elif part.type == "import_specifier":
                name = self.source(part.child_by_field_name("name"))
                alias = self.source(part.child_by_field_name("alias")) or name
                self.give(alias, self.property(module, name))
            else:
                pending += part.named_children
        return module

    def function(self, node: Node) -> Value:
        """A function, by any of its spellings."""
        single = node.child_by_field_name("parameter")
        made = self.define(
            [single] if single is not None else parts_of(node, "parameters"), node.child_by_field_name("body")
        )
        name = node.child_by_field_name("name")
        if name is not None and node.type.endswith("declaration"):
            self.give(self.source(name), made)
        return made

    def for_each(self, node: Node) -> Value:
        """``for (const x of values)``."""
        left, over = node.child_by_field_name("left"), self.field(node, "right")
        if left is not None:
            self.bind(left, choose(over.values) if isinstance(over, Items) else Unknown(self.source(left)[:40]))
        return self.repeated(node.child_by_field_name("body"))
