"""A saved value changes nothing else in config.yaml."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.settings.load import load_config
from prempti_otel.settings.save import save_value, update_config
from prempti_otel.settings.text import ConfigError

COMMENTED = """\
# my settings
mode: guardrails   # for now
rules:
    # mine
    files: [a.yaml]   # one
export: []
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "mode: monitor\n"),
        ("", "mode: monitor\n"),
        ("# only this", "# only this\nmode: monitor\n"),
        (COMMENTED, COMMENTED.replace("mode: guardrails", "mode: monitor")),
        ("mode: 'guardrails' # x", "mode: monitor # x"),
        ('"mode": "guardrails"\n', '"mode": monitor\n'),
        ("{mode: guardrails}", "{mode: monitor}"),
        ("export: []", "export: []\nmode: monitor\n"),
        ("retention:\r\n  days: 3\r\n", "retention:\r\n  days: 3\r\nmode: monitor\r\n"),
        ("mode: monitor\n", "mode: monitor\n"),
    ],
)
def test_only_the_value_changes(tmp_path: Path, before: str | None, after: str) -> None:
    path = tmp_path / "config.yaml"
    if before is not None:
        path.write_bytes(before.encode())
    assert save_value(path, "mode", "monitor").mode == "monitor"
    assert path.read_bytes().decode() == after
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("retention:\n  # how long\n  days: 3\n", "retention:\n  # how long\n  days: 30\n"),
        ("retention: {days: 3}\n", "retention: {days: 30}\n"),
        ("mode: monitor", "mode: monitor\nretention:\n  days: 30\n"),
    ],
)
def test_a_nested_value_is_changed_or_added(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(before)
    update_config(path, {"retention.days": 30})
    assert path.read_text() == after


def test_a_key_is_added_to_a_mapping_that_lacks_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    update_config(path, {"rules.default": False, "default_action": "allow"})
    config = load_config(path)
    assert (config.rules.default, config.rules.files, config.default_action) == (False, ["a.yaml"], "allow")
    assert "# mine" in path.read_text()


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ("mode: [", {"mode": "monitor"}),
        ("mod: x", {"mode": "monitor"}),
        ("{}", {"mode": "monitor"}),
        ("export: []\n...\n", {"mode": "monitor"}),
        ("mode: guardrails", {"mode": "monitr"}),
        ("mode: guardrails", {"mode": "monitor", "default_action": "deny"}),
        ("mode: guardrails", {"retention.days": 0}),
        ("rules: &r {default: true}\nmode: guardrails", {"mode": "on"}),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_and_stays(
    tmp_path: Path, before: str, changes: dict[str, str | int]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(before)
    with pytest.raises(ConfigError):
        update_config(path, changes)
    assert path.read_text() == before


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("mode: guardrails\n")
    link = tmp_path / "config.yaml"
    link.symlink_to(real)
    save_value(link, "mode", "monitor")
    assert link.is_symlink()
    assert real.read_text() == "mode: monitor\n"


@given(
    comments=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20), max_size=4),
    days=st.integers(1, 36_500),
)
def test_comments_survive_any_change(tmp_path_factory: pytest.TempPathFactory, comments: list[str], days: int) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    lines = [f"# {comment}" for comment in comments]
    path.write_text("\n".join([*lines, "retention:", *[f"  {line}" for line in lines], "  days: 5"]) + "\n")
    before = path.read_text()
    update_config(path, {"retention.days": days})
    assert path.read_text() == before.replace("days: 5\n", f"days: {days}\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "monitr"}, "mode cannot be 'monitr' (did you mean 'monitor'?)"),
        ({"retention.days": 0}, "days must be at least 1"),
        (
            {"rules.minimum_priority": "low"},
            "(one of: emergency, alert, critical, error, warning, notice, informational, debug)",
        ),
    ],
)
def test_a_refused_value_is_told_as_it_would_be_of_the_file(
    tmp_path: Path, changes: dict[str, str | int], said: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("mode: guardrails\n")
    with pytest.raises(ConfigError) as refused:
        update_config(path, changes)
    assert said in refused.value.diagnostics()
    assert refused.value.where == str(path)
