"""Items come and go; everything else in the file stays as it was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.settings.lists import update_list
from prempti_otel.settings.load import load_config
from prempti_otel.settings.text import ConfigError

BLOCK = """# mine
rules:
  disable:  # noisy ones
    - "First"  # why
    # about the second
    - Second
    - "Third: with, signs"
  default: true
mode: monitor
"""

ADDED = [
    ("", "rules:\n  disable: [New]\n"),
    ("mode: monitor  # x\n", "mode: monitor  # x\nrules:\n  disable: [New]\n"),
    ("rules: {disable: []}\n", "rules: {disable: [New]}\n"),
    ("rules: {disable: [a]} # x\n", "rules: {disable: [a, New]} # x\n"),
    ("rules:\n  disable: [a, ]\n", "rules:\n  disable: [a, New]\n"),
    ("rules:\n  disable:\n  - a # x\nmode: monitor\n", "rules:\n  disable:\n  - a # x\n  - New\nmode: monitor\n"),
    ("rules:\n  disable:\n  - a", "rules:\n  disable:\n  - a\n  - New"),
    ("rules:\r\n  disable:\r\n  - a\r\n", "rules:\r\n  disable:\r\n  - a\r\n  - New\r\n"),
    ("rules:\n  default: true\n", "rules:\n  disable: [New]\n  default: true\n"),
    (BLOCK, BLOCK.replace('signs"\n', 'signs"\n    - New\n')),
]
REMOVED = [
    ("rules: {disable: [New, a]}\n", "rules: {disable: [a]}\n"),
    ("rules:\n  disable:\n  - New\nmode: monitor\n", "rules:\n  disable: []\nmode: monitor\n"),
    ("rules:\n  disable:\n  - a # x\n  - New # y\n  - b\n", "rules:\n  disable:\n  - a # x\n  - b\n"),
    ("rules:\n  disable:\n  - a\n  - New", "rules:\n  disable:\n  - a\n"),
]


@pytest.mark.parametrize(("before", "after"), ADDED)
def test_an_item_is_added(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(before.encode())
    config = update_list(path, "rules.disable", add=["New"])
    assert path.read_bytes().decode() == after
    assert config.rules.disable[-1] == "New"
    assert load_config(path) == config


@pytest.mark.parametrize(("before", "after"), REMOVED)
def test_an_item_is_removed(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(before)
    config = update_list(path, "rules.disable", remove=["New"])
    assert path.read_text() == after
    assert "New" not in config.rules.disable


def test_what_is_there_already_or_is_not_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BLOCK)
    update_list(path, "rules.disable", add=["Second"], remove=["Fourth"])
    assert path.read_text() == BLOCK


def test_what_cannot_be_edited_in_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = "rules:\n  disable: &names [a]\n  disable_tags: *names\n"
    path.write_text(text)
    with pytest.raises(ConfigError, match="by hand"):
        update_list(path, "rules.disable_tags", add=["b"])
    assert path.read_text() == text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["Plain", "a: b", "it's", 'say "x"', "#", "- x", "", "é"]))))
def test_any_sequence_of_changes_gives_the_list_that_it_says(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[bool, str]]
) -> None:
    path = tmp_path_factory.mktemp("lists") / "config.yaml"
    path.write_text(BLOCK)
    expected = ["First", "Second", "Third: with, signs"]
    for adds, item in changes:
        update_list(path, "rules.disable", add=[item] if adds else [], remove=[] if adds else [item])
        if adds and item not in expected:
            expected.append(item)
        elif not adds and item in expected:
            expected.remove(item)
    assert load_config(path).rules.disable == expected
    assert "# mine\n" in path.read_text()
    assert path.read_text().endswith("  default: true\nmode: monitor\n")
