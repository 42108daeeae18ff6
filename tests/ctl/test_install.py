"""From nothing to a guarded agent and back, as a person does it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from prempti_otel.settings.config import Config, Privacy
from prempti_otel.settings.document import compose
from prempti_otel.settings.home import Home
from prempti_otel.settings.template import config_template
from prempti_otel.settings.validate import config_from_document
from tests.support.ctl import PREMPTICTL, Ctl

PREMPTI_RULE = """
- rule: No deploys
  desc: Written for Falco's Prempti.
  condition: tool.name = "Bash" and tool.input_command contains "deploy"
  output: deploys are not for agents (%tool.input_command)
  priority: CRITICAL
  source: coding_agent
  tags: [coding_agent_deny]
"""
SETTINGS = '{ "model": "opus",\n\t"permissions": {"deny": ["WebFetch"]} }\n'


def everything(folder: Path) -> dict[str, tuple[int, str]]:
    """Each file and folder below ``folder``: mode, and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a draft of a running engine, which was given its name meanwhile
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path.relative_to(folder))] = path.lstat().st_mode, digest
    return found


@pytest.fixture
def lived_in(ctl: Ctl) -> Ctl:
    """A HOME that somebody works in, with a project in it."""
    (ctl.user_home / ".claude").mkdir()
    (ctl.user_home / ".claude/settings.json").write_text(SETTINGS)
    (ctl.user_home / "project").mkdir()
    (ctl.user_home / "project/notes.txt").write_text("mine\n")
    return ctl


def hooked(ctl: Ctl, settings: str = ".claude/settings.json") -> bool:
    path = ctl.user_home / settings
    return path.exists() and "prempti_hook.py" in path.read_text()


@pytest.mark.parametrize("home", ["empty", "lived in"])
def test_a_home_is_as_before_after_install_and_uninstall(ctl: Ctl, home: str, request: pytest.FixtureRequest) -> None:
    if home == "lived in":
        request.getfixturevalue("lived_in")
    before = everything(ctl.user_home)
    ctl.ok("install")
    assert hooked(ctl)
    assert everything(ctl.user_home) != before
    assert ctl.ok("health").startswith("OK")
    ctl.ok("uninstall")
    assert everything(ctl.user_home) == before
    assert ctl("hook", "status").returncode == 1


def test_a_dry_run_names_the_steps_and_does_none(lived_in: Ctl) -> None:
    before = everything(lived_in.user_home)
    planned = json.loads(lived_in.ok("install", "--dry-run", "--format", "json"))
    assert everything(lived_in.user_home) == before
    done = json.loads(lived_in.ok("install", "--format", "json"))
    assert [step["step"] for step in planned] == [step["step"] for step in done]
    assert {step["done"] for step in planned} == {False}
    installed = everything(lived_in.user_home / ".claude")
    planned = json.loads(lived_in.ok("uninstall", "--dry-run", "--format", "json"))
    assert everything(lived_in.user_home / ".claude") == installed
    assert [step["step"] for step in planned] == [
        step["step"] for step in json.loads(lived_in.ok("uninstall", "--format", "json"))
    ]


def test_repeating_it_changes_neither_settings_nor_rules_of_ones_own(lived_in: Ctl) -> None:
    lived_in.ok("install")
    config = lived_in.guard_home / "config.yaml"
    config.write_text("mode: monitor  # for now\n")
    rule = lived_in.guard_home / "rules/user/mine.yaml"
    rule.write_text("- list: mine\n  items: [a]\n")
    claude = (lived_in.user_home / ".claude/settings.json").read_bytes()
    lived_in.ok("install")
    assert config.read_text() == "mode: monitor  # for now\n"
    assert rule.read_text() == "- list: mine\n  items: [a]\n"
    assert (lived_in.user_home / ".claude/settings.json").read_bytes() == claude


def test_it_mends_what_is_missing(lived_in: Ctl) -> None:
    lived_in.ok("install")
    (lived_in.guard_home / "bin/prempti_forward.py").unlink()
    lived_in.ok("hook", "remove", "claude_code")
    lived_in.ok("stop", "--keep-hooks")
    lived_in.ok("install")
    assert lived_in.ok("hook", "status")
    assert lived_in.ok("health").startswith("OK")


def test_an_engine_of_another_version_is_restarted(lived_in: Ctl, tmp_path: Path) -> None:
    """The running engine is the old one here: premptictl is made to say that it is newer."""
    lived_in.ok("install")
    newer = "import prempti_otel, sys; prempti_otel.__version__ = '99.0'; from prempti_otel.ctl.app import run; "
    done = subprocess.run(
        [sys.executable, "-c", newer + "sys.exit(run(['install', '--format', 'json']))"],
        env=lived_in.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert any(step["step"].startswith("restart the engine") for step in json.loads(done.stdout))


def test_user_rules_can_stay(lived_in: Ctl) -> None:
    lived_in.ok("install")
    rule = lived_in.guard_home / "rules/user/mine.yaml"
    rule.write_text("- list: mine\n  items: [a]\n")
    lived_in.ok("uninstall", "--keep-user-rules")
    assert [path for path in lived_in.guard_home.rglob("*") if path.is_file()] == [rule]


def test_uninstall_leaves_files_that_are_not_the_guards(lived_in: Ctl) -> None:
    lived_in.ok("install")
    (lived_in.guard_home / "letter.txt").write_text("mine\n")
    assert "left: letter.txt" in lived_in.ok("uninstall")
    assert everything(lived_in.guard_home).keys() == {"letter.txt"}


def test_uninstall_takes_hooks_out_of_projects_too(lived_in: Ctl) -> None:
    project = lived_in.user_home / "project"
    before = everything(lived_in.user_home)
    lived_in.ok("install")
    lived_in.ok("hook", "add", "claude_code", "--scope", "local", "--project", str(project))
    assert hooked(lived_in, "project/.claude/settings.local.json")
    lived_in.ok("uninstall")
    assert everything(lived_in.user_home) == before


def test_stop_takes_the_hooks_out_and_start_puts_the_same_ones_back(lived_in: Ctl) -> None:
    project = lived_in.user_home / "project"
    lived_in.ok("install")
    lived_in.ok("hook", "add", "claude_code", "--scope", "project", "--project", str(project), "--fail-open")
    files = [lived_in.user_home / ".claude/settings.json", project / ".claude/settings.json"]
    guarded = [file.read_bytes() for file in files]
    assert "NOT guarded" in lived_in.ok("stop")
    assert files[0].read_text() == SETTINGS
    assert not files[1].exists()
    lived_in.ok("stop")
    lived_in.ok("start")
    assert [file.read_bytes() for file in files] == guarded
    lived_in.ok("hook", "remove", "claude_code")
    lived_in.ok("stop")
    lived_in.ok("start")
    assert not hooked(lived_in)


def test_an_engine_whose_hooks_cannot_be_taken_out_goes_on(lived_in: Ctl) -> None:
    lived_in.ok("install")
    (lived_in.user_home / ".claude/settings.json").write_text("{ not json prempti_hook.py")
    done = lived_in("stop")
    assert done.returncode == 3
    assert "settings.json" in done.stderr
    assert json.loads(lived_in("status", "--format", "json").stdout)["running"] is True


def test_the_hook_of_another_home_is_left_alone(lived_in: Ctl, tmp_path: Path) -> None:
    other = {"PREMPTI_HOME": str(tmp_path / "other")}
    lived_in.ok("install")
    try:
        assert lived_in("start", env=other).returncode == 0
        assert lived_in("stop", env=other).returncode == 0
        assert hooked(lived_in)
        assert lived_in("uninstall", env=other).returncode == 0
        assert hooked(lived_in)
        assert not (tmp_path / "other").exists()
    finally:
        lived_in("stop", "--keep-hooks", env=other)


def test_status_names_each_hook_and_what_is_wrong_with_it(lived_in: Ctl) -> None:
    assert "nothing is installed here" in lived_in("status").stdout
    lived_in.ok("install")
    (told,) = [one for one in json.loads(lived_in.ok("status", "--format", "json"))["hooks"] if one["scope"] == "user"]
    assert (told["agent"], told["problems"]) == ("claude_code", [])
    (lived_in.guard_home / "bin/prempti_forward.py").unlink()
    assert "lacks prempti_forward.py" in lived_in.ok("status")


def test_projects_registered_at_the_same_time_are_all_remembered(lived_in: Ctl) -> None:
    lived_in.guard_home.mkdir(mode=0o700)
    projects = [lived_in.user_home / f"p{number}" for number in range(4)]
    adding = []
    for project in projects:
        project.mkdir()
        arguments = [PREMPTICTL, "hook", "add", "claude_code", "--scope", "local", "--project", str(project)]
        adding.append(subprocess.Popen(arguments, env=lived_in.env, stdout=subprocess.DEVNULL))
    assert [one.wait(60) for one in adding] == [0] * 4
    wanted = json.loads((lived_in.guard_home / "hooks.json").read_text())["hooks"]
    assert {one["project"] for one in wanted} == set(map(str, projects))


def test_a_folder_of_falcos_prempti_is_left_alone_and_its_rules_serve_once_it_is_gone(ctl: Ctl) -> None:
    root = ctl.user_home / ".prempti"
    (root / "bin").mkdir(parents=True)
    (root / "bin/claude-interceptor").write_text("")
    rules = root / "rules/user/mine.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(PREMPTI_RULE)
    before = everything(ctl.user_home)
    refused = ctl("install")
    assert refused.returncode != 0
    assert "uninstall --keep-user-rules" in refused.stderr
    assert everything(ctl.user_home) == before
    (root / "bin/claude-interceptor").unlink()
    ctl.ok("install")
    assert "No deploys" in ctl.ok("rules", "list")


def test_an_unknown_agent_is_refused_before_anything_is_done(ctl: Ctl) -> None:
    done = ctl("install", "--agent", "claud_code")
    assert done.returncode == 3
    assert "claude_code" in done.stderr
    assert everything(ctl.user_home) == {}


def test_the_first_settings_are_the_defaults_and_every_line_of_them_is_valid(tmp_path: Path) -> None:
    text = config_template()
    path = tmp_path / "config.yaml"
    assert config_from_document(compose(path, text)) == Config()
    head, _, body = text.partition("\n\n")
    assert all(line.startswith("#") for line in head.splitlines())
    uncommented = "\n".join(line.removeprefix("# ") for line in body.splitlines())
    config = config_from_document(compose(path, uncommented))
    assert [destination.name for destination in config.export] == ["local"]
    assert [own.name for own in config.privacy.redact] == ["badge"]
    assert Config(export=config.export, privacy=Privacy(redact=config.privacy.redact)) == config


def test_settings_can_be_changed_in_the_first_file(ctl: Ctl) -> None:
    home = Home(ctl.guard_home)
    home.create()
    home.config.write_text(config_template())
    ctl.ok("config", "set", "retention.days", "7")
    assert ctl.ok("config", "get", "retention.days") == "7\n"
    assert config_template() in home.config.read_text()
