"""Codex's patch envelope, file by file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.analysis.patch import PatchChange, read_patch

WELL_FORMED = [
    ("*** Begin Patch\n*** Add File: b.txt\n+hi\n*** End Patch\n", [PatchChange("Add", "b.txt", "", "hi\n")]),
    ("*** Begin Patch\r\n*** Add File: b.txt\r\n+hi\r\n*** End Patch", [PatchChange("Add", "b.txt", "", "hi\n")]),
    ("*** Begin Patch\n*** Delete File: /etc/hosts\n*** End Patch", [PatchChange("Delete", "/etc/hosts")]),
    (
        "*** Begin Patch\n*** Update File: a.py\n@@ def f():\n-    x\n+    y\n     z\n*** End of File\n*** End Patch",
        [PatchChange("Update", "a.py", "", "    y\n")],
    ),
    (
        "*** Begin Patch\n*** Update File: a.py\n*** Move to: b/c.py\n@@\n-x\n+y\n*** End Patch",
        [PatchChange("Move", "a.py", "b/c.py", "y\n")],
    ),
    (
        "<<'EOF'\n*** Begin Patch\n*** Add File: a\n+1\n*** Add File: b\n+2\n+3\n*** End Patch\nEOF",
        [PatchChange("Add", "a", "", "1\n"), PatchChange("Add", "b", "", "2\n3\n")],
    ),
    (
        "*** Begin Patch\n*** Add File: doc.md\n+*** Delete File: x\n*** End Patch",
        [PatchChange("Add", "doc.md", "", "*** Delete File: x\n")],
    ),
]


@pytest.mark.parametrize(("text", "changes"), WELL_FORMED)
def test_a_patch_names_each_file_and_what_is_added(text: str, changes: list[PatchChange]) -> None:
    patch = read_patch(text)
    assert list(patch.changes) == changes
    assert not patch.malformed


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("rm -rf /", []),
        ("*** Begin Patch\n*** End Patch", []),
        ("*** Begin Patch\n*** Add File:\n+x\n*** End Patch", [""]),
        ("*** Begin Patch\n*** Add File: a\n+x", ["a"]),
        ("*** Begin Patch\n*** Add File: a\nx\n*** End Patch", ["a"]),
        ("*** Begin Patch\n*** Add File: a\n+x\n*** Rename File: b\n*** End Patch", ["a"]),
        ("*** Begin Patch\n+x\n*** Add File: a\n+x\n*** End Patch", ["a"]),
        ("*** Begin Patch\n*** Delete File: a\n*** Move to: b\n*** End Patch", ["a"]),
    ],
)
def test_a_malformed_patch_says_so_and_keeps_what_it_names(text: str, paths: list[str]) -> None:
    patch = read_patch(text)
    assert patch.malformed
    assert [change.path for change in patch.changes] == paths


LINES = st.sampled_from(
    [
        "*** Begin Patch",
        "*** End Patch",
        "*** Add File: a",
        "*** Move to: b",
        "*** Update File: c",
        "+x",
        "-y",
        "@@",
        "",
    ]
)


@given(st.text() | st.lists(LINES | st.text(max_size=8)).map("\n".join))
def test_no_text_makes_reading_a_patch_raise(text: str) -> None:
    patch = read_patch(text)
    assert patch.changes or patch.malformed
