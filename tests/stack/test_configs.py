"""The shipped configurations, by the programs that read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import stack_programs
from tests.support.stack import Stack


@pytest.mark.parametrize("name", ["agent", "gateway"])
def test_the_collector_finds_nothing_wrong(name: str, stack: Stack) -> None:
    config = stack_programs.CONFIGS / f"{name}.yaml"
    done = subprocess.run(
        [stack_programs.collector(), "validate", "--config", config],
        env=stack.collector_env(name),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_collector_refuses_a_setting_that_it_does_not_know(tmp_path: Path, stack: Stack) -> None:
    config = tmp_path / "agent.yaml"
    text = (stack_programs.CONFIGS / "agent.yaml").read_text()
    config.write_text(text.replace("block_on_overflow", "block_on_overfow"))
    done = subprocess.run(
        [stack_programs.collector(), "validate", "--config", config],
        env=stack.collector_env("agent"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "block_on_overfow" in done.stderr


def test_prometheus_finds_nothing_wrong() -> None:
    config = stack_programs.CONFIGS / "prometheus.yaml"
    command = [stack_programs.prometheus("promtool"), "check", "config", config]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
