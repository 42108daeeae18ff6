"""Catalogue files: what a user may add, and what errors say."""

from __future__ import annotations

from pathlib import Path

import pytest

from prempti_otel.analysis.catalogue import Catalogue, Effect, load_catalogue
from prempti_otel.analysis.catalogue.catalogue import SHIPPED
from prempti_otel.analysis.catalogue.schema import ROLES, SYNTAX, Condition, Entry, Operands
from prempti_otel.analysis.catalogue.source import entries_of
from prempti_otel.analysis.reading import CommandReading, Word
from prempti_otel.errors import PremptiError


def loaded(folder: Path, text: str) -> Catalogue:
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return load_catalogue([folder])


def read(catalogue: Catalogue, *argv: str) -> CommandReading:
    return catalogue.read([Word(text) for text in argv])


def test_a_users_entry_makes_a_command_known(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, "dropit:\n  effects: {destroys_data: --now}\n")
    assert read(catalogue, "dropit", "--now").effects == ("destroys_data",)
    assert read(catalogue, "dropit").effects == ()
    assert read(load_catalogue(), "dropit").known is False


def test_a_users_entry_stands_in_place_of_a_shipped_one(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, "mount:\n  about: Allowed here.\n")
    assert read(catalogue, "mount", "/dev/sda1", "/mnt").effects == ()
    assert read(catalogue, "umount", "/mnt").effects == ("changes_mounts",)


def test_a_users_entry_can_build_on_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    text = "git:\n  like: git\n  sub:\n    obliterate: {effects: {rewrites_history: always}}\n"
    catalogue = loaded(tmp_path, text)
    assert read(catalogue, "git", "obliterate").effects == ("rewrites_history",)
    assert read(catalogue, "git", "reset", "--hard").effects == ("discards_work",)


def test_like_adds_effects_and_replaces_options_one_by_one(tmp_path: Path) -> None:
    text = (
        "_base:\n  flags: -a,--all -b\n  values: -o\n  effects: {publishes: -a}\n"
        "x:\n  like: _base\n  flags: -o\n  effects: {publishes: -b, persists: -o}\n"
    )
    catalogue = loaded(tmp_path, text)
    assert read(catalogue, "x", "--all").effects == ("publishes",)
    assert read(catalogue, "x", "-b").effects == ("publishes",)
    reading = read(catalogue, "x", "-o", "y")
    assert (reading.effects, [word.text for word in reading.operands]) == (("persists",), ["y"])


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert "git" in load_catalogue([tmp_path / "missing"])


def test_templates_are_no_commands(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, "_t:\n  effects: {persists: always}\n")
    assert "_t" not in catalogue
    assert read(catalogue, "_t").known is False


ERRORS = [
    ("x:\n  efects: {}\n", "mine.yaml:1: x", "did you mean effects"),
    ("a: {}\nx:\n  sub: {y: {flag: -a}}\n", "mine.yaml:2: x", "did you mean flags"),
    ("x:\n  effects: {destroy_data: always}\n", "mine.yaml:1: x", "did you mean destroys_data"),
    ("x:\n  operands: reads\n", "mine.yaml:1: x", "did you mean read"),
    ("x:\n  syntax: stop\n", "mine.yaml:1: x", "did you mean stops"),
    ("x:\n  like: kubectll\n", "mine.yaml:1: x", "did you mean kubectl"),
    ("x:\n  like: x\n", "mine.yaml:1: x", "like"),
    ("x:\n  like: y\ny:\n  like: x\n", "mine.yaml", "in a circle"),
    ("x:\n  flags: -a -a\n", "mine.yaml:1: x", "-a is declared twice"),
    ("x:\n  effects: {persists: {operand: '(?=x)'}}\n", "mine.yaml:1: x", "not RE2"),
    ("x:\n  effects: {persists: {}}\n", "mine.yaml:1: x", "empty condition"),
    ("x:\n  effects: {persists: {operands: many}}\n", "mine.yaml:1: x", "operands"),
    ("x:\n  operands: code\n", "mine.yaml:1: x", "code takes one of"),
    ("x:\n  operands: code:pithon\n", "mine.yaml:1: x", "did you mean python"),
    ("x:\n  net: downlod\n", "mine.yaml:1: x", "downlod"),
    ("x:\n  sub: {a: {}, 'a, b': {}}\n", "mine.yaml:1: x", "a occurs twice"),
    ("x:\n  flags: -a\n  flags: -b\n", "mine.yaml:1: x", "flags occurs twice"),
    ("x: {}\nx: {}\n", "mine.yaml:2: x", "has an entry in mine.yaml already"),
    ("x:\n  flags: [\n", "mine.yaml:1: x", "line"),
    ("x:\n  - a\n", "mine.yaml:1: x", "a mapping of keys"),
    ("  x:\n    flags: -a\n", "mine.yaml:1", "first column"),
]


@pytest.mark.parametrize(("text", "place", "message"), ERRORS, ids=[row[0] for row in ERRORS])
def test_a_bad_users_file_says_where_what_and_what_to_do(tmp_path: Path, text: str, place: str, message: str) -> None:
    with pytest.raises(PremptiError) as caught:
        loaded(tmp_path, text)
    assert place in str(caught.value.where)
    assert message in caught.value.message
    assert caught.value.remedy


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"x:\n  about: \xff\n")
    with pytest.raises(PremptiError, match="cannot be read"):
        load_catalogue([tmp_path])


def test_words_that_yaml_takes_for_booleans_or_numbers_stay_names(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, "x:\n  sub:\n    on: {effects: {persists: always}}\n    1.0: {}\n")
    assert read(catalogue, "x", "on").effects == ("persists",)
    assert read(catalogue, "x", "1.0").subcommand == "1.0"


def test_no_two_shipped_entries_share_a_name() -> None:
    names = [name for file in sorted(SHIPPED.glob("*.yaml")) for source in entries_of(file) for name in source.names]
    assert sorted(names) == sorted(set(names))


def test_nothing_is_parsed_before_its_command_is_seen() -> None:
    catalogue = load_catalogue()
    assert catalogue._commands == {}
    read(catalogue, "true")
    assert set(catalogue._commands) == {"true"}


DOCS = Path(__file__).parents[2] / "docs" / "command-catalogue.md"


def test_the_page_names_every_key_role_syntax_and_effect() -> None:
    page = DOCS.read_text(encoding="utf-8")
    keys = (*Entry.__struct_encode_fields__, *Condition.__struct_encode_fields__, *Operands.__struct_encode_fields__)
    spelled = [name for name in (*ROLES, *SYNTAX, *keys, *map(str, Effect)) if f"`{name}" not in page]
    assert [name for name in spelled if name not in ("second", "third", "about")] == []
    assert all(effect.meaning in page for effect in Effect)


def test_the_pages_first_entry_does_what_the_page_says(tmp_path: Path) -> None:
    entry = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    catalogue = loaded(tmp_path, entry)
    reading = read(catalogue, "dropit", "-h", "db1", "sales")
    assert (reading.effects, [host.target.text for host in reading.hosts]) == (("destroys_data",), ["db1"])
    reading = read(catalogue, "dropit", "-n", "-h", "db1", "sales")
    assert (reading.effects, len(reading.hosts)) == ((), 1)
