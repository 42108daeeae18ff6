"""A person at a terminal approves a call; an agent and what it started cannot, as far as that can be seen."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import AdminBody, body_of
from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.engine.approvals.listener import Request, ask
from prempti_otel.engine.client import EngineClient
from prempti_otel.errors import PremptiError
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from tests.support.agent_payloads import codex
from tests.support.approvers import skip_below_an_agent
from tests.support.ctl import PREMPTICTL, Ctl
from tests.support.engine_process import kill, make_home
from tests.support.rulesets import RULES
from tests.support.terminal import Terminal

CONFIRM = "Type yes to approve this call: "


class Desk:
    """A running engine, Codex that asks it, and a terminal with nothing of an agent's."""

    def __init__(self, ctl: Ctl) -> None:
        self.ctl = ctl
        self.home = Home(ctl.guard_home)
        self.session = "0199-c0de"
        make_home(self.home.root, RULES)
        ctl.ok("start")
        self.path = f"{PREMPTICTL.parent}:/usr/bin:/bin"

    def codex(self, command: str, parent_pid: int = 0) -> bool:
        """Whether the call may run."""
        with EngineClient(self.home) as engine:
            payload = json.dumps(codex("Bash", {"command": command}, session_id=self.session)).encode()
            reply = engine.hook("codex", payload, parent_pid=parent_pid)
        assert reply.exit_code == 0
        return bool(json.loads(reply.stdout) == {})

    def waiting(self, command: str = "ask-me", parent_pid: int = 0) -> str:
        """The ID of a call that waits for approval."""
        assert not self.codex(command, parent_pid)
        with StoreReader(self.home) as reader:
            (record,) = reader.decisions(newest=True, limit=1)
        decision = record.body["decision"]
        assert isinstance(decision, dict)
        return str(decision["approval"])

    def recorded(self, action: str, name: str) -> list[AdminBody]:
        """What is on record of the approval called ``name``, or ``--last``."""
        with StoreReader(self.home) as reader:
            bodies = [body_of(record, AdminBody) for record in reader.records(kinds=[RecordKind.ADMIN])]
        return [body for body in bodies if body.action == action and body.detail["id"] == name]


@pytest.fixture(scope="module", autouse=True)
def no_agent_runs_these_tests() -> None:
    skip_below_an_agent()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One engine for the tests that tell their calls apart by session."""
    ctl = Ctl(tmp_path_factory.mktemp("home"))
    yield Desk(ctl)
    ctl.ok("stop", "--keep-hooks")


@pytest.fixture
def desk(shared: Desk, request: pytest.FixtureRequest) -> Desk:
    shared.session = request.node.name
    return shared


@pytest.fixture
def fresh(ctl: Ctl) -> Desk:
    """An engine that knows of no call."""
    return Desk(ctl)


@pytest.fixture
def terminal(shared: Desk) -> Iterator[Terminal]:
    with opened(shared) as found:
        yield found


@contextlib.contextmanager
def opened(desk: Desk) -> Iterator[Terminal]:
    found = Terminal(desk.ctl.user_home, desk.path, {"TERM": "dumb"})
    try:
        yield found
    finally:
        found.close()


def approve(terminal: Terminal, *words: str, answer: str = "yes") -> str:
    """What is shown; ``answer`` is typed where it is asked for."""
    terminal.type(" ".join(("premptictl approve", *words)))
    terminal.wait_for(CONFIRM)
    terminal.type(answer)
    screen = terminal.wait()
    return f"{terminal.transcript}\n{screen.status}"


def test_a_person_at_a_terminal_lets_a_call_pass_once(desk: Desk, terminal: Terminal) -> None:
    name = desk.waiting("ask-me now")
    shown = approve(terminal, name)
    for told in (f"codex, session {desk.session}", "/home/ada/engine", "ask-me now", "Ask marker: please confirm Bash"):
        assert told in shown
    assert "approved: this call passes once within 10 min" in shown
    assert [desk.codex("ask-me now") for _ in range(2)] == [True, False]
    logged = desk.ctl.ok("logs", "-n", "100")
    assert f"(enforced: deny; premptictl approve {name})" in logged
    assert f"(approved by a person: {name})" in logged
    (given,) = desk.recorded("approve", name)
    giver = given.detail["giver"]
    assert isinstance(giver, dict)
    assert giver["terminal"].startswith("/dev/")
    assert giver["processes"][0].endswith("premptictl")
    assert any(process.endswith(" bash") for process in giver["processes"])


@pytest.mark.parametrize("answer", ["", "y", "no", "yes please"])
def test_what_is_not_confirmed_is_not_approved(desk: Desk, terminal: Terminal, answer: str) -> None:
    name = desk.waiting()
    assert "not approved" in approve(terminal, name, answer=answer)
    assert not desk.codex("ask-me")
    assert desk.recorded("approve", name) == []


def test_what_was_typed_before_the_question_is_no_answer(desk: Desk, terminal: Terminal) -> None:
    name = desk.waiting()
    terminal.type(f"premptictl approve {name}")
    for _ in range(20):
        terminal.type("yes")
    terminal.wait_for(CONFIRM)
    terminal.type("no")
    terminal.wait()
    assert not desk.codex("ask-me")


def test_the_last_call_and_a_time_can_be_named(desk: Desk, terminal: Terminal) -> None:
    desk.waiting("ask-me 1")
    desk.waiting("ask-me 2")
    assert "as often as it is made within 60 min" in approve(terminal, "--last --for 1h")
    assert [desk.codex("ask-me 2") for _ in range(3)] == [True] * 3
    assert not desk.codex("ask-me 1")


def test_calls_that_wait_and_approvals_are_listed(fresh: Desk) -> None:
    assert fresh.ctl.ok("approvals").strip() == "no call waits for approval, and none is approved"
    assert json.loads(fresh.ctl.ok("approvals", "--format", "json")) == []
    one, two = fresh.waiting("ask-me 1"), fresh.waiting("ask-me 2")
    with opened(fresh) as terminal:
        approve(terminal, two)
    lines = fresh.ctl.ok("approvals").splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[one, "waits"], [two, "approved,"]]
    assert "Bash ask-me 1" in lines[0]
    listed = json.loads(fresh.ctl.ok("approvals", "--format", "json"))
    assert [(each["id"], each["state"], each["once"]) for each in listed] == [
        (one, "waits", False),
        (two, "approved", True),
    ]
    fresh.codex("ask-me 2")
    assert [each["state"] for each in json.loads(fresh.ctl.ok("approvals", "--format", "json"))] == ["waits", "waits"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name the ID"),
        (("X", "--last"), "name the ID"),
        (("X", "--for", "25h"), "at most 24h"),
        (("X", "--for", "soon"), "is no time"),
        (("X", "--for", "0s"), "is no time"),
        (("7KQ2-M4XP",), "no call waits for approval as '7KQ2-M4XP'"),
    ],
)
def test_what_cannot_be_approved_is_told(desk: Desk, terminal: Terminal, arguments: tuple[str, ...], told: str) -> None:
    shown = terminal.run(" ".join(("premptictl approve", *arguments)), status=None)
    assert told in " ".join(shown.split())
    assert "Traceback" not in shown


def test_an_approval_outlives_an_engine_that_is_killed(fresh: Desk) -> None:
    with opened(fresh) as terminal:
        approve(terminal, fresh.waiting())
    kill(int(fresh.home.engine_lock.read_text()))
    fresh.ctl.ok("start")
    assert [fresh.codex("ask-me") for _ in range(2)] == [True, False]


def test_what_the_call_says_cannot_drive_the_terminal(desk: Desk, terminal: Terminal) -> None:
    name = desk.waiting("ask-me \x1b[2J\u202e \x07 [bold]x[/bold]\nsecond line")
    terminal.type(f"premptictl approve {name}")
    terminal.wait_for("second line")
    terminal.wait_for(CONFIRM)
    assert r"ask-me \x1b[2J\u202e \x07 [bold]x[/bold]" in terminal.transcript
    terminal.type("no")
    terminal.wait()


def test_a_call_that_is_not_shown_whole_says_so(desk: Desk, terminal: Terminal) -> None:
    token = "ghp_" + "x1Y2" * 9
    shown = approve(terminal, desk.waiting(f"ask-me {token}"), answer="no")
    assert token not in shown
    assert "redacted or cut here" in shown


def test_without_a_terminal_nothing_is_approved(desk: Desk) -> None:
    name = desk.waiting()
    done = desk.ctl("approve", name, stdin=b"yes\n")
    assert done.returncode == ExitCode.FAILED
    assert "at a terminal" in done.stderr
    with pytest.raises(PremptiError, match="this process has none"):
        raise_without_terminal(desk, name)
    assert not desk.codex("ask-me")
    assert "at a terminal only" in str(desk.recorded("approve-refused", name)[-1].detail["reason"])


def raise_without_terminal(desk: Desk, name: str) -> None:
    """Ask as the engine's socket is asked, by a process of its own that has no terminal."""
    code = (
        "import sys; from pathlib import Path; from prempti_otel.engine.approvals.listener import ask, Request;"
        "from prempti_otel.settings.home import Home;"
        "ask(Home(Path(sys.argv[1])), Request(sys.argv[2], give=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(desk.home.root), name],
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        raise PremptiError(done.stderr.strip().splitlines()[-1])


AGENT = """
import os, pty, sys
print(os.getpid(), flush=True)
sys.stdin.readline()
command = sys.argv[1:]
child, master = pty.fork()
if not child:
    os.execvp(command[0], command)
typed, read = False, b""
while True:
    try:
        more = os.read(master, 4096)
    except OSError:
        break
    if not more:
        break
    read += more
    if b"Type yes" in read and not typed:
        os.write(master, b"yes\\n")
        typed = True
os.waitpid(child, 0)
sys.stdout.write(read.decode())
"""
WRAPPINGS: dict[str, str] = {
    "as it is": "premptictl approve {}",
    "by a shell": "sh -c 'premptictl approve {}; true'",
    "in a session of its own": "setsid -w -c premptictl approve {}",
    "without hangups": "sh -c 'trap \"\" HUP; premptictl approve {}; true'",
    "in another terminal": "script -qec 'premptictl approve {}' /dev/null",
    "by Python": f'{sys.executable} -c \'from prempti_otel.ctl.app import run; run(["approve", "{{}}"])\'',
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_an_agent_started_cannot_approve_even_in_a_terminal(desk: Desk, tmp_path: Path, wrapping: str) -> None:
    """The agent is known by its process: it ran the hook."""
    script = tmp_path / "someone.py"
    script.write_text(AGENT)
    variables = desk.ctl.env | {"PATH": desk.path, "TERM": "dumb"}
    command = ["sh", "-c", WRAPPINGS[wrapping].format("--last")]
    with subprocess.Popen(
        [sys.executable, script, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, text=True
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        name = desk.waiting(parent_pid=int(agent.stdout.readline()))
        shown, _ = agent.communicate("go\n", timeout=300)
    assert "a coding agent" in shown, shown
    assert not desk.codex("ask-me")
    assert desk.recorded("approve", name) == []
    assert desk.recorded("approve-refused", name)


def test_the_hooks_shell_is_not_taken_for_the_agent(desk: Desk, tmp_path: Path) -> None:
    """Agents run hooks by ``sh -c``; who started that is the agent."""
    script = tmp_path / "someone.py"
    script.write_text(
        "import subprocess, sys\n"
        "p = subprocess.Popen(['sh', '-c', 'echo $$; read x; true'], stdin=0)\n"
        "p.wait()\n" + AGENT
    )
    with subprocess.Popen(
        [sys.executable, script, "sh", "-c", "premptictl approve --last"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=desk.ctl.env | {"PATH": desk.path, "TERM": "dumb"},
        text=True,
        bufsize=1,
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        desk.waiting(parent_pid=int(agent.stdout.readline()))
        agent.stdin.write("on\n")
        agent.stdout.readline()
        shown, _ = agent.communicate("go\n", timeout=300)
    assert "a coding agent" in shown, shown
    assert not desk.codex("ask-me")


@pytest.mark.parametrize("title", ["claude", "/opt/x/codex", "gemini", "cursor-agent"])
def test_what_runs_below_a_program_with_an_agents_name_cannot_approve(
    desk: Desk, terminal: Terminal, title: str
) -> None:
    desk.waiting()
    shown = terminal.run(f"(exec -a {title} bash -c 'premptictl approve --last; true')", status=None)
    assert "a coding agent" in shown
    assert not desk.codex("ask-me")


def test_a_script_with_an_agents_name_counts_too(desk: Desk, terminal: Terminal) -> None:
    desk.waiting()
    script = desk.ctl.user_home / "gemini.js"
    script.write_text("import os, sys\nos.system('premptictl approve --last')\n")
    shown = terminal.run(f"(exec -a node {sys.executable} {script})", status=None)
    assert "a coding agent" in shown


def test_what_an_agent_left_in_the_environment_tells_on_it(desk: Desk, terminal: Terminal) -> None:
    desk.waiting()
    shown = terminal.run("CLAUDECODE=1 sh -c 'env -u CLAUDECODE premptictl approve --last; true'", status=None)
    assert "the variable CLAUDECODE" in " ".join(shown.split())
    assert not desk.codex("ask-me")


def test_the_engines_other_socket_approves_nothing() -> None:
    from prempti_otel.proto.prempti.v1 import engine_pb2

    methods = engine_pb2.DESCRIPTOR.services_by_name["Engine"].methods_by_name
    assert "Approvals" in methods
    assert not [name for name in methods if name.lower() in ("approve", "give", "grant")]


@pytest.mark.parametrize(
    "line", [b"", b"{", b"{}", b'{"id": 1}\n', b'{"id":"x","seconds":-5,"give":true}\n', b"x" * 9000]
)
def test_nonsense_on_the_socket_is_answered_and_holds_nothing_up(desk: Desk, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(desk.home.approval_socket))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        assert json.loads(connection.recv(4096))["error"]
    with pytest.raises(PremptiError):
        ask(desk.home, Request("7KQ2-M4XP"))
    assert desk.home.approval_socket.stat().st_mode & 0o777 == 0o600
