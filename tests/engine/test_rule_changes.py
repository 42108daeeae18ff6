"""What became of rules files is told by name, and by whose they are."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from prempti_otel.engine.rule_changes import changes
from prempti_otel.rules.options import RuleFile

A, B = RuleFile("/r/a.yaml", "- list: a"), RuleFile("/r/b.yaml", b"- list: b")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([A], [A, B], ["added /r/b.yaml"]),
        ([A, B], [B], ["removed /r/a.yaml"]),
        ([A], [RuleFile(A.name, "- list: c")], ["changed /r/a.yaml"]),
        ([A], [RuleFile(A.name, b"- list: a"), B], ["added /r/b.yaml"]),
        ([A, B], [A, B], ["which rules the settings select"]),
    ],
)
def test_each_file_that_differs_is_told(before: list[RuleFile], after: list[RuleFile], told: list[str]) -> None:
    assert changes(before, after) == told


def test_ones_own_file_is_told_without_an_owner(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("- list: a")
    assert changes([], [RuleFile(str(file), "- list: a")]) == [f"added {file}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file to another user")
def test_whose_file_it_is_is_told_where_it_is_somebody_elses(tmp_path: Path) -> None:
    file = tmp_path / "theirs.yaml"
    file.write_text("- list: a")
    other = pwd.getpwnam("nobody")
    os.chown(file, other.pw_uid, other.pw_gid)
    assert changes([], [RuleFile(str(file), "- list: a")]) == [f"added {file} (a file of nobody)"]
