"""One stack for the tests that only look, with an engine that has made some calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.engine_process import make_home, running_engine
from tests.support.rulesets import RULES
from tests.support.stack import Stack
from tests.support.stack_calls import Call, calls, tell

HERE = Path(__file__).parent
LOOKED_AT = 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need the programs, and are asked for by ``make stack-test``."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.stack)


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something holds; fails the test where it does not come to that."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.25)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Call]]:
    """Calls that an engine has judged and that have come to Jaeger; the engine still runs."""
    home = make_home(tmp_path_factory.mktemp("home") / "home", RULES, stack.engine_config)
    home.fallbacks.write_text("2026-01-02T03:04:05Z\tclaude_code\tno reply within 5 s\n")
    found = list(calls("looked-at", 0, LOOKED_AT))
    with running_engine(home) as (_, client):
        tell(client, "UserPromptSubmit", found[0])
        for call in found:
            call.make(client)
        tell(client, "Stop", found[-1])
        last = found[-1]
        until(lambda: last.span_id in stack.trace(last.trace_id))
        yield found
