from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.audit import Store
from prempti_otel.settings.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    with Store.open(home, retention_days=36_500) as opened:
        yield opened
