"""Where paths lead, against the real file system."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.model import paths
from prempti_otel.model.paths import PathResolver


def planted(root: Path) -> None:
    """A project with links out of it: relative, absolute, to nothing, and to itself."""
    (root / "project/src").mkdir(parents=True)
    (root / "home/.ssh").mkdir(parents=True)
    (root / "home/.ssh/id_rsa").write_text("key")
    (root / "project/keys").symlink_to(root / "home/.ssh")
    (root / "project/up").symlink_to("../home")
    (root / "project/dangling").symlink_to("../home/new")
    (root / "project/loop").symlink_to("loop")
    (root / "project/chain").symlink_to("keys")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    planted(root)
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/a.py", "project/src/a.py"),
        ("./src/../src//a.py", "project/src/a.py"),
        ("keys/id_rsa", "home/.ssh/id_rsa"),
        ("chain/id_rsa", "home/.ssh/id_rsa"),
        ("up/.ssh/id_rsa", "home/.ssh/id_rsa"),
        ("keys/..", "home"),
        ("up/../project/src", "project/src"),
        ("missing/deep/file", "project/missing/deep/file"),
        ("missing/../keys", "home/.ssh"),
        ("missing/../../home/.ssh", "home/.ssh"),
        ("./src/./main.py", "project/src/main.py"),
        ("dangling", "home/new"),
        ("dangling/x", "home/new/x"),
        ("keys/id_rsa/below-a-file", "home/.ssh/id_rsa/below-a-file"),
        ("src//a.py/", "project/src/a.py"),
        ("~/x", "project/~/x"),
        ("loop/x", "project/loop/x"),
        ("keys/*.pub", "home/.ssh/*.pub"),
        ("src/*/x", "project/src/*/x"),
        ("", None),
        (".", "project"),
        ("..", ""),
    ],
)
def test_a_path_leads_where_the_kernel_takes_it(tree: Path, path: str, expected: str | None) -> None:
    found = PathResolver().resolve(path, str(tree / "project"))
    assert found == ("" if expected is None else str(tree / expected))


@pytest.mark.parametrize(
    ("path", "cwd", "expected"),
    [
        ("/", "/", "/"),
        ("//", "/", "/"),
        ("/..", "/", "/"),
        ("/../../etc", "/", "/etc"),
        ("..", "/", "/"),
        ("/no/such/dir/../file", "/", "/no/such/file"),
        ("../x", "/no/such", "/no/x"),
        ("a\0b", "/no/such", "/no/such/a\0b"),
        ("/net/some-host/export/../file", "/", "/net/some-host/file"),
    ],
)
def test_a_path_without_files_is_resolved_by_its_text(path: str, cwd: str, expected: str) -> None:
    assert PathResolver().resolve(path, cwd) == expected


def test_a_folder_without_permission_ends_the_lookups(tree: Path) -> None:
    closed = tree / "closed"
    closed.mkdir(mode=0)
    try:
        assert PathResolver().resolve(f"{closed}/a/../b", "/") == f"{closed}/b"
    finally:
        closed.chmod(0o700)


def test_a_chain_of_links_is_followed_as_far_as_the_kernel_would(tree: Path) -> None:
    (tree / "l0").symlink_to("home/.ssh")
    for number in range(1, 60):
        (tree / f"l{number}").symlink_to(f"l{number - 1}")
    assert PathResolver().resolve("l30/id_rsa", str(tree)) == str(tree / "home/.ssh/id_rsa")
    assert PathResolver().resolve("l59/id_rsa", str(tree)).startswith(f"{tree}/l")


@given(
    steps=st.lists(st.sampled_from(["..", ".", "keys", "up", "src", "project", "home", ".ssh", "id_rsa"]), max_size=8)
)
def test_an_existing_path_is_resolved_as_the_kernel_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    root = tmp_path_factory.getbasetemp().resolve() / "kernel"
    if not root.exists():
        planted(root)
    path = "/".join([str(root / "project"), *steps])
    if Path(path).exists():
        resolver = PathResolver()
        for _ in range(2):  # the second time by what was found the first time
            assert resolver.resolve(path, "/") == os.path.realpath(path)
            assert resolver.resolve("/".join(steps) or ".", str(root / "project")) == os.path.realpath(path)


@given(path=st.lists(st.sampled_from(["..", "keys", "up", "dangling", "src", "new", "x"]), max_size=8).map("/".join))
def test_a_resolved_path_leads_to_itself(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    root = tmp_path_factory.getbasetemp().resolve() / "once"
    if not root.exists():
        planted(root)
    found = PathResolver().resolve(f"{root}/project/{path}", "/")
    assert PathResolver().resolve(found, "/") == found


def test_from_a_folder_that_is_resolved_already_paths_lead_to_the_same_places(tree: Path) -> None:
    cwd = str(tree / "project")
    parts = ["keys", "up", "chain", "loop", "src", "..", ".", "", "x", "*"]
    for path in map("/".join, itertools.product(parts, repeat=3)):
        for given_path in (path, f"{cwd}/{path}"):
            assert PathResolver(real=cwd).resolve(given_path, cwd) == PathResolver().resolve(given_path, cwd)


def test_a_folder_that_is_resolved_already_does_not_hide_links_that_the_script_makes(tree: Path) -> None:
    cwd = str(tree / "project")
    resolver = PathResolver(real=cwd)
    assert resolver.resolve("src/a.py", cwd) == f"{cwd}/src/a.py"
    assert resolver.resolve("src/a.py", cwd, {cwd: "/etc"}) == "/etc/src/a.py"
    assert resolver.resolve("src/a.py", cwd) == f"{cwd}/src/a.py"


def test_links_that_the_script_makes_are_followed(tree: Path) -> None:
    cwd = str(tree / "project")
    links = {f"{cwd}/new": "/etc", f"{cwd}/src/rel": "../keys"}
    assert PathResolver().resolve("new/passwd", cwd, links) == "/etc/passwd"
    assert PathResolver().resolve("src/rel/id_rsa", cwd, links) == str(tree / "home/.ssh/id_rsa")


def test_links_to_each_other_end(tree: Path) -> None:
    assert PathResolver().resolve("/a/x", "/", {"/a": "/b", "/b": "/a"}).endswith("/x")


def test_the_budget_bounds_the_lookups(tree: Path) -> None:
    cwd = str(tree / "project")
    resolver = PathResolver(budget=0)
    assert resolver.resolve("keys/id_rsa", cwd) == f"{cwd}/keys/id_rsa"
    assert resolver.gave_up


def test_ordinary_paths_leave_nothing_unresolved(tree: Path) -> None:
    resolver = PathResolver()
    for path in ("keys/id_rsa", "new/file", "/dev/stdin", "/net/host/share"):
        resolver.resolve(path, str(tree / "project"))
    assert not resolver.gave_up


def test_a_path_that_is_too_long_in_one_piece_is_looked_up_where_it_leads(tree: Path) -> None:
    cwd = str(tree / "project")
    resolver = PathResolver()
    assert resolver.resolve("a/../" * 1000 + "keys/id_rsa", cwd) == resolver.resolve("keys/id_rsa", cwd)
    assert resolver.gave_up


def test_a_relative_path_without_a_directory_is_unknown() -> None:
    assert PathResolver().resolve("a", "") == ""
    assert PathResolver().resolve("a", "b") == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/proc/self/cwd/.ssh", "/home/dev/.ssh"),
        ("/proc/self/root/etc/shadow", "/etc/shadow"),
        ("/proc/1/root/etc/shadow", "/etc/shadow"),
        ("/dev/stdin", "/dev/stdin"),
        ("/dev/fd/3", "/dev/fd/3"),
    ],
)
def test_links_of_the_process_are_those_of_the_command(path: str, expected: str) -> None:
    assert PathResolver().resolve(path, "/home/dev") == expected


def test_nothing_is_looked_up_below_automount_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> str:
        raise AssertionError(f"looked up {path}")

    PathResolver().resolve("/warm", "/")
    monkeypatch.setattr(os, "lstat", refuse)
    for resolver in (PathResolver(), PathResolver(avoid=paths.AUTOMOUNTED)):
        for path in ("/net/host/share", "/afs/cell/x", "/misc/x"):
            assert resolver.resolve(path, "/") == path


def test_network_mounts_are_read_from_the_mount_table() -> None:
    table = [
        "tmpfs /tmp tmpfs rw 0 0",
        "srv:/x /mnt/a\\040b nfs4 rw 0 0",
        "u@h:/ /home/dev/far fuse.sshfs rw 0 0",
        "srv:/ / nfs rw 0 0",
        "broken",
    ]
    assert paths._remote_mounts(table) == ["/mnt/a b", "/home/dev/far"]


@given(path=st.text(alphabet="a/.*~\x00\ud800é", max_size=40) | st.text(), cwd=st.sampled_from(["/", "/tmp", "", "x"]))
def test_no_text_makes_resolving_raise(path: str, cwd: str) -> None:
    found = PathResolver().resolve(path, cwd)
    assert found == "" or found.startswith("/")
    assert "/../" not in f"{found}/"


def test_an_overlong_path_is_taken_lexically() -> None:
    assert PathResolver().resolve("a/../" * 5000 + "b", "/x") == "/x/b"
