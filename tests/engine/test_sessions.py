"""Marks belong to one session, are counted per call, and are bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.engine.sessions import MAX_LABELS, Sessions

MS = 1_000_000


def test_a_session_without_marks_has_none() -> None:
    assert Sessions().marks("s", 1) == ({}, {})


def test_age_counts_from_the_last_time_and_count_counts_calls() -> None:
    sessions = Sessions()
    sessions.set("s", ["x", "y"], 10 * MS)
    sessions.set("s", ["x"], 30 * MS)
    assert sessions.marks("s", 35 * MS) == ({"x": 5, "y": 25}, {"x": 2, "y": 1})


def test_another_session_does_not_have_them() -> None:
    sessions = Sessions()
    sessions.set("s", ["x"], 0)
    assert sessions.marks("t", 0) == ({}, {})


def test_calls_without_a_session_share_no_marks() -> None:
    sessions = Sessions()
    sessions.set("", ["x"], 0)
    assert sessions.marks("", 0) == ({}, {})


def test_a_clock_set_back_gives_age_zero() -> None:
    sessions = Sessions()
    sessions.set("s", ["x"], 50 * MS)
    sessions.set("s", ["x"], 20 * MS)
    assert sessions.marks("s", 40 * MS)[0] == {"x": 0}


def test_the_session_not_seen_for_longest_is_forgotten_first() -> None:
    sessions = Sessions(max_sessions=2)
    sessions.set("1", ["x"], 0)
    sessions.set("2", ["x"], 0)
    sessions.marks("1", 0)
    sessions.set("3", ["x"], 0)
    assert len(sessions) == 2
    assert sessions.marks("2", 0) == ({}, {})
    assert sessions.marks("1", 0) == ({"x": 0}, {"x": 1})


@given(calls=st.lists(st.lists(st.text(max_size=3), max_size=MAX_LABELS * 2, unique=True), max_size=5))
def test_labels_of_a_session_are_bounded(calls: list[list[str]]) -> None:
    sessions = Sessions()
    for now, labels in enumerate(calls):
        sessions.set("s", labels, now)
    ages, counts = sessions.marks("s", 0)
    assert ages.keys() == counts.keys()
    assert len(counts) <= MAX_LABELS


def test_a_call_that_is_asked_about_again_counts_its_attempts() -> None:
    sessions = Sessions()
    assert [sessions.attempt("s", "u"), sessions.attempt("s", "u"), sessions.attempt("t", "u")] == [1, 2, 1]
    assert [sessions.attempt("s", ""), sessions.attempt("s", "")] == [1, 1]
