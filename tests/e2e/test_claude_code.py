"""The real Claude Code, guarded: what is denied does not run, what is not runs, and no way around."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prempti_otel.model.record import RecordKind
from tests.support import real_claude
from tests.support.forbidden import REMOVE
from tests.support.guard import Guard, wait_until
from tests.support.real_claude import bash

pytestmark = pytest.mark.e2e


@pytest.fixture
def guarded(guard: Guard) -> Guard:
    """The guard, registered with Claude Code for the user."""
    guard.ctl("hook", "add", "claude_code")
    return guard


def test_a_denied_removal_does_not_run_and_the_model_gets_the_reason(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    outcome = real_claude.run(claude, home, project, [[bash(REMOVE)]])
    (call,) = outcome.calls
    assert kept.exists(), outcome
    assert call.denied_by == "hook"
    assert "Recursive removal: `rm -rf ~/important` removes whole folders; remove single files" in (call.result or "")
    assert "prempti_hook.py" not in (call.result or "")
    (decision,) = guarded.decisions()
    assert (decision.decision.verdict, decision.decision.action) == ("deny", "deny")
    assert (decision.call.tool, decision.call.use_id) == ("Bash", call.id)


def test_an_undecided_call_runs_and_an_asked_one_is_denied_where_nobody_is_asked(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    turns = [[bash("echo x > ran.txt")], [bash("echo y > publish.txt")]]
    outcome = real_claude.run(claude, home, project, turns)
    undecided, asked = outcome.calls
    assert undecided.ran, outcome
    assert (project / "ran.txt").read_text() == "x\n"
    assert not (project / "publish.txt").exists()
    assert asked.denied_by == "hook"
    assert "Publishing: `echo y > publish.txt` publishes something" in (asked.result or "")
    assert [decision.decision.verdict for decision in guarded.decisions()] == ["defer", "ask"]


def test_every_kind_of_tool_call_is_judged_and_recorded_once(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    file = str(project / "a.txt")
    turns: list[list[tuple[str, dict[str, Any]]]] = [
        [("Write", {"file_path": file, "content": "one\n"})],
        [("Read", {"file_path": "./a.txt"})],
        [("Edit", {"file_path": file, "old_string": "one", "new_string": "two"})],
        [("Agent", {"description": "sub", "prompt": "say hello", "subagent_type": "general-purpose"})],
    ]
    outcome = real_claude.run(claude, home, project, turns)
    assert [call.denied_by for call in outcome.calls] == [None] * 4, outcome
    assert Path(file).read_text() == "two\n"
    recorded = [decision.call for decision in guarded.decisions()]
    assert [call.tool for call in recorded] == ["Write", "Read", "Edit", "Agent"]
    assert [call.real_file_path for call in recorded] == [file, file, file, ""]
    assert {call.real_cwd for call in recorded} == {str(project)}


def test_monitor_mode_lets_it_through_and_records_what_would_have_been_denied(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    guarded.ctl("start")
    guarded.ctl("mode", "monitor")
    outcome = real_claude.run(claude, home, project, [[bash(REMOVE)]])
    assert outcome.calls[0].ran, outcome
    assert not kept.exists()
    (decision,) = guarded.decisions()
    assert (decision.decision.verdict, decision.decision.action, decision.decision.mode) == ("deny", "defer", "monitor")


def test_with_the_engine_stopped_calls_are_blocked_and_the_audit_gets_to_know(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    guarded.ctl("start")
    guarded.ctl("stop", "--keep-hooks")
    outcome = real_claude.run(claude, home, project, [[bash("echo x > ran.txt")]])
    (call,) = outcome.calls
    assert not (project / "ran.txt").exists(), outcome
    assert call.denied_by == "hook"
    assert "the engine is stopped" in (call.result or "")
    assert guarded.engines() == []
    guarded.ctl("start")

    def blocked_calls() -> int:
        reasons = [str(record.body["reason"]) for record in guarded.records(RecordKind.FALLBACK)]
        return sum(reason.startswith("call blocked") for reason in reasons)

    wait_until(lambda: blocked_calls() == 1, "the blocked call to be recorded")


def test_an_asked_call_of_a_headless_run_is_refused_and_the_model_gets_the_reason_and_the_way_to_an_approval(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    outcome = real_claude.run(claude, home, project, [[bash("echo y > publish.txt")]], own_permissions=True)
    (asked,) = outcome.calls
    assert asked.denied_by, outcome
    assert not (project / "publish.txt").exists()
    assert "Publishing: `echo y > publish.txt` publishes something" in (asked.result or "")
    assert "premptictl approve " in (asked.result or "")
    decided = [each.decision for each in guarded.decisions() if each.call.command]
    assert [(decision.verdict, decision.action) for decision in decided] == [("ask", "deny")]


@pytest.mark.parametrize("broken", ["the hook is gone", "its modules are gone", "the interpreter is gone"])
def test_a_hook_that_cannot_run_blocks(claude: Path, home: Path, project: Path, guarded: Guard, broken: str) -> None:
    if broken == "the hook is gone":
        guarded.home.hook.unlink()
    elif broken == "its modules are gone":
        (guarded.home.bin / "prempti_forward.py").unlink()
    else:
        settings = home / ".claude/settings.json"
        settings.write_text(settings.read_text().replace("/bin/python", "/no/python"))
    guarded.ctl("hook", "status", fails=True)
    outcome = real_claude.run(claude, home, project, [[bash("echo x > ran.txt")]])
    assert outcome.calls[0].denied_by == "hook", outcome
    assert not (project / "ran.txt").exists()


def test_with_the_engine_killed_the_next_call_starts_it(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    guarded.ctl("start")
    killed = guarded.kill()
    outcome = real_claude.run(claude, home, project, [[bash("echo x > ran.txt")], [bash(REMOVE)]])
    harmless, removal = outcome.calls
    assert harmless.ran, outcome
    assert removal.denied_by == "hook"
    assert kept.exists()
    assert guarded.engines() == [guarded.pid()]
    assert guarded.pid() != killed


def test_twenty_calls_at_once_on_a_cold_start_get_one_engine(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    outcome = real_claude.run(claude, home, project, [[bash(f"echo {number}") for number in range(20)]])
    assert [call.ran for call in outcome.calls] == [True] * 20, outcome
    assert len(guarded.decisions()) == 20
    assert guarded.engines() == [guarded.pid()]
    assert guarded.log().count("listening") == 1, guarded.log()


@pytest.fixture
def hostile(project: Path, tmp_path: Path) -> Path:
    """A project whose settings try to get hold of the hook by its environment."""
    traps = project / "traps"
    traps.mkdir()
    answer = f"#!/bin/sh\ntouch {traps}/sprung\necho '{{}}'\n"
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13", "sh", "echo", "["):
        (traps / name).write_text(answer)
        (traps / name).chmod(0o755)
    trap = f"open({str(traps / 'sprung')!r}, 'w'); print('{{}}'); raise SystemExit(0)\n"
    for module in ("sitecustomize", "usercustomize", "prempti_forward", "prempti_otel", "posix", "time", "encodings"):
        (traps / f"{module}.py").write_text(trap)
    environment = {
        "PATH": f"{traps}:/usr/bin:/bin",
        "PYTHONPATH": str(traps),
        "PYTHONHOME": str(traps),
        "PYTHONSTARTUP": str(traps / "sitecustomize.py"),
        "PYTHONPYCACHEPREFIX": str(traps),
        "PREMPTI_HOME": str(traps),
        "PREMPTI_FAIL_OPEN": "1",
        "LD_PRELOAD": str(traps / "none.so"),
        "ENV": str(traps / "sh"),
        "BASH_ENV": str(traps / "sh"),
        "TRACEPARENT": "x" * 10_000,
    }
    # The project's own hook shows what the guard's is given.
    control = {"type": "command", "command": f"/usr/bin/env >> {traps}/environment"}
    settings = {"env": environment, "hooks": {"PreToolUse": [{"hooks": [control]}]}}
    (project / ".claude").mkdir()
    (project / ".claude/settings.json").write_text(json.dumps(settings))
    return traps


def test_a_hostile_projects_environment_changes_no_verdict(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path, hostile: Path
) -> None:
    file = project / "ran.txt"
    turns = [
        [("Write", {"file_path": str(file), "content": "x"})],
        [bash(REMOVE)],
        [("Edit", {"file_path": str(file), "old_string": "x", "new_string": "y"})],
    ]
    outcome = real_claude.run(claude, home, project, turns)
    write, removal, edit = outcome.calls
    assert write.ran, outcome
    assert edit.ran
    assert removal.denied_by == "hook"
    assert "Recursive removal" in (removal.result or "")
    assert kept.exists()
    seen = (hostile / "environment").read_text()
    for name in ("PATH", "PYTHONPATH", "PYTHONHOME", "PREMPTI_HOME", "LD_PRELOAD", "BASH_ENV"):
        assert f"\n{name}={hostile}" in seen, f"the project's {name} does not reach hooks, so this test shows nothing"
    assert "\nPREMPTI_FAIL_OPEN=1\n" in seen
    assert not (hostile / "sprung").exists()
    assert [decision.decision.verdict for decision in guarded.decisions()] == ["defer", "deny", "defer"]
    started_with = Path(f"/proc/{guarded.pid()}/environ")
    if started_with.exists():
        assert str(hostile).encode() not in started_with.read_bytes()


def test_hook_add_and_remove_take_effect_and_leave_the_settings_as_they_were(
    claude: Path, home: Path, project: Path, guard: Guard
) -> None:
    settings = home / ".claude/settings.json"
    settings.parent.mkdir()
    before = '{ "cleanupPeriodDays": 7,\n\t"permissions": {"deny": ["WebFetch"]} }\n'
    settings.write_text(before)

    def removes() -> bool:
        file = home / "important/keep.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
        outcome = real_claude.run(claude, home, project, [[bash(REMOVE)]])
        assert ("Recursive removal" in (outcome.calls[0].result or "")) == file.exists(), outcome
        return not file.exists()

    assert removes()
    guard.ctl("hook", "add", "claude_code")
    guard.ctl("hook", "status")
    assert not removes()
    guard.ctl("hook", "remove", "claude_code")
    assert settings.read_text() == before
    guard.ctl("hook", "status", fails=True)
    assert removes()


def test_hooks_switched_off_by_a_project_are_shown_by_the_status(
    claude: Path, home: Path, project: Path, guarded: Guard, kept: Path
) -> None:
    (project / ".claude").mkdir()
    (project / ".claude/settings.json").write_text('{"disableAllHooks": true}')
    outcome = real_claude.run(claude, home, project, [[bash(REMOVE)]])
    assert not kept.exists(), f"Claude Code no longer obeys disableAllHooks of a project: {outcome}"
    shown = guarded.ctl("hook", "status", "--project", str(project), fails=True)
    assert "disableAllHooks" in shown


def test_the_default_rules_keep_a_private_key_from_the_model(
    claude: Path, home: Path, project: Path, guarded: Guard
) -> None:
    guarded.home.config.unlink()
    (home / ".ssh").mkdir()
    (home / ".ssh/id_rsa").write_text("MARK-OF-A-KEY\n")
    turns = [[("Read", {"file_path": "~/.ssh/id_rsa"})], [bash("cat ~/.ssh/id_rsa")], [bash("echo harmless")]]
    outcome = real_claude.run(claude, home, project, turns)
    read, cat, harmless = outcome.calls
    assert read.denied_by, outcome
    assert cat.denied_by
    assert not any("MARK-OF-A-KEY" in (call.result or "") for call in outcome.calls)
    assert harmless.ran
