"""Output templates."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from prempti_otel.model.fields import FIELDS
from prempti_otel.rules.output import OutputError, compile_output
from tests.support.rules import event

CALL = event(
    {
        "tool.name": "Bash",
        "tool.input": "{}",
        "correlation.id": 42,
        "proc.flags": ("-r", "-f"),
        "proc.option": {"-u": "bob"},
        "file.recursive": True,
        "evt.time": 1_700_000_000_123_456_789,
        "proc.aname": ("sh", "sudo"),
    }
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("a %tool.name b", "a Bash b"),
        ("%tool.inputs", "{}s"),
        ("%tool.name.", "Bash."),
        ("%tool.name[0]", "Bash[0]"),
        ("%6tool.name|", "Bash  |"),
        ("%2tool.name|", "Ba|"),
        ("%correlation.id", "42"),
        ("%proc.flags", "(-r,-f)"),
        ("%file.recursive", "true"),
        ("%proc.option[-u]x", "bobx"),
        ("%proc.aname %proc.aname[2]", "sh sudo sudo"),
        ("%toupper(tool.name)!", "BASH!"),
        ("%concat(tool.name, ' (x)')", "Bash (x)"),
        ("%mcp.server and %proc.option[-x]", "<NA> and <NA>"),
        ("%evt.time", "22:13:20.123456789"),
        ("%evt.time.s", "22:13:20"),
        ("%evt.time.iso8601", "2023-11-14T22:13:20.123456789+0000"),
        ("%evt.datetime", "2023-11-14 22:13:20.123456789"),
        ("%evt.rawtime.s", "1700000000"),
    ],
)
def test_a_template_shows_values(template: str, text: str) -> None:
    assert compile_output(template, FIELDS).render(CALL) == text


@pytest.mark.parametrize(
    "template",
    [
        *("", "100%", "%", "%%tool.name", "% tool.name", "%5", "%nope.field", "%tool", "%9999999tool.name"),
        *("%val(tool.name)", "%tolower(correlation.id)", "%proc.option", "%tolower(tool.name"),
    ],
)
def test_what_cannot_be_shown_is_refused(template: str) -> None:
    with pytest.raises(OutputError):
        compile_output(template, FIELDS)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(OutputError, match=r"%agent\.cwd"):
        compile_output("in %agnt.cwd", FIELDS)


def test_values_keep_their_types_for_json() -> None:
    template = compile_output("%correlation.id %proc.flags %tolower(tool.name) %mcp.server %file.recursive", FIELDS)
    assert template.values(CALL) == {
        "correlation.id": 42,
        "proc.flags": ["-r", "-f"],
        "tool.name": "Bash",
        "mcp.server": None,
        "file.recursive": True,
    }


def test_a_long_list_is_cut_where_falco_cuts_it() -> None:
    shown = compile_output("%proc.argv", FIELDS).render(event({"proc.argv": ("x" * 100,) * 100}))
    assert len(shown) == 1023


def test_a_width_may_cut_a_letter_in_two() -> None:
    assert compile_output("%1tool.name", FIELDS).render(event({"tool.name": "é"})) == "\ufffd"
