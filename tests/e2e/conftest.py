"""A machine of its own for each test: HOME, project, and the guard in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import real_claude
from tests.support.forbidden import RULES
from tests.support.guard import Guard


@pytest.fixture(scope="session")
def claude() -> Path:
    """The program."""
    return real_claude.installed()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A prepared HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def kept(home: Path) -> Path:
    """The file that :data:`tests.support.forbidden.REMOVE` would remove."""
    file = home / "important/keep.txt"
    file.parent.mkdir()
    file.write_text("still here\n")
    return file


@pytest.fixture
def guard(home: Path) -> Iterator[Guard]:
    """The guard with the rules of these tests alone, in place but neither started nor registered."""
    found = Guard(home)
    found.home.create()
    found.home.config.write_text("rules: {default: false}\n")
    (found.home.user_rules / "e2e.yaml").write_text(RULES)
    yield found
    if found.home.engine_lock.exists():
        found.ctl("stop", "--keep-hooks")
    assert found.engines() == []
