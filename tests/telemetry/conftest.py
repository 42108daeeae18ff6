from __future__ import annotations

import pytest
from opentelemetry.sdk.resources import Resource

from prempti_otel.settings.home import Home
from prempti_otel.telemetry.process import resource_of


@pytest.fixture
def resource(home: Home) -> Resource:
    return resource_of(home)
