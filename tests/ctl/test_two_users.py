"""Two users of one machine: two homes, two engines, and neither reaches the other's."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.settings.home import Home
from tests.support.users import User, users

Pair = tuple[User, User]

TRIES = """
import os, pathlib, signal, socket, sys
root = pathlib.Path(sys.argv[1])
def connect(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(path))
tries = {
    "list the home": lambda: os.listdir(root),
    "read the store": lambda: (root / "audit.db").open("rb").read(1),
    "read the key": lambda: (root / "audit.key").open("rb").read(1),
    "read the settings": lambda: (root / "config.yaml").open("rb").read(1),
    "read the log": lambda: (root / "log/engine.log").open("rb").read(1),
    "change a rule": lambda: (root / "rules/user/theirs.yaml").write_text(""),
    "change the hook": lambda: (root / "bin/prempti_hook.py").open("ab").close(),
    "connect to the engine": lambda: connect(root / "run/engine.sock"),
    "connect to approvals": lambda: connect(root / "run/grant.sock"),
    "signal the engine": lambda: os.kill(int(sys.argv[2]), 0),
}
for name, what in tries.items():
    try:
        what()
        print(name, "succeeded", sep=": ")
    except PermissionError:
        print(name, "refused", sep=": ")
    except OSError as error:
        print(name, error, sep=": ")
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two users with an installation each; both homes are in a folder that anybody can enter."""
    folder = Path(tempfile.mkdtemp(prefix="prempti-users-"))
    folder.chmod(0o755)
    found: list[User] = []
    try:
        found = users(folder)
        for user in found:
            user.ok("install", "--no-service")
        yield found[0], found[1]
    finally:
        for user in found:
            user.ctl("stop", "--keep-hooks")
        shutil.rmtree(folder)


def guard_home(user: User) -> Path:
    return user.home / ".prempti"


def pid(user: User) -> int:
    return int(json.loads(user.ok("status", "--format", "json"))["pid"])


def call(user: User, command: str) -> None:
    """A call of Claude Code, as the hook of ``user`` gets it."""
    payload = json.dumps(
        {
            "session_id": f"of-{user.uid}",
            "cwd": str(user.home),
            "hook_event_name": "PreToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": command},
            "tool_use_id": "t",
        }
    )
    settings = json.loads((user.home / ".claude/settings.json").read_text())
    registered = settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"]
    done = user.runs("/bin/sh", "-c", f'printf %s "$PAYLOAD" | {{ {registered}; }}', PAYLOAD=payload)
    assert done.returncode == 0, done.stderr


def test_each_sees_the_calls_of_its_own_agents_only(pair: Pair) -> None:
    one, other = pair
    call(one, "echo from-one")
    call(other, "echo from-other")
    assert pid(one) != pid(other)
    assert "from-one" in one.ok("logs")
    assert "from-other" not in one.ok("logs")
    assert "from-other" in other.ok("logs")
    assert "from-one" not in other.ok("logs")


def test_what_one_switches_or_stops_the_other_does_not_notice(pair: Pair) -> None:
    one, other = pair
    one.ok("mode", "monitor")
    assert one.ok("mode") == "monitor\n"
    assert other.ok("mode") == "guardrails\n"
    before = pid(other)
    one.ok("stop", "--keep-hooks")
    assert pid(other) == before
    one.ok("start")
    one.ok("mode", "guardrails")


def test_another_user_reaches_nothing(pair: Pair) -> None:
    one, other = pair
    script = ("-I", "-c", TRIES, str(guard_home(one)), str(pid(one)))
    own = one.runs(one.python, *script).stdout.splitlines()
    tried = other.runs(other.python, *script).stdout.splitlines()
    assert [line for line in own if not line.endswith("succeeded")] == []
    assert len(tried) == len(own)
    assert [line for line in tried if not line.endswith("refused")] == []
    (guard_home(one) / "rules/user/theirs.yaml").unlink()


def test_premptictl_on_the_home_of_somebody_else_says_so(pair: Pair) -> None:
    one, other = pair
    for command in ("status", "logs", "mode", "doctor", "uninstall"):
        done = other.ctl(command, PREMPTI_HOME=str(guard_home(one)))
        assert done.returncode != 0, command
        assert "Traceback" not in done.stdout + done.stderr
        assert "ermission denied" in done.stdout + done.stderr, command
    assert pid(one)


def test_a_folder_for_the_socket_that_another_user_made_first_is_refused(pair: Pair) -> None:
    one, other = pair
    long = one.home / ("x" * 120)
    name = Home(long).socket.parent.name.replace(f"-{os.geteuid()}-", f"-{one.uid}-")
    planted = Path("/tmp") / name
    planted.mkdir(mode=0o777)
    os.chown(planted, other.uid, other.uid)
    try:
        done = one.ctl("start", PREMPTI_HOME=str(long))
        assert done.returncode != 0
        assert str(planted) in done.stderr
    finally:
        one.ctl("stop", "--keep-hooks", PREMPTI_HOME=str(long))
        planted.rmdir()
