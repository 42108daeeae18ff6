"""What a piece of Ruby would do, from its syntax alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code import scripts
from prempti_otel.analysis.code.findings import Arg, Call, Causes, Contact, Fetches, Link, Names, Touch, Unfolds
from prempti_otel.analysis.code.scripts import Script, Special, argument, parts_of, touches
from prempti_otel.analysis.code.values import (
    Items,
    Local,
    Object,
    Plain,
    Ref,
    Table,
    Text,
    Unknown,
    Value,
    as_text,
    choose,
    concat,
)
from prempti_otel.analysis.reading import FileOp

if TYPE_CHECKING:
    from tree_sitter import Node

_READ, _WRITE, _DELETE = FileOp.READ, FileOp.WRITE, FileOp.DELETE
_FIRST, _SECOND = Arg(0), Arg(1)
_MOVE = (Touch(_READ, _FIRST, archives=True), Touch(_DELETE, _FIRST, recursive=True), Touch(_WRITE, _SECOND))
_COPY = (Touch(_READ, _FIRST, archives=True), Touch(_WRITE, _SECOND))


def _methods(owners: str, names: str) -> list[str]:
    return [f"{owner}.{name}" for owner in owners.split() for name in names.split()]


_NAMES: Names = MappingProxyType(
    {
        **dict.fromkeys(
            [*_methods("File IO", "read readlines binread foreach"), "YAML.load_file", "JSON.load_file"],
            (Touch(_READ, _FIRST),),
        ),
        **dict.fromkeys(_methods("File IO", "write binwrite"), (Touch(_WRITE, _FIRST, content=_SECOND),)),
        **dict.fromkeys(_methods("File FileUtils", "truncate mkfifo touch"), (Touch(_WRITE, _FIRST),)),
        **dict.fromkeys(_methods("FileUtils Dir", "mkdir mkdir_p makedirs"), (Touch(_WRITE, _FIRST),)),
        **dict.fromkeys(_methods("File FileUtils", "rename mv move"), _MOVE),
        **dict.fromkeys(_methods("FileUtils IO", "cp cp_r copy copy_file copy_entry copy_stream install"), _COPY),
        **dict.fromkeys(_methods("File FileUtils", "symlink ln_s ln_sf"), (Link(_SECOND, _FIRST),)),
        **dict.fromkeys(_methods("File FileUtils", "link ln"), (Link(_SECOND, _FIRST, hard=True),)),
        **dict.fromkeys(
            ("URI.open", "HTTParty.get", "Faraday.get", "RestClient.get", "Excon.get", "Net::HTTP.get_print"),
            (Contact("download", _FIRST), Fetches()),
        ),
        **dict.fromkeys(
            ("HTTParty.post", "Faraday.post", "RestClient.post", "Excon.post", "Net::HTTP.post", "Net::HTTP.post_form"),
            (Contact("upload", _FIRST), Fetches()),
        ),
        **dict.fromkeys(
            _methods("TCPSocket UDPSocket Socket Net::HTTP Net::FTP Net::SMTP Net::SSH", "new open start tcp"),
            (Contact("connect", _FIRST, "host", _SECOND),),
        ),
        "Marshal.load": (Unfolds(_FIRST),),
        "Process.kill": (Causes("stops_processes"),),
    }
)


def _open(script: Script, call: Call) -> Value:
    path, mode = argument(call), as_text(call.get(_SECOND) or Text("r"))
    text = as_text(path)
    if call.name in ("open", "Kernel.open"):
        if text.text.startswith("|"):
            script.findings.run("sh", Text(text.text[1:], text.known))
            return Unknown("open")
        if "://" in text.text[:10]:
            script.findings.contact("download", path, "url")
            return Unknown("response", remote=True)
    write = any(letter in mode.text for letter in "wa+")
    if not write or "r" in mode.text:
        script.findings.touch(_READ, path)
    access = script.findings.touch(_WRITE, path) if write else -1
    return Object("file", (path,), access)


def _popen(script: Script, call: Call) -> None:
    first = argument(call)
    if isinstance(first, Items):
        script.findings.run("argv", first)
    else:
        script.findings.run("sh", first)


def _get(script: Script, call: Call) -> Value:
    """``Net::HTTP.get(uri)`` and ``Net::HTTP.get(host, path)``."""
    target = argument(call)
    form = "url" if len(call.args) < 2 or "://" in as_text(target).text else "host"
    script.findings.contact("download", target, form)
    return Unknown("response", remote=True)


def _listen(script: Script, call: Call) -> None:
    host = call.args[0] if len(call.args) > 1 else Text("")
    script.findings.contact("listen", host, "host", call.args[-1] if call.args else None)


def _expanded(script: Script, call: Call) -> Value:
    text = as_text(argument(call))
    if text.text.startswith("~") and script.setting.home:
        return Text(script.setting.home + text.text[1:], text.known)
    base = call.get(_SECOND)
    return fold.join_path([base, text]) if base is not None else text


def _home(script: Script, _: Call) -> Value | None:
    return Text(script.setting.home) if script.setting.home else None


def _same(_: Script, call: Call) -> Value:
    return argument(call)


def _evaluated(script: Script, call: Call) -> None:
    code = argument(call)
    if isinstance(code, Unknown) and code.remote:
        script.findings.cause("runs_remote_code")
    script.run_code(code)


_SPECIAL: Mapping[str, Special] = MappingProxyType(
    {
        **dict.fromkeys(("system", "exec", "spawn", "Process.spawn", "Process.exec", "PTY.spawn"), scripts.run_words),
        **dict.fromkeys(
            _methods("Open3", "capture2 capture2e capture3 popen2 popen2e popen3 pipeline"), scripts.run_words
        ),
        "IO.popen": _popen,
        **dict.fromkeys(("open", "File.open", "File.new", "IO.open"), _open),
        **dict.fromkeys(_methods("File FileUtils Dir", "delete unlink rm rm_f rmdir safe_unlink"), touches(_DELETE)),
        **dict.fromkeys(
            _methods("FileUtils", "rm_r rm_rf rmtree remove_dir remove_entry remove_entry_secure remove"),
            touches(_DELETE, recursive=True),
        ),
        "Dir.rmdir": touches(_DELETE),
        **dict.fromkeys(_methods("File FileUtils", "chmod chmod_R"), touches(FileOp.CHMOD, first=1)),
        **dict.fromkeys(_methods("File FileUtils", "chown chown_R"), touches(FileOp.CHMOD, first=2)),
        **dict.fromkeys(_methods("Dir FileUtils", "chdir cd"), scripts.move_to),
        "Dir.glob": scripts.globbed,
        **dict.fromkeys(_methods("Dir", "entries children each_child foreach"), scripts.listed),
        "Dir.home": _home,
        "Dir.pwd": lambda script, _call: Text(script.setting.cwd) if script.setting.cwd else None,
        "File.join": scripts.joined_path,
        "File.expand_path": _expanded,
        **dict.fromkeys(("URI", "URI.parse", "Pathname", "String", "Shellwords.escape", "File.absolute_path"), _same),
        **dict.fromkeys(("Net::HTTP.get", "Net::HTTP.get_response"), _get),
        **dict.fromkeys(("TCPServer.new", "TCPServer.open"), _listen),
        **dict.fromkeys(("eval", "instance_eval", "class_eval", "module_eval", "Object.class_eval"), _evaluated),
        **dict.fromkeys(
            ("Base64.decode64", "Base64.strict_decode64", "Base64.urlsafe_decode64"), scripts.decoder(base64.b64decode)
        ),
    }
)
_TEXT_METHODS = {"downcase": "lower", "upcase": "upper", "strip": "strip", "chomp": "rstrip", "gsub": "replace"}
_KEEPING = frozenset({"each", "map", "select", "reject", "sort", "uniq", "to_a", "flatten"})
"""Methods of lists that give much the same list."""
_SENDING = frozenset({"send", "public_send", "__send__"})


class Ruby(Script):
    """A Ruby script, or what follows ``ruby -e``."""

    grammar = "ruby"
    language = "ruby"
    names = _NAMES
    special = _SPECIAL
    elements = frozenset({"element_reference"})
    telling = ("system", "exec", "spawn", "popen", "`", "%x", "File", "FileUtils", "Dir.", "eval", "open", "Net::")
    handlers: ClassVar[Mapping[str, str]] = {
        "string": "string",
        "bare_string": "string",
        "chained_string": "joined_strings",
        "interpolation": "first",
        "simple_symbol": "symbol",
        "hash_key_symbol": "symbol",
        "delimited_symbol": "string",
        "integer": "number",
        "array": "items",
        "string_array": "items",
        "hash": "table",
        "parenthesized_statements": "first",
        "binary": "joined",
        "conditional": "either",
        "identifier": "identifier",
        "global_variable": "identifier",
        "instance_variable": "identifier",
        "constant": "constant",
        "scope_resolution": "constant",
        "element_reference": "element",
        "assignment": "assigned",
        "operator_assignment": "augmented",
        "call": "called",
        "subshell": "command",
        "heredoc_body": "command_text",
        "method": "function",
        "lambda": "function",
        "for": "repeat",
        "while": "repeat",
        "until": "repeat",
    }

    def joined_strings(self, node: Node) -> Value:
        """``"a" "b"``."""
        return concat([self.value(child) for child in node.named_children])

    def symbol(self, node: Node) -> Value:
        """``:name``."""
        return Text(self.source(node).strip(":"))

    def identifier(self, node: Node) -> Value:
        """A variable, or a call without arguments of the script's own method."""
        name = self.source(node)
        value = self.name_value(name)
        return self.enter(value.key, ()) if isinstance(value, Local) else value

    def constant(self, node: Node) -> Value:
        """``File``, ``Net::HTTP``; the script's own constants."""
        name = self.source(node).removeprefix("::")
        if name == "ARGV":
            return Items(self.setting.args[1:]) if len(self.setting.args) > 1 else Unknown(name)
        return self.variables.get(name) or Ref(name)

    def element(self, node: Node) -> Value:
        """``ENV["HOME"]``, ``Dir["*"]``, ``list[0]``."""
        parts = [self.value(child) for child in node.named_children]
        match parts:
            case [Ref("ENV"), Text("HOME"), *_] if self.setting.home:
                return Text(self.setting.home)
            case [Ref("ENV"), Text(name, True), *_]:
                return Unknown(name, variables=(name,))
            case [Ref("Dir"), *patterns]:
                return scripts.globbed(self, Call("Dir.glob", tuple(patterns))) or Unknown("Dir")
            case [Items(values), Plain(int(number))] if 0 <= number < len(values):
                return values[number]
            case [Table() as table, Text(key)]:
                return table.get(key) or Unknown(key)
            case _:
                return Unknown(self.source(node)[:40])

    def table(self, node: Node) -> Value:
        """``{a: 1}``."""
        pairs = [child for child in node.named_children if child.type == "pair"]
        return Table(tuple(self._pair(child) for child in pairs))

    def _pair(self, node: Node) -> tuple[Value, Value]:
        return self.field(node, "key"), self.field(node, "value")

    def bind(self, target: Node, value: Value) -> None:
        """A variable, or several."""
        if target.type in ("identifier", "constant", "global_variable", "instance_variable"):
            self.give(self.source(target), value)
        elif target.type in ("optional_parameter", "keyword_parameter", "splat_parameter"):
            self.give(self.source(target.child_by_field_name("name")), value)
        elif target.type in ("left_assignment_list", "destructured_parameter"):
            values = value.values if isinstance(value, Items) else ()
            for at, child in enumerate(target.named_children):
                self.bind(child, values[at] if at < len(values) else Unknown(self.source(child)))

    def command_text(self, node: Node) -> Value:
        """A here-document's body: only what is interpolated is code."""
        return self.walk(node)

    def function(self, node: Node) -> Value:
        """``def name(..)``, ``->(..) { }``."""
        made = self.define(parts_of(node, "parameters"), node.child_by_field_name("body"))
        name = node.child_by_field_name("name")
        if name is not None:
            self.variables[self.source(name)] = made
        return made

    def called(self, node: Node) -> Value:
        """A call of a method, with its block."""
        owner, method = node.child_by_field_name("receiver"), node.child_by_field_name("method")
        receiver = self.value(owner) if owner is not None else None
        name = self.source(method)
        args, options = self._arguments(node)
        if name in _SENDING and args and isinstance(args[0], Text):
            name, args = args[0].text, args[1:]
        elif name in _SENDING and args and not isinstance(receiver, Unknown):
            self.findings.dynamic = True
        if options:
            args = (*args, Table(options))
        found = self._invoke(receiver, name, args)
        self._block(node.child_by_field_name("block"), receiver, found)
        return found

    def _arguments(self, node: Node) -> tuple[tuple[Value, ...], tuple[tuple[Value, Value], ...]]:
        args: list[Value] = []
        options: list[tuple[Value, Value]] = []
        for child in parts_of(node, "arguments"):
            if child.type == "pair":
                options.append(self._pair(child))
            else:
                value = self.value(child)
                args += value.values if child.type == "splat_argument" and isinstance(value, Items) else (value,)
        return tuple(args), tuple(options)

    def _invoke(self, receiver: Value | None, name: str, args: tuple[Value, ...]) -> Value:
        match receiver:
            case None:
                own = self.variables.get(name)
                if isinstance(own, Local):
                    return self.enter(own.key, args)
                if name in ("puts", "p", "print", "pp") and Ref("ENV") in args:
                    self.findings.cause("dumps_environment")
                if name in ("puts", "p", "print", "pp", "warn", "abort"):
                    self.findings.put_out(args)
                return self.call(Call(name, args))
            case Ref("ENV"):
                return self._environment(name, args)
            case Ref("Kernel" | "Object" | "self"):
                known = name == "const_get" and args and isinstance(args[0], Text)
                return Ref(as_text(args[0]).text) if known else self.call(Call(name, args))
            case Ref("Pathname") if name == "new":
                return argument(Call(name, args))
            case Ref(owner):
                return self.call(Call(f"{owner}.{name}", args))
            case Object("file", _, access):
                self._written(access, name, args)
                return Unknown(name, file=as_text(receiver.args[0]))
            case Local(key) if name == "call":
                return self.enter(key, args)
            case Text():
                return self._of_text(receiver, name, args)
            case Items(values):
                return self._of_items(receiver, values, name, args)
            case Unknown(_, file, remote) if file is not None or remote:
                return receiver
            case _:
                return Unknown(name)

    def _environment(self, name: str, args: tuple[Value, ...]) -> Value:
        if name == "fetch" and args and as_text(args[0]).text == "HOME" and self.setting.home:
            return Text(self.setting.home)
        if name in ("to_h", "to_a", "inspect", "each", "map", "sort"):
            return Ref("ENV")
        known = name == "fetch" and bool(args) and isinstance(args[0], Text)
        return Unknown("ENV", variables=(as_text(args[0]).text,) if known else ())

    def _written(self, access: int, name: str, args: tuple[Value, ...]) -> None:
        if name in ("write", "puts", "print", "<<"):
            for arg in args:
                self.findings.written(access, arg)

    def _of_text(self, text: Text, name: str, args: tuple[Value, ...]) -> Value:
        """Methods of strings, and of paths, which are strings here."""
        if name == "reverse":
            return Text(text.text[::-1], text.known)
        if name in ("delete", "unlink", "rmtree", "rmdir") and not args:
            self.findings.touch(_DELETE, text, recursive=name == "rmtree")
        elif name == "read" and not args:
            self.findings.touch(_READ, text)
        elif name == "write":
            self.findings.touch(_WRITE, text, content=argument(Call(name, args)))
        elif name in ("unpack1", "unpack") and args and as_text(args[0]).text.startswith("m"):
            return scripts.decoder(base64.b64decode)(self, Call(name, (text,))) or Unknown(name)
        elif name in ("to_s", "to_str", "freeze", "dup"):
            return text
        elif name in ("+", "join", "/"):
            return fold.join_path([text, *args])
        return fold.text_method(text, _TEXT_METHODS.get(name, name), args) or Unknown(name)

    def _of_items(self, receiver: Items, values: tuple[Value, ...], name: str, args: tuple[Value, ...]) -> Value:
        if name == "join":
            return fold.text_method(as_text(args[0]) if args else Text(""), "join", (receiver,)) or Unknown(name)
        if name == "pack" and all(isinstance(each, Plain) and isinstance(each.value, int) for each in values):
            codes = [each.value for each in values if isinstance(each, Plain)]
            return Text("".join(chr(int(code or 0)) for code in codes if 0 <= int(code or 0) < 0x110000))
        if name in ("first", "last") and values and not args:
            return values[0 if name == "first" else -1]
        return receiver if name in _KEEPING else Unknown(name)

    def _block(self, block: Node | None, receiver: Value | None, found: Value) -> None:
        """Walk a call's block with the receiver's elements, or with what the call gives (an open file)."""
        if block is None:
            return
        given = found if isinstance(found, Object | Items) else receiver
        if isinstance(given, Items):
            given = choose(given.values)
        for at, parameter in enumerate(parts_of(block, "parameters")):
            self.bind(parameter, given if at == 0 and given is not None else Unknown(self.source(parameter)))
        self.repeated(block.child_by_field_name("body"))
