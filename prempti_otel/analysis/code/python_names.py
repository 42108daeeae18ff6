"""What calls of Python's standard library and of a few well-known packages do, by full name.

Methods stand under their class's name. Names that are not here do nothing as far as is known;
functions that need more than a look at one argument (``open``, ``subprocess.run``) are in
:mod:`prempti_otel.analysis.code.python_calls`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from prempti_otel.analysis.code.findings import (
    RECEIVER,
    Arg,
    Causes,
    Contact,
    Does,
    Fetches,
    Gives,
    Link,
    Names,
    Run,
    Touch,
    Unfolds,
)
from prempti_otel.analysis.reading import FileOp

_READ, _WRITE, _DELETE = FileOp.READ, FileOp.WRITE, FileOp.DELETE


def _each(names: str, *does: Does, prefix: str = "") -> dict[str, tuple[Does, ...]]:
    return {f"{prefix}{name}": does for name in names.split()}


def _copy(*, archives: bool = False) -> tuple[Does, ...]:
    return (
        Touch(_READ, Arg(0, "src"), recursive=archives, archives=archives),
        Touch(_WRITE, Arg(1, "dst"), recursive=archives),
    )


def _move(source: Arg, target: Arg) -> tuple[Does, ...]:
    return (
        Touch(_READ, source, archives=True),
        Touch(_DELETE, source, recursive=True),
        Touch(_WRITE, target),
    )


_FILES: dict[str, tuple[Does, ...]] = {
    **_each("remove unlink rmdir removedirs", Touch(_DELETE, Arg(0, "path")), prefix="os."),
    **_each("rename renames replace", *_move(Arg(0, "src"), Arg(1, "dst")), prefix="os."),
    **_each("truncate mkfifo mknod utime setxattr", Touch(_WRITE, Arg(0, "path")), prefix="os."),
    **_each("mkdir makedirs", Touch(_WRITE, Arg(0, "name")), prefix="os."),
    **_each("chmod lchmod chown lchown chflags", Touch(FileOp.CHMOD, Arg(0, "path")), prefix="os."),
    "os.symlink": (Link(Arg(1, "dst"), Arg(0, "src")),),
    "os.link": (Link(Arg(1, "dst"), Arg(0, "src"), hard=True),),
    "shutil.rmtree": (Touch(_DELETE, Arg(0, "path"), recursive=True),),
    **_each("copy copy2 copyfile copystat copymode", *_copy(), prefix="shutil."),
    "shutil.copytree": _copy(archives=True),
    "shutil.move": _move(Arg(0, "src"), Arg(1, "dst")),
    "shutil.chown": (Touch(FileOp.CHMOD, Arg(0, "path")),),
    "shutil.make_archive": (
        Touch(_READ, Arg(2, "root_dir"), recursive=True, archives=True),
        Touch(_WRITE, Arg(0, "base_name")),
    ),
    "shutil.unpack_archive": (Touch(_READ, Arg(0, "filename")), Touch(_WRITE, Arg(1, "extract_dir"))),
    **_each("unlink rmdir", Touch(_DELETE, RECEIVER), prefix="pathlib.Path."),
    **_each("touch mkdir", Touch(_WRITE, RECEIVER), prefix="pathlib.Path."),
    **_each("write_text write_bytes", Touch(_WRITE, RECEIVER, content=Arg(0, "data")), prefix="pathlib.Path."),
    **_each("chmod lchmod", Touch(FileOp.CHMOD, RECEIVER), prefix="pathlib.Path."),
    "pathlib.Path.symlink_to": (Link(RECEIVER, Arg(0, "target")),),
    "pathlib.Path.hardlink_to": (Link(RECEIVER, Arg(0, "target"), hard=True),),
    **_each("rename replace move", *_move(RECEIVER, Arg(0, "target")), prefix="pathlib.Path."),
    **_each(
        "copy copy_into", Touch(_READ, RECEIVER, archives=True), Touch(_WRITE, Arg(0, "target")), prefix="pathlib.Path."
    ),
    "linecache.getline": (Touch(_READ, Arg(0, "filename")),),
    "linecache.getlines": (Touch(_READ, Arg(0, "filename")),),
    "numpy.load": (Touch(_READ, Arg(0, "file")),),
    "numpy.loadtxt": (Touch(_READ, Arg(0, "fname")),),
    **_each(
        "read_csv read_json read_table read_parquet read_excel read_pickle", Touch(_READ, Arg(0)), prefix="pandas."
    ),
    "configparser.ConfigParser.read": (Touch(_READ, Arg(0, "filenames")),),
    "configparser.ConfigParser": (Gives("configparser.ConfigParser"),),
    "dotenv.load_dotenv": (Touch(_READ, Arg(0, "dotenv_path")),),
    "dotenv.dotenv_values": (Touch(_READ, Arg(0, "dotenv_path")),),
    "send2trash.send2trash": (Touch(_DELETE, Arg(0), recursive=True),),
    "os.kill": (Causes("stops_processes"),),
    "os.killpg": (Causes("stops_processes"),),
}

_RUNS: dict[str, tuple[Does, ...]] = {
    **_each("system popen popen2 popen3 popen4", Run("sh", Arg(0, "command")), prefix="os."),
    **_each("execv execve execvp execvpe posix_spawn posix_spawnp", Run("argv", Arg(1, "args")), prefix="os."),
    **_each("spawnv spawnve spawnvp spawnvpe", Run("argv", Arg(2, "args")), prefix="os."),
    **_each("execl execle execlp execlpe", Run("words", Arg(1)), prefix="os."),
    **_each("spawnl spawnle spawnlp spawnlpe", Run("words", Arg(2)), prefix="os."),
    "os.startfile": (Run("argv", Arg(0)),),
    **_each("getoutput getstatusoutput", Run("sh", Arg(0, "cmd")), prefix="subprocess."),
    **_each("getoutput getstatusoutput", Run("sh", Arg(0)), prefix="commands."),
    "asyncio.create_subprocess_shell": (Run("sh", Arg(0, "cmd")),),
    "asyncio.create_subprocess_exec": (Run("words", Arg(0)),),
    "asyncio.subprocess.create_subprocess_shell": (Run("sh", Arg(0, "cmd")),),
    "asyncio.subprocess.create_subprocess_exec": (Run("words", Arg(0)),),
    "pty.spawn": (Run("argv", Arg(0, "argv")),),
    **_each("run spawn runu spawnu", Run("sh", Arg(0, "command")), prefix="pexpect."),
    **_each("run sudo local", Run("sh", Arg(0, "command")), prefix="invoke."),
    **_each("system getoutput", Run("sh", Arg(0)), prefix="IPython.utils.process."),
    "ctypes.CDLL": (Gives("ctypes.CDLL"),),
    "ctypes.cdll.LoadLibrary": (Gives("ctypes.CDLL"),),
    "ctypes.CDLL.system": (Run("sh", Arg(0)),),
    "ctypes.CDLL.popen": (Run("sh", Arg(0)),),
    "ctypes.CDLL.unlink": (Touch(_DELETE, Arg(0)),),
    "timeit.timeit": (Run("python", Arg(0, "stmt")), Run("python", Arg(1, "setup"))),
    **_each("run runctx", Run("python", Arg(0)), prefix="cProfile."),
    "code.InteractiveInterpreter": (Gives("code.InteractiveInterpreter"),),
    **_each("runsource runcode", Run("python", Arg(0)), prefix="code.InteractiveInterpreter."),
    **_each("loads load", Unfolds(Arg(0)), prefix="pickle."),
    **_each("loads load", Unfolds(Arg(0)), prefix="_pickle."),
    **_each("loads load", Unfolds(Arg(0)), prefix="dill."),
    **_each("loads load", Unfolds(Arg(0)), prefix="cloudpickle."),
    **_each("loads load", Unfolds(Arg(0)), prefix="marshal."),
    **_each("loads decode", Unfolds(Arg(0)), prefix="jsonpickle."),
    **_each("unsafe_load full_load", Unfolds(Arg(0)), prefix="yaml."),
    "pickle.Unpickler": (Unfolds(Arg(0)),),
}

_DOWNLOAD = Contact("download", Arg(0, "url"))
_UPLOAD = Contact("upload", Arg(0, "url"))
_CONNECT = Contact("connect", Arg(0, "host"), "host", Arg(1, "port"))


def _http_client(package: str, clients: str) -> Iterable[tuple[str, tuple[Does, ...]]]:
    """The functions of a requests-like package, and the methods of its session classes."""
    for base in (package, *(f"{package}.{client}" for client in clients.split())):
        yield from _each("get head options", _DOWNLOAD, Fetches(), prefix=f"{base}.").items()
        yield from _each("post put patch", _UPLOAD, Fetches(), prefix=f"{base}.").items()
        yield from _each("delete", _UPLOAD, prefix=f"{base}.").items()
        yield from _each("ws_connect websocket_connect", Contact("connect", Arg(0, "url")), prefix=f"{base}.").items()
    for client in clients.split():
        yield f"{package}.{client}", (Gives(f"{package}.{client}"),)
    yield f"{package}.session", (Gives(f"{package}.Session"),)


_NET: dict[str, tuple[Does, ...]] = {
    **dict(_http_client("requests", "Session")),
    **dict(_http_client("requests.sessions", "Session")),
    **dict(_http_client("httpx", "Client AsyncClient")),
    **dict(_http_client("aiohttp", "ClientSession")),
    **dict(_http_client("niquests", "Session")),
    **dict(_http_client("curl_cffi.requests", "Session")),
    "urllib.request.urlretrieve": (_DOWNLOAD, Touch(_WRITE, Arg(1, "filename"))),
    "urllib.urlretrieve": (_DOWNLOAD, Touch(_WRITE, Arg(1, "filename"))),
    "urllib.urlopen": (_DOWNLOAD, Fetches()),
    "urllib2.urlopen": (_DOWNLOAD, Fetches()),
    "wget.download": (_DOWNLOAD,),
    "pandas.read_html": (_DOWNLOAD,),
    "webbrowser.open": (Contact("connect", Arg(0, "url")),),
    "websocket.create_connection": (Contact("connect", Arg(0, "url")),),
    "websockets.connect": (Contact("connect", Arg(0, "uri")),),
    **_each("HTTPConnection HTTPSConnection", _CONNECT, Gives("http.client.HTTPConnection"), prefix="http.client."),
    "urllib3.PoolManager": (Gives("urllib3.PoolManager"),),
    **_each("FTP FTP_TLS", _CONNECT, Gives("ftplib.FTP"), prefix="ftplib."),
    "ftplib.FTP.connect": (_CONNECT,),
    **_each("storbinary storlines", Contact("upload", RECEIVER, "host"), prefix="ftplib.FTP."),
    **_each("retrbinary retrlines", Contact("download", RECEIVER, "host"), prefix="ftplib.FTP."),
    **_each("SMTP SMTP_SSL LMTP", _CONNECT, Gives("smtplib.SMTP"), prefix="smtplib."),
    "smtplib.SMTP.connect": (_CONNECT,),
    **_each("sendmail send_message", Contact("upload", RECEIVER, "host"), prefix="smtplib.SMTP."),
    **_each("IMAP4 IMAP4_SSL", _CONNECT, prefix="imaplib."),
    **_each("POP3 POP3_SSL", _CONNECT, prefix="poplib."),
    "telnetlib.Telnet": (_CONNECT,),
    "asyncio.open_connection": (_CONNECT,),
    "asyncio.start_server": (Contact("listen", Arg(1, "host"), "host", Arg(2, "port")),),
    "socket.getaddrinfo": (),
    **_each("gethostbyname gethostbyname_ex", Contact("connect", Arg(0), "host"), prefix="socket."),
    "paramiko.SSHClient": (Gives("paramiko.SSHClient"),),
    "paramiko.Transport": (Contact("connect", Arg(0), "hostport"), Gives("paramiko.Transport")),
    "fabric.Connection": (Contact("connect", Arg(0, "host"), "scp"), Gives("fabric.Connection")),
    "psycopg2.connect": (Contact("connect", Arg(9, "host"), "host", Arg(9, "port")),),
    "pymysql.connect": (_CONNECT,),
    "redis.Redis": (_CONNECT, Gives("redis.Redis")),
    "redis.StrictRedis": (_CONNECT, Gives("redis.Redis")),
    "redis.from_url": (Contact("connect", Arg(0)), Gives("redis.Redis")),
    **_each("flushall flushdb", Causes("destroys_data"), prefix="redis.Redis."),
    "pymongo.MongoClient": (Contact("connect", Arg(0, "host"), "url"), Gives("pymongo.MongoClient")),
    "pymongo.MongoClient.drop_database": (Causes("destroys_data"),),
}

PYTHON: Names = MappingProxyType({**_FILES, **_RUNS, **_NET})
"""What a call does, by the function's full name."""

ALIASES = MappingProxyType(
    {
        "posix": "os",
        "nt": "os",
        "posixpath": "os.path",
        "ntpath": "os.path",
        "cPickle": "pickle",
        "_socket": "socket",
        "httplib": "http.client",
        "pathlib.PosixPath": "pathlib.Path",
        "pathlib.PurePath": "pathlib.Path",
        "pathlib.PurePosixPath": "pathlib.Path",
        "pathlib.WindowsPath": "pathlib.Path",
        "pathlib2.Path": "pathlib.Path",
        "io.open": "open",
        "codecs.open": "open",
        "_io.open": "open",
        "aiofiles.open": "open",
    }
)
"""Other names of the same thing."""
