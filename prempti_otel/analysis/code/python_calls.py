"""Library calls of Python that act and take more than a look at one argument, and methods of known values.

Files that are opened, processes, code that runs code, connections. Calls that one argument explains are
rows of :mod:`prempti_otel.analysis.code.python_names`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from types import MappingProxyType

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code.findings import Arg, Call
from prempti_otel.analysis.code.python_builtins import VALUE_CALLS
from prempti_otel.analysis.code.python_names import PYTHON
from prempti_otel.analysis.code.python_walk import Special, Walk, first_argument, note_environment
from prempti_otel.analysis.code.values import (
    NOTHING,
    Items,
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
    decoded,
)
from prempti_otel.analysis.reading import FileOp


def _open(walk: Walk, call: Call) -> Value:
    path = first_argument(call, "file")
    mode = as_text(call.get(Arg(1, "mode")) or Text("r"))
    if path == Plain(0):
        return Ref("sys.stdin")
    if isinstance(path, Plain | Object):
        return Unknown("file")
    return _opened(walk, path, mode)


def _opened(walk: Walk, path: Value, mode: Text) -> Value:
    write = any(letter in mode.text for letter in "wax+")
    if "r" in mode.text or not write:
        walk.findings.touch(FileOp.READ, path)
    access = walk.findings.touch(FileOp.WRITE, path) if write else -1
    return Object("file", (path,), access)


def _os_open(walk: Walk, call: Call) -> Value:
    reads = call.get(Arg(1, "flags")) == Ref("os.O_RDONLY")
    return _opened(walk, first_argument(call, "path"), Text("r" if reads else "w"))


def _archive(walk: Walk, call: Call) -> Value:
    mode = as_text(call.get(Arg(1, "mode")) or Text("r"))
    access = walk.findings.touch(
        FileOp.READ if mode.text.startswith("r") else FileOp.WRITE, first_argument(call, "file")
    )
    return Object("archive", (first_argument(call, "file"),), access)


def _database(walk: Walk, call: Call) -> Value:
    path = first_argument(call, "database")
    if as_text(path).text != ":memory:":
        walk.findings.touch(FileOp.READ, path)
    return Object("database", (path,))


def _copy_object(walk: Walk, call: Call) -> None:
    target = call.get(Arg(1, "fdst"))
    if isinstance(target, Object):
        walk.findings.written(target.access, Unknown("..."))


def _listed(_walk: Walk, _call: Call) -> Value:
    return Items((Text("*", pattern=True),))


def _scanned(_: Walk, call: Call) -> Value:
    folder = call.get(Arg(0, "path")) or Text(".")
    joined = fold.join_path([folder, Text("*", pattern=True)])
    return Items(tuple(PathText(as_text(each)) for each in alternatives(joined)))


def _walked(_: Walk, call: Call) -> Value:
    name = Items((Text("*", pattern=True),))
    return Items((Items((first_argument(call, "top"), name, name)),))


def _globbed(_: Walk, call: Call) -> Value:
    found = []
    for each in alternatives(first_argument(call, "pathname")):
        text = as_text(each)
        found.append(Text(text.text, text.known, pattern=True))
    return Items(tuple(found))


def _temporary(_: Walk, call: Call) -> Value:
    made = Text("/tmp/tmp*", pattern=True)  # noqa: S108, it is only named
    return Items((Unknown("fd"), made)) if call.name.endswith("mkstemp") else made


def _temporary_file(_walk: Walk, _call: Call) -> Value:
    return Object("file", (Text("/tmp/tmp*", pattern=True),))  # noqa: S108, it is only named


def _change_directory(walk: Walk, call: Call) -> None:
    walk.findings.move(first_argument(call, "path"))


def _load_json(_: Walk, call: Call) -> Value | None:
    first = first_argument(call)
    return fold.from_json(first) if isinstance(first, Text) else first


def _dump_json(walk: Walk, call: Call) -> Value:
    text = fold.to_json(first_argument(call))
    target = call.get(Arg(1, "fp"))
    if isinstance(target, Object):
        walk.findings.written(target.access, text)
    note_environment(walk, call)
    return text


def _subprocess(walk: Walk, call: Call) -> Value:
    command = first_argument(call, "args")
    shell = call.keywords.get("shell")
    program = call.keywords.get("executable")
    place = call.keywords.get("cwd")
    if shell is not None and shell not in (Plain(False), Plain(0), NOTHING):
        code = choose(_head(each) for each in alternatives(command))
        walk.findings.run("sh", code, directory=place)
    elif _fed_shell(command) and isinstance(call.keywords.get("input"), Text):
        walk.findings.run("sh", call.keywords["input"], directory=place)
    else:
        if program is not None and isinstance(command, Items):
            command = Items((program, *command.values[1:]))
        walk.findings.run("argv", command, directory=place, more=call.more)
    return Object("process", (command,))


def _head(command: Value) -> Value:
    return command.values[0] if isinstance(command, Items) and command.values else command


def _fed_shell(command: Value) -> bool:
    """A shell without arguments reads its code from standard input."""
    single = command.values if isinstance(command, Items) else (command,)
    names = [posixpath.basename(as_text(each).text) for each in single]
    return bool(names) and names[0] in ("sh", "bash", "zsh", "dash") and names[1:] in ([], ["-s"])


def _run_python(walk: Walk, call: Call) -> Value:
    results = []
    for code in alternatives(first_argument(call, "source")):
        match code:
            case Text() if code.known:
                results.append(walk.run_code(Text(decoded(code))))
            case Unknown(_, Text() as path, _):
                walk.findings.run_file("python", path)
            case Object("code", (inner,)):
                results.append(_run_python(walk, Call(call.name, (inner,))))
            case _:
                if isinstance(code, Unknown) and code.remote:
                    walk.findings.cause("runs_remote_code")
                walk.findings.dynamic = True
    return choose(results) if results else Unknown("...")


def _compiled(_: Walk, call: Call) -> Value:
    return Object("code", (first_argument(call, "source"),))


def _run_path(walk: Walk, call: Call) -> None:
    walk.findings.run_file("python", first_argument(call, "path_name"))


def _run_module(walk: Walk, call: Call) -> None:
    walk.findings.run("argv", Items((Text("python3"), Text("-m"), first_argument(call, "mod_name"))))


def _ssh_host(walk: Walk, call: Call) -> None:
    walk.ssh_host = first_argument(call, "hostname")
    walk.findings.contact("connect", walk.ssh_host, "host", call.get(Arg(1, "port")))


def _ssh_run(walk: Walk, call: Call) -> None:
    walk.findings.run("sh", first_argument(call, "command"), remote=walk.ssh_host or Unknown("host"))


def _fabric_run(walk: Walk, call: Call) -> None:
    host = call.receiver.args[0] if isinstance(call.receiver, Object) and call.receiver.args else Unknown("host")
    walk.findings.run("sh", first_argument(call, "command"), remote=host)


def _address(walk: Walk, call: Call, op: str, at: int = 0) -> None:
    target = call.get(Arg(at, "address"))
    if isinstance(target, Items) and len(target.values) >= 2:
        walk.findings.contact(op, target.values[0], "host", target.values[1])
    elif isinstance(target, Text):
        pass  # a socket in the file system
    elif target is not None:
        walk.findings.contact(op, target, "host")


def _connect(walk: Walk, call: Call) -> Value:
    _address(walk, call, "connect")
    return Object("socket.socket")


def _send_to(walk: Walk, call: Call) -> None:
    _address(walk, call, "upload", len(call.args) - 1)


def _listen(walk: Walk, call: Call) -> None:
    _address(walk, call, "listen")


def _serve(walk: Walk, call: Call) -> Value:
    walk.findings.cause("opens_listener")
    _address(walk, call, "listen")
    return Unknown(call.name)


def _url_open(walk: Walk, call: Call) -> Value:
    target, data = first_argument(call, "url"), call.get(Arg(1, "data"))
    if isinstance(target, Object) and target.kind == "urllib.request.Request":
        data = data or (target.args[1] if len(target.args) > 1 else None)
        target = target.args[0]
    note_environment(walk, call)
    walk.findings.contact("download" if data in (None, NOTHING) else "upload", target, "url", body=[data or NOTHING])
    return Unknown("response", remote=True)


def _request_made(walk: Walk, call: Call) -> Value:
    data = call.get(Arg(1, "data"))
    note_environment(walk, call)
    return Object("urllib.request.Request", (first_argument(call, "url"), data or NOTHING))


def _requested(walk: Walk, call: Call) -> Value:
    """``request(METHOD, URL)`` of requests-like packages."""
    method = as_text(first_argument(call, "method")).text.upper()
    target = call.get(Arg(1, "url"))
    if target is not None:
        op = "upload" if method in ("POST", "PUT", "PATCH", "DELETE") else "download"
        body = [call.keywords[name] for name in ("data", "json", "params", "files") if name in call.keywords]
        walk.findings.contact(op, target, "url", body=body)
    return Unknown("response", remote=True)


def _http_request(walk: Walk, call: Call) -> None:
    method = as_text(first_argument(call, "method")).text.upper()
    host = call.receiver.args[0] if isinstance(call.receiver, Object) and call.receiver.args else Unknown("host")
    walk.findings.contact("upload" if method in ("POST", "PUT", "PATCH") else "download", host, "hostport")


def call_method(walk: Walk, receiver: Value, name: str, call: Call) -> Value | None:
    """What ``receiver.name(...)`` returns; None where nothing is known of it."""
    match receiver:
        case Text():
            return fold.text_method(receiver, name, call.args)
        case PathText(path):
            return _path_method(walk, receiver, path, name, call)
        case Object(kind):
            return _object_method(walk, receiver, kind, name, call)
        case Table():
            return _table_method(receiver, name, call)
        case Items() if name == "copy":
            return receiver
        case _:
            return None


def _table_method(receiver: Table, name: str, call: Call) -> Value | None:
    key = first_argument(call)
    match name:
        case "get" if isinstance(key, Text):
            return receiver.get(key.text) or call.get(Arg(1)) or NOTHING
        case "values":
            return Items(tuple(value for _, value in receiver.pairs))
        case "keys":
            return Items(tuple(key for key, _ in receiver.pairs))
        case "items":
            return Items(tuple(Items(pair) for pair in receiver.pairs))
        case _:
            return None


def _path_method(walk: Walk, receiver: PathText, path: Text, name: str, call: Call) -> Value | None:
    does = PYTHON.get(f"pathlib.Path.{name}")
    if does is not None:
        return walk.findings.apply(does, Call(call.name, call.args, call.keywords, path, call.more)) or receiver
    match name:
        case "open":
            return _opened(walk, path, as_text(call.get(Arg(0, "mode")) or Text("r")))
        case "read_text" | "read_bytes":
            walk.findings.touch(FileOp.READ, path)
            return Unknown(f"{path.text}"[-80:], file=path)
        case "iterdir" | "glob" | "rglob":
            below = first_argument(call, "pattern") if name != "iterdir" else Text("*")
            joined = fold.join_path([path, Text(as_text(below).text, as_text(below).known, pattern=True)])
            return Items(tuple(PathText(as_text(each)) for each in alternatives(joined)))
        case "joinpath":
            return _path_joined([path, *call.args])
        case "with_name" | "with_suffix" | "with_stem":
            return PathText(Text(f"{path.text}", known=False))
        case "expanduser":
            made = VALUE_CALLS["os.path.expanduser"](walk, Call("os.path.expanduser", (path,)))
            return PathText(as_text(made or path))
        case "resolve" | "absolute":
            return receiver
        case "as_posix" | "__str__" | "__fspath__":
            return path
        case _:
            return None


def _path_joined(parts: list[Value]) -> Value:
    return choose(PathText(as_text(each)) for each in alternatives(fold.join_path(parts)))


def _object_method(walk: Walk, receiver: Object, kind: str, name: str, call: Call) -> Value | None:
    full = f"{kind}.{name}"
    special = _METHODS.get(full)
    given = receiver.args[0] if receiver.args else None
    if special is not None:
        return special(walk, Call(full, call.args, call.keywords, receiver, call.more)) or Unknown(full)
    does = PYTHON.get(full)
    if does is not None:
        return walk.findings.apply(does, Call(full, call.args, call.keywords, given, call.more)) or Unknown(full)
    if kind == "file" and given is not None and name.startswith("read"):
        return Unknown("read", file=as_text(given))
    if name in ("__enter__", "makefile"):
        return receiver
    return None


def _file_write(walk: Walk, call: Call) -> None:
    if isinstance(call.receiver, Object):
        text = first_argument(call)
        parts = text.values if isinstance(text, Items) else (text,)
        for part in parts:
            walk.findings.written(call.receiver.access, part)


def _archive_add(walk: Walk, call: Call) -> None:
    walk.findings.touch(FileOp.READ, first_argument(call, "name"), recursive=True, archives=True)


def _archive_extract(walk: Walk, call: Call) -> None:
    walk.findings.touch(FileOp.WRITE, call.get(Arg(0, "path")) or Text("."), recursive=True)


def _process_input(walk: Walk, call: Call) -> None:
    """Text given to a shell that was started without arguments is its code."""
    if isinstance(call.receiver, Object) and _fed_shell(call.receiver.args[0]):
        walk.findings.run("sh", first_argument(call, "input"))


_METHODS: Mapping[str, Special] = MappingProxyType(
    {
        "file.write": _file_write,
        "file.writelines": _file_write,
        "archive.write": _archive_add,
        "archive.add": _archive_add,
        "archive.extractall": _archive_extract,
        "process.communicate": _process_input,
        "socket.socket.connect": _connect,
        "socket.socket.connect_ex": _connect,
        "socket.socket.sendto": _send_to,
        "socket.socket.bind": _listen,
        "http.client.HTTPConnection.request": _http_request,
        "requests.Session.request": _requested,
        "httpx.Client.request": _requested,
        "httpx.AsyncClient.request": _requested,
        "aiohttp.ClientSession.request": _requested,
        "urllib3.PoolManager.request": _requested,
        "paramiko.SSHClient.connect": _ssh_host,
        "paramiko.SSHClient.exec_command": _ssh_run,
        "fabric.Connection.run": _fabric_run,
        "fabric.Connection.sudo": _fabric_run,
        "code.InteractiveInterpreter.runcode": _run_python,
    }
)

SPECIAL: Mapping[str, Special] = MappingProxyType(
    {
        **VALUE_CALLS,
        **dict.fromkeys(("open", "gzip.open", "bz2.open", "lzma.open"), _open),
        "os.open": _os_open,
        "zipfile.ZipFile": _archive,
        "tarfile.open": _archive,
        "tarfile.TarFile": _archive,
        "sqlite3.connect": _database,
        "shutil.copyfileobj": _copy_object,
        "os.listdir": _listed,
        "os.scandir": _scanned,
        "os.walk": _walked,
        "glob.glob": _globbed,
        "glob.iglob": _globbed,
        **dict.fromkeys(
            ("tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.mktemp", "tempfile.TemporaryDirectory"), _temporary
        ),
        "tempfile.NamedTemporaryFile": _temporary_file,
        "tempfile.TemporaryFile": _temporary_file,
        "os.chdir": _change_directory,
        "json.load": _load_json,
        "json.loads": _load_json,
        "json.dump": _dump_json,
        "json.dumps": _dump_json,
        **{f"subprocess.{name}": _subprocess for name in ("run", "call", "check_call", "check_output", "Popen")},
        "exec": _run_python,
        "eval": _run_python,
        "compile": _compiled,
        "execfile": _run_path,
        "runpy.run_path": _run_path,
        "runpy.run_module": _run_module,
        "socket.socket": lambda _walk, _call: Object("socket.socket"),
        "socket.create_connection": _connect,
        "socket.create_server": _serve,
        **{f"http.server.{name}": _serve for name in ("HTTPServer", "ThreadingHTTPServer")},
        **{f"socketserver.{name}": _serve for name in ("TCPServer", "UDPServer", "ThreadingTCPServer")},
        "urllib.request.urlopen": _url_open,
        "urllib.request.Request": _request_made,
        **{f"{package}.request": _requested for package in ("requests", "httpx", "aiohttp", "urllib3")},
    }
)
"""Functions by full name."""

BUILTINS = frozenset(name for name in SPECIAL if "." not in name) | {"bytes", "bytearray", "__builtins__"}
"""Built-in functions that mean something here."""

MODULES_THAT_RUN = frozenset({"os", "subprocess", "shutil", "builtins", "pty", "socket", "globals()"})
"""Modules of which calling an unknown function may do anything."""
