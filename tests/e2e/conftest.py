"""A machine of its own for each test: HOME, project, and the guard in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import real_claude


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
