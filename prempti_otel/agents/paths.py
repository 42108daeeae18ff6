"""Real paths, as Prempti resolves them: links followed as far as the path exists, the rest kept.

Nothing is opened, and no path makes it raise: where the file system gives no answer (no such file,
no permission, a loop, a name too long) the remaining components are kept as they are written.
"""

from __future__ import annotations

import os
import stat

MAX_LINKS = 40
"""Links followed in one path: the kernel's own limit (path_resolution(7))."""
MAX_LENGTH = 4096
"""Longest path in bytes that the kernel takes (PATH_MAX); a longer one names no file."""
AUTOMOUNTED = frozenset({"/net", "/Network"})
"""A look-up of a name in here mounts that host's disks (auto.master(5), macOS's auto_master)."""


def resolve(path: str, cwd: str) -> str:
    """``path`` as an absolute path: ``cwd`` in front of a relative one, ``.`` and ``..`` gone.

    ``cwd`` is taken as resolved already and is not looked up again; ``/`` where there is none.

    ``..`` after a link means the parent of what the link points to, as in the kernel. ``~`` is an
    ordinary name here: see :func:`expand_home`. Text that is not UTF-8 is shown with U+FFFD.
    ``""`` stays ``""``.
    """
    if not path:
        return ""
    joined = path if path.startswith("/") else f"{cwd}/{path}"
    components = [name for name in joined.split("/") if name not in ("", ".")]
    if _too_long(components):
        components = _lexical("", components)[1:].split("/")
    if "\0" in joined or _too_long(components):
        return _readable(_lexical("", components))
    return _readable(_follow(components, cwd))


def expand_home(path: str) -> str:
    """``~`` and ``~/...`` below this user's home, as the file tools of Claude Code read them; no ``~user``."""
    if path == "~" or path.startswith("~/"):
        return os.path.expanduser("~") + path[1:]  # noqa: PTH111
    return path


def _follow(components: list[str], cwd: str) -> str:
    """Walk from the root, or from ``cwd`` where that is on the way, one look-up per component, until one is missing."""
    start = cwd.split("/")[1:] if len(cwd) > 1 else []
    resolved = cwd if start and components[: len(start)] == start else ""
    pending = components[len(start) if resolved else 0 :][::-1]
    links = 0
    while pending:
        name = pending.pop()
        if name == "..":
            resolved = resolved.rpartition("/")[0]
            continue
        if resolved in AUTOMOUNTED and not cwd.startswith(f"{resolved}/"):
            return _lexical(f"{resolved}/{name}", pending[::-1])
        here = f"{resolved}/{name}"
        target = _link_target(here)
        if target is None:
            return _lexical(here, pending[::-1])
        if target:
            links += 1
            if links > MAX_LINKS:
                return _lexical(here, pending[::-1])
            if target.startswith("/"):
                resolved = ""
            pending += [part for part in reversed(target.split("/")) if part not in ("", ".")]
        else:
            resolved = here
    return resolved or "/"


def _link_target(path: str) -> str | None:
    """Where the link ``path`` points to, ``""`` for anything but a link, None where there is no answer."""
    try:  # pathlib takes twice the time, and this runs for every component of every call
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return os.readlink(path)  # noqa: PTH115
    except (OSError, ValueError):
        return None
    return ""


def _lexical(resolved: str, components: list[str]) -> str:
    """``components`` appended by their text alone; ``..`` never leaves the root."""
    parts = [name for name in resolved.split("/") if name]
    for name in components:
        if name != "..":
            parts.append(name)
        elif parts:
            parts.pop()
    return "/" + "/".join(parts)


def _too_long(components: list[str]) -> bool:
    text = "/".join(components)
    # No character takes more than 4 bytes, so most paths need not be encoded.
    return len(text) >= MAX_LENGTH // 4 and len(text.encode("utf-8", "surrogatepass")) + 1 >= MAX_LENGTH


_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def _readable(text: str) -> str:
    """``text`` without surrogates, so that it can be written as UTF-8 anywhere."""
    return text if text.isascii() else text.translate(_SURROGATES)
