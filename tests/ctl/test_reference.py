"""The pages below docs/ that are generated say what the code says."""

from pathlib import Path

import pytest

from prempti_otel.ctl.reference import pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_reference_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name](), "stale: run `make docs`"
