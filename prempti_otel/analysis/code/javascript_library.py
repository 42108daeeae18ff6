"""What calls of the libraries of Node.js, Deno and Bun and of a few well-known packages do, by full name.

Names have no ``Sync`` and no ``promises`` in them: the walk takes those off.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code.findings import Arg, Call, Contact, Fetches, Link, Names, Run, Touch
from prempti_otel.analysis.code.scripts import Script, Special, joined_path, listed, move_to
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
    concat,
)
from prempti_otel.analysis.reading import FileOp

_FIRST, _SECOND = Arg(0), Arg(1)
_READ, _WRITE, _DELETE = FileOp.READ, FileOp.WRITE, FileOp.DELETE

NAMES: Names = MappingProxyType(
    {
        **dict.fromkeys(("fs.unlink", "fs.rmdir"), (Touch(_DELETE, _FIRST),)),
        **dict.fromkeys(
            ("fs-extra.remove", "rimraf", "rimraf.rimraf", "del", "fs-extra.emptyDir", "fs.emptyDir", "fs.remove"),
            (Touch(_DELETE, _FIRST, recursive=True),),
        ),
        **dict.fromkeys(("fs.readFile", "fs.createReadStream", "fs.readdir", "fs.opendir"), (Touch(_READ, _FIRST),)),
        **dict.fromkeys(("Deno.readTextFile", "Deno.readFile", "Bun.file"), (Touch(_READ, _FIRST),)),
        **dict.fromkeys(
            ("Deno.writeTextFile", "Deno.writeFile", "Bun.write"), (Touch(_WRITE, _FIRST, content=_SECOND),)
        ),
        "Deno.remove": (Touch(_DELETE, _FIRST, recursive=True),),
        **dict.fromkeys(("fs.writeFile", "fs.appendFile", "fs.outputFile"), (Touch(_WRITE, _FIRST, content=_SECOND),)),
        **dict.fromkeys(
            ("fs.createWriteStream", "fs.truncate", "fs.mkdir", "fs.mkdtemp", "fs.utimes"), (Touch(_WRITE, _FIRST),)
        ),
        **dict.fromkeys(
            ("fs.copyFile", "fs.cp", "fs.copy"), (Touch(_READ, _FIRST, archives=True), Touch(_WRITE, _SECOND))
        ),
        **dict.fromkeys(
            ("fs.rename", "fs.move"),
            (Touch(_READ, _FIRST, archives=True), Touch(_DELETE, _FIRST, recursive=True), Touch(_WRITE, _SECOND)),
        ),
        **dict.fromkeys(("fs.chmod", "fs.chown", "fs.lchmod", "fs.lchown"), (Touch(FileOp.CHMOD, _FIRST),)),
        **dict.fromkeys(("Deno.readFile", "Deno.readTextFile", "Deno.open", "Bun.file"), (Touch(_READ, _FIRST),)),
        **dict.fromkeys(
            ("Deno.writeFile", "Deno.writeTextFile", "Bun.write"), (Touch(_WRITE, _FIRST, content=_SECOND),)
        ),
        **dict.fromkeys(("Deno.copyFile", "Deno.rename"), (Touch(_READ, _FIRST), Touch(_WRITE, _SECOND))),
        "Deno.chmod": (Touch(FileOp.CHMOD, _FIRST),),
        "Deno.symlink": (Link(_FIRST, _SECOND),),
        "fs.symlink": (Link(_SECOND, _FIRST),),
        "fs.link": (Link(_SECOND, _FIRST, hard=True),),
        "child_process.exec": (Run("sh", _FIRST),),
        "shelljs.exec": (Run("sh", _FIRST),),
        "execa.command": (Run("sh", _FIRST),),
        **dict.fromkeys(
            ("http.get", "https.get", "axios.get", "got", "node-fetch"), (Contact("download", _FIRST), Fetches())
        ),
        **dict.fromkeys(("axios.post", "axios.put", "axios.patch", "got.post"), (Contact("upload", _FIRST), Fetches())),
        "WebSocket": (Contact("connect", _FIRST),),
        "ws": (Contact("connect", _FIRST),),
        "dns.lookup": (Contact("connect", _FIRST, "host"),),
        "dns.resolve": (Contact("connect", _FIRST, "host"),),
    }
)


def _remove(script: Script, call: Call) -> None:
    options = call.get(_SECOND)
    recursive = isinstance(options, Table) and options.get("recursive") not in (None, Plain(False))
    script.findings.touch(_DELETE, call.args[0] if call.args else Unknown("..."), recursive=recursive)


def _require(script: Script, call: Call) -> Value:
    name = call.args[0] if call.args else Unknown("...")
    if isinstance(name, Text) and name.known:
        if name.text.startswith((".", "/")) and name.text.endswith(".json"):
            script.findings.touch(_READ, name)
        return Ref(module_name(name.text))
    script.findings.dynamic = True
    return Unknown("require")


def module_name(name: str) -> str:
    """The name that the tables know a module by."""
    name = name.removeprefix("node:")
    return {
        "fs/promises": "fs",
        "graceful-fs": "fs",
        "fs-extra": "fs",
        "undici": "globalThis",
        "cross-spawn": "child_process.spawn",
    }.get(name, name)


def _spawn(script: Script, call: Call) -> None:
    program = call.args[0] if call.args else Unknown("...")
    rest = call.args[1] if len(call.args) > 1 else Items(())
    options = next((arg for arg in call.args[1:] if isinstance(arg, Table)), Table(()))
    place = options.get("cwd")
    if isinstance(rest, Table):
        rest = Items(())
    if options.get("shell") not in (None, Plain(False)):
        words: list[Value] = [program]
        for word in rest.values if isinstance(rest, Items) else (rest,):
            words += [Text(" "), word]
        script.findings.run("sh", concat(words), directory=place)
    elif isinstance(rest, Items):
        script.findings.run("argv", Items((program, *rest.values)), directory=place)
    else:
        script.findings.run("argv", Items((program,)), directory=place, more=True)


def _spawn_list(script: Script, call: Call) -> None:
    """``Bun.spawn([program, ...])``, ``Bun.spawn({cmd: [...]})``, ``Deno.run({cmd: [...]})``."""
    first = call.args[0] if call.args else Unknown("...")
    words = first.get("cmd") if isinstance(first, Table) else first
    script.findings.run("argv", words if isinstance(words, Items) else Items((words or Unknown("..."),)))


def _deno_command(script: Script, call: Call) -> None:
    """``new Deno.Command(program, {args: [...]})``."""
    options = call.get(_SECOND)
    rest = options.get("args") if isinstance(options, Table) else None
    words = rest.values if isinstance(rest, Items) else ()
    script.findings.run("argv", Items((*call.args[:1], *words)), more=rest is not None and not isinstance(rest, Items))


def _exec_options(script: Script, call: Call) -> None:
    options = next((arg for arg in call.args[1:] if isinstance(arg, Table)), Table(()))
    if call.args:
        script.findings.run("sh", call.args[0], directory=options.get("cwd"))


def _fork(script: Script, call: Call) -> None:
    if call.args:
        script.findings.run_file("javascript", call.args[0])


def _fetch(script: Script, call: Call) -> Value:
    options = call.get(_SECOND)
    method = as_text(options.get("method") or Text("GET")).text.upper() if isinstance(options, Table) else "GET"
    body = options.get("body") if isinstance(options, Table) else None
    if call.args:
        op = "upload" if body is not None or method in ("POST", "PUT", "PATCH") else "download"
        script.findings.contact(op, call.args[0], "url", body=[] if body is None else [body])
    return Unknown("response", remote=True)


def _request(script: Script, call: Call) -> Value:
    """``http.request(url or options, ...)``, ``axios({url, method})``."""
    for arg in call.args[:1]:
        options = next((each for each in call.args if isinstance(each, Table)), Table(()))
        method = as_text(options.get("method") or Text("GET")).text.upper()
        op = "upload" if method in ("POST", "PUT", "PATCH") else "download"
        if isinstance(arg, Table):
            target = arg.get("url") or arg.get("hostname") or arg.get("host")
            form = "url" if arg.get("url") else "hostport"
            script.findings.contact(op, target or Unknown("host"), form, arg.get("port"))
        else:
            script.findings.contact(op, arg, "url")
    return Unknown("response", remote=True)


def _connect(script: Script, call: Call) -> None:
    """``net.connect(port, host)`` or ``net.connect({port, host})``."""
    first = call.args[0] if call.args else Unknown("...")
    if isinstance(first, Table):
        script.findings.contact("connect", first.get("host") or Text("localhost"), "host", first.get("port"))
    elif isinstance(first, Plain | Unknown):
        host = call.args[1] if len(call.args) > 1 and not isinstance(call.args[1], Local) else Text("localhost")
        script.findings.contact("connect", host, "host", first)


def _eval(script: Script, call: Call) -> None:
    if not call.args:
        return
    code = call.args[-1] if call.name == "Function" else call.args[0]
    if isinstance(code, Unknown) and code.remote:
        script.findings.cause("runs_remote_code")
    if isinstance(code, Unknown) and code.file is not None:
        script.findings.run_file("javascript", code.file)
    else:
        script.run_code(code)


def _timer(script: Script, call: Call) -> None:
    if call.args and isinstance(call.args[0], Text):
        script.run_code(call.args[0])
    script.passed_on(call)


def _read(script: Script, call: Call) -> Value:
    path = call.args[0] if call.args else Unknown("...")
    if path == Plain(0):
        return script.setting.stdin or Unknown("stdin")
    script.findings.touch(_READ, path)
    script.passed_on(Call(call.name, call.args))
    return Unknown("file", file=as_text(path))


def _buffer(_: Script, call: Call) -> Value | None:
    data, coding = call.get(_FIRST), call.get(_SECOND)
    if not isinstance(data, Text) or not data.known:
        return data
    name = as_text(coding).text if coding is not None else "utf8"
    raw = data.text.encode("latin-1", "replace")
    if name == "hex":
        return fold.decode_bytes(bytes.fromhex, raw)
    return (
        fold.decode_bytes(base64.b64decode, raw + b"==") if name.startswith("base64") or call.name == "atob" else data
    )


def _atob(script: Script, call: Call) -> Value | None:
    return _buffer(script, Call("atob", (*call.args[:1], Text("base64"))))


def _characters(_: Script, call: Call) -> Value | None:
    codes = [arg.value for arg in call.args if isinstance(arg, Plain)]
    if len(codes) != len(call.args) or not all(isinstance(code, int) and 0 <= code < 0x110000 for code in codes):
        return Unknown("String.fromCharCode")
    return Text("".join(chr(int(code or 0)) for code in codes))


def _log(script: Script, call: Call) -> None:
    if Ref("process.env") in call.args:
        script.findings.cause("dumps_environment")


def _put_out(script: Script, call: Call) -> None:
    _log(script, call)
    script.findings.put_out(call.args)


def _stringify(script: Script, call: Call) -> Value:
    _log(script, call)
    return fold.to_json(call.args[0]) if call.args else Unknown("JSON")


_CONSOLE = ("log", "error", "info", "warn", "debug", "table", "dir")

SPECIAL: Mapping[str, Special] = MappingProxyType(
    {
        **dict.fromkeys(
            ("require", "import", "process.mainModule.require", "module.require", "process.getBuiltinModule"), _require
        ),
        "fs.rm": _remove,
        "fs.readFile": _read,
        "fs.readdir": listed,
        **dict.fromkeys(("child_process.spawn", "child_process.execFile", "execa", "execa.execa"), _spawn),
        **dict.fromkeys(("Bun.spawn", "bun.spawn", "Deno.run"), _spawn_list),
        "Deno.Command": _deno_command,
        "Deno.remove": _remove,
        "child_process.exec": _exec_options,
        "child_process.fork": _fork,
        **dict.fromkeys(("fetch", "globalThis.fetch", "globalThis.request", "node-fetch", "window.fetch"), _fetch),
        **dict.fromkeys(("http.request", "https.request", "axios", "axios.request", "http.get", "https.get"), _request),
        **dict.fromkeys(("net.connect", "net.createConnection", "tls.connect", "net.Socket.connect"), _connect),
        **dict.fromkeys(
            (
                "eval",
                "Function",
                "globalThis.eval",
                "vm.runInNewContext",
                "vm.runInThisContext",
                "vm.runInContext",
                "vm.Script",
            ),
            _eval,
        ),
        "setTimeout": _timer,
        "setInterval": _timer,
        "path.join": joined_path,
        "path.resolve": joined_path,
        "path.normalize": lambda _script, call: call.args[0] if call.args else None,
        "os.homedir": lambda script, _call: Text(script.setting.home) if script.setting.home else None,
        "os.tmpdir": lambda _script, _call: Text("/tmp"),  # noqa: S108, it is only named
        "process.cwd": lambda script, _call: Text(script.setting.cwd) if script.setting.cwd else None,
        "process.chdir": move_to,
        "Buffer.from": _buffer,
        "atob": _atob,
        "String.fromCharCode": _characters,
        "JSON.stringify": _stringify,
        **dict.fromkeys((f"console.{name}" for name in _CONSOLE), _put_out),
        **dict.fromkeys(("process.stdout.write", "process.stderr.write"), _put_out),
    }
)

BUILT_IN_MODULES = frozenset({"fs", "os", "path", "http", "https", "net", "tls", "vm", "dns", "child_process"})
"""Modules that ``node -e`` has under their names without an import."""

_PACKAGES = frozenset({"ws", "del", "axios", "execa", "rimraf", "got"})
GLOBALS = (
    frozenset(name.partition(".")[0] for name in (*SPECIAL, *NAMES) if "-" not in name) - BUILT_IN_MODULES - _PACKAGES
)
"""Names that every script has."""
