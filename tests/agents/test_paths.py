"""Real paths: links followed as far as a path exists, the rest kept, never an exception."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.agents.paths import expand_home, resolve


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with links out of it: relative, absolute, to nothing, and to itself."""
    root = tmp_path.resolve()
    (root / "project/src").mkdir(parents=True)
    (root / "secret/deep").mkdir(parents=True)
    (root / "secret/key").write_text("k")
    (root / "project/link").symlink_to("../secret")
    (root / "project/abs").symlink_to(root / "secret/deep")
    (root / "project/dangling").symlink_to("../secret/new")
    (root / "project/loop").symlink_to("loop")
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/main.py", "project/src/main.py"),
        ("./src/./main.py", "project/src/main.py"),
        ("src//main.py/", "project/src/main.py"),
        ("link/key", "secret/key"),
        ("link/new/file", "secret/new/file"),
        ("abs", "secret/deep"),
        ("abs/../key", "secret/key"),
        ("dangling", "secret/new"),
        ("dangling/x", "secret/new/x"),
        ("missing/../src/x", "project/src/x"),
        ("missing/../../secret/key", "secret/key"),
        ("../secret/key", "secret/key"),
        ("loop/x", "project/loop/x"),
        ("link/key/below-a-file", "secret/key/below-a-file"),
        ("~/x", "project/~/x"),
    ],
)
def test_links_are_followed_and_a_missing_suffix_is_kept(tree: Path, path: str, expected: str) -> None:
    assert resolve(path, str(tree / "project")) == str(tree / expected)
    assert resolve(f"{tree}/project/{path}", "/") == str(tree / expected)


@pytest.mark.parametrize(
    ("path", "cwd", "expected"),
    [
        ("", "/home", ""),
        ("/", "/", "/"),
        ("//", "/", "/"),
        (".", "/", "/"),
        ("/..", "/", "/"),
        ("/../../etc", "/", "/etc"),
        ("..", "/", "/"),
        ("x", "/", "/x"),
        ("/no/such/dir/../file", "/", "/no/such/file"),
        ("../x", "/no/such", "/no/x"),
        ("a\0b", "/no/such", "/no/such/a\0b"),
        ("/net/some-host/export/../file", "/", "/net/some-host/file"),
    ],
)
def test_a_path_without_files_is_resolved_by_its_text(path: str, cwd: str, expected: str) -> None:
    assert resolve(path, cwd) == expected


def test_a_folder_without_permission_ends_the_look_ups(tree: Path) -> None:
    closed = tree / "closed"
    closed.mkdir(mode=0)
    try:
        assert resolve(f"{closed}/a/../b", "/") == f"{closed}/b"
    finally:
        closed.chmod(0o700)


def test_a_name_that_is_not_utf8_is_shown_with_replacement_characters(tree: Path) -> None:
    folder = tree / "secret" / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (tree / "project/bytes").symlink_to(folder)
    assert resolve("bytes/x", str(tree / "project")) == f"{tree}/secret/caf\ufffd/x"


def test_an_over_long_path_is_made_short_before_it_is_followed(tree: Path) -> None:
    detour = "link/../" * 3000
    assert resolve(f"project/{detour}link/key", str(tree)) == str(tree / "secret/key")
    long = "a" * 5000
    assert resolve(f"link/{long}", str(tree / "project")) == f"{tree}/project/link/{long}"


def test_a_chain_of_links_is_followed_as_far_as_the_kernel_would(tree: Path) -> None:
    (tree / "l0").symlink_to("secret")
    for number in range(1, 60):
        (tree / f"l{number}").symlink_to(f"l{number - 1}")
    assert resolve("l30/key", str(tree)) == str(tree / "secret/key")
    assert resolve("l59/key", str(tree)).startswith(f"{tree}/l")


names = st.one_of(
    st.sampled_from(["..", ".", "", "link", "abs", "dangling", "src", "key", "deep", "new"]), st.text(max_size=4)
)


@given(st.lists(names, max_size=8), st.booleans())
def test_any_text_is_resolved_to_an_absolute_path_without_dots_and_twice_is_once(
    parts: list[str], absolute: bool
) -> None:
    path = ("/" if absolute else "") + "/".join(parts)
    found = resolve(path, "/tmp")
    assert found == "" if path == "" else found.startswith("/")
    assert not {".", ".."} & set(found.split("/"))
    found.encode()
    if "\0" not in path:
        assert resolve(found, "/") == found


@given(
    parts=st.lists(st.sampled_from(["..", ".", "link", "abs", "src", "project", "secret", "key", "deep"]), max_size=8)
)
def test_an_existing_path_is_resolved_as_the_kernel_does(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    root = tmp_path_factory.getbasetemp().resolve() / "kernel"
    if not root.exists():
        (root / "project/src").mkdir(parents=True)
        (root / "secret/deep").mkdir(parents=True)
        (root / "secret/key").write_text("k")
        (root / "project/link").symlink_to("../secret")
        (root / "project/abs").symlink_to(root / "secret/deep")
    path = "/".join([str(root / "project"), *parts])
    if Path(path).exists():
        assert resolve(path, "/") == os.path.realpath(path)
        assert resolve("/".join(parts) or ".", str(root / "project")) == os.path.realpath(path)


def test_home_is_expanded_for_the_user_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert [expand_home(path) for path in ("~", "~/x/..", "~root/x", "a~", "/~/x", "")] == [
        "/home/ada",
        "/home/ada/x/..",
        "~root/x",
        "a~",
        "/~/x",
        "",
    ]
