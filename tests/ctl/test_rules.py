"""Rules are checked, listed and tested from the command line."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from tests.support.ctl import Ctl

RULE = """
- rule: No zebras
  desc: d
  condition: proc.name = zebra
  output: saw %proc.cmdline
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_deny]
"""

CASES = """
cases:
  - {command: sudo zebra --run, verdict: deny, rules: [No zebras]}
  - {command: echo zebra, verdict: pass, not_rules: [No zebras]}
  - {name: a file called zebra, tool: Write, input: {file_path: /home/dev/project/zebra, content: x}, verdict: pass}
"""


def write(ctl: Ctl, rule: str = RULE, cases: str = CASES) -> None:
    (ctl.user_home / "rules.yaml").write_text(rule)
    (ctl.user_home / "cases.yaml").write_text(cases)


def test_good_rules_are_ok(ctl: Ctl) -> None:
    write(ctl)
    assert ctl.ok("rules", "check", "rules.yaml") == "rules.yaml: Ok\n"


def test_a_bad_rule_is_told_with_code_place_and_exit_status(ctl: Ctl) -> None:
    write(ctl, RULE.replace("proc.name", "proc.nam"))
    done = ctl("rules", "check", "rules.yaml")
    assert done.returncode == 1
    assert "LOAD_ERR_COMPILE_CONDITION" in done.stdout
    assert "rules.yaml:4:" in done.stdout
    assert "proc.name" in done.stdout


def test_check_speaks_falcos_json(ctl: Ctl) -> None:
    write(ctl)
    result = json.loads(ctl.ok("rules", "check", "rules.yaml", "--format", "json"))["falco_load_results"][0]
    assert result["successful"] is True
    assert result["name"] == "rules.yaml"


def test_the_default_rules_are_listed_with_verdict_and_place(ctl: Ctl) -> None:
    rules = json.loads(ctl.ok("rules", "list", "--format", "json"))["rules"]
    by_name = {rule["rule"]: rule for rule in rules}
    assert by_name["Read credentials"]["verdict"] == "deny"
    assert by_name["Read credentials"]["line"] > 1
    assert "Read credentials" in ctl.ok("rules", "list")


def test_a_rule_switched_off_in_the_configuration_is_shown_so(ctl: Ctl) -> None:
    ctl.guard_home.mkdir(mode=0o700)
    (ctl.guard_home / "config.yaml").write_text("rules: {disable: [Read credentials]}\n")
    rules = json.loads(ctl.ok("rules", "list", "--format", "json"))["rules"]
    assert [rule["rule"] for rule in rules if not rule["enabled"]] == ["Read credentials"]


def test_cases_that_hold_pass(ctl: Ctl) -> None:
    write(ctl)
    assert ctl.ok("rules", "test", "cases.yaml", "--rules", "rules.yaml") == "3 passed, 0 failed\n"


def test_a_case_that_does_not_hold_is_told_with_its_line(ctl: Ctl) -> None:
    write(ctl, cases=CASES.replace("echo zebra", "zebra | cat"))
    done = ctl("rules", "test", "cases.yaml", "--rules", "rules.yaml", "--junit", "out.xml")
    assert done.returncode == 1
    assert "cases.yaml:4" in done.stdout
    assert "verdict deny, expected pass" in done.stdout
    suite = ElementTree.parse(ctl.user_home / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")


def test_a_case_may_follow_other_calls_of_its_session(ctl: Ctl) -> None:
    write(
        ctl,
        RULE.replace("coding_agent_deny", '"coding_agent_mark:striped"')
        + RULE.replace("No zebras", "Lions after zebras").replace(
            "proc.name = zebra", "proc.name = lion and session.mark_count[striped] > 0"
        ),
        "cases:\n"
        "  - {command: lion, after: [{command: zebra}], verdict: deny}\n"
        "  - {command: lion, after: [{command: horse}], verdict: pass}\n",
    )
    assert ctl.ok("rules", "test", "cases.yaml", "--rules", "rules.yaml") == "2 passed, 0 failed\n"


def test_a_case_for_a_rule_that_does_not_exist_is_refused(ctl: Ctl) -> None:
    write(ctl, cases=CASES.replace("rules: [No zebras]", "rules: [No zebra]", 1))
    done = ctl("rules", "test", "cases.yaml", "--rules", "rules.yaml")
    assert done.returncode == 3
    assert "cases.yaml:3" in done.stderr
