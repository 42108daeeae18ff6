"""The reference page says what is declared."""

from __future__ import annotations

from pathlib import Path

import msgspec

from prempti_otel.settings.config import (
    ApprovalSettings,
    Config,
    Destination,
    OwnPattern,
    Privacy,
    Retention,
    RuleSettings,
)
from prempti_otel.settings.reference import configuration_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_page_in_docs_is_current() -> None:
    assert PAGE.read_text() == configuration_page(), "run: make docs"


def test_every_key_has_a_row_with_a_meaning() -> None:
    rows = [line for line in configuration_page().splitlines() if line.startswith("| `")]
    declared = [
        field.encode_name
        for struct in (Config, ApprovalSettings, RuleSettings, Retention, Privacy, OwnPattern, Destination)
        for field in msgspec.structs.fields(struct)
    ]
    assert sorted(line.split("`")[1] for line in rows) == sorted(declared)
    assert all(line.rstrip(" |").endswith(".") for line in rows)
