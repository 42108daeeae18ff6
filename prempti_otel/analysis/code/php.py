"""What a piece of PHP would do, from its syntax alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code import scripts
from prempti_otel.analysis.code.findings import Arg, Call, Causes, Contact, Link, Names, Run, Touch, Unfolds
from prempti_otel.analysis.code.scripts import Script, Special, argument, parts_of, touches
from prempti_otel.analysis.code.values import (
    Items,
    Local,
    Plain,
    Ref,
    Table,
    Text,
    Unknown,
    Value,
    as_text,
    choose,
)
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from tree_sitter import Node

_READ, _WRITE, _DELETE = FileOp.READ, FileOp.WRITE, FileOp.DELETE
_FIRST, _SECOND = Arg(0), Arg(1)

_NAMES: Names = MappingProxyType(
    {
        **dict.fromkeys(("system", "exec", "shell_exec", "passthru", "popen"), (Run("sh", _FIRST),)),
        "proc_open": (Run("sh", _FIRST),),
        "rename": (
            Touch(_READ, _FIRST, archives=True),
            Touch(_DELETE, _FIRST, recursive=True),
            Touch(_WRITE, _SECOND),
        ),
        "move_uploaded_file": (Touch(_WRITE, _SECOND),),
        **dict.fromkeys(("mkdir", "touch"), (Touch(_WRITE, _FIRST),)),
        **dict.fromkeys(("chmod", "chown", "chgrp"), (Touch(FileOp.CHMOD, _FIRST),)),
        "symlink": (Link(_SECOND, _FIRST),),
        "link": (Link(_SECOND, _FIRST, hard=True),),
        **dict.fromkeys(
            ("fsockopen", "pfsockopen", "ftp_connect", "ftp_ssl_connect", "ssh2_connect"),
            (Contact("connect", _FIRST, "host", _SECOND),),
        ),
        "stream_socket_client": (Contact("connect", _FIRST, "url"),),
        **dict.fromkeys(
            ("ftp_connect", "ftp_ssl_connect", "ssh2_connect"), (Contact("connect", _FIRST, "host", _SECOND),)
        ),
        "unserialize": (Unfolds(_FIRST),),
        "phpinfo": (Causes("dumps_environment"),),
    }
)


def _is_url(value: Value) -> bool:
    return "://" in as_text(value).text[:10]


def _read(script: Script, call: Call) -> Value:
    path = argument(call)
    if as_text(path).text == "php://stdin":
        return script.setting.stdin or Unknown("stdin")
    if _is_url(path):
        script.findings.contact("download", path, "url")
        return Unknown("response", remote=True)
    script.findings.touch(_READ, path)
    return Unknown("file", file=as_text(path))


def _put(script: Script, call: Call) -> None:
    script.findings.touch(_WRITE, argument(call), content=argument(call, 1))


def _open(script: Script, call: Call) -> Value | None:
    mode = as_text(call.get(_SECOND) or Text("r")).text
    if not any(letter in mode for letter in "waxc+"):
        return _read(script, call)
    if "://" not in as_text(argument(call)).text:
        script.findings.touch(_WRITE, argument(call))
    return None


def _copy(script: Script, call: Call) -> None:
    _read(script, call)
    script.findings.touch(_WRITE, argument(call, 1))


def _curl(script: Script, call: Call) -> None:
    if call.args:
        script.findings.contact("download", call.args[0], "url")


def _curl_option(script: Script, call: Call) -> None:
    option = argument(call, 1)
    if option == Unknown("CURLOPT_URL"):
        script.findings.contact("download", argument(call, 2), "url")


def _execute(script: Script, call: Call) -> None:
    rest = argument(call, 1)
    words = rest.values if isinstance(rest, Items) else ()
    script.findings.run("argv", Items((argument(call), *words)))


def _call_back(script: Script, call: Call) -> Value | None:
    """``call_user_func("system", ..)``, ``array_map("unlink", [..])``."""
    first, rest = argument(call), call.args[1:]
    if call.name == "array_walk":
        first, rest = argument(call, 1), call.args[:1]
    spread = rest
    if call.name != "call_user_func" and rest and isinstance(rest[0], Items):
        spread = rest[0].values if call.name == "call_user_func_array" else (choose(rest[0].values),)
    if isinstance(first, Local):
        return script.enter(first.key, spread)
    if isinstance(first, Text) and first.known:
        return script.call(Call(first.text, spread))
    return None


def _evaluated(script: Script, call: Call) -> None:
    code = argument(call)
    if isinstance(code, Unknown) and code.remote:
        script.findings.cause("runs_remote_code")
    if not isinstance(code, Plain):
        script.run_code(code)


def _imploded(_: Script, call: Call) -> Value | None:
    glue, parts = argument(call), argument(call, 1)
    return fold.text_method(as_text(glue), "join", (parts,)) if isinstance(parts, Items) else None


def _reversed(_: Script, call: Call) -> Value:
    text = as_text(argument(call))
    return Text(text.text[::-1], text.known)


def _character(_: Script, call: Call) -> Value:
    code = argument(call)
    number = code.value if isinstance(code, Plain) else None
    return Text(chr(number)) if isinstance(number, int) and 0 <= number < 256 else Unknown("chr")


def _rotated(_: Script, call: Call) -> Value | None:
    return fold.text_method(as_text(argument(call)), "encode", (Text("rot13"),))


def _home(script: Script, call: Call) -> Value | None:
    if not call.args:
        return Ref("_ENV")
    name = argument(call)
    if name == Text("HOME") and script.setting.home:
        return Text(script.setting.home)
    return Unknown("getenv", variables=(name.text,)) if isinstance(name, Text) and name.known else None


def _dumped(script: Script, call: Call) -> None:
    if any(arg in (Ref("_ENV"), Ref("_SERVER")) for arg in call.args):
        script.findings.cause("dumps_environment")
    script.findings.put_out(call.args)


_SPECIAL: Mapping[str, Special] = MappingProxyType(
    {
        "unlink": touches(_DELETE),
        "rmdir": touches(_DELETE),
        **dict.fromkeys(("file_get_contents", "readfile", "file", "show_source", "parse_ini_file"), _read),
        "file_put_contents": _put,
        "fopen": _open,
        "copy": _copy,
        "curl_init": _curl,
        "curl_setopt": _curl_option,
        "pcntl_exec": _execute,
        **dict.fromkeys(("call_user_func", "call_user_func_array", "array_map", "array_walk"), _call_back),
        **dict.fromkeys(("eval", "assert", "create_function"), _evaluated),
        "glob": scripts.globbed,
        "scandir": scripts.listed,
        "chdir": scripts.move_to,
        "implode": _imploded,
        "join": _imploded,
        "strrev": _reversed,
        "str_rot13": _rotated,
        "chr": _character,
        "base64_decode": scripts.decoder(base64.b64decode),
        "hex2bin": scripts.decoder(bytes.fromhex),
        "getenv": _home,
        "getcwd": lambda script, _call: Text(script.setting.cwd) if script.setting.cwd else None,
        **dict.fromkeys(("print_r", "var_dump", "json_encode", "var_export"), _dumped),
    }
)


class Php(Script):
    """A PHP script, or what follows ``php -r``."""

    grammar = "php"
    language = "php"
    names = _NAMES
    special = _SPECIAL
    telling = ("system", "exec", "passthru", "popen", "proc_open", "`", "unlink", "file_", "fopen", "eval", "curl")
    handlers: ClassVar[Mapping[str, str]] = {
        "string": "string",
        "encapsed_string": "string",
        "heredoc": "heredoc",
        "nowdoc": "heredoc",
        "integer": "number",
        "boolean": "constant",
        "variable_name": "variable",
        "name": "bareword",
        "subscript_expression": "element",
        "array_creation_expression": "array",
        "array_element_initializer": "first",
        "parenthesized_expression": "first",
        "error_suppression_expression": "first",
        "argument": "first",
        "binary_expression": "joined",
        "conditional_expression": "either",
        "assignment_expression": "assigned",
        "augmented_assignment_expression": "augmented",
        "echo_statement": "printed",
        "print_intrinsic": "printed",
        "function_call_expression": "called",
        "member_call_expression": "method",
        "nullsafe_member_call_expression": "method",
        "scoped_call_expression": "method",
        "shell_command_expression": "command",
        "include_expression": "included",
        "include_once_expression": "included",
        "require_expression": "included",
        "require_once_expression": "included",
        "foreach_statement": "for_each",
        "for_statement": "repeat",
        "while_statement": "repeat",
        "function_definition": "function",
        "anonymous_function": "function",
        "anonymous_function_creation_expression": "function",
        "arrow_function": "function",
        "method_declaration": "function",
    }

    def run(self, code: str) -> None:
        """Walk ``code``, with or without PHP's opening tag."""
        if "<?" in code:
            self.grammar = "php_file"  # type: ignore[misc]
        super().run(code)

    def heredoc(self, node: Node) -> Value:
        """``<<<EOT``."""
        body = node.child_by_field_name("value")
        return self.string(body) if body is not None else Text("")

    def constant(self, node: Node) -> Value:
        """``true`` and ``false``."""
        return Plain(self.source(node).lower() == "true")

    def bareword(self, node: Node) -> Value:
        """A constant's name."""
        return Unknown(self.source(node))

    def variable(self, node: Node) -> Value:
        """``$x``."""
        name = self.source(node)
        if name in ("$_ENV", "$_SERVER"):
            return Ref(name[1:])
        if name == "$argv":
            return Items((Text("php"), *self.setting.args[1:]))
        return self.name_value(name)

    def printed(self, node: Node) -> Value:
        """``echo a, b`` and ``print a``."""
        for child in node.named_children:
            parts = child.named_children if child.type == "sequence_expression" else [child]
            self.findings.put_out([self.value(part) for part in parts])
        return Unknown("echo")

    def element(self, node: Node) -> Value:
        """``$_SERVER["HOME"]``, ``$argv[1]``, ``$a["b"]``."""
        parts = [self.value(child) for child in node.named_children]
        match parts:
            case [Ref(), Text("HOME")] if self.setting.home:
                return Text(self.setting.home)
            case [Ref(), Text(name, True)]:
                return Unknown(name, variables=(name,))
            case [Items(values), Plain(int(number))] if 0 <= number < len(values):
                return values[number]
            case [Table() as table, Text(key)]:
                return table.get(key) or Unknown(key)
            case _:
                return Unknown(self.source(node)[:40])

    def array(self, node: Node) -> Value:
        """``[a, b]`` or ``["a" => b]``."""
        pairs: list[tuple[Value, Value]] = []
        values: list[Value] = []
        for child in node.named_children:
            inner = [self.value(part) for part in child.named_children]
            if len(inner) == 2:
                pairs.append((inner[0], inner[1]))
            values += inner[-1:]
        return Table(tuple(pairs)) if pairs else Items(tuple(values[: fold.MAX_ITEMS]))

    def bind(self, target: Node, value: Value) -> None:
        """A variable or a parameter."""
        if target.type in ("simple_parameter", "property_promotion_parameter"):
            inner = target.child_by_field_name("name")
            if inner is not None:
                self.give(self.source(inner), value)
        elif target.type == "variable_name":
            self.give(self.source(target), value)
        elif target.type in ("list_literal", "array_creation_expression"):
            values = value.values if isinstance(value, Items) else ()
            for at, child in enumerate(target.named_children):
                self.bind(child, values[at] if at < len(values) else Unknown(self.source(child)))

    def _arguments(self, node: Node) -> tuple[Value, ...]:
        return tuple(self.value(part) for part in parts_of(node, "arguments"))

    def called(self, node: Node) -> Value:
        """A call of a function, by name or by a variable that holds its name."""
        target = node.child_by_field_name("function")
        args = self._arguments(node)
        if target is None or target.type in ("name", "qualified_name"):
            return self._invoke(self.source(target).rpartition("\\")[2], args)
        callee = self.value(target)
        results: list[Value] = []
        for each in callee.values if hasattr(callee, "values") and not isinstance(callee, Items) else (callee,):
            if isinstance(each, Text) and each.known:
                results.append(self._invoke(each.text.lstrip("\\"), args))
            elif isinstance(each, Local):
                results.append(self.enter(each.key, args))
            else:
                self.findings.dynamic = True
        return choose(results)

    def _invoke(self, name: str, args: tuple[Value, ...]) -> Value:
        own = self.variables.get(f"{name}()")
        if isinstance(own, Local):
            return self.enter(own.key, args)
        return self.call(Call(name.lower(), args))

    def method(self, node: Node) -> Value:
        """A method: of HTTP clients those that are given a URL."""
        owner = node.child_by_field_name("object")
        if owner is not None:
            self.value(owner)
        name = self.source(node.child_by_field_name("name")).lower()
        args = self._arguments(node)
        for arg in args[:2]:
            if name in ("get", "post", "put", "request", "head", "patch") and isinstance(arg, Text) and _is_url(arg):
                method = as_text(args[0]).text.upper() if name == "request" else name.upper()
                op = "upload" if method in ("POST", "PUT", "PATCH") else "download"
                self.findings.contact(op, arg, "url")
                return Unknown("response", remote=True)
        return self.passed_on(Call(name, args))

    def included(self, node: Node) -> Value:
        """``include FILE``: a URL or a stream is code from elsewhere."""
        path = self.first(node)
        text = as_text(path)
        if _is_url(text):
            self.findings.contact("download", path, "url")
            self.findings.cause("runs_remote_code")
        elif text.known:
            self.findings.run_file("php", path)
        else:
            self.findings.dynamic = True
        return Unknown("include")

    def for_each(self, node: Node) -> Value:
        """``foreach (LIST as $x)``."""
        parts = node.named_children
        over = self.value(parts[0]) if parts else Unknown("...")
        target = parts[1] if len(parts) > 1 else None
        if target is not None and target.type == "pair":
            target = target.named_children[-1]
        if target is not None:
            self.bind(target, choose(over.values) if isinstance(over, Items) else Unknown(self.source(target)))
        return self.repeated(node.child_by_field_name("body"))

    def function(self, node: Node) -> Value:
        """A function, by any of its spellings."""
        made = self.define(parts_of(node, "parameters"), node.child_by_field_name("body"))
        name = node.child_by_field_name("name")
        if name is not None:
            self.variables[f"{self.source(name)}()"] = made
        return made
