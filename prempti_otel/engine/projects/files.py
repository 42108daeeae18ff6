"""Where projects keep rules of their own, ``.prempti/rules/*.yaml``, and how such files are read.

All of it may be anybody's: nothing here follows a link out of the project, waits for a pipe, lists a folder to its
end or reads a file to its end, and nothing is parsed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.model.paths import AUTOMOUNTED, LONGEST
from prempti_otel.settings.regular import read_regular

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

FOLDER = (".prempti", "rules")
"""Below the project's root."""
SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 256 * 1024
"""The largest file."""
MAX_FILES = 64
"""Of one project."""
_MAX_ENTRIES = 2048
"""Names in the folder that are looked at."""
_FOLDER_FLAGS = os.O_DIRECTORY | os.O_CLOEXEC
_PASS = getattr(os, "O_PATH", os.O_RDONLY)
"""Opens a folder to go on from it, which its permissions may allow where they do not allow to list it."""
_GIT_FILE_BYTES = 4096
_WORKTREE = re.compile(r"(/.*)/\.git/worktrees/[^/]+")
Stamp = tuple[int, int, int, int]
"""Inode, size, times of modification and of change."""


def place(root: str, name: str = "") -> str:
    """The project's folder of rules, or the file ``name`` in it."""
    return "/".join(filter(None, (root.rstrip("/"), *FOLDER, name)))


def shown(path: str) -> str:
    """``path`` for a log or a message: folders may be called anything."""
    return path if path.isprintable() else "".join(char if char.isprintable() else "?" for char in path)


def root_and_name(path: str) -> tuple[str, str] | None:
    """The project and the file's name, where ``path`` is an absolute one of a project's rules file."""
    folder, _, name = path.rpartition("/")
    root = folder.removesuffix("/" + "/".join(FOLDER))
    if root == folder or not folder.startswith("/") or "\0" in path or not _is_rules_name(name):
        return None
    return root or "/", name


def above(folder: str) -> Iterator[str]:
    """``folder``, an absolute real path, and all that it lies in, nearest first; nothing for what no folder can be.

    Where the look-up of a name would mount another machine's disks nothing is looked up.
    """
    if len(folder) >= LONGEST:
        return
    while folder.startswith("/") and "\0" not in folder:
        if folder not in AUTOMOUNTED:
            yield folder
        if folder == "/":
            return
        folder = folder.rpartition("/")[0] or "/"


def main_worktree(folder: str) -> str:
    """The main working tree of the repository, where ``folder`` is in a linked one (gitrepository-layout(5)); or "".

    Both sides must name each other, so that a repository cannot pass itself off as part of another.
    """
    for root in above(folder):
        link = f"{root}/.git"
        try:
            status = os.lstat(link)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            return ""
        administrative = _line(link).removeprefix("gitdir: ")
        found = _WORKTREE.fullmatch(administrative)
        if found is None or _line(f"{administrative}/gitdir") != link:
            return ""
        return found[1]
    return ""


def _line(path: str) -> str:
    """The text of a small file that holds one line; empty where it cannot be read."""
    try:
        return read_regular(Path(path), _GIT_FILE_BYTES).decode("utf-8", "surrogateescape").rstrip("\n")
    except OSError:
        return ""


def is_guard_home(root: str, home: Home) -> bool:
    """Whether what lies there is the guard's own home, which is no project's."""
    return os.path.realpath(home.root) == f"{root.rstrip('/')}/{FOLDER[0]}"


def may_have_rules(root: str) -> bool:
    """Whether it is worth to ask for :func:`names`; quick where there is nothing, as nearly everywhere."""
    try:
        os.lstat(f"{root}/{FOLDER[0]}")
    except OSError:
        return False
    return True


def names(root: str) -> list[str]:
    """Names of the project's rules files, sorted; none where it has no such folder of its own.

    Raises PremptiError where there are too many, OSError where the folder cannot be read.
    """
    try:
        folder = _open_folder(root, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if _is_rules_name(entry.name):
                    found.append(entry.name)
                if len(found) > MAX_FILES or number >= _MAX_ENTRIES:
                    raise PremptiError(
                        f"a project can have {MAX_FILES} rules files, and there are more, or too many others",
                        where=place(root),
                        remedy="put several rules into one file",
                    )
    finally:
        os.close(folder)
    return sorted(found)


def read(root: str, name: str) -> bytes:
    """The bytes of a project's rules file. Raises OSError: a link anywhere below the root is one reason."""
    folder = _open_folder(root, _PASS)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise _explained(error, place(root, name)) from error
    finally:
        os.close(folder)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", place(root, name))
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES // 1024} KiB", place(root, name))
    return data


def stamp(root: str, name: str) -> Stamp | None:
    """What changes when the file is edited or replaced; None where there is none."""
    try:
        status = os.lstat(place(root, name))
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _open_folder(root: str, access: int) -> int:
    """A descriptor of the project's own folder of rules. Raises OSError."""
    descriptor, path = os.open(root, _PASS | _FOLDER_FLAGS), root.rstrip("/")
    for name in FOLDER:
        path = f"{path}/{name}"
        last = name == FOLDER[-1]
        try:
            inner = os.open(name, (access if last else _PASS) | _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=descriptor)
        except OSError as error:
            raise _explained(error, path) from error
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def _explained(error: OSError, path: str) -> OSError:
    """The same about ``path``, in words where a link is the reason."""
    if Path(path).is_symlink():
        return OSError(errno.ELOOP, "it is a link", path)
    return OSError(error.errno, error.strerror, path)


def _is_rules_name(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".") and "/" not in name
