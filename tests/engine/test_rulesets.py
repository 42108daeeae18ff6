"""Which files make up a ruleset, in which order, and what is kept of the last good ones."""

from __future__ import annotations

import json
import os
import shlex
import stat
from pathlib import Path

import pytest

from prempti_otel.engine.lastgood import LastGood
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.offline import open_judge
from prempti_otel.engine.rulesets import installed_rule_files, read_rule_files, rule_paths, selection, signature
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Priority, Verdict
from prempti_otel.rules.loader import load
from prempti_otel.rules.options import RuleFile
from prempti_otel.settings.config import Config, RuleSettings
from prempti_otel.settings.home import Home
from prempti_otel.settings.resources import resource
from tests.support.engine_process import make_home
from tests.support.rulesets import RULES


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def test_default_rules_come_first_then_configured_then_the_users_own_by_name(home: Home, tmp_path: Path) -> None:
    (home.root / "team").mkdir()
    for name in ("team/b.yml", "team/a.yaml", "team/.hidden.yaml", "team/notes.txt", "rules/user/00.yaml"):
        (home.root / name).write_text("[]")
    outside = tmp_path / "outside.rules"
    outside.write_text("[]")
    paths = rule_paths(home, Config(rules=RuleSettings(files=["team", str(outside)])))
    own = [str(path.relative_to(tmp_path)) for path in paths if tmp_path in path.parents]
    assert own == [
        "home/team/a.yaml",
        "home/team/b.yml",
        "outside.rules",
        "home/rules/user/00.yaml",
        "home/rules/user/test.yaml",
    ]
    shipped = sorted(resource("rules/default").glob("*.yaml"))
    assert paths[: len(shipped)] == shipped


def test_the_shipped_rules_load(home: Home) -> None:
    result = load(installed_rule_files(home, Config()))
    assert result.successful, result.as_text()


@pytest.mark.parametrize("name", ["guard", "a guard's [own] home*, 1"])
def test_the_default_rules_guard_a_home_that_lies_elsewhere(tmp_path: Path, name: str) -> None:
    home, link = Home(tmp_path / "link"), tmp_path / name
    link.mkdir()
    home.root.symlink_to(link)
    home.create()
    judge = open_judge(home)
    for root in (home.root, link):
        for tool, given in (
            ("Write", {"file_path": f"{root}/config.yaml", "content": "mode: monitor"}),
            ("Bash", {"command": f"rm {shlex.quote(str(root))}/trusted.json"}),
            ("Bash", {"command": f"mv {shlex.quote(str(root))} /tmp/away"}),
        ):
            payload = {
                "session_id": "s",
                "cwd": str(tmp_path),
                "hook_event_name": "PreToolUse",
                "tool_name": tool,
                "tool_input": given,
            }
            decision = judge.decide("claude_code", json.dumps(payload).encode())
            assert decision.action is Verdict.DENY, given
            assert "Change the guard's files" in [match.rule for match in decision.matches]


def test_the_usual_home_needs_no_more_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = Home(tmp_path / ".prempti")
    usual.create()
    names = [file.name for file in installed_rule_files(usual, Config())]
    assert names == [str(path) for path in rule_paths(usual, Config())]


def test_a_configured_file_that_is_missing_is_an_error_that_names_it(home: Home) -> None:
    with pytest.raises(PremptiError, match=r"nowhere\.yaml"):
        rule_paths(home, Config(rules=RuleSettings(files=["nowhere.yaml"])))


def test_a_rule_file_that_cannot_be_read_is_an_error_that_names_it(home: Home) -> None:
    (home.user_rules / "folder.yaml").mkdir()
    (home.user_rules / "link.yaml").symlink_to("/nowhere/at/all")
    with pytest.raises(PremptiError, match=r"(folder|link)\.yaml"):
        installed_rule_files(home, Config(rules=RuleSettings(default=False)))


def test_settings_select_rules() -> None:
    chosen = selection(Config(rules=RuleSettings(disable=["Deny*"], disable_tags=["coding_agent_ask"])))
    result = load([RuleFile("a.yaml", RULES)], selection=chosen)
    assert result.ruleset is not None
    assert [rule.name for rule in result.ruleset.rules if rule.enabled] == ["Notice marker"]
    severe = selection(Config(rules=RuleSettings(minimum_priority="critical")))
    assert severe.minimum_priority is Priority.CRITICAL


def test_any_edit_changes_the_signature(home: Home) -> None:
    def now() -> object:
        return signature(rule_paths(home, Config(rules=RuleSettings(default=False))))

    file = home.user_rules / "test.yaml"
    seen = [now()]
    file.write_text(RULES + "# more\n")
    seen.append(now())
    (home.user_rules / "other.yaml").write_text("[]")
    seen.append(now())
    (home.user_rules / "other.yaml").unlink()
    file.rename(home.user_rules / "renamed.yaml")
    seen.append(now())
    assert len(set(seen)) == 4
    assert now() == seen[-1]


def test_the_last_good_copy_is_what_was_good_and_is_private(home: Home) -> None:
    copy = LastGood(home)
    assert copy.config() is None
    with pytest.raises(PremptiError, match="no copy"):
        copy.rules()
    config = Config(mode="monitor")
    files = [RuleFile("a.yaml", b"\xff not text"), *read_rule_files([home.user_rules])]
    copy.save_config(config)
    copy.save_rules(files)
    assert copy.config() == config
    assert copy.rules() == files
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.run.iterdir()} == {0o600}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_copy_counts_as_none(home: Home, content: bytes) -> None:
    for name in ("last-good-config.json", "last-good-rules.json"):
        (home.run / name).write_bytes(content)
    assert LastGood(home).config() is None
    with pytest.raises(PremptiError):
        LastGood(home).rules()


def test_numbers_grow_and_go_on_after_the_last_one_stored() -> None:
    first = Numbers()
    given = [first.take() for _ in range(3)]
    assert given == sorted(set(given))
    assert first.taken == 3
    ahead = given[-1] + 10**12
    assert Numbers(ahead).take() == ahead + 1


def test_a_pipe_in_the_place_of_a_rule_file_is_an_error_and_nobody_waits_for_it(home: Home) -> None:
    os.mkfifo(home.user_rules / "pipe.yaml")
    with pytest.raises(PremptiError, match=r"pipe\.yaml: the rule file cannot be read: it is not a regular file"):
        installed_rule_files(home, Config())


def test_why_rules_do_not_load_is_told_without_the_files_that_do() -> None:
    good, bad = RuleFile("good.yaml", b"[]"), RuleFile("bad.yaml", b"rule: T")
    text = load([good, bad]).errors_text()
    assert text.startswith("bad.yaml:1:1: LOAD_ERR_YAML_VALIDATE")
    assert "good.yaml" not in text
