"""A project's rules in ``premptictl rules check``, ``list`` and ``test``: beside the installed ones, and told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prempti_otel.ctl.output import console, print_table, printable
from prempti_otel.ctl.rules import projects
from prempti_otel.ctl.rules.listing import row, verdict
from prempti_otel.ctl.rules.project_places import named
from prempti_otel.engine.projects.rules import Everywhere, ProjectRules
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.ctl.rules.projects import Project
    from prempti_otel.rules.project import ProjectLoad
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home

TESTS = "tests"
"""Name of the folder beside a project's rules that holds their tests."""
_STATES = {"trusted": "in force", "changed": "changed", "new": "not trusted"}
_STYLES = {"in force": "green", "changed": "red", "not trusted": "yellow", "refused": "bold red"}


def checked(paths: Sequence[Path], home: Home, config: Config) -> tuple[list[Path], list[ProjectLoad]]:
    """Those of ``paths`` that are no projects' files, and what loading those of projects came to.

    Raises PremptiError.
    """
    others: list[Path] = []
    wanted: dict[str, set[str]] = {}
    for path in paths:
        where = named(path, home)
        if where is None:
            others.append(path)
        else:
            wanted.setdefault(where[0], set()).add(where[1])
    loads = []
    for root, names in wanted.items():
        project = projects.load(root, home, config)
        files = [file.path for file in project.files if "" in names or Path(file.path).name in names]
        loads.append(project.loaded.only(files))
    return others, loads


def as_json(project: Project) -> dict[str, Any]:
    """A project's files and rules as scripts read them."""
    return {
        "root": project.root,
        "files": [
            {
                "file": file.path,
                "state": _state(project, file),
                "errors": [error.as_json() for error in project.result(file).errors],
            }
            for file in project.files
        ],
        "rules": [
            row(rule) | {"state": _state(project, file)} for file in project.files for rule in project.rules(file)
        ],
    }


def show(project: Project) -> None:
    """The same for a person."""
    out = console()
    out.print(f"\nof the project {printable(project.root)}", markup=False)
    rows = []
    for file in project.files:
        state = _state(project, file)
        rules = project.rules(file)
        rows += [(_styled(state), verdict(rule), rule.name, Path(file.path).name) for rule in rules]
        if not rules:
            rows.append((_styled(state), "", "", Path(file.path).name))
    print_table(["STATE", "VERDICT", "RULE", "FILE"], rows)
    if any(_state(project, file) != "in force" for file in project.files):
        out.print("look at what is not in force: premptictl rules trust", markup=False)


def tested_by(file: Path, home: Home, config: Config) -> Everywhere | None:
    """The rules, trusted or not, of the project that has ``file`` among its tests; None where it is no such file.

    Raises PremptiError where they do not load.
    """
    folder = file.absolute().parent
    where = named(folder.parent, home) if folder.name == TESTS else None
    if where is None:
        return None
    project = projects.load(where[0], home, config)
    if not project.loaded.successful:
        raise PremptiError(project.loaded.as_text(), remedy="correct the rules")
    return Everywhere(ProjectRules(project.root, (), project.loaded.ruleset))


def _state(project: Project, file: projects.ProjectFile) -> str:
    return "refused" if project.result(file).errors else _STATES[file.trust]


def _styled(state: str) -> object:
    from rich.text import Text

    return Text(state, style=_STYLES[state])
