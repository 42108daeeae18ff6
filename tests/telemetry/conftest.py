from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource

from prempti_otel.audit import Store
from prempti_otel.settings.home import Home
from prempti_otel.telemetry.process import resource_of
from tests.support.otlp import OtlpReceiver


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    with Store.open(home, retention_days=36_500) as opened:
        yield opened


@pytest.fixture
def resource(home: Home) -> Resource:
    return resource_of(home)


@pytest.fixture(params=["grpc", "http/protobuf"])
def receiver(request: pytest.FixtureRequest) -> Iterator[OtlpReceiver]:
    with OtlpReceiver(request.param) as listening:
        yield listening
