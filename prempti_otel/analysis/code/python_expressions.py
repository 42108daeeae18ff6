"""What Python expressions are worth and what evaluating them would do, told from their syntax alone.

One walk in order of evaluation over ``ast`` nodes; nothing of the code ever runs. The walk is bounded
in steps and depth, and what it cannot follow becomes unknown or marks the code as dynamic.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code.findings import Call, Findings
from prempti_otel.analysis.code.python_names import ALIASES
from prempti_otel.analysis.code.values import (
    NOTHING,
    Items,
    Method,
    Object,
    PathText,
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
    of_and,
    variables_in,
)

MAX_STEPS = 8_000
"""Expressions and statements looked at in one piece of code."""
MAX_DEPTH = 60
"""Nesting of expressions and calls that is followed."""


class Exhausted(Exception):  # noqa: N818, it ends a walk and is no failure
    """The budget of steps is spent."""


class Setting(msgspec.Struct, frozen=True):
    """What the code's surroundings are known to be; ``""`` and None where they are not."""

    args: tuple[Value, ...] = ()
    """``sys.argv``."""
    home: str = ""
    cwd: str = ""
    stdin: Text | None = None
    partial: bool = False
    """Whether the code holds parts that a shell would still expand (``$X``, backticks)."""
    variables: tuple[str, ...] = ()
    """Environment variables whose values such parts hold."""

    def literal(self, text: Text) -> Text:
        """A text constant of the code, which is not known where a shell would still expand it."""
        if self.partial and text.known and ("$" in text.text or "`" in text.text):
            named = tuple([name for name in self.variables if name in text.text])
            return Text(text.text, False, text.pattern, text.binary, named)
        return text


class Scope(msgspec.Struct):
    """Names of one function call or of the module."""

    names: dict[str, Value] = msgspec.field(default_factory=dict)
    parent: Scope | None = None

    def find(self, name: str) -> Value | None:
        """The value of ``name`` here or further out."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.names.get(name)
            if value is not None:
                return value
            scope = scope.parent
        return None


class Expressions:
    """Evaluates expressions; statements are the subclass's, known functions ``python_calls``'."""

    def __init__(self, setting: Setting, findings: Findings) -> None:
        self.setting = setting
        self.findings = findings
        self.scope = Scope()
        self.stars: list[str] = []
        """Modules imported with ``from MODULE import *``."""
        self.steps = MAX_STEPS
        self.depth = 0
        self.ssh_host: Value | None = None
        """The host of the SSH connection made last."""

    def spend(self) -> None:
        """Count one step. Raises Exhausted where there are none left."""
        self.steps -= 1
        if self.steps < 0:
            raise Exhausted

    def value(self, node: ast.AST) -> Value:
        """What ``node`` is worth; what its calls do goes to the findings."""
        self.spend()
        handler = _HANDLERS.get(type(node))
        if handler is None:
            return self._parts(node)
        if self.depth >= MAX_DEPTH:
            self.findings.cut_short()
            return Unknown("...")
        self.depth += 1
        try:
            return handler(self, node)
        finally:
            self.depth -= 1

    def _parts(self, node: ast.AST) -> Value:
        """A node without a value of its own: its parts are evaluated for what they do."""
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context | ast.operator | ast.cmpop | ast.boolop | ast.unaryop):
                self.value(child)
        return Unknown(source_of(node))

    def _constant(self, node: ast.Constant) -> Value:
        value = fold.of_native(node.value)
        return self.setting.literal(value) if isinstance(value, Text) else value

    def _name(self, node: ast.Name) -> Value:
        return self.named(node.id)

    def named(self, name: str) -> Value:
        """The value of a bare name: the code's own, a built-in function, or unknown."""
        found = self.scope.find(name)
        if found is not None:
            return found
        if name in self.known_builtins():
            return Ref(canonical(name))
        for module in self.stars:
            if self.is_known(f"{module}.{name}"):
                return Ref(canonical(f"{module}.{name}"))
        return Text("__main__") if name == "__name__" else Unknown(name)

    def known_builtins(self) -> frozenset[str]:
        """Built-in functions that mean something here."""
        raise NotImplementedError

    def is_known(self, name: str) -> bool:
        """Whether a library function of this full name means something here."""
        raise NotImplementedError

    def call(self, callee: Value, call: Call) -> Value:
        """What a call of ``callee`` returns; what it does goes to the findings."""
        raise NotImplementedError

    def function(self, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef) -> Value:
        """The function that the code defines at ``node``."""
        raise NotImplementedError

    def assign(self, target: ast.AST, value: Value) -> None:
        """Give a name, or several, a value."""
        raise NotImplementedError

    def _joined(self, node: ast.JoinedStr) -> Value:
        return concat([self.value(part) for part in node.values])

    def _formatted(self, node: ast.FormattedValue) -> Value:
        value = self.value(node.value)
        plain = node.format_spec is None and node.conversion == -1
        return value if plain else Unknown(source_of(node.value), variables=variables_in([value]))

    def _binary(self, node: ast.BinOp) -> Value:
        """A chain of ``+`` is taken as a whole: its tree is as deep as the chain is long."""
        operands: list[tuple[str, ast.expr]] = []
        at: ast.expr = node
        while isinstance(at, ast.BinOp):
            operands.append((type(at.op).__name__, at.right))
            at = at.left
        result = self.value(at)
        for sign, right in reversed(operands):
            result = choose(
                _operate(sign, one, other) for one in alternatives(result) for other in alternatives(self.value(right))
            )
        return result

    def _attribute(self, node: ast.Attribute) -> Value:
        chain: list[str] = []
        at: ast.expr = node
        while isinstance(at, ast.Attribute):
            chain.append(at.attr)
            at = at.value
        result = self.value(at)
        for name in reversed(chain):
            result = choose(self.attribute(one, name) for one in alternatives(result))
        return result

    def attribute(self, value: Value, name: str) -> Value:
        """``value.name``."""
        match value:
            case Ref(owner):
                return self._of_library(canonical(f"{owner}.{name}"))
            case PathText(path):
                found = fold.path_attribute(path, name)
                return Method(value, name) if found is None else found
            case Unknown(source, file, remote, variables):
                return Unknown(f"{source}.{name}"[-80:], file, remote, variables if name in fold.KEEPING else ())
            case _:
                return Method(value, name)

    def _of_library(self, name: str) -> Value:
        match name:
            case "sys.argv":
                return Items(self.setting.args)
            case "sys.executable":
                return Text("python3")
            case "os.sep" | "os.path.sep":
                return Text("/")
            case "os.curdir":
                return Text(".")
            case "os.pardir":
                return Text("..")
            case "os.devnull":
                return Text("/dev/null")
            case _:
                return Ref(name)

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        if isinstance(node.slice, ast.Slice):
            return choose(self._slice(one, node.slice) for one in alternatives(base))
        key = self.value(node.slice)
        return choose(self.item(one, each) for one in alternatives(base) for each in alternatives(key))

    def item(self, base: Value, key: Value) -> Value:
        """``base[key]``."""
        match base, key:
            case (Items(values), Plain(int(number))) if -len(values) <= number < len(values):
                return values[number]
            case (Text(text, True), Plain(int(number))) if -len(text) <= number < len(text):
                return Plain(ord(text[number])) if base.binary else Text(text[number])
            case (Table(), Text(name)):
                return base.get(name) or Unknown(name)
            case (Ref("os.environ"), Text(name, True)):
                return self.environment(name)
            case (Ref("sys.modules"), Text(name, True)):
                return Ref(canonical(name))
            case (Ref("globals()"), Text(name, True)):
                return self.named(name)
            case (Ref(owner), Text(name, True)) if owner.endswith(".__dict__"):
                return self.attribute(Ref(owner.removesuffix(".__dict__")), name)
            case (Ref(owner), _) if owner.endswith(".__dict__") or owner == "globals()":
                return Ref(f"{owner.removesuffix('.__dict__')}.?")
            case (Unknown(source, file, remote, variables), _):
                return Unknown(f"{source}[..]"[-80:], file, remote, variables)
            case _:
                return Unknown("...")

    def environment(self, name: str) -> Value:
        """The environment variable ``name``."""
        if name == "HOME" and self.setting.home:
            return Text(self.setting.home)
        if name == "PWD" and self.setting.cwd:
            return Text(self.setting.cwd)
        return Unknown(name, variables=(name,))

    def _slice(self, base: Value, part: ast.Slice) -> Value:
        numbers: list[int | None] = []
        for edge in (part.lower, part.upper, part.step):
            value = NOTHING if edge is None else self.value(edge)
            if not isinstance(value, Plain) or not isinstance(value.value, int | None):
                return Unknown("...")
            numbers.append(value.value)
        if numbers[2] == 0:
            return Unknown("...")
        where = slice(*numbers)
        short = fold.is_short(numbers[0], numbers[1])
        match base:
            case Text(text, True):
                return Text(text[where], binary=base.binary)
            case Items(values):
                return Items(values[where])
            case Unknown(source, file, remote):
                return Unknown(source, file, remote, () if short else variables_in([base]))
            case _:
                return Unknown("...", variables=() if short else variables_in([base]))

    def _call(self, node: ast.Call) -> Value:
        callee = self.value(node.func)
        args: list[Value] = []
        more = False
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                inner = self.value(arg.value)
                more = more or not isinstance(inner, Items)
                args += inner.values if isinstance(inner, Items) else ()
            else:
                args.append(self.value(arg))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, Table):
                keywords |= {as_text(key).text: each for key, each in value.pairs}
            else:
                more = True
        call = Call(source_of(node.func), tuple(args), keywords, more=more)
        return choose(self.call(one, call) for one in alternatives(callee))

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        values: list[Value] = []
        for element in node.elts:
            value = self.value(element)
            if isinstance(element, ast.Starred) and isinstance(value, Items):
                values += value.values
            else:
                values.append(value)
        return Items(tuple(values)) if len(values) <= fold.MAX_ITEMS else Unknown("[...]")

    def _starred(self, node: ast.Starred) -> Value:
        return self.value(node.value)

    def _dict(self, node: ast.Dict) -> Value:
        pairs: list[tuple[Value, Value]] = []
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            if key is not None:
                pairs.append((self.value(key), value))
            elif isinstance(value, Table):
                pairs += value.pairs
            elif value == Ref("os.environ"):
                return value
        return Table(tuple(pairs))

    def _either(self, node: ast.IfExp) -> Value:
        test = self.value(node.test)
        if isinstance(test, Plain):
            return self.value(node.body if test.value else node.orelse)
        return choose([self.value(node.body), self.value(node.orelse)])

    def _any_of(self, node: ast.BoolOp) -> Value:
        values = [self.value(part) for part in node.values]
        if isinstance(node.op, ast.And):
            values = of_and(values)
        return choose(value for value in values if value not in (NOTHING, Plain(False)))

    def _compare(self, node: ast.Compare) -> Value:
        left, rights = self.value(node.left), [self.value(right) for right in node.comparators]
        if len(rights) == 1 and isinstance(left, Text) and isinstance(rights[0], Text):
            known = left.known and rights[0].known
            if known and isinstance(node.ops[0], ast.Eq):
                return Plain(left.text == rights[0].text)
        return Unknown("...")

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, Plain) and isinstance(value.value, int):
            return Plain(-value.value)
        return Unknown(source_of(node.operand))

    def _lambda(self, node: ast.Lambda) -> Value:
        return self.function(node)

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.assign(node.target, value)
        return value

    def _await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        return self._for_each(node.generators, lambda: self.value(node.elt))

    def _dict_comprehension(self, node: ast.DictComp) -> Value:
        self._for_each(node.generators, lambda: choose([self.value(node.key), self.value(node.value)]))
        return Unknown("{...}")

    def _for_each(self, generators: Sequence[ast.comprehension], made: Callable[[], Value]) -> Value:
        """The values that a comprehension makes, in order, as far as what it runs over is known."""
        outer, self.scope = self.scope, Scope(parent=self.scope)
        try:
            made_here: list[Value] = []
            filtered = self._nest(list(generators), made, made_here)
        finally:
            self.scope = outer
        if filtered:
            return Items((choose(made_here),)) if made_here else Items(())
        return Items(tuple(made_here)) if len(made_here) <= fold.MAX_ITEMS else Unknown("[...]")

    def _nest(self, generators: list[ast.comprehension], made: Callable[[], Value], into: list[Value]) -> bool:
        """Run over the first generator and what it holds; whether some values may be left out."""
        if not generators:
            into.append(made())
            return False
        first, rest = generators[0], generators[1:]
        filtered = bool(first.ifs)
        for each in elements(self.value(first.iter)):
            self.assign(first.target, each)
            for test in first.ifs:
                self.value(test)
            filtered |= self._nest(rest, made, into) or isinstance(each, Unknown)
        return filtered


def elements(value: Value) -> Iterable[Value]:
    """What a loop over ``value`` runs over: one unknown value where that is not known."""
    for each in alternatives(value):
        match each:
            case Items(values):
                yield from values
            case Text(text, True) if len(text) <= fold.MAX_ITEMS:
                yield from (Plain(ord(letter)) if each.binary else Text(letter) for letter in text)
            case Table(pairs):
                yield from (key for key, _ in pairs)
            case Unknown(source, file, remote, variables):
                yield Unknown(f"{source}[..]"[-80:], file, remote, variables)
            case Object("file", (path, *_)):
                yield Unknown("line", file=as_text(path))
            case _:
                yield Unknown("...")


def _operate(sign: str, left: Value, right: Value) -> Value:
    if sign == "Div" and (isinstance(left, PathText) or isinstance(right, PathText)):
        return choose(PathText(as_text(each)) for each in alternatives(fold.join_path([left, right])))
    if sign == "Mod" and isinstance(left, Text):
        return fold.percent(left, right)
    found = fold.arithmetic(sign, left, right)
    if found is not None:
        return found
    if sign == "Add" and (isinstance(left, Text) or isinstance(right, Text)):
        return concat([left, right])
    return Unknown("...")


def canonical(name: str) -> str:
    """The name that the tables know a module, class or function by."""
    name = name.removeprefix("builtins.").removeprefix("__builtins__.").removeprefix("__builtin__.")
    if name in ALIASES:
        return ALIASES[name]
    head, _, rest = name.partition(".")
    return f"{ALIASES[head]}.{rest}" if head in ALIASES and rest else name


def source_of(node: ast.AST) -> str:
    """A short text that stands for ``node`` in a value that is not known."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    match node:
        case ast.Name():
            parts.append(node.id)
        case ast.Call():
            parts.append("...()")
        case _:
            parts.append("...")
    return ".".join(reversed(parts))[-80:]


_HANDLERS: Mapping[type[ast.AST], Callable[..., Value]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.JoinedStr: Expressions._joined,
    ast.FormattedValue: Expressions._formatted,
    ast.BinOp: Expressions._binary,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: Expressions._call,
    ast.List: Expressions._sequence,
    ast.Tuple: Expressions._sequence,
    ast.Set: Expressions._sequence,
    ast.Starred: Expressions._starred,
    ast.Dict: Expressions._dict,
    ast.IfExp: Expressions._either,
    ast.BoolOp: Expressions._any_of,
    ast.Compare: Expressions._compare,
    ast.UnaryOp: Expressions._unary,
    ast.Lambda: Expressions._lambda,
    ast.NamedExpr: Expressions._walrus,
    ast.Await: Expressions._await,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._dict_comprehension,
}
