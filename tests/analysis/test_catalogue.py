"""The command catalogue against a table of command lines, one file of rows per family."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from prempti_otel.analysis.catalogue import Effect, load_catalogue
from prempti_otel.analysis.catalogue.environment import variables
from prempti_otel.analysis.reading import CommandReading, Stdin, Word

Expected: TypeAlias = "dict[str, Any]"

ROWS = Path(__file__).parent / "catalogue"
CATALOGUE = load_catalogue()
DYNAMIC = "$"
"""In rows, a word that begins so is not known."""


def rows() -> Iterator[tuple[str, str, Expected]]:
    """Family, command line, expectation. A bare command line has no effects, a list stands for its effects."""
    for file in sorted(ROWS.glob("*.yaml")):
        for row in yaml.safe_load(file.read_text(encoding="utf-8")):
            for command, expected in ({row: None} if isinstance(row, str) else row).items():
                yield file.stem, command, {"effects": expected} if isinstance(expected, list) else expected or {}


def reading_of(command: str, expected: Expected) -> CommandReading:
    text = expected.get("stdin")
    stdin = Stdin("pipe", Word(str(text))) if text is not None else Stdin()
    words = [Word(part, known=not part.startswith(DYNAMIC)) for part in shlex.split(command)]
    return CATALOGUE.read(words, stdin)


def seen(reading: CommandReading) -> Expected:
    """The reading in the words of the rows."""
    return {
        "name": reading.name,
        "known": reading.known,
        "subcommand": reading.subcommand,
        "flags": list(reading.flags),
        "options": dict(reading.options),
        "operands": [word.text for word in reading.operands],
        "effects": sorted(reading.effects),
        "files": [f"{access.op}:{access.path.text}" for access in reading.files],
        "recursive": [access.path.text for access in reading.files if access.recursive],
        "archives": [access.path.text for access in reading.files if access.archives],
        "hosts": [f"{host.op}:{host.target.text}" for host in reading.hosts],
        "forms": [host.form for host in reading.hosts],
        "ports": [host.port.text for host in reading.hosts if host.port is not None],
        "runs": [_run(reading, index) for index in range(len(reading.runs))],
        "more": [run.more_arguments for run in reading.runs],
        "user": next((run.user.text for run in reading.runs if run.user), ""),
        "remote": next((run.remote.text for run in reading.runs if run.remote), ""),
        "directory": next((run.directory.text for run in reading.runs if run.directory), ""),
        "environment": {name: word.text for run in reading.runs for name, word in run.environment.items()},
        "script": reading.script.text if reading.script else "",
    }


def _run(reading: CommandReading, index: int) -> str:
    run = reading.runs[index]
    if run.language == "argv":
        return " ".join(word.text for word in run.argv)
    code = run.code.text if run.code else f"<{run.code_file.text}" if run.code_file else "?"
    return f"{run.language}: {code}"


TABLE = list(rows())


@pytest.mark.parametrize(("family", "command", "expected"), TABLE, ids=[f"{row[0]}: {row[1]}" for row in TABLE])
def test_a_command_line_reads_as_its_row_says(family: str, command: str, expected: Expected) -> None:
    found = seen(reading_of(command, expected))
    wanted = {key: value for key, value in expected.items() if key != "stdin"}
    wanted["effects"] = sorted(wanted.get("effects", []))
    assert {key: found[key] for key in wanted} == wanted


def test_every_entry_has_a_row() -> None:
    tried = set()
    for _, command, _ in TABLE:
        name = CATALOGUE._find(shlex.split(command)[0].rpartition("/")[2])
        tried.add(name and CATALOGUE._sources[name].place)
    assert [source.place for source in CATALOGUE.sources() if source.place not in tried and source.is_command] == []


def test_every_shipped_entry_compiles() -> None:
    CATALOGUE.check()


def test_every_effect_is_shown_by_a_row() -> None:
    shown = {effect for _, _, expected in TABLE for effect in expected.get("effects", [])}
    shown |= {effect for uses in variables().values() for use in uses for effect in use.effects}
    assert {str(effect) for effect in Effect} - shown == set()


def test_every_effect_has_a_meaning() -> None:
    assert all(effect.meaning.endswith(".") for effect in Effect)
