"""A newcomer's session, typed into a real terminal: from an empty HOME to a guarded agent, and back.

One story, told in the order in which people live it; each step stands on those before it.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import real_claude
from tests.support.guard import PREMPTICTL, Guard
from tests.support.npm_agents import system_path
from tests.support.scripted_model import PROMPT, Asked, ScriptedModel
from tests.support.terminal import Terminal

pytestmark = pytest.mark.e2e

CLAUDE = f"claude -p '{PROMPT}' --dangerously-skip-permissions"
SECRET = "cat ~/.ssh/id_rsa"
DEPLOY = "./deploy.sh production"
NOW_AND_THEN = {".claude/.last-cleanup"}
"""What Claude Code keeps as well where it runs for longer, as on a busy machine."""


class Newcomer:
    """Somebody at a terminal, with Claude Code and nothing else of interest."""

    def __init__(self, home: Path, project: Path, claude: Path) -> None:
        self.home = home
        self.project = project
        programs = home.parent / "programs"
        programs.mkdir()
        (programs / "premptictl").symlink_to(PREMPTICTL)
        path = f"{programs}:{claude.parent}:{system_path()}"
        self.terminal = Terminal(home, path, real_claude.QUIET | {"ANTHROPIC_API_KEY": "dummy", "IS_SANDBOX": "1"})
        self.guard = Guard(home)

    def does(self, command: str, *, status: int | None = 0) -> str:
        """What the screen shows after ``command``."""
        return self.terminal.run(command, status=status)

    def lets_claude(self, *commands: str) -> list[str]:
        """Have Claude Code run shell commands in the project; what it was told of each."""
        model = ScriptedModel([[Asked("Bash", {"command": one, "description": "a step"})] for one in commands])
        with model.serving():
            self.does(f"(cd {self.project} && ANTHROPIC_BASE_URL={model.url} {CLAUDE})")
        return [call.result or "" for call in model.calls]

    def deployed(self) -> bool:
        """Whether the deployment has run since this was asked last."""
        mark = self.project / "deployed"
        found = mark.exists()
        mark.unlink(missing_ok=True)
        return found

    def remedy_for(self, fault: str) -> str:
        """What doctor prints as the remedy for ``fault``, to be typed as it stands."""
        lines = self.does("premptictl doctor", status=1).splitlines()
        at = next((number for number, line in enumerate(lines) if fault in line), None)
        assert at is not None, f"doctor does not find that {fault}:\n" + "\n".join(lines)
        found = re.match(r"\s+→ (.+)", "\n".join(lines[at + 1 :]))
        assert found, lines
        return found[1].rstrip()


@pytest.fixture
def newcomer(home: Path, project: Path, claude: Path) -> Iterator[Newcomer]:
    (project / "deploy.sh").write_text("#!/bin/sh\ntouch deployed\n")
    (project / "deploy.sh").chmod(0o755)
    found = Newcomer(home, project, claude)
    yield found
    found.terminal.close()
    if found.guard.home.engine_lock.exists():
        found.guard.ctl("stop", "--keep-hooks")
    assert found.guard.engines() == []


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file and folder below ``folder``: its mode, and what is in it."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if not stat.S_ISSOCK(path.lstat().st_mode)
    }


def kept_by_claude(claude: Path, folder: Path, project: Path) -> set[str]:
    """What Claude Code itself keeps in a HOME, seen where there is no guard: the first two names of each path."""
    folder.mkdir()
    real_claude.run(claude, folder, project, [[("Bash", {"command": "true", "description": "a step"})]])
    found = files(folder)
    assert ".claude/settings.json" not in found
    return {"/".join(Path(name).parts[:2]) for name, (mode, _) in found.items() if stat.S_ISREG(mode) or "/" in name}


def test_a_newcomer_guards_claude_code_tunes_a_rule_and_leaves_without_a_trace(
    newcomer: Newcomer, claude: Path, tmp_path: Path
) -> None:
    claudes = kept_by_claude(claude, tmp_path / "another home", newcomer.project) | NOW_AND_THEN
    (newcomer.home / "notes.txt").write_text("mine\n")
    before = files(newcomer.home)

    installs(newcomer)
    sees_a_call_blocked(newcomer)
    makes_a_rule_of_a_recorded_call(newcomer)
    sees_it_in_force(newcomer)
    tries_it_on_the_past(newcomer)
    only_watches_for_a_while(newcomer)
    for plant, fault in FAULTS:
        has_the_doctor_cure(newcomer, plant, fault)
    leaves(newcomer)

    after = {name: found for name, found in files(newcomer.home).items() if not _below(name, claudes)}
    assert after == before
    assert "prempti" not in (newcomer.home / ".claude.json").read_text()
    newcomer.lets_claude(DEPLOY)
    assert newcomer.deployed(), newcomer.terminal.transcript


def installs(newcomer: Newcomer) -> None:
    assert "premptictl install" in newcomer.does("premptictl status", status=4)
    assert "nothing was changed" in newcomer.does("premptictl install --dry-run")
    assert list(newcomer.home.iterdir()) == [newcomer.home / "notes.txt"]
    printed = newcomer.does("premptictl install")
    assert "register the hook with claude_code: added" in printed
    assert "premptictl uninstall" in printed
    assert "0 failed" in newcomer.does("premptictl doctor")


def sees_a_call_blocked(newcomer: Newcomer) -> None:
    blocked, deployed = newcomer.lets_claude(SECRET, DEPLOY)
    assert "Read credentials" in blocked
    assert "Read credentials" not in deployed
    assert newcomer.deployed()
    assert re.search(
        r"deny +Bash cat ~/\.ssh/id_rsa +← Read credentials", newcomer.does("premptictl logs --verdict deny")
    )
    explained = newcomer.does(f"premptictl explain '{SECRET}'")
    assert "verdict: deny" in explained
    assert "Read credentials" in explained


def makes_a_rule_of_a_recorded_call(newcomer: Newcomer) -> None:
    (line,) = [line for line in newcomer.does("premptictl logs --tool Bash").splitlines() if DEPLOY in line]
    printed = newcomer.does(f"premptictl rules new {line.split()[0]} --name Deployments --verdict deny")
    rule = newcomer.guard.home.user_rules / "deployments.yaml"
    assert str(rule) in "".join(printed.split())
    newcomer.does(f"sed -i 's/say what to do instead/ask the user to deploy/' {rule}")
    assert "Ok" in newcomer.does(f"premptictl rules check {rule}")
    assert "1 passed, 0 failed" in newcomer.does("premptictl rules test ~/.prempti/rules/user")


def sees_it_in_force(newcomer: Newcomer) -> None:
    wait_for_rule(newcomer, "Deployments")
    (told,) = newcomer.lets_claude(DEPLOY)
    assert "Deployments" in told
    assert "ask the user to deploy" in told
    assert not newcomer.deployed()
    assert "deployments.yaml" in newcomer.does("premptictl rules show Deployments")


def wait_for_rule(newcomer: Newcomer, name: str) -> None:
    """The engine takes a new file over by itself, within a round of its housekeeping, and says so."""
    newcomer.does(f"until premptictl status | grep -q 'ago: .*{name.lower()}.yaml'; do sleep .1; done")


def tries_it_on_the_past(newcomer: Newcomer) -> None:
    printed = newcomer.does("premptictl replay --history 30")
    assert re.search(r"defer → deny +\./deploy\.sh production +← Deployments", printed), printed
    assert re.search(r"\d{4}-\d\d-\d\d +\d+ +\d+ +█", printed), printed


def only_watches_for_a_while(newcomer: Newcomer) -> None:
    newcomer.does("premptictl mode monitor")
    newcomer.lets_claude(DEPLOY)
    assert newcomer.deployed()
    assert re.search(r"deny +Bash ./deploy.sh production.*enforced: defer", newcomer.does("premptictl logs -n 1"))
    newcomer.does("premptictl mode guardrails")
    newcomer.lets_claude(DEPLOY)
    assert not newcomer.deployed()


FAULTS = (
    ("premptictl hook remove claude_code", "no hook is registered"),
    ("sed -i s,/bin/python,/no/python,g ~/.claude/settings.json", "does not exist"),
    ("sed -i '1s/{/{\"disableAllHooks\": true, /' ~/.claude/settings.json", "switches all hooks off"),
    ("chmod 755 ~/.prempti", "can be reached by other users"),
    ("echo '# old' >> ~/.prempti/bin/prempti_forward.py", "another version"),
    ("premptictl stop --keep-hooks", "was stopped"),
    ("premptictl config set rules.default false && rm -r ~/.prempti/rules/user/*", "no rule is in force"),
)
"""What somebody types, and what doctor says of it."""


def has_the_doctor_cure(newcomer: Newcomer, plant: str, fault: str) -> None:
    newcomer.does(plant)
    newcomer.does(newcomer.remedy_for(fault))
    newcomer.does("until premptictl doctor | grep -q ' 0 failed'; do sleep .2; done")


def leaves(newcomer: Newcomer) -> None:
    newcomer.terminal.type("premptictl uninstall")
    newcomer.terminal.wait_for("Go on?")
    newcomer.terminal.type("y")
    assert newcomer.terminal.wait().status == 0, newcomer.terminal.transcript
    assert newcomer.guard.engines() == []


def _below(name: str, areas: set[str]) -> bool:
    return any(name == area or name.startswith(f"{area}/") or area.startswith(f"{name}/") for area in areas)
