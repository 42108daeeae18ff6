"""The page of names is made from the names, and is current."""

from __future__ import annotations

from pathlib import Path

from prempti_otel.telemetry import names
from prempti_otel.telemetry.reference import telemetry_page

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == telemetry_page(), "stale: run `make docs`"


def test_the_page_has_every_name() -> None:
    page = telemetry_page()
    for name in (*names.ATTRIBUTES, *names.LOG_EVENTS, *names.METRICS):
        assert f"`{name}`" in page


def test_metrics_have_declared_attributes_only() -> None:
    for metric in names.METRICS.values():
        for attribute in metric.attributes:
            assert names.Place.METRIC in names.ATTRIBUTES[attribute].places
