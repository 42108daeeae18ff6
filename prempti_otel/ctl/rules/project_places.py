"""Which project a path belongs to, and where its rules files are. Reads no file of theirs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from prempti_otel.engine.projects import files as project_files
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home


def root_at(path: Path, home: Home) -> tuple[str, str]:
    """The project that ``path`` is in or is a rules file of, and the name of that file or ``""``.

    A folder belongs to the nearest project around it. Raises PremptiError where there is none.
    """
    # Of a file only the folder is looked through: a link in its place is to be told, not followed.
    real = os.path.realpath(path) if path.is_dir() else f"{os.path.realpath(path.parent)}/{path.name}"
    where = project_files.root_and_name(real)
    try:
        real.encode()
    except UnicodeEncodeError as error:
        raise PremptiError("the path is no UTF-8 text", where=repr(real), remedy="rename the folder") from error
    if f"{real}/".startswith(f"{os.path.realpath(home.root)}/"):
        raise PremptiError("this is the guard's own home and no project", where=str(path))
    return where or (_around(real.removesuffix("/" + "/".join(project_files.FOLDER)) or "/", home), "")


def named(path: Path, home: Home) -> tuple[str, str] | None:
    """The same where ``path`` is a project's rules file, its folder of rules, or the project's own folder; else None.

    Raises PremptiError.
    """
    real = os.path.realpath(path)
    if path.is_dir():
        root = real.removesuffix("/" + "/".join(project_files.FOLDER)) or "/"
        found = not project_files.is_guard_home(root, home) and bool(rule_file_names(root))
        return (root, "") if found else None
    where = project_files.root_and_name(f"{os.path.realpath(path.parent)}/{path.name}")
    return where if where is not None and not project_files.is_guard_home(where[0], home) else None


def here(home: Home) -> str:
    """The project around the current folder; empty where there is none with rules of its own."""
    try:
        return root_at(Path.cwd(), home)[0]
    except (PremptiError, OSError):
        return ""


def folder_here(home: Home) -> Path:
    """Where the project around the current folder has its rules, or would have them: in its repository's root."""
    folder = os.path.realpath(Path.cwd())
    roots = [root for root in project_files.above(folder) if not project_files.is_guard_home(root, home)]
    repository = next((root for root in roots if Path(root, ".git").exists()), folder)
    return Path(project_files.place(here(home) or repository))


def _around(folder: str, home: Home) -> str:
    for root in project_files.above(folder):
        for depth in (1, 2):
            place = "/".join((root.rstrip("/"), *project_files.FOLDER[:depth]))
            if Path(place).is_symlink():
                raise PremptiError(
                    "the folder of rules is a link, and what it leads to may change at any time",
                    where=place,
                    remedy="put the rules into a folder of the project itself",
                )
        if not project_files.is_guard_home(root, home) and rule_file_names(root):
            return root
    raise PremptiError(
        f"no project around here has files in {'/'.join(project_files.FOLDER)}",
        where=folder,
        remedy="name the project's folder, or write such a file",
    )


def rule_file_names(root: str) -> list[str]:
    """The names of a project's rules files. Raises PremptiError."""
    try:
        return project_files.names(root)
    except OSError as error:
        raise PremptiError(
            f"the folder cannot be read: {error.strerror}", where=str(error.filename), remedy="correct its permissions"
        ) from error
