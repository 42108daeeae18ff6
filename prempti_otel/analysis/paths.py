"""What lies below a path: labels of places that matter, for rule field ``file.covers``.

``rm -rf ~`` names neither keys nor credentials, and takes them all. The table says which places have
a label; a path covers those that lie at it or below it. It is purely lexical and looks nothing up.
Resolving a path is :mod:`prempti_otel.model.paths`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

HOME_ROOTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "home": ("",),
        "ssh_keys": (".ssh",),
        "gpg_keys": (".gnupg",),
        "cloud_credentials": (
            ".aws",
            ".azure",
            ".config/gcloud",
            ".config/doctl",
            ".config/gh",
            ".kube",
            ".docker",
            ".oci",
            ".terraform.d",
            ".vault-token",
        ),
        "credentials": (
            ".netrc",
            ".git-credentials",
            ".npmrc",
            ".pypirc",
            ".pgpass",
            ".my.cnf",
            ".cargo/credentials.toml",
            ".gem/credentials",
            ".password-store",
            ".local/share/keyrings",
            "Library/Keychains",
        ),
        "browser_profiles": (
            ".mozilla",
            ".config/google-chrome",
            ".config/chromium",
            ".config/BraveSoftware",
            "Library/Application Support/Google/Chrome",
            "Library/Application Support/Firefox",
        ),
        "shell_startup": (".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", ".config/fish"),
        "agent_settings": (".claude", ".codex", ".gemini"),
        "guard": (".prempti",),
    }
)
"""Labels of places below every home directory."""

SYSTEM_ROOTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "system": (
            "/bin",
            "/boot",
            "/dev",
            "/etc",
            "/lib",
            "/lib64",
            "/opt",
            "/proc",
            "/root",
            "/sbin",
            "/srv",
            "/sys",
            "/usr",
            "/var",
            "/Applications",
            "/Library",
            "/System",
            "/private/etc",
            "/private/var",
        ),
        "root": ("/",),
        "homes": ("/home", "/Users"),
        "host_keys": ("/etc/ssh",),
        "accounts": ("/etc/shadow", "/etc/passwd", "/etc/sudoers"),
    }
)
"""Labels of places that every machine has."""

HOMES = ("/home/*", "/Users/*", "/root")
"""Where people's homes lie on Linux and macOS, and root's on Linux."""
_GLOB = re.compile(r"[*?\[]")
_LONGEST_NAME = 255
"""Bytes of a file name, as common file systems have it: no more of a pattern is looked at."""


class SensitiveRoots:
    """The labelled places of one user and one project. Immutable; shared by threads."""

    __slots__ = ("_top",)

    def __init__(self, home: str, project: str, more: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """``home`` and ``project`` are absolute or ``""``; ``more`` gives further absolute paths by label."""
        rows: list[tuple[str, str]] = [(label, path) for label, paths in SYSTEM_ROOTS.items() for path in paths]
        homes = dict.fromkeys((*HOMES, *((home,) if home.startswith("/") else ())))
        rows += [
            (label, f"{base}/{below}") for label, places in HOME_ROOTS.items() for below in places for base in homes
        ]
        if project.startswith("/"):
            rows += [("project", project), ("git_dir", f"{project}/.git")]
        rows += [(label, path) for label, paths in (more or {}).items() for path in paths]
        self._top = _Place()
        for row, (label, path) in enumerate(rows):
            self._top.add(_parts(path), (row, label))

    def covers(self, path: str) -> tuple[str, ...]:
        """Labels of the places at or below ``path``, which is absolute and may hold glob patterns.

        ``()`` for a relative path. Everything in a place (``PLACE/*``) counts as that place, without
        the labels of hidden files below it.
        """
        if not path.startswith("/"):
            return ()
        places: list[_Place] = [self._top]
        above: list[_Place] = []
        parts = _parts(path)
        for part in parts:
            if not places:
                return ()
            above, places = places, [child for place in places for child in place.meeting(part)]
        found = [row for place in places for row in place.below]
        if parts[-1:] in (("*",), ("**",)):
            found += [row for place in above for row in place.own]
        return tuple(dict.fromkeys([label for _, label in sorted(found)]))


class _Place:
    """One folder on the way to labelled places, with the rows of the table that are at it and below it."""

    __slots__ = ("below", "children", "own")

    def __init__(self) -> None:
        self.children: dict[str, _Place] = {}
        self.own: list[tuple[int, str]] = []
        self.below: list[tuple[int, str]] = []

    def add(self, parts: tuple[str, ...], row: tuple[int, str]) -> None:
        """Put a row at the place that ``parts`` lead to from here."""
        place = self
        place.below.append(row)
        for part in parts:
            place = place.children.setdefault(part, _Place())
            place.below.append(row)
        place.own.append(row)

    def meeting(self, part: str) -> list[_Place]:
        """The folders here that a path's component may stand for; the one called ``*`` is any."""
        if _GLOB.search(part) is None:
            return [child for name in (part, "*") if (child := self.children.get(name)) is not None]
        signs = _signs(part[:_LONGEST_NAME])
        return [child for name, child in self.children.items() if name == "*" or _meets(part, signs, name)]


@lru_cache(maxsize=64)
def sensitive_roots(home: str, project: str) -> SensitiveRoots:
    """The default table's places for this home and project."""
    return SensitiveRoots(home, project)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _meets(pattern: str, signs: list[str], name: str) -> bool:
    """Whether a pattern, given with its signs, may stand for a component of a root."""
    if name.startswith(".") and not pattern.startswith("."):
        return False  # bash leaves dot files out unless they are asked for (dotglob)
    return _glob(signs, name)


def _glob(signs: list[str], name: str) -> bool:
    """Bash's pattern matching in linear memory and at most quadratic time; a bracket is any one character."""
    if len(signs) - signs.count("*") > len(name) or signs[0] not in ("*", "?", name[0]):
        return False
    row = [True, *[False] * len(name)]
    for sign in signs:
        if sign == "*":
            reached = False
            for at, here in enumerate(row):
                reached = reached or here
                row[at] = reached
        else:
            row = [False, *[row[at] and sign in ("?", letter) for at, letter in enumerate(name)]]
    return row[-1]


def _signs(pattern: str) -> list[str]:
    """The characters of a pattern, a bracket as ``?`` and stars in a row as one."""
    signs: list[str] = []
    at = 0
    while at < len(pattern):
        close = pattern.find("]", at + 2) if pattern[at] == "[" else -1
        if pattern[at] != "*" or signs[-1:] != ["*"]:
            signs.append("?" if close > 0 else pattern[at])
        at = close + 1 if close > 0 else at + 1
    return signs
