"""What all tests share: settings of the property tests, a guard's home and store, premptictl in a HOME of its own.

Examples are as slow as the machine is busy, so no time of theirs is a failure. On a CI server the examples are the
same at each run, so that a change is judged by itself; everywhere else each run looks for new ones.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from prempti_otel.audit.store import Store
from prempti_otel.ctl.lifecycle.process import end_engine
from prempti_otel.settings.home import Home
from tests.support.ctl import Ctl

if TYPE_CHECKING:
    from tests.support.otlp import OtlpReceiver

settings.register_profile(
    "prempti",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("prempti")

# A shell ignores SIGINT for what it runs in the background, and so would every program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice the cores: much of what a test does is waiting for a process to start, to stop or to answer."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The folders of a guard's home, with nothing in them."""
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """The store of that home; what the clock says prunes nothing of it."""
    with Store.open(home, retention_days=36_500) as opened:
        yield opened


@pytest.fixture(params=["grpc", "http/protobuf"])
def receiver(request: pytest.FixtureRequest) -> Iterator[OtlpReceiver]:
    """An OTLP receiver of each protocol in turn."""
    from tests.support.otlp import OtlpReceiver  # few tests want it, and OpenTelemetry takes long to load

    with OtlpReceiver(request.param) as listening:
        yield listening


@pytest.fixture
def ctl(tmp_path: Path) -> Iterator[Ctl]:
    """premptictl in an empty HOME; an engine that a test started is stopped."""
    home = tmp_path / "home"
    home.mkdir()
    runner = Ctl(home)
    yield runner
    if Home(runner.guard_home).engine_lock.exists():
        end_engine(Home(runner.guard_home))
