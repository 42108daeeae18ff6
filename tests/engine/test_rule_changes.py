"""What became of rules files is told by name, and by whose they are."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from prempti_otel.engine.rule_changes import changes
from prempti_otel.rules import RuleFile

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


def test_the_owner_of_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("- list: a")
    assert changes([], [RuleFile(str(file), "- list: a")]) == [f"added {file} (of {getpass.getuser()})"]
