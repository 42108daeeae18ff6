"""A person looks at a project's rules and trusts them; what was shown is what counts."""

from __future__ import annotations

import json
import os
import pty
import stat
import time
from pathlib import Path

import pytest

from tests.support.ctl import PREMPTICTL, Ctl
from tests.support.projects import rule, write_rules

OWN = """\
- list: clusters
  items: [prod, live]
- macro: is_deploy
  condition: (proc.name = kubectl and proc.subcommand = apply)
- rule: No deployments
  desc: Deployments go through CI.
  condition: is_deploy and proc.argv intersects (clusters)
  output: "`%proc.cmdline` would deploy"
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_deny]
"""
WEAKENS = "- rule: Read credentials\n  enabled: false\n"
DEPLOY = "kubectl apply -f x prod"


INSTALLED = rule("Read credentials", "credentials")


@pytest.fixture
def project(ctl: Ctl) -> Path:
    rules = ctl.guard_home / "rules" / "user"
    rules.mkdir(parents=True, mode=0o700)
    (rules / "few.yaml").write_text(INSTALLED)
    (ctl.guard_home / "config.yaml").write_text("rules: {default: false}\n")
    root = ctl.user_home / "project"
    (root / "src").mkdir(parents=True)
    write_rules(root, OWN)
    return root


def verdict(ctl: Ctl, cwd: Path, command: str = DEPLOY) -> str:
    return str(json.loads(ctl.ok("explain", "--cwd", str(cwd), command, "--format", "json"))["verdict"])


def listed(ctl: Ctl) -> dict[str, str]:
    done = ctl("rules", "trust", "--list", "--format", "json")
    return {Path(one["file"]).name: one["state"] for one in json.loads(done.stdout)}


def answered(ctl: Ctl, answer: str, *arguments: str) -> tuple[int, str]:
    """Exit status and output of premptictl at a terminal where somebody types ``answer``."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ctl.user_home)
        os.execve(PREMPTICTL, [str(PREMPTICTL), *arguments], ctl.env | {"TERM": "dumb", "COLUMNS": "200"})
    shown = b""
    asked = False
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if not asked and b"[y/N]" in shown:
            asked = True
            os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_all_that_the_rules_come_to_is_shown_and_a_person_says_yes(ctl: Ctl, project: Path) -> None:
    status, shown = answered(ctl, "y", "rules", "trust", "project/src")
    assert status == 0
    for part in (
        "deny",
        "No deployments",
        "Deployments go through CI.",
        "prod, live",
        "would deploy",
        "proc.subcommand = apply",
    ):
        assert part in shown
    assert verdict(ctl, project / "src") == "deny"
    assert verdict(ctl, ctl.user_home) == "defer"
    trusted = ctl.guard_home / "trusted.json"
    assert stat.S_IMODE(trusted.stat().st_mode) == 0o600


@pytest.mark.parametrize("answer", ["n", "", "yess"])
def test_whatever_is_not_yes_trusts_nothing(ctl: Ctl, project: Path, answer: str) -> None:
    status, _ = answered(ctl, f"{answer}\nn", "rules", "trust", "project")
    assert status != 0
    assert not (ctl.guard_home / "trusted.json").exists()
    assert verdict(ctl, project) == "defer"


def test_where_nobody_can_be_asked_only_yes_trusts(ctl: Ctl, project: Path) -> None:
    done = ctl("rules", "trust", "project", stdin=b"y\n")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert verdict(ctl, project) == "defer"
    ctl.ok("rules", "trust", "project", "--yes")
    assert verdict(ctl, project) == "deny"
    assert "all of it is trusted" in ctl.ok("rules", "trust", "project")


def test_a_changed_file_is_told_and_trusted_again(ctl: Ctl, project: Path) -> None:
    ctl.ok("rules", "trust", "project", "--yes")
    file = write_rules(project, OWN.replace("[prod, live]", "[prod]"))
    assert verdict(ctl, project) == "defer"
    assert listed(ctl) == {"own.yaml": "changed"}
    assert ctl("rules", "trust", "--list").returncode == 1
    told = json.loads(ctl.ok("rules", "list", "--project", "project", "--format", "json"))["project"]
    assert told["files"] == [{"file": str(file), "state": "changed", "errors": []}]
    assert "changed since it was trusted" in ctl("rules", "trust", "project").stdout
    ctl.ok("rules", "trust", str(file), "--yes")
    assert verdict(ctl, project) == "deny"
    file.unlink()
    assert listed(ctl) == {"own.yaml": "missing"}
    assert "own.yaml" in ctl.ok("rules", "untrust", "project")
    assert listed(ctl) == {}
    assert ctl("rules", "untrust", "project").returncode == 1


def test_a_file_that_would_weaken_is_not_trusted_and_the_others_are(ctl: Ctl, project: Path) -> None:
    bad = write_rules(project, WEAKENS, "bad.yaml")
    done = ctl("rules", "trust", "project", "--yes")
    assert done.returncode == 1
    assert f"{bad}:1:3: LOAD_ERR_VALIDATE" in done.stdout
    assert listed(ctl) == {"own.yaml": "trusted"}
    check = ctl("rules", "check", "project")
    assert check.returncode == 1
    assert "Read credentials" in check.stdout
    assert ctl.ok("rules", "check", "project/.prempti/rules/own.yaml").endswith("own.yaml: Ok\n")
    assert ctl("rules", "check", str(bad), "--format", "json").returncode == 1


@pytest.mark.parametrize("what", ["the file", "its folder", "the outer folder", "a pipe"])
def test_links_and_pipes_are_refused_with_the_reason(ctl: Ctl, project: Path, what: str) -> None:
    file = project / ".prempti" / "rules" / "own.yaml"
    target = {"the file": file, "its folder": file.parent, "the outer folder": file.parent.parent}.get(what)
    if target is not None:
        target.rename(project / "real")
        target.symlink_to(project / "real")
    else:
        file.unlink()
        os.mkfifo(file)
    done = ctl("rules", "trust", "project", "--yes", timeout=300)
    assert done.returncode in (1, 3)
    assert ("link" if target else "regular file") in done.stdout + done.stderr
    assert verdict(ctl, project) == "defer"


def test_hostile_text_cannot_drive_the_terminal(ctl: Ctl, project: Path) -> None:
    write_rules(project, rule("Own", "x").replace("the project's own", '"\\e[2J\\e[1;1Hall is well \\u202e"'))
    shown = ctl("rules", "trust", "project").stdout
    assert "\\x1b[2J" in shown
    assert not {char for char in shown if not char.isprintable()} - {"\n"}


def test_there_must_be_a_project_and_the_home_is_none(ctl: Ctl, project: Path) -> None:
    assert "no project around here" in ctl("rules", "trust", "/").stderr
    ctl.ok("rules", "trust", "project", "--yes")
    done = ctl("rules", "trust", str(ctl.guard_home))
    assert done.returncode == 3
    assert "guard's own home" in done.stderr


def test_the_json_of_trust_tells_what_was_trusted(ctl: Ctl, project: Path) -> None:
    write_rules(project, WEAKENS, "bad.yaml")
    told = json.loads(ctl("rules", "trust", "project", "--yes", "--format", "json").stdout)
    assert told["project"] == str(project)
    assert [Path(one["file"]).name for one in told["trusted"]] == ["own.yaml"]
    assert [Path(one["file"]).name for one in told["refused"]] == ["bad.yaml"]


def test_a_projects_tests_are_judged_by_its_rules_before_anybody_trusts_them(ctl: Ctl, project: Path) -> None:
    tests = project / ".prempti" / "rules" / "tests"
    tests.mkdir()
    (tests / "deploy.yaml").write_text(
        f"cases:\n  - {{command: {DEPLOY}, verdict: deny, rules: [No deployments]}}\n"
        "  - {command: kubectl get pods, verdict: pass, not_rules: [No deployments]}\n"
    )
    assert "2 passed, 0 failed" in ctl.ok("rules", "test", "project/.prempti/rules")
    write_rules(project, WEAKENS, "bad.yaml")
    assert ctl("rules", "test", "project/.prempti/rules").returncode == 3


def test_replay_and_the_running_engine_judge_by_what_is_trusted_and_tell_who_changed_it(
    ctl: Ctl, project: Path
) -> None:
    ctl.ok("start")
    ctl.judged("Bash", {"command": DEPLOY})
    ctl.ok("rules", "trust", "project", "--yes")
    assert "No deployments" in json.loads(ctl.ok("replay", "--history", "1", "--format", "json"))["stopped_by"]
    deadline = time.monotonic() + 60
    record: dict[str, object] = {}
    while time.monotonic() < deadline and not record.get("matches"):
        record = json.loads(ctl.ok("audit", "show", str(ctl.judged("Bash", {"command": DEPLOY})), "--format", "json"))[
            "body"
        ]
    assert [match["file"] for match in record["matches"] if "file" in match] == [  # type: ignore[attr-defined]
        str(project / ".prempti" / "rules" / "own.yaml")
    ]
    assert "No deployments (project)" in ctl.ok("logs", "--verdict", "deny")
    assert "No deployments" in ctl.ok("replay", "--history", "1")
    write_rules(project, OWN + "#")
    told: list[str] = []
    while time.monotonic() < deadline and not told:
        ctl.judged("Bash", {"command": "ls"})
        done = ctl("status", "--format", "json")
        told = [one for one in json.loads(done.stdout)["degraded"] if "project" in one]
    assert done.returncode == 1
    assert ["changed since it was trusted" in sentence for sentence in told] == [True]


def test_a_rule_of_a_project_is_made_from_a_call_tested_and_trusted(ctl: Ctl, project: Path) -> None:
    ctl.ok("start")
    seq = ctl.judged("Bash", {"command": "terraform destroy"})
    (project / ".git").mkdir()
    here = Ctl(ctl.user_home, folder=project / "src")
    said = here.ok("rules", "new", str(seq), "--name", "No destroying", "--verdict", "deny", "--project")
    file = project / ".prempti" / "rules" / "no-destroying.yaml"
    assert str(file) in said
    assert verdict(ctl, project, "terraform destroy") == "defer"
    here.ok("rules", "check", "../.prempti/rules")
    here.ok("rules", "test", "../.prempti/rules")
    here.ok("rules", "trust", "--yes")
    assert verdict(ctl, project, "terraform destroy") == "deny"
    assert json.loads(here.ok("rules", "show", "No destroying", "--format", "json"))["place"].startswith(str(file))
    assert here("rules", "new", str(seq), "--name", "No destroying", "--project").returncode == 3
