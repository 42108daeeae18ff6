"""Where projects keep rules of their own, and by which paths such files are known."""

from __future__ import annotations

import pytest

from prempti_otel.engine.projects import files as project_files


def test_folders_are_looked_at_from_the_inside_out_and_never_where_that_would_mount_something() -> None:
    assert list(project_files.above("/a/b")) == ["/a/b", "/a", "/"]
    assert list(project_files.above("/net/host/b")) == ["/net/host/b", "/net/host", "/"]
    assert list(project_files.above("/a" * 2048)) == []
    assert list(project_files.above("")) == list(project_files.above("relative")) == []


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/p/.prempti/rules/a.yaml", ("/p", "a.yaml")),
        ("/.prempti/rules/a.yml", ("/", "a.yml")),
        ("/p/.prempti/rules/tests/a.yaml", None),
        ("/p/.prempti/rules/.a.yaml", None),
        ("/p/.prempti/rules/a.txt", None),
        ("/p/x.prempti/rules/a.yaml", None),
        (".prempti/rules/a.yaml", None),
        ("/p\0/.prempti/rules/a.yaml", None),
    ],
)
def test_a_projects_rules_file_is_known_by_its_path(path: str, found: tuple[str, str] | None) -> None:
    assert project_files.root_and_name(path) == found
