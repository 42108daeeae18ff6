"""What lies below a path: labels of places that matter, for rule field ``file.covers``.

``rm -rf ~`` names neither keys nor credentials, and takes them all. The table says which places have
a label; a path covers those that lie at it or below it. It is purely lexical and looks nothing up.
Resolving a path is :mod:`prempti_otel.model.paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from prempti_otel.model.paths import LOOKUPS, PathResolver

__all__ = ["HOME_ROOTS", "LOOKUPS", "SYSTEM_ROOTS", "PathResolver", "SensitiveRoots", "sensitive_roots"]

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

_ANY_HOME = ("/home/*", "/Users/*", "/root")


class SensitiveRoots:
    """The labelled places of one user and one project. Immutable; shared by threads."""

    __slots__ = ("_roots",)

    def __init__(self, home: str, project: str, more: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """``home`` and ``project`` are absolute or ``""``; ``more`` gives further absolute paths by label."""
        rows: list[tuple[str, str]] = [(label, path) for label, paths in SYSTEM_ROOTS.items() for path in paths]
        homes = dict.fromkeys((*_ANY_HOME, *((home,) if home.startswith("/") else ())))
        rows += [
            (label, f"{base}/{below}") for label, places in HOME_ROOTS.items() for below in places for base in homes
        ]
        if project.startswith("/"):
            rows += [("project", project), ("git_dir", f"{project}/.git")]
        rows += [(label, path) for label, paths in (more or {}).items() for path in paths]
        self._roots = tuple((label, _parts(path)) for label, path in rows)

    def covers(self, path: str) -> tuple[str, ...]:
        """Labels of the places at or below ``path``, which is absolute and may hold glob patterns.

        ``()`` for a relative path. Everything in a place (``PLACE/*``) counts as that place, without
        the labels of hidden files below it.
        """
        if not path.startswith("/"):
            return ()
        above = _parts(path)
        depth = len(above)
        inside = above[:-1] if above[-1:] in (("*",), ("**",)) else None
        return tuple(
            dict.fromkeys(
                label
                for label, root in self._roots
                if (depth <= len(root) and all(map(_meets, above, root)))
                or (inside is not None and len(inside) == len(root) and all(map(_meets, inside, root)))
            )
        )


@lru_cache(maxsize=64)
def sensitive_roots(home: str, project: str) -> SensitiveRoots:
    """The default table's places for this home and project."""
    return SensitiveRoots(home, project)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _meets(pattern: str, name: str) -> bool:
    """Whether a component of a path may stand for a component of a root; ``*`` in a root is any name."""
    if pattern == name or name == "*":
        return True
    if not any(character in pattern for character in "*?["):
        return False
    if name.startswith(".") and not pattern.startswith("."):
        return False  # bash leaves dot files out unless they are asked for (dotglob)
    return _glob(pattern, name)


def _glob(pattern: str, name: str) -> bool:
    """Bash's pattern matching in linear memory and at most quadratic time; a bracket is any one character."""
    row = [True, *[False] * len(name)]
    for sign in _signs(pattern[:255]):
        if sign == "*":
            reached = False
            for at, here in enumerate(row):
                reached = reached or here
                row[at] = reached
        else:
            row = [False, *[row[at] and sign in ("?", letter) for at, letter in enumerate(name)]]
    return row[-1]


def _signs(pattern: str) -> list[str]:
    signs: list[str] = []
    at = 0
    while at < len(pattern):
        close = pattern.find("]", at + 2) if pattern[at] == "[" else -1
        signs.append("?" if close > 0 else pattern[at])
        at = close + 1 if close > 0 else at + 1
    return signs
