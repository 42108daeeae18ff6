"""Where a path really leads: absolute, symlinks followed, without trusting what lies on it.

Used for the files that an agent names and for those that its commands would touch. It only ever
reads links (``readlink``), at most a fixed number of times, and never below a mount point whose
server may be slow or gone: a look-up there could hold up a verdict for minutes. It opens nothing,
never raises for a hostile path, and answers lexically where it must not or cannot look.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

LOOKUPS = 512
"""How many links may be read for one call: about a millisecond."""
_LINKS = 40
"""Links followed in one path before it is taken for a loop, as in Linux (``MAXSYMLINKS``)."""
LONGEST = 4096
"""``PATH_MAX`` of Linux: what is longer no kernel resolves."""
EXHAUSTIVE = 3 * (_LINKS + 1) * LONGEST // 2
"""Look-ups that three paths can need at most, each with all the links and components that a kernel would follow."""
AUTOMOUNTED = ("/net", "/afs", "/misc", "/Network")
"""Folders whose entries are made by looking at them (autofs's and AFS's customs, macOS)."""
_REMOTE_TYPES = frozenset(
    {
        "afs",
        "autofs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.davfs",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)
_OWN = frozenset({"/proc/self", "/proc/thread-self", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"})
"""Links that mean something else in every process: the engine's own are of no use."""
_MOUNTS = Path("/proc/self/mounts")
_OCTAL = re.compile(r"\\([0-7]{3})")


@lru_cache(maxsize=1)
def remote_roots() -> tuple[str, ...]:
    """Folders below which nothing is looked up: automount customs and network mounts, read once."""
    try:
        table = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # no such table outside Linux: the customary folders remain
        table = ""
    return (*AUTOMOUNTED, *_remote_mounts(table.splitlines()))


def _remote_mounts(lines: Iterable[str]) -> list[str]:
    """Mount points of network file systems in ``/proc/self/mounts`` (proc(5), fstab(5))."""
    rows = [line.split(" ") for line in lines]
    points = [row[1] for row in rows if len(row) > 2 and row[2] in _REMOTE_TYPES]
    return [_OCTAL.sub(lambda code: chr(int(code[1], 8)), point) for point in points if point != "/"]


def lies_in(path: str, roots: tuple[str, ...]) -> bool:
    """Whether ``path`` is one of ``roots``, or lies below one; all are absolute."""
    return path.startswith(roots) and any(
        path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/") for root in roots
    )


def ignores_case(folder: str) -> bool:
    """Whether ``folder``, absolute, is found under another case of its letters, too: macOS' usual file systems."""
    other = folder.swapcase()
    if other == folder or lies_in(folder, remote_roots()):
        return False
    try:
        return os.path.samefile(folder, other)  # noqa: PTH121
    except OSError:
        return False


class PathResolver:
    """Resolves the paths of one call, with one budget of look-ups for all of them. Not shared by threads."""

    __slots__ = ("_avoid", "_budget", "_real", "_seen", "_spellings", "gave_up")

    def __init__(
        self,
        budget: int = LOOKUPS,
        *,
        avoid: tuple[str, ...] | None = None,
        real: str = "",
        spellings: Mapping[str, str] | None = None,
    ) -> None:
        """``avoid``: folders below which nothing is looked up, :func:`remote_roots` unless said; ``real``: as below.

        ``spellings``: how components are spelled, by their folded text, where case makes no difference.
        """
        self._budget = budget
        self._spellings = spellings
        self._avoid = remote_roots() if avoid is None else avoid
        self.go_on_from(real)
        self.gave_up = False
        """Whether a path was left unresolved, so that it may lead elsewhere than it says."""
        self._seen: dict[str, tuple[bool, str | None]] = {}

    def go_on_from(self, real: str) -> None:
        """Look for no link on the way to ``real``, a folder that has been resolved already."""
        plain = real.startswith("/") and not real.endswith("/") and not real.startswith("/proc/")
        self._real = f"{real}/" if plain else ""

    def resolve(self, path: str, cwd: str, links: Mapping[str, str] | None = None) -> str:
        """``path`` as the kernel would find it from ``cwd``: absolute, symlinks followed.

        ``..`` is taken after links, a missing suffix and glob patterns are kept. ``links`` are
        symlinks that will exist by then (made earlier in the same script): absolute path to
        target. ``""`` where ``path`` is relative and ``cwd`` is not absolute, or ``path`` is empty.
        """
        if not path:
            return ""
        if not path.startswith("/"):
            if not cwd.startswith("/"):
                return ""
            path = f"{cwd}/{path}"
        if len(path) > LONGEST:
            # No kernel takes it in one piece; a shell can have come there in several.
            path, self.gave_up = os.path.normpath(path).replace("//", "/", 1), True
            if len(path) > LONGEST:
                return path
        return self._walk(path, cwd, links or {})

    def _walk(self, path: str, cwd: str, links: Mapping[str, str]) -> str:
        done = ""
        if self._real and not links and path.startswith(self._real):
            done, path = self._real[:-1], path[len(self._real) :]
        todo = path.split("/")[::-1]
        followed = 0
        exists = True
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                exists = True
                continue
            if self._spellings is not None:
                part = self._spellings.get(part.casefold(), part)
            here = f"{done}/{part}"
            target = links.get(here) if links else None
            if target is None and here.startswith("/proc/"):
                target = _of_process(here, cwd)
            if target is None and exists:
                exists, target = self._seen.get(here) or self._link(here)
            if target is None or followed >= _LINKS:
                done = here
                continue
            followed += 1
            todo.extend(target.split("/")[::-1])
            if target.startswith("/"):
                done = ""
        return done or "/"

    def _link(self, path: str) -> tuple[bool, str | None]:
        """Whether ``path`` may have something below it, and its target if it is a symlink."""
        if path in _OWN or lies_in(path, self._avoid):
            return False, None
        if self._budget <= 0:
            self.gave_up = True
            return False, None
        self._budget -= 1
        found: tuple[bool, str | None] = (True, None)
        try:  # a Path costs more than the call, and so would an exception for each that is no link
            if stat.S_ISLNK(os.lstat(path).st_mode):
                found = (True, os.readlink(path))  # noqa: PTH115
        except (OSError, ValueError):  # ValueError: a NUL, or text that no file name can hold
            found = (False, None)
        self._seen[path] = found
        return found


def _of_process(path: str, cwd: str) -> str | None:
    """Where a link of procfs that leads each process elsewhere will lead the agent's command; None for others."""
    if path.endswith("/root"):
        return "/"
    return cwd if path in ("/proc/self/cwd", "/proc/thread-self/cwd") and cwd.startswith("/") else None
