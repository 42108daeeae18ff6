"""Where paths lead, against the real file system, and what lies below them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.analysis.paths import sensitive_roots
from prempti_otel.model import paths
from prempti_otel.model.paths import PathResolver


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    (root / "project/src").mkdir(parents=True)
    (root / "home/.ssh").mkdir(parents=True)
    (root / "home/.ssh/id_rsa").write_text("key")
    (root / "project/keys").symlink_to(root / "home/.ssh")
    (root / "project/up").symlink_to("../home")
    (root / "project/loop").symlink_to("loop")
    (root / "project/chain").symlink_to("keys")
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


def test_existing_paths_agree_with_the_system(tree: Path) -> None:
    resolver = PathResolver()
    for path in ("keys/id_rsa", "up/../home/.ssh", "chain/../..", "src/../keys/.."):
        assert resolver.resolve(path, str(tree / "project")) == os.path.realpath(tree / "project" / path)


def test_from_a_folder_that_is_resolved_already_paths_lead_to_the_same_places(tree: Path) -> None:
    cwd = str(tree / "project")
    parts = ["keys", "up", "chain", "loop", "src", "..", ".", "", "x", "*"]
    for path in map("/".join, itertools.product(parts, repeat=3)):
        for given_path in (path, f"{cwd}/{path}"):
            assert PathResolver(real=cwd).resolve(given_path, cwd) == PathResolver().resolve(given_path, cwd)


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
    monkeypatch.setattr(os, "readlink", refuse)
    resolver = PathResolver()
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


HOME, PROJECT = "/home/dev", "/home/dev/project"


@pytest.mark.parametrize(
    ("path", "some", "none"),
    [
        ("/", {"root", "system", "homes", "home", "ssh_keys", "project", "guard"}, set()),
        ("/*", {"system", "homes", "ssh_keys", "project"}, set()),
        ("/home", {"homes", "home", "ssh_keys", "project"}, {"root", "system"}),
        ("/home/dev", {"home", "ssh_keys", "cloud_credentials", "project", "git_dir"}, {"system", "homes"}),
        ("/home/other", {"home", "ssh_keys"}, {"project"}),
        ("/home/dev/*", {"home", "project", "git_dir"}, {"homes", "ssh_keys"}),
        ("/home/dev/.*", {"ssh_keys", "guard"}, {"project"}),
        ("/home/dev/.s[s]h", {"ssh_keys"}, {"guard"}),
        ("/home/dev/.s?h", {"ssh_keys"}, {"guard"}),
        ("/home/dev/.ssh", {"ssh_keys"}, {"home"}),
        ("/home/dev/.ssh/id_rsa", set(), {"ssh_keys", "home"}),
        ("/home/dev/project", {"project", "git_dir"}, {"home"}),
        ("/home/dev/project/build", set(), {"project", "git_dir", "home"}),
        ("/home/dev/project/*", {"project"}, {"home", "git_dir"}),
        ("/home/dev/project/*.o", set(), {"project", "git_dir"}),
        ("/etc", {"system", "host_keys", "accounts"}, {"home"}),
        ("/tmp/x", set(), {"system", "home"}),
        ("build", set(), {"project"}),
    ],
)
def test_a_path_covers_the_places_below_it(path: str, some: set[str], none: set[str]) -> None:
    covered = set(sensitive_roots(HOME, PROJECT).covers(path))
    assert some <= covered
    assert not none & covered


@given(st.text(alphabet="*?[]a.s/h", max_size=80).map("/{}".format))
def test_no_pattern_makes_covering_raise(path: str) -> None:
    sensitive_roots(HOME, PROJECT).covers(path)
