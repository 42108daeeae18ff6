from __future__ import annotations

from collections.abc import Iterator

import pytest

from prempti_otel.settings.home import Home
from tests.support.hook_process import short_home


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made
