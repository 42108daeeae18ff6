"""What a piece of Python would do, from its syntax alone. It is never run, imported or compiled.

The walk follows the code in order of execution: assignments, both sides of a branch, loops over
known sequences item by item, calls of the code's own functions. Functions that the code defines and
does not call are walked once with unknown arguments, since something else may call them.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from prempti_otel.analysis.code.findings import Call, Findings
from prempti_otel.analysis.code.python_calls import BUILTINS, MODULES_THAT_RUN, SPECIAL, call_method
from prempti_otel.analysis.code.python_expressions import (
    Exhausted,
    Expressions,
    Scope,
    Setting,
    canonical,
    elements,
    source_of,
)
from prempti_otel.analysis.code.python_names import PYTHON
from prempti_otel.analysis.code.values import (
    NOTHING,
    Items,
    Local,
    Method,
    Object,
    Ref,
    Text,
    Unknown,
    Value,
    choose,
    variables_in,
)

MAX_CODE = 32_768
"""Longest code in characters that is parsed: parsing holds Python's global lock."""
_MAX_CALLS = 12
"""Nesting of calls of the code's own functions that is followed."""

_MAX_PIECES = 50
"""Top-level statements that are parsed one by one where the whole does not parse."""

_STRETCH = 4096
"""Characters that are parsed in one go, and those up to the next statement."""
_STATEMENT = re.compile(r"\n(?=[A-Za-z_@])(?!else\b|elif\b|except\b|finally\b)")

_REDUCING = (
    "len",
    "bool",
    "isinstance",
    "type",
    "id",
    "hash",
    "hashlib.",
    "any",
    "all",
    "sum",
    "set?",
    "callable",
    "zlib.crc32",
)
"""Functions that give next to nothing of the text that they are given."""

_PARSING = threading.Lock()
"""Held while warnings about the code are off: their filter belongs to all threads."""

_Function = ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef


def analyse_python(code: str, setting: Setting, findings: Findings) -> None:
    """Add what ``code`` would do to ``findings``. Never raises.

    Code that does not parse is dynamic; those of its top-level statements that do are still walked.
    """
    interpreter = Interpreter(setting, findings)
    tree = parse(code, findings)
    trees = [tree]
    if tree is None:
        findings.dynamic = True
        trees = [parse(piece, findings) for piece in _pieces(code[:MAX_CODE])]
    try:
        for each in trees:
            if each is not None:
                interpreter.block(each.body)
        interpreter.walk_uncalled()
    except (Exhausted, RecursionError):
        findings.cut_short()


def _pieces(code: str) -> list[str]:
    """Top-level statements as far as indentation tells them; the last holds what is too much."""
    pieces: list[str] = []
    for line in code.splitlines(keepends=True):
        continues = line[:1] in " \t\n\r#)]}" or line.startswith(("else:", "elif ", "except", "finally:"))
        if pieces and (continues or len(pieces) >= _MAX_PIECES):
            pieces[-1] += line
        else:
            pieces.append(line)
    return pieces


def parse(code: str, findings: Findings) -> ast.Module | None:
    """The syntax tree, or None where the code is too long, too deep or no Python."""
    if len(code) > MAX_CODE:
        findings.cut_short()
        return None
    try:
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parsed(code)
    except (RecursionError, MemoryError):
        findings.cut_short()  # another Python may have a deeper stack
        return None
    except (SyntaxError, ValueError):
        return None


def _parsed(code: str) -> ast.Module:
    """The tree of the code, stretch by stretch where that can be: other threads run between two of them.

    A stretch that ends within a string, brackets or a compound statement is no Python by itself; then the code
    is parsed as a whole. Raises what :func:`ast.parse` raises.
    """
    try:
        trees = [ast.parse(stretch) for stretch in _stretches(code)]
    except SyntaxError:
        return ast.parse(code)
    return trees[0] if len(trees) == 1 else ast.Module([statement for tree in trees for statement in tree.body], [])


def _stretches(code: str) -> Iterator[str]:
    start = 0
    while len(code) - start > _STRETCH:
        begins = _STATEMENT.search(code, start + _STRETCH)
        if begins is None:
            break
        yield code[start : begins.start() + 1]
        start = begins.start() + 1
    yield code[start:]


class Interpreter(Expressions):
    """Walks statements, and calls the code's own functions."""

    def __init__(self, setting: Setting, findings: Findings) -> None:
        super().__init__(setting, findings)
        self._functions: list[tuple[_Function, Scope]] = []
        self._called: set[int] = set()
        self._active: list[int] = []
        self._returns: list[list[Value]] = []
        self._repeating = 0

    def known_builtins(self) -> frozenset[str]:
        """Built-in functions that mean something here."""
        return BUILTINS

    def is_known(self, name: str) -> bool:
        """Whether a library function of this full name means something here."""
        return canonical(name) in PYTHON or canonical(name) in SPECIAL

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Walk statements in order; one that is nested too deep is dynamic, and the next goes on."""
        for statement in body:
            self.spend()
            handler = _STATEMENTS.get(type(statement))
            try:
                if handler is not None:
                    handler(self, statement)
                else:
                    self._parts(statement)
            except RecursionError:
                self.findings.cut_short()

    def walk_uncalled(self) -> None:
        """Walk each function that nothing called, with unknown arguments."""
        for key, (node, _) in enumerate(self._functions):
            if key not in self._called:
                names = [arg.arg for arg in _parameters(node.args)]
                self._enter(key, {name: Unknown(name) for name in names})

    def run_code(self, code: Text) -> Value:
        """Walk code that the code runs by ``exec`` or ``eval``, with the same names."""
        tree = parse(code.text.strip(), self.findings) if code.known else None
        if tree is None or len(self._active) >= _MAX_CALLS:
            self.findings.dynamic = True
            return Unknown("...")
        self._active.append(-1)
        try:
            self.block(tree.body)
            last = tree.body[-1] if tree.body else None
            simple = isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant | ast.Name | ast.BinOp)
            return self.value(last.value) if simple and isinstance(last, ast.Expr) else Unknown("...")
        finally:
            self._active.pop()

    def function(self, node: _Function) -> Value:
        """The function that the code defines at ``node``."""
        self._functions.append((node, self.scope))
        return Local(len(self._functions) - 1)

    def call(self, callee: Value, call: Call) -> Value:
        """What a call of ``callee`` returns; what it does goes to the findings."""
        self.spend()
        match callee:
            case Local(key):
                return self._call_local(key, call)
            case Ref(name):
                return self._call_library(replace(call, name=name))
            case Method(receiver, name):
                found = call_method(self, receiver, name, call)
                return self._passed_on(call) if found is None else found
            case Object("functools.partial", (first, *rest)):
                return self.call(first, replace(call, args=(*rest, *call.args)))
            case Unknown(_, file, remote, variables) if file is not None or remote or variables:
                self._passed_on(call)
                return callee
            case _:
                return self._passed_on(call)

    def _call_library(self, call: Call) -> Value:
        special = SPECIAL.get(call.name)
        if special is not None:
            found = special(self, call)
            return Unknown(call.name) if found is None else found
        does = PYTHON.get(call.name)
        if does is not None:
            return self.findings.apply(does, call) or Unknown(call.name)
        module, _, function = call.name.partition(".")
        if (function.endswith("?") and module in MODULES_THAT_RUN) or call.name == "?":
            self.findings.dynamic = True
        if module == "sh" and function:
            self.findings.run("argv", Items((Text(function), *call.args)), more=call.more)
        return self._passed_on(call)

    def _passed_on(self, call: Call) -> Value:
        """A call of something unknown: functions among its arguments are called with what follows them."""
        values = [*call.args, *(call.keywords[name] for name in ("target", "args", "func") if name in call.keywords)]
        given = (*call.args, *call.keywords.values())
        for at, value in enumerate(values):
            if isinstance(value, Local | Ref | Method) and self._means_something(value):
                rest = values[at + 1 :]
                spread = rest[0].values if rest and isinstance(rest[0], Items) else tuple(rest)
                self.call(value, Call(call.name, tuple(spread), more=True))
        origin = next((value for value in values if isinstance(value, Unknown)), Unknown(call.name))
        variables = () if call.name.startswith(_REDUCING) else variables_in(given)
        return Unknown(call.name, origin.file, origin.remote, variables)

    def _means_something(self, value: Value) -> bool:
        if isinstance(value, Ref):
            return value.name in PYTHON or value.name in SPECIAL
        return isinstance(value, Local) or (isinstance(value, Method) and not isinstance(value.receiver, Unknown))

    def _call_local(self, key: int, call: Call) -> Value:
        node = self._functions[key][0]
        names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        given: dict[str, Value] = {arg.arg: Unknown(arg.arg) for arg in _parameters(node.args)}
        for arg, default in zip(reversed(names), reversed(node.args.defaults), strict=False):
            given[arg] = self.value(default)
        for only, preset in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if preset is not None:
                given[only.arg] = self.value(preset)
        given |= dict(zip(names, call.args, strict=False))
        if node.args.vararg is not None and not call.more:
            given[node.args.vararg.arg] = Items(call.args[len(names) :])
        given |= {name: value for name, value in call.keywords.items() if name in given}
        return self._enter(key, given)

    def _enter(self, key: int, given: dict[str, Value]) -> Value:
        """Walk a function's body; a call of itself, or one nested too deep, is not followed."""
        self._called.add(key)
        if key in self._active or len(self._active) >= _MAX_CALLS:
            return Unknown("...")
        node, scope = self._functions[key]
        outer, self.scope = self.scope, Scope(given, scope)
        self._active.append(key)
        self._returns.append([])
        try:
            if isinstance(node, ast.Lambda):
                return self.value(node.body)
            self.block(node.body)
            return choose(self._returns[-1]) if self._returns[-1] else NOTHING
        finally:
            self._returns.pop()
            self._active.pop()
            self.scope = outer

    def assign(self, target: ast.AST, value: Value) -> None:
        """Give a name, or several, a value."""
        match target:
            case ast.Name(name):
                self.scope.names[name] = value
            case ast.Starred(inner):
                self.assign(inner, Unknown(source_of(inner)))
            case ast.Tuple(targets) | ast.List(targets):
                known = isinstance(value, Items) and len(value.values) == len(targets)
                values = value.values if known and isinstance(value, Items) else ()
                for at, each in enumerate(targets):
                    self.assign(each, values[at] if known else Unknown(source_of(each)))
            case _:
                self._parts(target)

    def _assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            if self._repeating and _reads(node.value, target):
                value = Unknown(source_of(target))
            self.assign(target, value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value))

    def _augmented(self, node: ast.AugAssign) -> None:
        value: Value = Unknown(source_of(node.target))
        if not self._repeating and isinstance(node.target, ast.Name):
            operation = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
            value = self.value(operation)
        else:
            self.value(node.value)
        self.assign(node.target, value)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.scope.names[alias.asname] = Ref(canonical(alias.name))
            else:
                head = alias.name.partition(".")[0]
                self.scope.names[head] = Ref(canonical(head))

    def _import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(node.module or "")
            else:
                name = canonical(f"{node.module}.{alias.name}")
                self.scope.names[alias.asname or alias.name] = self._of_library(name)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.value(decorator)
        self.scope.names[node.name] = self.function(node)

    def _class(self, node: ast.ClassDef) -> None:
        for part in (*node.bases, *node.decorator_list):
            self.value(part)
        outer, self.scope = self.scope, Scope(parent=self.scope)
        try:
            self.block(node.body)
        finally:
            self.scope = outer

    def _return(self, node: ast.Return) -> None:
        value = self.value(node.value) if node.value is not None else NOTHING
        if self._returns:
            self._returns[-1].append(value)

    def _branches(self, *bodies: Sequence[ast.stmt]) -> None:
        """Walk each body from the same state, and go on with what any of them leaves behind."""
        before = dict(self.scope.names)
        after: list[dict[str, Value]] = []
        for body in bodies:
            self.scope.names = dict(before)
            self.block(body)
            after.append(self.scope.names)
        names = dict.fromkeys(name for state in after for name in state)
        self.scope.names = {
            name: after[0][name]
            if all(state.get(name) is after[0].get(name) for state in after)
            else choose(state[name] for state in after if name in state)
            for name in names
        }

    def _if(self, node: ast.If) -> None:
        test = self.value(node.test)
        known = getattr(test, "value", None)
        if isinstance(known, bool):
            self.block(node.body if known else node.orelse)
        else:
            self._branches(node.body, node.orelse)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        over = self.value(node.iter)
        values = list(elements(over))
        exact = isinstance(over, Items | Text)
        self._repeating += not exact
        try:
            for value in values:
                self.assign(node.target, value)
                if exact:
                    self.block(node.body)
                else:
                    self._branches(node.body, ())
        finally:
            self._repeating -= not exact
        self.block(node.orelse)

    def _while(self, node: ast.While) -> None:
        self.value(node.test)
        self._repeating += 1
        try:
            self._branches(node.body, ())
        finally:
            self._repeating -= 1
        self.block(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.value(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self.block(node.body)

    def _try(self, node: ast.Try) -> None:
        self.block(node.body)
        for handler in node.handlers:
            self._branches(handler.body, ())
        self.block(node.orelse)
        self.block(node.finalbody)

    def _match(self, node: ast.Match) -> None:
        self.value(node.subject)
        self._branches(*(case.body for case in node.cases), ())


def _parameters(given: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (given.vararg, given.kwarg) if arg is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def _reads(value: ast.expr, target: ast.expr) -> bool:
    """Whether an assignment makes a name's new value of its old one."""
    if not isinstance(target, ast.Name):
        return False
    return any(isinstance(node, ast.Name) and node.id == target.id for node in ast.walk(value))


_STATEMENTS: Mapping[type[ast.stmt], Callable[..., None]] = {
    ast.Assign: Interpreter._assign,
    ast.AnnAssign: Interpreter._annotated,
    ast.AugAssign: Interpreter._augmented,
    ast.Import: Interpreter._import,
    ast.ImportFrom: Interpreter._import_from,
    ast.FunctionDef: Interpreter._define,
    ast.AsyncFunctionDef: Interpreter._define,
    ast.ClassDef: Interpreter._class,
    ast.Return: Interpreter._return,
    ast.If: Interpreter._if,
    ast.For: Interpreter._for,
    ast.AsyncFor: Interpreter._for,
    ast.While: Interpreter._while,
    ast.With: Interpreter._with,
    ast.AsyncWith: Interpreter._with,
    ast.Try: Interpreter._try,
    ast.TryStar: Interpreter._try,
    ast.Match: Interpreter._match,
}
