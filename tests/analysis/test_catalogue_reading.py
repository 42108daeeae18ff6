"""What holds for any command line, whatever the catalogue says about the command."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.analysis.catalogue import load_catalogue
from prempti_otel.analysis.reading import CommandReading, Stdin, Word

CATALOGUE = load_catalogue()
NAMES = sorted(name.replace("*", "3.1") for name in CATALOGUE.names())
OPTIONS = ["-", "--", "-c", "-e", "-rf", "--force", "--help", "-x=y", "--a=b", "+x", ":::", ";", "+", "{}", "A=b", "@f"]
PLACES = ["rm", "a@b:c", "s3://b/x", "http://h/p", "", " ", "'", "\x00", "\udc80", "🙂", "*", "$X", "delete", "x" * 300]
PIECES = st.sampled_from([*OPTIONS, *PLACES])
WORDS = st.builds(Word, st.one_of(PIECES, st.text(max_size=12)), st.booleans(), st.booleans())
STDIN = st.builds(Stdin, st.sampled_from(["none", "pipe", "file", "heredoc", "herestring"]), st.none() | WORDS)


def read(*argv: str) -> CommandReading:
    return CATALOGUE.read([Word(text) for text in argv])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMES), st.lists(WORDS, max_size=12), STDIN)
def test_any_words_are_read_without_an_error(name: str, words: list[Word], stdin: Stdin) -> None:
    argv = (Word(name), *words)
    reading = CATALOGUE.read(argv, stdin)
    assert reading.argv == argv
    assert reading.known
    assert len(reading.runs) <= 64


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=6))
def test_a_command_that_nobody_knows_keeps_its_words_and_may_destroy_at_most(words: list[Word]) -> None:
    reading = CATALOGUE.read((Word("no-such-command"), *words))
    assert not reading.known
    assert (reading.files, reading.hosts, reading.runs) == ((), (), ())
    assert reading.effects in ((), ("destroys_infrastructure",))


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=6))
def test_a_program_of_a_path_that_nobody_knows_has_no_effects(words: list[Word]) -> None:
    assert CATALOGUE.read((Word("./no-such-command"), *words)).effects == ()


@pytest.mark.parametrize("name", ["$x", "r$y", "`echo rm`", "$(echo rm)", "{...}"])
def test_a_command_word_that_is_not_known_is_no_command_of_the_catalogue(name: str) -> None:
    reading = CATALOGUE.read((Word(name, known=False), Word("-rf"), Word("/")))
    assert (reading.known, reading.effects) == (False, ())


def test_a_command_word_that_may_be_another_one_is_read_as_the_one_that_it_shows() -> None:
    reading = CATALOGUE.read((Word("rm", known=False), Word("-rf"), Word("/")))
    assert (reading.known, reading.effects) == (True, ("deletes_files",))


def test_no_words_are_no_command() -> None:
    assert CATALOGUE.read(()).name == ""


def test_a_word_that_is_not_known_stays_so_where_it_is_used() -> None:
    reading = CATALOGUE.read((Word("rm"), Word("-rf"), Word("$DIR/x", known=False)))
    assert [access.path.known for access in reading.files] == [False]
    reading = CATALOGUE.read((Word("curl"), Word("-d@$F", known=False), Word("$URL", known=False)))
    assert [host.target.known for host in reading.hosts] == [False]
    assert [access.path for access in reading.files] == [Word("$F", known=False)]


def test_a_glob_stays_a_pattern() -> None:
    reading = CATALOGUE.read((Word("rm"), Word("build/*", pattern=True)))
    assert reading.files[0].path.pattern


def test_help_counts_only_where_every_implementation_takes_it_for_help() -> None:
    assert read("rm", "--help", "-rf", "/").effects == ()
    assert read("rm", "-rf", "/", "--help").effects == ("deletes_files",)
    assert read("git", "push", "--force", "origin", "--help").effects == ()
    assert read("git", "push", "--force", "--", "--help").effects == ("rewrites_remote",)


def test_what_is_piped_into_xargs_becomes_arguments_and_what_is_unknown_is_more_to_come() -> None:
    known = CATALOGUE.read((Word("xargs"), Word("rm")), Stdin("pipe", Word("a b\nc")))
    assert [word.text for word in known.runs[0].argv] == ["rm", "a", "b", "c"]
    unknown = CATALOGUE.read((Word("xargs"), Word("rm")), Stdin("pipe"))
    assert unknown.runs[0].more_arguments


def test_a_version_in_a_commands_name_is_overlooked_only_where_its_entry_says_so() -> None:
    assert read("python3.12", "-c", "1").known
    assert read("/usr/bin/perl5.38", "-e", "1").known
    assert not read("rm2", "-rf", "/").known


def test_options_given_often_keep_all_their_values() -> None:
    assert read("curl", "-H", "a: b", "-H", "c: d", "h").options["-H"] == "a: b\nc: d"


def test_replacing_a_placeholder_cannot_make_text_without_bound() -> None:
    words = (Word("xargs"), Word("-I{}"), Word("sh"), Word("-c"), Word("{}" * 10_000))
    reading = CATALOGUE.read(words, Stdin("pipe", Word("x" * 10_000)))
    code = reading.runs[0].argv[-1]
    assert (len(code.text), code.known) == (20_000, False)


def test_a_statement_behind_very_many_others_is_still_seen() -> None:
    text = "".join(f"select {number};" for number in range(2_000)) + "drop table users"
    reading = CATALOGUE.read((Word("psql"), Word("-c"), Word(text)))
    assert reading.effects == ("destroys_data",)
