from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ctl import Ctl


@pytest.fixture
def ctl(tmp_path: Path) -> Iterator[Ctl]:
    """premptictl in an empty HOME; an engine that a test started is stopped."""
    home = tmp_path / "home"
    home.mkdir()
    runner = Ctl(home)
    yield runner
    if (runner.guard_home / "run").exists():
        runner("stop", "--keep-hooks")
