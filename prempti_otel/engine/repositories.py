"""Which git repository a folder is in, and what is checked out there: read from the files below ``.git``.

Git is never run: a repository can make it run programs of its own. What is read belongs to the user, is small and
regular, and is looked at again only after a second, so that a call costs next to nothing. Never raises: a call is not
held up for want of its repository. Formats: gitrepository-layout(5) and git-config(1).
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from prempti_otel.model.repository import NONE, Repository

FRESH_S = 1.0
"""What is known is not looked at again for so long."""
MOST_FOLDERS = 256
DEEPEST = 64
"""Folders above that are searched for ``.git``."""
_SMALL = 64 * 1024
_PACKED = 1 << 20
"""Bytes of ``packed-refs`` that are read; in a larger one the commit is not looked for."""
_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_REF = re.compile(r"refs/heads/([^\x00-\x20\x7f~^:?*\[\\]{1,244})")
_SECTION = re.compile(r'\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]', re.ASCII)
_URL = re.compile(r"\s*url\s*=\s*(.*)", re.ASCII | re.IGNORECASE)
_SCP = re.compile(r"(?:[^/@:\s]+@)?([\w.-]{2,}):([^:\\\s][^\\\s]*)", re.ASCII)
"""``git@host:owner/name``, git's short form of an ssh URL."""
_WEB = frozenset({"http", "https", "ssh", "git"})


@dataclass(slots=True)
class _Known:
    repository: Repository
    until: float


class Repositories:
    """What is known of folders. Safe for all threads."""

    def __init__(self, fresh_s: float = FRESH_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh = fresh_s
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def of(self, folder: str) -> Repository:
        """The repository that ``folder`` (absolute) is in."""
        now = self._clock()
        known = self._known.get(folder)
        if known is not None and now < known.until:
            return known.repository
        try:
            found = _look(folder)
        except (OSError, ValueError):
            found = NONE
        self._known[folder] = _Known(found, now + self._fresh)
        if len(self._known) > MOST_FOLDERS:
            self._known.popitem(last=False)
        return found


def _look(folder: str) -> Repository:
    if not folder.startswith("/"):
        return NONE
    git = _git_folder(folder)
    if not git:
        return NONE
    head = _text(f"{git}/HEAD", 1024).strip()
    common = _text(f"{git}/commondir", 4096).strip()
    shared = os.path.normpath(os.path.join(git, common)) if common else git  # noqa: PTH118 - plain text on the hot path
    url = _remote(_text(f"{shared}/config", _SMALL))
    if _REVISION.fullmatch(head):
        return Repository(url, "", head)
    found = _REF.fullmatch(head.removeprefix("ref:").strip())
    if found is None or ".." in found[1]:
        return Repository(url)
    return Repository(url, found[1], _revision(git, shared, found[0]))


def _git_folder(folder: str) -> str:
    """The folder that ``.git`` is or names, from ``folder`` upwards; ``""`` where there is none of the user's own."""
    for _ in range(DEEPEST):
        path = f"{folder.rstrip('/')}/.git"
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            found = None
        if found is not None:
            if found.st_uid != os.geteuid():
                return ""
            if stat.S_ISDIR(found.st_mode):
                return path
            named = _text(path, 4096).strip()
            if not named.startswith("gitdir:"):
                return ""
            return os.path.normpath(os.path.join(folder, named.removeprefix("gitdir:").strip()))  # noqa: PTH118
        if folder in ("/", ""):
            return ""
        folder = folder.rpartition("/")[0] or "/"
    return ""


def _revision(git: str, shared: str, ref: str) -> str:
    for place in (git, shared):
        loose = _text(f"{place}/{ref}", 128).strip()
        if _REVISION.fullmatch(loose):
            return loose
    packed = _text(f"{shared}/packed-refs", _PACKED)
    end = packed.find(f" {ref}\n")
    start = packed.rfind("\n", 0, max(0, end)) + 1
    found = packed[start:end] if end > 0 else ""
    return found if _REVISION.fullmatch(found) else ""


def _text(path: str, most: int) -> str:
    """A small regular file's content; ``""`` where it is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            return ""
        return os.read(descriptor, most).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def _remote(config: str) -> str:
    """The URL of the remote ``origin``, else of the first one, as a browser takes it."""
    urls: dict[str, str] = {}
    section, name = "", ""
    for line in config.splitlines():
        if found := _SECTION.match(line):
            section, name = found[1].lower(), found[2] or ""
        elif section == "remote" and (value := _URL.fullmatch(line)):
            urls.setdefault(name, value[1].strip().strip('"'))
    url = urls.get("origin") or next(iter(urls.values()), "")
    return _browsable(url)


def _browsable(url: str) -> str:
    """``https://host/path``; ``""`` for paths and whatever else names no host."""
    if len(url) > 2048 or not url.isprintable():
        return ""
    if "://" in url:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return ""
        if parts.scheme not in _WEB or not parts.hostname:
            return ""
        host, path = parts.hostname, parts.path
        if parts.scheme in ("http", "https") and port:
            host = f"{host}:{port}"
    elif found := _SCP.fullmatch(url):
        host, path = found[1], found[2]
    else:
        return ""
    path = path.strip("/").removesuffix(".git")
    return f"https://{host}/{path}" if path else ""
