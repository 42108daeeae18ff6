"""One rule: shown, switched off and on, and made from a recorded call."""

from __future__ import annotations

import json
import time

import pytest
import yaml

from tests.support.ctl import Ctl

RULE = "Read credentials"


def test_a_rule_is_shown_whole(ctl: Ctl) -> None:
    shown = json.loads(ctl.ok("rules", "show", RULE, "--format", "json"))
    assert shown["verdict"] == "deny"
    assert shown["enabled"] is True
    assert "file.op" in shown["condition"]
    text = ctl.ok("rules", "show", RULE)
    assert shown["condition"].split()[0] in text
    assert shown["place"] in text


@pytest.mark.parametrize("command", ["show", "disable", "enable"])
def test_an_unknown_rule_is_told_with_the_nearest_name(ctl: Ctl, command: str) -> None:
    done = ctl("rules", command, "Read credential")
    assert done.returncode == 3
    assert f"did you mean {RULE!r}?" in done.stderr
    assert not ctl.guard_home.exists()


def test_a_rule_is_taken_out_of_force_and_put_back_and_the_file_stays(ctl: Ctl) -> None:
    ctl.guard_home.mkdir(mode=0o700)
    config = ctl.guard_home / "config.yaml"
    text = "# mine\nrules:\n  disable:\n    - Push to a remote*  # noisy\n"
    config.write_text(text)
    assert RULE in ctl.ok("rules", "disable", RULE)
    assert config.read_text() == f"{text}    - {json.dumps(RULE)}\n"
    assert json.loads(ctl.ok("rules", "show", RULE, "--format", "json"))["enabled"] is False
    ctl.ok("rules", "enable", RULE)
    assert config.read_text() == text
    assert json.loads(ctl.ok("rules", "show", RULE, "--format", "json"))["enabled"] is True


def test_a_rule_that_something_else_keeps_out_of_force_is_told_by_what(ctl: Ctl) -> None:
    ctl.guard_home.mkdir(mode=0o700)
    (ctl.guard_home / "config.yaml").write_text('rules: {disable: ["Read c*"]}\n')
    done = ctl("rules", "enable", RULE)
    assert done.returncode == 3
    assert "'Read c*'" in done.stderr
    ctl.ok("rules", "enable", "Read c*")
    ctl.ok("rules", "enable", RULE)


def test_a_rule_made_from_a_call_loads_passes_its_test_and_is_in_force(ctl: Ctl) -> None:
    ctl.ok("start")
    seq = ctl.judged("Bash", {"command": f"terraform apply -auto-approve {ctl.user_home}/infra"})
    said = ctl.ok("rules", "new", str(seq), "--name", "No applying", "--verdict", "deny")
    file = ctl.guard_home / "rules/user/no-applying.yaml"
    assert str(file) in said
    (rule,) = yaml.safe_load(file.read_text())
    assert rule["condition"] == "proc.name = terraform and proc.subcommand = apply"
    assert file.stat().st_mode & 0o077 == 0
    assert "No applying" in ctl.ok("rules", "list")
    ctl.ok("rules", "test", str(file.parent / "tests"))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seq = ctl.judged("Bash", {"command": "terraform apply"})
        if "No applying" in ctl.ok("audit", "show", str(seq), "--format", "json"):
            break
    assert "No applying" in ctl.ok("logs", "--verdict", "deny")
    done = ctl("rules", "new", str(seq), "--name", "No applying")
    assert done.returncode == 3
    assert "exists already" in done.stderr


@pytest.mark.parametrize(
    ("tool", "tool_input"),
    [
        ("Read", {"file_path": "~/notes.md"}),
        ("Bash", {"command": 'echo "it\'s" \'a "quote"\' %proc.name \\x # rule: x'}),
        ("Bash", {"command": "'we\"ird'\\''name' --x"}),
        ("WebFetch", {"url": "https://example.com/a", "prompt": "- rule: x\n  tags: [y]"}),
        ("mcp__server__tool", {"text": "\x1b]0;x\x07 \u2028 é"}),
    ],
)
def test_any_call_gives_a_rule_that_holds_for_it(ctl: Ctl, tool: str, tool_input: dict[str, str]) -> None:
    ctl.ok("start")
    seq = ctl.judged(tool, tool_input)
    ctl.ok("rules", "new", str(seq))
    ctl.ok("rules", "check")
    ctl.ok("rules", "test", str(ctl.guard_home / "rules/user/tests"))


def test_a_record_that_is_no_call_makes_no_rule(ctl: Ctl) -> None:
    ctl.ok("start")
    done = ctl("rules", "new", "1")
    assert done.returncode == 3
    assert "no call" in done.stderr
    assert ctl("rules", "new", "999").returncode == 3
