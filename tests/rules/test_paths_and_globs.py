"""``pmatch`` and ``glob``."""

from __future__ import annotations

import pytest

from prempti_otel.rules.checks.globs import glob_predicate
from prempti_otel.rules.checks.pmatch import PathPrefixes


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["/etc"], "/etc", True),
        (["/etc"], "/etc/passwd", True),
        (["/etc"], "etc/x", True),
        (["/etc/"], "//etc//x/", True),
        (["/etc"], "/etcetera", False),
        (["/etc/ssl"], "/etc", False),
        (["/"], "", True),
        ([""], "/any", True),
        ([], "/any", False),
        (["/home/*/.ssh"], "/home/ann/.ssh/id", True),
        (["/home/*/.ssh"], "/home/ann/x/.ssh", False),
        (["/a*/x", "/*b/y"], "/ab/x", True),
        (["/a*/x", "/*b/y"], "/ab/y", True),
        (["/a*/x", "/*b/y"], "/ab", False),
        (["/a/../b"], "/b", False),
        (["/[ab]/c"], "/b/c/d", True),
        (["/etc"], "/*", False),
        (["/**/c"], "/a/b/c", False),
    ],
)
def test_a_path_matches_the_paths_above_it(patterns: list[str], path: str, expected: bool) -> None:
    assert PathPrefixes(pattern.encode() for pattern in patterns)(path.encode()) is expected


def test_many_globs_side_by_side_cost_no_more_than_the_trie() -> None:
    patterns = PathPrefixes(b"/*" * depth + b"/x%d" % depth for depth in range(60))
    assert not patterns(b"/a" * 5000)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("*", "", True),
        ("a*c", "a/b\nc", True),
        ("*.env", ".env", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("a\\", "a\\", False),
        ("[", "[", True),
        ("[a", "[a", True),
        ("[]]", "]", True),
        ("[!]]", "x", True),
        ("[^a-c]", "d", True),
        ("[[:digit:]]x", "5x", True),
        ("[[:nosuch:]]", "5", False),
        ("[a-]", "-", True),
        ("[\\]]", "]", True),
        ("{a,b}", "a", False),
        ("a.c", "abc", False),
        ("**a**", "xax", True),
    ],
)
def test_a_glob_is_fnmatch_without_flags(pattern: str, value: str, expected: bool) -> None:
    assert bool(glob_predicate(pattern.encode())(value.encode())) is expected


def test_of_a_path_longer_than_any_the_beginning_counts() -> None:
    matches = PathPrefixes([b"/etc"])
    assert matches(b"/etc" + b"/a" * 500_000)
    assert matches(b"/" * 500_000 + b"etc" + b"/a" * 500_000)
    assert not matches(b"/a" * 500_000 + b"/etc")


def test_folding_case_leaves_other_letters_alone() -> None:
    fold = glob_predicate("ä*".encode(), fold_case=True)
    assert fold("äX".encode())
    assert not fold("Äx".encode())


def test_a_glob_of_many_stars_is_linear() -> None:
    assert not glob_predicate(b"*a" * 40 + b"?[b]")(b"a" * 20_000)
