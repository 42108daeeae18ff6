"""Makefiles that are given as text: what their recipes and functions run."""

from __future__ import annotations

import pytest

from tests.support.predictions import predicted

DELETING = [
    "all:\n\trm -rf /\n",
    "all: ; rm -rf /\n",
    "all: dep\n\t@-rm -rf /\n",
    "D = /\nall:\n\trm -rf $(D)\n",
    "D = /\nE = $(D)\nall:\n\t$(RM) -r ${E}\n",
    "export D := /\n.PHONY: all\nall:\n\techo x && \\\n\trm -rf $D\n",
    "X := $(shell rm -rf /)\n",
    "X != rm -rf /\n",
    "all:\n\techo $(shell ls $(X); rm -rf /)\n",
    "all:\n\tfor d in /; do rm -rf $$d; done\n",
]


@pytest.mark.parametrize("text", DELETING)
@pytest.mark.parametrize(
    "command",
    [
        "make -f - <<'END'\n{}END\n",
        "cat > Makefile <<'END'\n{}END\nmake all",
        "cat > m.mk <<'END'\n{}END\nmake -f m.mk",
    ],
)
def test_what_a_known_makefile_runs_is_seen(text: str, command: str) -> None:
    prediction = predicted(command.format(text))

    assert "/" in prediction.touched("delete")
    assert prediction.process("rm").values["proc.pname"] == "make"


@pytest.mark.parametrize(
    "text",
    [
        "# rm -rf /\nall:\n\techo hi\n",
        "X = rm -rf /\nall:\n\techo hi\n",
        "define X\nrm -rf /\nendef\n",
        "all:\n\techo 'rm -rf /'\n",
    ],
)
def test_what_a_makefile_only_mentions_is_not_run(text: str) -> None:
    assert predicted(f"make -f - <<'END'\n{text}END\n").touched("delete") == []


def test_a_variable_that_the_makefile_does_not_set_is_not_known() -> None:
    prediction = predicted("make -f - <<'END'\nall:\n\trm -rf $(PREFIX)/x\nEND\n")

    assert [event.values["file.dynamic"] for event in prediction.files] == [True]


def test_a_makefile_beyond_the_cap_is_told_of() -> None:
    assert "make" in predicted("make -f - <<'END'\n" + "all:\n\techo x\n" * 2_000 + "END\n").dynamic


@pytest.mark.parametrize("command", ["make", "make -C sub test", "make -f other.mk"])
def test_a_makefile_that_is_not_known_adds_nothing(command: str) -> None:
    assert predicted(command).names == ["make"]
