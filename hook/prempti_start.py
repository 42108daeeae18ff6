"""Starts the engine when a hook finds none: once, however many hooks find none at the same time.

Loaded only when nothing listens on the engine's socket. It must never hand anything of the hook's environment, working
directory or descriptors to the engine: a repository can set them.
"""

import _socket
import fcntl
import posix
import pwd
import time

from prempti_fallback import exists
from prempti_forward import POLL_SECONDS, Hook, misregistered
from prempti_grpc import Unanswered

FAILED_SECONDS = 10
"""No new engine this soon after one that failed to start."""
WORDS_LIMIT = 300
"""Bytes of the sentence that a failed engine leaves in ``run/failed``."""
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
NO_PROGRAM = 127
"""Exit status of shells where a program cannot be run."""
ALREADY_RUNNING = 3
"""Exit status of ``python -m prempti_otel.engine`` where another engine holds ``run/engine.lock``."""


def start_engine(hook: Hook) -> _socket.socket:
    """A connection to the engine, which this hook or another one starts.

    The lock on ``run/start.lock`` is held from before the start until the engine listens; whoever does not get it
    polls. Raises Unanswered.
    """
    run = hook.home + "/run/"
    lock, child = -1, 0
    while (sock := hook.connect()) is None:
        if exists(run + "stopped"):
            raise Unanswered("the engine is stopped", "run premptictl start")
        if failed_lately(run + "failed"):
            raise failed_to_start(hook.home)
        if not exists(run + "service"):
            if not hook.engine:
                raise Unanswered("the engine is not running", "run premptictl start")
            if lock < 0:
                lock = take_lock(run + "start.lock")
                if lock >= 0:
                    continue  # who held it before may have been successful, so connect once more
            elif not child:
                child = spawn(hook.engine, hook.home)
            elif child > 0 and other_is_running(child, hook.home):
                child = -1
        time.sleep(POLL_SECONDS)
    if lock >= 0:
        posix.close(lock)
    return sock


def spawn(engine: str, home: str) -> int:
    """Runs ``engine`` (a Python that has prempti_otel) as the engine of ``home``; the process id. Raises Unanswered."""
    if not posix.access(engine, posix.X_OK):
        raise misregistered(f"there is no program {engine}")
    environment = {"PATH": SYSTEM_PATH, "HOME": home, "LANG": "C.UTF-8"}
    try:
        user = pwd.getpwuid(posix.geteuid())
        environment |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    except KeyError:
        pass  # a container's made-up user: the engine needs no more than a folder of its own
    child = posix.fork()
    if child:
        return child
    try:
        posix.setsid()
        posix.chdir("/")
        flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW
        log = posix.open(home + "/log/engine.log", flags, 0o600)
        null = posix.open("/dev/null", posix.O_RDONLY)
        for fd, source in ((0, null), (1, log), (2, log)):
            posix.dup2(source, fd)
        posix.closerange(3, 1 + max(int(fd) for fd in posix.listdir("/dev/fd")))
        posix.execve(engine, [engine, "-I", "-m", "prempti_otel.engine", "--home", home], environment)
    except OSError as error:
        posix.write(2, f"prempti hook: the engine cannot be run: {error}\n".encode("utf-8", "replace"))
    finally:
        posix._exit(NO_PROGRAM)


def other_is_running(child: int, home: str) -> bool:
    """Whether the spawned engine has ended because there is one already. Raises Unanswered if it ended otherwise."""
    try:
        gone, status = posix.waitpid(child, posix.WNOHANG)
    except ChildProcessError:
        return False  # the agent ignores the end of children, and so does the hook: nothing to be learned
    if not gone:
        return False
    if posix.waitstatus_to_exitcode(status) not in (0, ALREADY_RUNNING):
        mark = home + "/run/failed"
        if not failed_lately(mark):
            # It could not say so itself: the sentence of an earlier failure must not stand for this one.
            posix.open(mark, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW, 0o600)
            posix.utime(mark)
        raise failed_to_start(home)
    return True


def failed_to_start(home: str) -> Unanswered:
    """For an engine that ended before it listened, in the words that it left, if any."""
    try:
        words = posix.read(posix.open(home + "/run/failed", posix.O_RDONLY | posix.O_NOFOLLOW), WORDS_LIMIT)
    except OSError:
        words = b""
    why = words.decode("utf-8", "replace").strip()
    problem = f"the engine failed to start: {why}" if why else "the engine failed to start"
    return Unanswered(problem, f"see {home}/log/engine.log, then run premptictl start")


def failed_lately(path: str) -> bool:
    """Whether the file was touched within the last FAILED_SECONDS."""
    try:
        return abs(time.time() - posix.stat(path).st_mtime) < FAILED_SECONDS
    except OSError:
        return False


def take_lock(path: str) -> int:
    """A descriptor that holds a lock on ``path`` until it is closed; -1 where somebody else does. Raises Unanswered."""
    try:
        fd = posix.open(path, posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Unanswered(f"cannot open {path}: {error.strerror}", "run premptictl start") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        posix.close(fd)
        return -1
    return fd
