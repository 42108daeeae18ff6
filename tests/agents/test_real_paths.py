"""Where the folder and the file lead that a call names: a rule is told both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prempti_otel.agents.calls import expand_home
from prempti_otel.agents.claude_code.adapter import ClaudeCode
from prempti_otel.agents.interface import Arrival
from prempti_otel.model import paths
from prempti_otel.model.call import ToolCall
from tests.support.claude_payloads import payload


def call(cwd: Path | str, **tool_input: str) -> ToolCall:
    return ClaudeCode().parse(payload("Read", tool_input, cwd=str(cwd)), Arrival(1, 0))


def test_links_in_the_folder_and_in_the_file_are_followed(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "project").mkdir()
    (root / "secret").mkdir()
    (root / "link").symlink_to("project")
    (root / "project/out").symlink_to("../secret")
    found = call(root / "link", file_path="out/key")
    assert (found.cwd, found.real_cwd) == (str(root / "link"), str(root / "project"))
    assert (found.file_path, found.real_file_path) == ("out/key", str(root / "secret/key"))


def test_a_name_that_is_not_utf8_is_shown_with_replacement_characters(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    assert call(tmp_path, file_path="link/x").real_file_path == f"{tmp_path.resolve()}/caf\ufffd/x"


def test_links_of_procfs_lead_where_they_lead_the_agent_and_not_the_engine(tmp_path: Path) -> None:
    assert call(tmp_path, file_path="/proc/self/cwd/x").real_file_path == f"{tmp_path.resolve()}/x"
    assert call(tmp_path, file_path="/dev/stdin").real_file_path == "/dev/stdin"


def test_a_network_mount_is_looked_into_where_the_agent_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is at work there; what a command might touch elsewhere is not looked up on such a mount."""
    root = tmp_path.resolve()
    (root / "link").symlink_to("there")
    monkeypatch.setattr(paths, "remote_roots", lambda: (str(root),))
    assert paths.PathResolver().resolve("link/x", str(root)) == f"{root}/link/x"
    assert call(root, file_path="link/x").real_file_path == f"{root}/there/x"


@pytest.mark.parametrize(
    ("cwd", "looked_up"), [("/home/dev", False), ("/net/host/home", True), ("/network", False), ("/misc/x", False)]
)
def test_folders_that_are_mounted_by_looking_are_looked_into_from_within(
    monkeypatch: pytest.MonkeyPatch, cwd: str, looked_up: bool
) -> None:
    seen: list[str] = []

    def noted(path: str) -> os.stat_result:
        seen.append(path)
        return Path("/").stat()  # as if all of them were folders

    monkeypatch.setattr(os, "lstat", noted)
    call(cwd, file_path="/net/host/file")
    assert any(path.startswith("/net/") for path in seen) is looked_up


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


def test_links_through_many_folders_are_followed_as_far_as_a_kernel_follows_them(tmp_path: Path) -> None:
    """Thirteen links, each by way of 400 folders: far below the limits of the kernel, which opens it."""
    root = tmp_path.resolve()
    project = root / "p"
    for number in range(400):
        (project / f"{number:04}").mkdir(parents=True)
    (root / "secret").mkdir()
    (root / "secret/key").write_text("x")
    through = "".join(f"{number:04}/../" for number in range(400))
    for number in range(12):
        (project / f"l{number}").symlink_to(f"{through}l{number + 1}")
    (project / "l12").symlink_to("../secret/key")
    assert (project / "l0").read_text() == "x"
    assert call(project, file_path="l0").real_file_path == str(root / "secret/key")
