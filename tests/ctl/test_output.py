"""How tables, times and sizes are told."""

from __future__ import annotations

import pytest

from prempti_otel.ctl.output import ago, print_table, size, span


def test_a_piped_table_ends_its_lines_with_the_last_cell_and_sets_numbers_flush_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["RULE", "CALLS", "NOTE"], [("a", 7, ""), ("longer", 1234, "x")])
    assert capsys.readouterr().out == "RULE    CALLS  NOTE\na           7\nlonger   1234  x\n"


def test_a_table_without_rows_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["RULE", "CALLS"], [])
    assert capsys.readouterr().out == "RULE  CALLS\n"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.3, "just now"),
        (-5, "just now"),
        (2, "2 s ago"),
        (119, "119 s ago"),
        (600, "10 min ago"),
        (86_400, "24 h ago"),
    ],
)
def test_how_long_ago_something_was_is_said_in_whole_units(seconds: float, said: str) -> None:
    assert ago(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(0.9, "1 s"), (5400, "90 min"), (7200, "2 h"), (604_800, "7 days")])
def test_a_span_is_said_in_whole_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 KiB"), (57_344, "56 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.0 GiB")]
)
def test_a_size_is_said_in_a_unit_that_fits(count: int, said: str) -> None:
    assert size(count) == said
