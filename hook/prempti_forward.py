"""Forwards one tool call from a coding agent to the engine, and the engine's reply back.

    python -I -S prempti_hook.py AGENT --home DIR [--deadline SECONDS] [--engine PYTHON]
                                 [--fail-open | --lifecycle | --http PORT] [--denial TEXT]

Standard input goes to the engine as it is; the reply comes back as standard output, standard error and exit code.
Anything but one complete reply is a failure, which ``prempti_fallback`` answers.

It must never read a setting from the environment (a repository can set that), never parse a payload, never exit 0
without a complete reply, and on the way to a reply import nothing but what is imported below: every tool call pays.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import posix
import sys
import time

from prempti_grpc import Call, NotTaken, Unanswered, decode_reply, encode_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from prempti_fallback import Answer

PAYLOAD_LIMIT = 4 << 20
"""Bytes of standard input; the engine accepts 64 KiB more for what is around them."""
SOCKET_PATH_LIMIT = 103
"""Longest socket path in bytes that both Linux (107) and macOS (103) take."""
TRACEPARENT_LIMIT = 256
"""Bytes; version 00 of W3C Trace Context has 55. Anything longer is not passed on."""
POLL_SECONDS = 0.01
SIGNALS = (_signal.SIGALRM, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)


class Hook:
    """One run: from arguments and standard input to an exit code."""

    def __init__(self) -> None:
        self.agent = self.home = self.engine = ""
        self.deadline = 5.0
        self.start_seconds = 7.0
        """More, where an engine has to start first: in all well below the 15 s that agents give the hook."""
        self.fail_open = False
        self.lifecycle = False
        """An event that nobody is asked about: there is no call to block."""
        self.http = ""
        """The port that the agent sends its calls to; this run then only says whether a prompt may begin."""
        self.denial = ""
        """What standard output says where the hook blocks a call by itself; ``%s`` stands for why, in a JSON string."""
        self.step = "starting"
        """What the deadline would interrupt."""
        self.answering = False
        """The engine's reply is being written: it is too late for an answer of the hook's own."""
        self.answer: Answer | None = None
        """The hook's own answer, once something has failed."""

    def run(self, arguments: list[str]) -> "NoReturn":
        """Forwards the call and ends the process. Raises Unanswered, OSError."""
        posix.umask(0o077)
        for number in SIGNALS:
            _signal.signal(number, self.interrupted)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, SIGNALS)
        self.parse(arguments)
        _signal.setitimer(_signal.ITIMER_REAL, self.deadline)
        check_streams()
        self.step = "reading standard input"
        request = self.request()
        while True:
            self.step = "connecting to the engine"
            sock = self.connect() or self.start_engine()
            self.step = "waiting for the engine's reply"
            try:
                stdout, stderr, exit_code = decode_reply(Call(sock).exchange(request))
                break
            except NotTaken:
                # An engine that is being restarted: the next one is asked.
                sock.close()
                time.sleep(POLL_SECONDS)
        if self.http:
            self.step = "looking where HTTP hooks go"
            from prempti_http import check

            check(self.home, self.http, posix.environ)
        self.step = "writing the reply"
        self.answering = True
        if stderr:
            write_all(2, stderr)
        write_all(1, stdout)
        posix._exit(exit_code)

    def parse(self, arguments: list[str]) -> None:
        """Takes the arguments as ``premptictl hook add`` writes them. Raises Unanswered for any other."""
        words = iter(arguments)
        self.agent = next(words, "")
        for word in words:
            if word == "--fail-open":
                self.fail_open = True
            elif word == "--lifecycle":
                self.lifecycle = True
                self.start_seconds = 0.0
            elif word == "--http":
                self.http = next(words, "") or "none"
            elif word == "--home":
                self.home = next(words, "")
            elif word == "--engine":
                self.engine = next(words, "")
            elif word == "--deadline":
                self.deadline = seconds(next(words, ""))
                self.start_seconds = 0.0
            elif word == "--denial":
                self.denial = next(words, "")
            else:
                raise misregistered(f"unknown argument {word[:80]!r}")
        if not self.agent or self.agent.startswith("-"):
            raise misregistered("the agent's name must come first")
        if not self.home.startswith("/"):
            raise misregistered("--home must be an absolute path")
        if self.engine and not self.engine.startswith("/"):
            raise misregistered("--engine must be an absolute path")

    def request(self) -> bytes:
        """The message for the engine. Raises Unanswered where standard input is too large or cannot be read."""
        payload = read_payload()
        traceparent = posix.environ.get(b"TRACEPARENT", b"")
        if len(traceparent) > TRACEPARENT_LIMIT or not traceparent.isascii():
            traceparent = b""
        return encode_request(self.agent.encode("utf-8", "replace"), payload, traceparent, posix.getppid())

    def connect(self) -> _socket.socket | None:
        """A connection to this user's engine; None where none listens. Raises Unanswered."""
        path = socket_path(self.home)
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            sock.connect(path)
            if sys.platform == "linux":
                # struct ucred: pid, uid and gid of the listener.
                peer = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
                owner = int.from_bytes(peer[4:8], sys.byteorder)
            else:
                owner = posix.stat(path).st_uid
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            return None
        except OSError as error:
            raise Unanswered(f"cannot connect to {path}: {error.strerror}") from None
        if owner != posix.geteuid():
            raise Unanswered(f"the engine at {path} belongs to another user, {owner}")
        return sock

    def start_engine(self) -> _socket.socket:
        """A connection to an engine that has to start first. Raises Unanswered."""
        self.step = "waiting for the engine to start"
        if self.start_seconds:
            left, _ = _signal.getitimer(_signal.ITIMER_REAL)
            _signal.setitimer(_signal.ITIMER_REAL, left + self.start_seconds)
            self.deadline += self.start_seconds
            self.start_seconds = 0.0
        from prempti_start import start_engine

        return start_engine(self)

    def interrupted(self, number: int, _: object) -> None:
        """Signal handler: the deadline is over, or somebody ends the hook. Ends the process."""
        from prempti_fallback import interrupted

        interrupted(self, number)


def seconds(word: str) -> float:
    """The deadline, at most 10 minutes. Raises Unanswered."""
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number <= 600:
        raise misregistered(f"--deadline must be a number of seconds up to 600, not {word[:80]!r}")
    return number


def misregistered(what: str) -> Unanswered:
    """For arguments that ``premptictl hook add`` would not have written."""
    return Unanswered(f"the hook is not registered properly: {what}", "run premptictl hook add")


def check_streams() -> None:
    """Raises Unanswered where a standard stream is closed, or else the socket would take its place."""
    for fd, name in ((0, "input"), (1, "output"), (2, "error")):
        try:
            posix.fstat(fd)
        except OSError:
            # Fills the gap with something that cannot be written to, for no answer may end in the log file.
            posix.open("/dev/null", posix.O_RDONLY)
            raise Unanswered(f"standard {name} of the hook is closed", "restart the coding agent") from None


def read_payload() -> bytes:
    """Standard input to its end. Raises Unanswered over PAYLOAD_LIMIT, and where it cannot be read."""
    chunks: list[bytes] = []
    size = 0
    while True:
        try:
            chunk = posix.read(0, 65536)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
            continue
        except OSError as error:
            raise Unanswered(f"standard input cannot be read: {error.strerror}", "restart the coding agent") from None
        if not chunk:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        size += len(chunk)
        if size > PAYLOAD_LIMIT:
            raise Unanswered("the call is larger than 4 MiB", "split it into smaller calls")
        chunks.append(chunk)


def write_all(fd: int, data: bytes) -> None:
    """Writes all of ``data``, also where the agent made the pipe non-blocking. Raises OSError."""
    while data:
        try:
            data = data[posix.write(fd, data) :]
        except BlockingIOError:
            time.sleep(POLL_SECONDS)


def socket_path(home: str) -> str:
    """Where the engine of ``home`` listens; the same rule as ``prempti_otel.settings.home.Home.socket``."""
    path = home + "/run/engine.sock"
    if len(path.encode("utf-8", "surrogateescape")) <= SOCKET_PATH_LIMIT:
        return path
    from hashlib import sha256

    digest = sha256(home.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"/tmp/prempti-{posix.geteuid()}-{digest}/engine.sock"  # noqa: S108 - the listener's owner is checked


def main(arguments: list[str]) -> "NoReturn":
    """Runs the hook; every way out is an answer and an exit code."""
    hook = Hook()
    try:
        try:
            hook.run(arguments)
        except Unanswered as failure:
            problem, remedy = failure.problem, failure.remedy
        except OSError as error:
            problem, remedy = f"{hook.step} failed: {error.strerror}", "run premptictl status"
        except BaseException as error:  # noqa: BLE001 - the boundary: it is noted, and the call is blocked
            problem, remedy = f"the hook itself failed: {type(error).__name__} {error}", "report this as a bug"
        from prempti_fallback import fail

        fail(hook, problem, remedy)
    finally:
        # Only reached if answering failed as well.
        try:
            posix.write(2, b"prempti: call blocked: the hook itself failed (run premptictl hook add)\n")
        finally:
            posix._exit(2)
