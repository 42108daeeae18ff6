"""Where the file system ignores case, so do the rules that protect places; elsewhere case says which file it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prempti_otel.ctl.rules.unit_tests import HOME, USER, Step, payload_of
from prempti_otel.engine.offline import Judge
from prempti_otel.engine.prediction import shipped_context
from prempti_otel.engine.rulesets import read_rule_files, selection
from prempti_otel.model.decision import Verdict
from prempti_otel.model.paths import PathResolver, ignores_case
from prempti_otel.rules.loader import load
from prempti_otel.rules.ruleset import Ruleset
from prempti_otel.settings.config import Config

RULES = Path(__file__).parents[2] / "rules" / "default"

STOPPED = [
    ("cat {}", "~/.ssh/id_rsa"),
    ("cat {}", "/home/dev/.aws/credentials"),
    ("cat {}", ".env"),
    ("cp {} x", "~/Library/Keychains/login.keychain-db"),
    ("rm -rf {}", "~/.prempti/config.yaml"),
    ("rm -rf {}", "~/.ssh"),
    ("echo x >> {}", "~/.bashrc"),
    ("echo x > {}", ".git/hooks/pre-commit"),
    ("echo x > {}", ".claude/settings.json"),
    ("cd {} && rm -f hooks.json", ".codex"),
    ("python3 -c \"open('{}', 'w')\"", "/home/dev/.codex/config.toml"),
    ("cat {}", "/etc/shadow"),
]


@cache
def ruleset() -> Ruleset:
    found = load(read_rule_files([RULES]), selection=selection(Config())).ruleset
    assert found is not None
    return found


def verdict(command: str, *, folded: bool) -> Verdict:
    """The rules' verdict on a shell command of a person whose file system ignores case, or does not."""
    context = msgspec.structs.replace(shipped_context(), home=HOME, user=USER, ignores_case=folded)
    judge = Judge(ruleset(), context=context)
    return judge.decide("claude_code", payload_of(Step(command=command))).verdict


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """A command, and the same with its path in another case."""
    form, path = draw(st.sampled_from(STOPPED))
    upper = draw(st.lists(st.booleans(), min_size=len(path), max_size=len(path)))
    other = "".join(letter.upper() if up else letter.lower() for letter, up in zip(path, upper, strict=True))
    return form.format(path), form.format(other)


@settings(max_examples=150, deadline=None)
@given(spelled())
def test_another_case_hides_no_place_that_rules_name(commands: tuple[str, str]) -> None:
    command, other = commands

    assert verdict(command, folded=False) in (Verdict.DENY, Verdict.ASK)
    assert verdict(other, folded=True) == verdict(command, folded=True) == verdict(command, folded=False)


@pytest.mark.parametrize("command", ["cat .ENV", "echo x > .CLAUDE/settings.json", "cat docs/ID_RSA"])
def test_case_counts_where_the_file_system_says_so(command: str) -> None:
    assert verdict(command, folded=False) not in (Verdict.DENY, Verdict.ASK)


@pytest.mark.parametrize(
    "command", ["cat README.md", "echo x > src/Config.ts", "rm -rf Build/tmp", "cat Notes/.environment"]
)
def test_other_files_stay_what_they_are(command: str) -> None:
    assert verdict(command, folded=True) == verdict(command, folded=False)


def test_only_components_that_rules_name_are_spelled_anew() -> None:
    resolver = PathResolver(spellings={".ssh": ".ssh", "library": "Library"})

    assert resolver.resolve("/x/.SSH/Keys", "/") == "/x/.ssh/Keys"
    assert resolver.resolve("LIBRARY/../.Ssh", "/x") == "/x/.ssh"
    assert resolver.resolve("/x/.\u017fsh", "/") == "/x/.ssh"


def test_a_folder_tells_whether_its_file_system_ignores_case(tmp_path: Path) -> None:
    folder = tmp_path / "aB"
    folder.mkdir()
    assert ignores_case(str(folder)) is (tmp_path / "Ab").exists()

    assert not ignores_case("/")
    assert not ignores_case(str(tmp_path / "missing"))
