"""A cut explanation says the same, with less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.ctl.explain.view import essence, shortened
from prempti_otel.rules.explain import Explanation

checks = st.builds(
    lambda number, held: Explanation(f"f{number} = x", held, (), ((f"f{number}", "x" if held else "y"),)),
    st.integers(0, 9),
    st.booleans(),
)


def grouped(word: str, parts: list[Explanation]) -> Explanation:
    held = [part.held for part in parts]
    return Explanation(word, all(held) if word == "and" else any(held), tuple(parts))


conditions = st.recursive(
    checks,
    lambda inner: (
        st.builds(grouped, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4))
        | st.builds(lambda part: Explanation("not", not part.held, (part,)), inner)
    ),
    max_leaves=20,
)


def size(part: Explanation) -> int:
    return 1 + sum(map(size, part.parts))


def agrees(part: Explanation) -> bool:
    """Whether the parts that are shown make the condition what it is said to be."""
    held = [child.held for child in part.parts]
    if not held:
        return True
    result = {"and": all(held), "or": any(held), "not": not held[0]}[part.text]
    return result == part.held and all(map(agrees, part.parts))


@given(conditions)
def test_the_essence_holds_as_the_whole_does_and_for_the_reasons_that_are_left(condition: Explanation) -> None:
    cut = essence(condition)
    assert cut.held == condition.held
    assert size(cut) <= size(condition)
    assert agrees(cut)


def test_a_long_list_is_cut_but_for_what_was_found() -> None:
    text = "file.name in (a, b, c, d, e, f, g)"
    assert shortened(text, ["f"]) == "file.name in (f, … 6 more)"
    assert shortened(text, ["z"]) == "file.name in (a, b, c, d, … 3 more)"
    assert shortened("file.name in (a, b)", ["z"]) == "file.name in (a, b)"
