"""What a piece of Perl would do, from its syntax alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from prempti_otel.analysis.code import scripts
from prempti_otel.analysis.code.findings import Arg, Call, Causes, Link, Names, Touch, Unfolds
from prempti_otel.analysis.code.scripts import Script, Special, argument, spread, touches
from prempti_otel.analysis.code.values import Items, Local, Ref, Table, Text, Unknown, Value, as_text, choose, concat
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from tree_sitter import Node

_READ, _WRITE, _DELETE = FileOp.READ, FileOp.WRITE, FileOp.DELETE
_FIRST, _SECOND = Arg(0), Arg(1)
_MOVE = (Touch(_READ, _FIRST, archives=True), Touch(_DELETE, _FIRST, recursive=True), Touch(_WRITE, _SECOND))

_NAMES: Names = MappingProxyType(
    {
        "rename": _MOVE,
        "move": _MOVE,
        "mv": _MOVE,
        "copy": (Touch(_READ, _FIRST, archives=True), Touch(_WRITE, _SECOND)),
        "cp": (Touch(_READ, _FIRST, archives=True), Touch(_WRITE, _SECOND)),
        "symlink": (Link(_SECOND, _FIRST),),
        "link": (Link(_SECOND, _FIRST, hard=True),),
        "truncate": (Touch(_WRITE, _FIRST),),
        "mkdir": (Touch(_WRITE, _FIRST),),
        "read_file": (Touch(_READ, _FIRST),),
        "write_file": (Touch(_WRITE, _FIRST, content=_SECOND),),
        "kill": (Causes("stops_processes"),),
        "thaw": (Unfolds(_FIRST),),
    }
)


def _open(script: Script, call: Call) -> None:
    if len(call.args) < 2:
        return
    mode = as_text(call.args[1])
    if len(call.args) == 2:
        _open_short(script, mode)
    elif mode.text in ("-|", "|-"):
        scripts.run_words(script, Call("system", call.args[2:]))
    elif "&" not in mode.text:
        _open_file(script, mode.text.partition(":")[0], call.args[2])


def _open_short(script: Script, what: Text) -> None:
    text = what.text.strip()
    if text.startswith("|") or text.endswith("|"):
        script.findings.run("sh", Text(text.strip("| "), what.known))
    elif "&" not in text[:3]:
        path = text.lstrip("<>+ ")
        _open_file(script, text[: len(text) - len(path)], Text(path, what.known))


def _open_file(script: Script, mode: str, path: Value) -> None:
    if ">" not in mode or "+" in mode:
        script.findings.touch(_READ, path)
    if ">" in mode or "+" in mode:
        script.findings.touch(_WRITE, path)


def _socket_address(_: Script, call: Call) -> Value:
    return Table(((Text("port"), argument(call)), (Text("host"), argument(call, 1))))


def _connect(script: Script, call: Call) -> None:
    address = argument(call, 1)
    if isinstance(address, Table):
        script.findings.contact("connect", address.get("host") or Unknown("host"), "host", address.get("port"))
    else:
        script.findings.contact("connect", address, "host")


def _download(script: Script, call: Call) -> Value:
    script.findings.contact("download", argument(call), "url")
    if call.name in ("getstore", "mirror") and len(call.args) > 1:
        script.findings.touch(_WRITE, call.args[1])
    return Unknown("response", remote=True)


def _shift(script: Script, _: Call) -> Value:
    given = script.variables.get("@_") or script.variables.get("@ARGV")
    return given.values[0] if isinstance(given, Items) and given.values else Unknown("shift")


def _joined(_: Script, call: Call) -> Value:
    values: list[Value] = []
    for value in spread(call.args[1:]):
        values += [argument(call), value]
    return concat(values[1:])


def _reversed(_: Script, call: Call) -> Value:
    text = argument(call)
    return Text(text.text[::-1], text.known) if isinstance(text, Text) else text


def _packed(_: Script, call: Call) -> Value | None:
    form, data = as_text(argument(call)), argument(call, 1)
    if form.text.startswith("H") and isinstance(data, Text):
        return scripts.decoder(bytes.fromhex)(_, Call("pack", (data,)))
    return None


_SPECIAL: Mapping[str, Special] = MappingProxyType(
    {
        "system": scripts.run_words,
        "exec": scripts.run_words,
        "open": _open,
        "sysopen": lambda script, call: _open_file(script, "+>", argument(call, 1)),
        "unlink": touches(_DELETE),
        "rmdir": touches(_DELETE),
        **dict.fromkeys(("rmtree", "remove_tree", "pathrmdir"), touches(_DELETE, recursive=True)),
        "chmod": touches(FileOp.CHMOD, first=1),
        "chown": touches(FileOp.CHMOD, first=2),
        "utime": touches(_WRITE, first=2),
        "chdir": scripts.move_to,
        "glob": scripts.globbed,
        "readdir": scripts.listed,
        "shift": _shift,
        "join": _joined,
        "reverse": _reversed,
        "pack": _packed,
        "decode_base64": scripts.decoder(base64.b64decode),
        "inet_aton": lambda _script, call: argument(call),
        "gethostbyname": lambda _script, call: argument(call),
        **dict.fromkeys(("sockaddr_in", "pack_sockaddr_in"), _socket_address),
        "connect": _connect,
        **dict.fromkeys(("getprint", "getstore", "mirror"), _download),
    }
)

_FETCHING = frozenset({"get", "head", "post", "put", "request", "mirror", "delete"})


_ENVIRONMENT = re.compile(r"\$ENV\{['\"]?([A-Za-z0-9_]+)['\"]?\}")


class Perl(Script):
    """A Perl script, or what follows ``perl -e``."""

    grammar = "perl"
    language = "perl"
    names = _NAMES
    special = _SPECIAL
    telling = ("system", "exec", "open", "unlink", "rmtree", "remove_tree", "qx", "`", "eval", "connect", "rmdir")
    handlers: ClassVar[Mapping[str, str]] = {
        "string_literal": "string",
        "interpolated_string_literal": "string",
        "quoted_word_list": "split_words",
        "number": "number",
        "scalar": "variable",
        "array": "variable",
        "hash": "variable",
        "bareword": "bareword",
        "autoquoted_bareword": "bareword",
        "variable_declaration": "declared",
        "assignment_expression": "assigned",
        "list_expression": "items",
        "parenthesized_expression": "listed",
        "anonymous_array_expression": "listed",
        "anonymous_hash_expression": "options",
        "binary_expression": "joined",
        "conditional_expression": "either",
        "hash_element_expression": "hash_element",
        "array_element_expression": "array_element",
        "function_call_expression": "called",
        "ambiguous_function_call_expression": "called",
        "func1op_call_expression": "called_with_one",
        "method_call_expression": "method",
        "command_string": "command",
        "eval_expression": "evaluated",
        "substitution_regexp": "substituted",
        "map_grep_expression": "mapped",
        "for_statement": "for_each",
        "postfix_for_expression": "for_each",
        "loop_statement": "repeat",
        "cstyle_for_statement": "repeat",
        "postfix_loop_expression": "repeat",
        "subroutine_declaration_statement": "function",
        "anonymous_subroutine_expression": "function",
        "function": "bare_call",
        "glob_expression": "fileglob",
        "fileglob_expression": "fileglob",
    }

    def split_words(self, node: Node) -> Value:
        """``qw(a b)``."""
        content = self.source(node.child_by_field_name("content"))
        return Items(tuple(Text(word) for word in content.split()[:256]))

    def variable(self, node: Node) -> Value:
        """``$x``, ``@x``, ``%x``; ``@ARGV`` is what the script is given."""
        name = self.source(node)
        if name == "@ARGV":
            return Items(self.setting.args[1:]) if len(self.setting.args) > 1 else Unknown(name)
        if name == "%ENV":
            return Ref("%ENV")
        return self.name_value(name)

    def bareword(self, node: Node) -> Value:
        """A word without quotes: a key, a package, a file handle."""
        return Text(self.source(node))

    def declared(self, node: Node) -> Value:
        """``my $x`` as a value."""
        return Unknown(self.source(node)[:40])

    def listed(self, node: Node) -> Value:
        """A list in brackets."""
        value = self.items(node)
        return Items(spread(value.values)) if isinstance(value, Items) else value

    def options(self, node: Node) -> Value:
        """``{a => 1}``."""
        values = spread([self.items(node)])
        return Table(tuple(zip(values[::2], values[1::2], strict=False)))

    def assigned(self, node: Node) -> Value:
        """``$x = ..``, ``my ($a, $b) = ..``."""
        left, value = node.child_by_field_name("left"), self.field(node, "right")
        sign = self.source(node.child_by_field_name("operator"))
        if left is not None and sign == ".=" and left.type == "scalar":
            self.extend(self.source(left), value)
        elif left is not None:
            self.bind(left, value)
        return value

    def bind(self, target: Node, value: Value) -> None:
        """A variable, or several."""
        if target.type == "variable_declaration":
            names = target.children_by_field_name("variables") or target.children_by_field_name("variable")
            several = bool(target.children_by_field_name("variables"))
            values = value.values if several and isinstance(value, Items) else (value,)
            for at, name in enumerate(names):
                self.bind(name, values[at] if at < len(values) else Unknown(self.source(name)))
        elif target.type in ("scalar", "array", "hash"):
            self.give(self.source(target), value)
        else:
            self.walk(target)

    def hash_element(self, node: Node) -> Value:
        """``$ENV{HOME}``, ``$h{key}``."""
        name = self.source(node)
        if name.replace("'", "").replace('"', "") == "$ENV{HOME}" and self.setting.home:
            return Text(self.setting.home)
        match = _ENVIRONMENT.fullmatch(name)
        return Unknown(name[:40], variables=(match[1],) if match else ())

    def array_element(self, node: Node) -> Value:
        """``$ARGV[0]``, ``$_[0]``."""
        name, index = self.source(node.child_by_field_name("array")), self.source(node.child_by_field_name("index"))
        values = self.variables.get("@" + name.lstrip("$@"))
        if name.endswith("ARGV"):
            values = Items(self.setting.args[1:])
        if isinstance(values, Items) and index.isdigit() and int(index) < len(values.values):
            return values.values[int(index)]
        return Unknown(self.source(node)[:40])

    def arguments(self, node: Node) -> tuple[Value, ...]:
        """The arguments of a call, lists spread."""
        given = node.child_by_field_name("arguments")
        return spread([self.value(given)]) if given is not None else ()

    def called(self, node: Node) -> Value:
        """A call of a function."""
        return self.invoke(self.source(node.child_by_field_name("function")), self.arguments(node))

    def called_with_one(self, node: Node) -> Value:
        """A named unary operator: ``rmdir "x"``."""
        name = self.source(node.children[0]) if node.children else ""
        return self.invoke(name, spread(self.value(child) for child in node.named_children))

    def bare_call(self, node: Node) -> Value:
        """A function's name alone: it works on ``$_``."""
        return self.invoke(self.source(node), ())

    def invoke(self, name: str, args: tuple[Value, ...]) -> Value:
        """Call the script's own function, or a library's by its name without the package."""
        own = self.variables.get(f"&{name.lstrip('&')}")
        if isinstance(own, Local):
            self.variables["@_"] = Items(args)
            return self.enter(own.key, ())
        short = name.rpartition("::")[2]
        if short in ("print", "say", "Dumper", "printf") and Ref("%ENV") in args:
            self.findings.cause("dumps_environment")
        if short in ("print", "say", "Dumper", "printf", "warn", "die"):
            self.findings.put_out(args)
        if not args and short in ("unlink", "rmdir", "system"):
            args = (self.name_value("$_"),)
        url = args[0] if args else None
        if short in ("get", "head") and isinstance(url, Text) and "://" in url.text:
            return _download(self, Call(short, args))
        return self.call(Call(short, args))

    def method(self, node: Node) -> Value:
        """``Class->method(..)``: sockets and HTTP clients by what they are given."""
        owner = node.child_by_field_name("invocant")
        name = self.source(node.child_by_field_name("method"))
        package = self.source(owner)
        if owner is not None and owner.type != "bareword":
            self.value(owner)
        args = self.arguments(node)
        if package.startswith("IO::Socket") and name == "new":
            self._socket(args)
        elif name in _FETCHING:
            for arg in args[:2]:
                if isinstance(arg, Text) and "://" in arg.text[:10]:
                    self.findings.contact("upload" if name in ("post", "put") else "download", arg, "url")
                    return Unknown("response", remote=True)
        return Unknown(f"{package}->{name}"[-40:])

    def _socket(self, args: tuple[Value, ...]) -> None:
        given = Table(tuple(zip(args[::2], args[1::2], strict=False)))
        peer = given.get("PeerAddr") or given.get("PeerHost")
        if len(args) == 1:
            self.findings.contact("connect", args[0], "hostport")
        elif peer is not None:
            self.findings.contact("connect", peer, "hostport", given.get("PeerPort"))
        elif given.get("LocalPort") is not None:
            self.findings.contact("listen", given.get("LocalAddr") or Text(""), "host", given.get("LocalPort"))

    def command(self, node: Node) -> Value:
        """Backticks and ``qx``."""
        self.findings.run("sh", self.string(node))
        return Unknown("`..`")

    def evaluated(self, node: Node) -> Value:
        """``eval CODE``, ``eval { .. }``, ``do FILE``."""
        for child in node.named_children:
            if child.type == "block":
                self.walk(child)
            elif child.type == "filename" or self.source(node).startswith("do"):
                self.findings.run_file("perl", self.first(child))
            else:
                self.run_code(self.value(child))
        return Unknown("eval")

    def substituted(self, node: Node) -> Value:
        """``s/../../e`` runs its replacement."""
        flags = self.source(node.child_by_field_name("modifiers"))
        for child in node.named_children:
            if child.type == "replacement" and "e" in flags:
                self.run_code(Text(self.source(child)))
        return Unknown("s///")

    def mapped(self, node: Node) -> Value:
        """``map { .. } LIST``."""
        over = node.child_by_field_name("list")
        callback = node.child_by_field_name("callback")
        self._run_over(self.value(over) if over is not None else Unknown("..."), "$_", callback)
        return Unknown("map")

    def for_each(self, node: Node) -> Value:
        """``for my $x (LIST) { .. }`` and ``.. for LIST``."""
        variable, over = node.child_by_field_name("variable"), node.child_by_field_name("list")
        over = over or node.child_by_field_name("condition")
        body = node.child_by_field_name("block") or (node.named_children[0] if node.named_children else None)
        name = self.source(variable) if variable is not None else "$_"
        self._run_over(self.value(over) if over is not None else Unknown("..."), name.split()[-1], body)
        return Unknown("for")

    def _run_over(self, over: Value, name: str, body: Node | None) -> None:
        values = spread([over])
        self.variables[name] = choose(values) if values else Unknown(name)
        self.repeated(body)

    def function(self, node: Node) -> Value:
        """``sub name { .. }``."""
        made = self.define((), node.child_by_field_name("body"))
        name = node.child_by_field_name("name")
        if name is not None:
            self.variables[f"&{self.source(name)}"] = made
        return made

    def fileglob(self, node: Node) -> Value:
        """``<*.o>``."""
        return Items((Text(self.source(node).strip("<>"), pattern=True),))
