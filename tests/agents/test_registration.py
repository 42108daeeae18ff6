"""Registration: where the hook is entered, with which command, and what the status says when it is off."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from prempti_otel.agents import UnknownAgent, hook_file
from prempti_otel.agents.claude_code import hooks as claude_code_hooks
from prempti_otel.agents.copilot.hooks import DENIAL
from prempti_otel.agents.registration import Action, HookStatus, Scope, add, agents, remove, status
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.resources import resource

AGENT = "claude_code"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own: HOME, a project, and no administrator's settings."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setattr(claude_code_hooks, "MANAGED", tmp_path / "managed.json")
    return tmp_path


@pytest.fixture
def home(place: Path) -> Home:
    return Home(place / "home/.prempti")


def at(place: Path, home: Home, scope: Scope) -> HookStatus:
    return next(found for found in status(AGENT, home, place / "project") if found.scope is scope)


def hook_of(file: Path) -> dict[str, object]:
    (group,) = json.loads(file.read_text())["hooks"]["PreToolUse"]
    assert group["matcher"] == "*"
    (hook,) = group["hooks"]
    return dict(hook)


@pytest.mark.parametrize(
    ("scope", "file"),
    [
        (Scope.USER, "home/.claude/settings.json"),
        (Scope.PROJECT, "project/.claude/settings.json"),
        (Scope.LOCAL, "project/.claude/settings.local.json"),
    ],
)
def test_the_hook_is_entered_in_the_file_of_its_scope(place: Path, home: Home, scope: Scope, file: str) -> None:
    change = add(AGENT, scope, home, place / "project")
    assert (change.action, change.file, change.backup) == (Action.ADDED, place / file, None)
    assert hook_of(place / file) == {
        "type": "command",
        "command": hook_file.command(AGENT, home, fail_open=False),
        "timeout": 15,
        "onFailure": "block",
    }
    found = {entry.scope: entry for entry in status(AGENT, home, place / "project")}
    assert {name for name, entry in found.items() if entry.registered} == {scope}
    assert found[scope] == HookStatus(AGENT, scope, place / file, True, True, False, ())
    assert remove(AGENT, scope, home, place / "project").action is Action.REMOVED
    assert not (place / file).exists()


def test_the_users_file_is_where_claude_code_looks_for_it(
    place: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(place / "elsewhere"))
    assert add(AGENT, Scope.USER, home, place).file == place / "elsewhere/settings.json"


def test_fail_open_registers_the_opposite_and_back(place: Path, home: Home) -> None:
    file = add(AGENT, Scope.USER, home, place, fail_open=True).file
    assert hook_of(file) == {
        "type": "command",
        "command": hook_file.command(AGENT, home, fail_open=True),
        "timeout": 15,
    }
    assert (at(place, home, Scope.USER).fail_open, at(place, home, Scope.USER).current) == (True, True)
    assert add(AGENT, Scope.USER, home, place).action is Action.UPDATED
    assert hook_of(file)["onFailure"] == "block"
    assert not at(place, home, Scope.USER).fail_open


def test_events_that_are_only_told_of_never_hold_the_agent_up(place: Path, home: Home) -> None:
    hooks = json.loads(add(AGENT, Scope.USER, home, place).file.read_text())["hooks"]
    assert set(hooks) == {
        "PreToolUse",
        "SessionStart",
        "UserPromptSubmit",
        "PostToolUse",
        "PostToolUseFailure",
        "PermissionDenied",
        "PostToolBatch",
        "SubagentStart",
        "SubagentStop",
        "Stop",
        "SessionEnd",
    }
    told = {event: groups[0]["hooks"][0] for event, groups in hooks.items() if event != "PreToolUse"}
    assert {event for event, hook in told.items() if hook.get("async")} == {"SessionStart", "UserPromptSubmit"}
    for hook in told.values():
        assert hook["command"] == hook_file.command(AGENT, home, fail_open=False, lifecycle=True)
        assert "onFailure" not in hook
    tail = hook_file.command(AGENT, home, fail_open=False, lifecycle=True).partition(" || ")[2]
    done = subprocess.run(["/bin/sh", "-c", f"sh -c 'exit 2' || {tail}"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"{}\n")


def test_the_command_names_the_base_interpreter_the_copy_and_the_engine_in_full(home: Home) -> None:
    command = hook_file.command(AGENT, home, fail_open=False)
    python = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    assert command == (
        f"{python} -I -S {home.root}/bin/prempti_hook.py claude_code --home {home.root} --engine {sys.executable} || "
        "{ [ $? = 2 ] || echo 'prempti hook failed: call blocked' >&2; exit 2; }"
    )


def test_a_home_with_blanks_and_quotes_is_quoted_for_the_shell() -> None:
    command = hook_file.command(AGENT, Home(Path("/tmp/a b/it's")), fail_open=False)
    printed = subprocess.run(
        ["/bin/sh", "-c", "for w in " + command.partition(" || ")[0] + '; do echo "$w"; done'],
        capture_output=True,
        check=True,
    )
    assert "/tmp/a b/it's/bin/prempti_hook.py" in printed.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("fail_open", "code", "stdout", "stderr"),
    [
        (False, 2, b"", b"prempti hook failed: call blocked\n"),
        (True, 0, b"{}\n", b"prempti hook failed: call passed unjudged\n"),
    ],
)
@pytest.mark.parametrize("ending", ["exit 1", "exit 127", "kill -SEGV $$", "exec /no/such/interpreter"])
def test_the_command_answers_for_a_hook_that_cannot(
    home: Home, fail_open: bool, code: int, stdout: bytes, stderr: bytes, ending: str
) -> None:
    tail = hook_file.command(AGENT, home, fail_open=fail_open).partition(" || ")[2]
    done = subprocess.run(["/bin/sh", "-c", f"/bin/sh -c '{ending}' 2>&- || {tail}"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (code, stdout)
    assert done.stderr.endswith(stderr)


@pytest.mark.parametrize("ending", ["exit 1", "kill -SEGV $$", "echo {; exit 1"])
def test_the_command_says_on_standard_output_that_a_hook_failed_where_the_agent_reads_that(
    home: Home, ending: str
) -> None:
    tail = hook_file.command("copilot", home, fail_open=False, denial=DENIAL).partition(" || ")[2]
    done = subprocess.run(["/bin/sh", "-c", f"/bin/sh -c '{ending}' 2>&- || {tail}"], capture_output=True, check=False)
    assert done.returncode == 2
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"permissionDecision": "deny", "permissionDecisionReason": "prempti hook failed: call blocked"}


def test_a_block_that_the_hook_explained_is_not_explained_twice(home: Home) -> None:
    tail = hook_file.command(AGENT, home, fail_open=False).partition(" || ")[2]
    script = f"/bin/sh -c 'echo why >&2; exit 2' || {tail}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"why\n")


def test_the_copy_of_the_hook_is_complete_private_and_renewed_when_it_differs(place: Path, home: Home) -> None:
    assert hook_file.install(home)
    assert not hook_file.install(home)
    assert stat.S_IMODE(home.bin.stat().st_mode) == 0o700
    shipped = {path.name for path in resource("hook/prempti_hook.py").parent.glob("*.py")}
    assert {path.name for path in home.bin.iterdir()} == shipped
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in home.bin.iterdir())
    home.hook.write_text("tampered")
    assert hook_file.problems(home) == [f"{home.bin} holds another version of prempti_hook.py: run premptictl hook add"]
    assert hook_file.install(home)
    assert hook_file.problems(home) == []


def test_a_home_that_cannot_be_written_is_an_error_with_its_place(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(PremptiError, match=f"{place}/file.*the folder cannot be made"):
        add(AGENT, Scope.USER, Home(place / "file"), place)
    assert not (place / "home/.claude").exists()


def test_the_hook_of_another_home_is_replaced_and_can_be_removed_from_here(place: Path, home: Home) -> None:
    other = Home(place / "other")
    file = add(AGENT, Scope.USER, other, place).file
    assert at(place, home, Scope.USER).registered
    assert not at(place, home, Scope.USER).current
    assert f"the hook is registered for another home, {other.root}" in at(place, home, Scope.USER).problems
    assert add(AGENT, Scope.USER, home, place).action is Action.UPDATED
    assert hook_of(file)["command"] == hook_file.command(AGENT, home, fail_open=False)
    add(AGENT, Scope.USER, other, place)
    assert remove(AGENT, Scope.USER, home, place).action is Action.REMOVED


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (sys.executable, "/no/such/python", "names /no/such/python, which does not exist"),
        ("-I -S ", "", "registered in another way"),
        ('"*"', '"Bash"', "registered in another way"),
        ("PreToolUse", "Notification", "registered in another way"),
        ('"PostToolUse"', '"PostToolBatch"', "registered in another way"),
        ('"async": true', '"async": false', "registered in another way"),
        (" 15", " 600", "registered in another way"),
        ('"block"', '"allow"', "registered in another way"),
        ("--home", "--homes '", "registered in another way"),
    ],
)
def test_a_registration_that_was_changed_is_not_current_and_says_why(
    place: Path, home: Home, old: str, new: str, problem: str
) -> None:
    file = add(AGENT, Scope.USER, home, place).file
    text = file.read_text()
    file.write_text(text.replace(old, new))
    found = at(place, home, Scope.USER)
    assert (found.registered, found.current) == (True, False)
    assert any(problem in sentence for sentence in found.problems)
    assert add(AGENT, Scope.USER, home, place).action is Action.UPDATED
    assert file.read_text() == text


@pytest.mark.parametrize("file", ["home/.claude/settings.json", "project/.claude/settings.local.json", "managed.json"])
def test_hooks_switched_off_in_any_file_are_a_problem(place: Path, home: Home, file: str) -> None:
    add(AGENT, Scope.PROJECT, home, place / "project")
    (place / file).parent.mkdir(exist_ok=True)
    (place / file).write_text('{"disableAllHooks": true, "allowManagedHooksOnly": true}')
    found = at(place, home, Scope.PROJECT).problems
    assert f"disableAllHooks in {place / file} switches all hooks off" in found
    assert any("allowManagedHooksOnly" in problem for problem in found) == (file == "managed.json")


def test_a_file_that_cannot_be_parsed_is_a_problem_since_claude_code_ignores_it(place: Path, home: Home) -> None:
    file = add(AGENT, Scope.USER, home, place).file
    file.write_text(file.read_text() + "// mine\n")
    found = at(place, home, Scope.USER)
    assert not found.registered
    assert "this is not JSON" in found.problems[0]


def test_an_unknown_agent_is_refused_with_the_nearest_name(place: Path, home: Home) -> None:
    assert agents() == ("claude_code", "codex", "gemini", "copilot", "cursor", "opencode")
    for act in (
        lambda: add("claude", Scope.USER, home, place),
        lambda: remove("claude", Scope.USER, home, place),
        lambda: status("claude", home, place),
    ):
        with pytest.raises(UnknownAgent, match="did you mean claude_code"):
            act()
