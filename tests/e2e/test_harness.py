"""The harness itself: with hooks that need no engine, it must tell a call that ran from one that was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import real_claude

pytestmark = pytest.mark.e2e

DENY = {
    "hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": "deny",
        "permissionDecisionReason": "not on my watch",
    }
}


def register(home: Path, command: str) -> None:
    hook = {"type": "command", "command": command, "timeout": 10, "onFailure": "block"}
    folder = home / ".claude"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"hooks": {"PreToolUse": [{"hooks": [hook]}]}}))


@pytest.mark.parametrize(
    ("command", "ran", "told"),
    [
        ("cat >/dev/null; echo '{}'", True, ""),
        (f"cat >/dev/null; echo '{json.dumps(DENY)}'", False, "not on my watch"),
        ("cat >/dev/null; echo why >&2; exit 2", False, "why"),
        ("exit 1", False, "onFailure"),
        ('cat >/dev/null; echo \'{"systemMessage": "degraded"}\'', True, ""),
    ],
)
def test_a_call_runs_or_does_not_as_the_hook_says(
    claude: Path, home: Path, project: Path, command: str, ran: bool, told: str
) -> None:
    register(home, command)
    outcome = real_claude.run(claude, home, project, [[("Bash", {"command": "echo x > ran.txt", "description": "x"})]])
    (call,) = outcome.calls
    assert (project / "ran.txt").exists() == ran, outcome
    assert call.ran == ran
    assert call.denied_by == (None if ran else "hook")
    assert told in (call.result or "")


def test_a_settings_file_with_a_comment_is_ignored_hooks_and_all(claude: Path, home: Path, project: Path) -> None:
    """Why such a file is refused by ``hook add`` and a problem in ``hook status``."""
    register(home, f"cat >/dev/null; echo '{json.dumps(DENY)}'")
    settings = home / ".claude/settings.json"
    settings.write_text(settings.read_text() + "// mine\n")
    outcome = real_claude.run(claude, home, project, [[("Bash", {"command": "echo x > ran.txt", "description": "x"})]])
    assert outcome.calls[0].ran, outcome
