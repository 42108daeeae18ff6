"""What is told of a repository is what git itself says, and no hostile file below .git matters."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.audit.records import DecisionBody, body_of
from prempti_otel.engine.health import Health
from prempti_otel.engine.repositories import Repositories, _browsable, _remote
from prempti_otel.engine.trail import Trail
from prempti_otel.model.event import tool_event
from prempti_otel.model.repository import NONE, Repository
from prempti_otel.settings.config import Config
from prempti_otel.settings.home import Home
from tests.support.records import a_call, a_decision


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    git(made, "init", "-q")
    git(made, "remote", "add", "origin", "https://user:token@example.com/owner/name.git")
    git(made, "commit", "-q", "--allow-empty", "-m", "first")
    return made


def look(folder: Path) -> Repository:
    return Repositories(fresh_s=0).of(str(folder))


def test_branch_commit_and_url_are_those_that_git_tells(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    expected = Repository("https://example.com/owner/name", "main", head)
    below = repository / "a" / "b"
    below.mkdir(parents=True)
    assert look(repository) == look(below) == expected
    git(repository, "checkout", "-q", "-b", "feature/x")
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    assert (look(repository).ref, look(repository).revision) == ("feature/x", git(repository, "rev-parse", "HEAD"))
    git(repository, "pack-refs", "--all")
    assert look(repository).revision == git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    assert (look(repository).ref, look(repository).revision) == ("", git(repository, "rev-parse", "HEAD"))


def test_a_worktree_has_a_branch_of_its_own_and_the_remote_of_the_repository(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    expected = Repository("https://example.com/owner/name", "other", git(repository, "rev-parse", "other"))
    assert look(tmp_path / "tree") == expected


def test_a_repository_without_commits_has_a_branch_only(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert look(tmp_path) == Repository("", "main", "")


def test_what_is_known_is_looked_at_again_only_after_a_while(repository: Path) -> None:
    now = [0.0]
    known = Repositories(fresh_s=1.0, clock=lambda: now[0])
    before = known.of(str(repository))
    git(repository, "checkout", "-q", "-b", "later")
    assert known.of(str(repository)) == before
    now[0] = 1.0
    assert known.of(str(repository)).ref == "later"


@pytest.mark.parametrize("folder", ["", "relative", "/nowhere/at/all", "/", "/\x00", "/proc/self"])
def test_what_is_in_no_repository_has_none(folder: str) -> None:
    assert Repositories().of(folder) == NONE


HOSTILE = [
    ("HEAD", "ref: refs/heads/../../../../etc/passwd"),
    ("HEAD", "root:x:0:0:root:/root:/bin/bash"),
    ("HEAD", "ref: refs/heads/a\nb"),
    ("HEAD", "ref: refs/heads/\x1b[2J"),
    ("HEAD", "ref: /etc/passwd"),
]


@pytest.mark.parametrize(("name", "content"), HOSTILE)
def test_a_hostile_head_tells_nothing(repository: Path, name: str, content: str) -> None:
    (repository / ".git" / name).write_text(content)
    assert (look(repository).ref, look(repository).revision) == ("", "")


def test_pipes_and_large_files_are_not_read(repository: Path) -> None:
    for name in ("HEAD", "config"):
        (repository / ".git" / name).unlink()
    os.mkfifo(repository / ".git" / "HEAD")
    (repository / ".git" / "config").write_text('[remote "origin"]\nurl = https://example.com/a\n' + "#" * 100_000)
    assert look(repository) == NONE


def test_a_git_file_that_leads_elsewhere_tells_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "HEAD").write_text("password")
    (tmp_path / "secrets" / "config").write_text("url = https://example.com/secret\n[default]\nurl = x")
    (tmp_path / ".git").write_text(f"gitdir: {tmp_path}/secrets")
    assert look(tmp_path) == NONE


URLS = [
    ("git@github.com:owner/name.git", "https://github.com/owner/name"),
    ("github.com:owner/name", "https://github.com/owner/name"),
    ("ssh://git@example.com:2222/owner/name.git", "https://example.com/owner/name"),
    ("https://user:token@example.com:8443/owner/name/", "https://example.com:8443/owner/name"),
    ("https://token@example.com/owner/name.git?access_token=x#y", "https://example.com/owner/name"),
    ("/srv/git/name.git", ""),
    ("file:///srv/git/name.git", ""),
    ("C:\\repo", ""),
    ("ext::sh -c evil", ""),
    ("https://", ""),
    ("https://[", ""),
    ("", ""),
]


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_a_url_is_shown_as_a_browser_takes_it_and_without_credentials(url: str, shown: str) -> None:
    assert _browsable(url) == shown


def test_origin_goes_before_other_remotes_and_other_sections_do_not_count() -> None:
    config = (
        '[url "x"]\n\turl = https://a.example/x\n[remote "up"]\n\turl = https://b.example/x\n'
        '[Remote "origin"]\n\turl = "https://c.example/x"\n'
    )
    assert _remote(config) == "https://c.example/x"
    assert _remote(config.replace("origin", "fork")) == "https://b.example/x"


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_content_is_an_error(tmp_path_factory: pytest.TempPathFactory, head: bytes, config: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    (folder / ".git" / "HEAD").write_bytes(head)
    (folder / ".git" / "config").write_bytes(config)
    found = look(folder)
    assert found.ref.isprintable()


def test_a_decision_is_recorded_with_the_repository_of_its_folder(repository: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    trail = Trail(home, Health())
    assert trail.open(Config())
    call = a_call(real_cwd=str(repository))
    stored = trail.decision(call, [tool_event(call)], a_decision(), (), 1)
    trail.close()
    found = body_of(stored, DecisionBody).repository
    head = git(repository, "rev-parse", "HEAD")
    assert (found.url, found.ref, found.revision) == ("https://example.com/owner/name", "main", head)
    assert "token" not in str(stored.body)
