"""The plugin and its marketplace, as the real Claude Code reads them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(claude: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [claude, "plugin", *arguments],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.e2e
@pytest.mark.parametrize("manifest", ["marketplace.json", "plugin.json"])
def test_it_is_valid_without_a_warning(claude: Path, home: Path, manifest: str) -> None:
    checked = run(claude, home, "validate", "--strict", "--json", str(ROOT / ".claude-plugin" / manifest))
    report = json.loads(checked.stdout)
    assert checked.returncode == 0, report
    assert report["success"]
    assert not report["manifest"]["errors"]
    assert not report["manifest"]["warnings"]


@pytest.mark.e2e
def test_it_can_be_installed_and_offers_the_skill(claude: Path, home: Path) -> None:
    added = run(claude, home, "marketplace", "add", str(ROOT))
    assert added.returncode == 0, added.stdout + added.stderr
    installed = run(claude, home, "install", "prempti-otel@prempti-otel")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert "prempti-otel@prempti-otel" in run(claude, home, "list").stdout
    assert "guard-rules" in run(claude, home, "details", "prempti-otel@prempti-otel").stdout
