"""Whatever the pages tell a reader to type is typed here, in order, in a HOME where somebody works."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import prempti_otel
from prempti_otel.ctl.app import cli
from prempti_otel.settings.home import Home
from tests.docs.pages import PAGES, ROOT, Command, Written, mentioned, steps
from tests.support.ctl import PREMPTICTL, Ctl
from tests.support.otlp import OtlpReceiver

ENDLESS = "logs -f"
"""Goes on until it is interrupted."""
A_RECORD = "17"
"""The number that stands for any record."""
A_RECEIVER = "http://127.0.0.1:4317"
"""What stands for any receiver."""
NOT_RUN = {
    "~/.prempti/bin/premptictl uninstall --keep-user-rules": "it is Falco's Prempti that is removed there",
    'sudo env PREMPTI_HOME="$HOME/.prempti" premptictl hook add claude_code --scope managed': "writes below /etc",
    "premptictl rules trust .prempti/rules/NAME.yaml": "asks a person",
    "premptictl approve 7KQ2-M4XP": "asks a person",
    "premptictl approve --last --for 1h": "asks a person",
    "premptictl hook add claude_code --transport http": "needs Claude Code",
    "premptictl hook add claude_code --transport http --rotate": "needs Claude Code",
}
FOLLOWED = [page for page in PAGES if page.name != "agents.md" and any(steps(page))]
"""agents.md shows the forms of a command, no commands."""
ALL_PAGES = sorted({*PAGES, *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"})
FAILS_WITH_STATUS_1 = {"doctor"}
"""May find something on the machine that runs the tests."""


def understood(line: str) -> None:
    words = shlex.split(line)
    command: click.Command = cli
    context = click.Context(cli, info_name="premptictl")
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    command.make_context(command.name, words, parent=context)


MENTIONED = sorted({(page.name, line) for page in PAGES for line in mentioned(page)})


@pytest.mark.parametrize(("page", "line"), MENTIONED)
def test_a_command_in_running_text_is_understood(page: str, line: str) -> None:
    line = line.replace("...", "")
    if re.fullmatch(r"[a-z -]+", line) and not line.startswith("rules check "):
        command: click.Command = cli
        for word in (word for word in line.split() if not word.startswith("-")):
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(cli), word)
            assert found is not None, line
            command = found
        return
    understood(re.sub(r"\bFILE\b", str(ROOT / "README.md"), line))


def test_pages_have_commands() -> None:
    assert len(FOLLOWED) > 5
    assert len(MENTIONED) > 15


def test_no_command_is_left_out_without_being_there() -> None:
    lines = {step.line for page in PAGES for step in steps(page) if isinstance(step, Command)}
    assert set(NOT_RUN) <= lines


class Reader:
    """Types commands and writes files in a HOME, as a page says."""

    def __init__(self, ctl: Ctl) -> None:
        self.ctl = ctl
        self.project = ctl.user_home / "project"
        (self.project / ".git").mkdir(parents=True)
        (ctl.user_home / ".claude").mkdir()
        ctl.ok("install")
        ctl.judged("Bash", {"command": "make test"})
        self.endpoint = A_RECEIVER
        self.record = ctl.judged("Bash", {"command": "make deploy ENV=staging"})

    def write(self, path: str, text: str) -> None:
        file = self.project / path.replace("~", str(self.ctl.user_home))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def export_to(self, endpoint: str) -> None:
        """Have a destination of the name that pages use."""
        with (self.ctl.guard_home / "config.yaml").open("a") as file:
            file.write(f"export: [{{name: team, OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint}}}]\n")
        self.endpoint = endpoint

    def run(self, line: str) -> None:
        line = re.sub(rf"\b{A_RECORD}\b", str(self.record), line.removeprefix("premptictl "))
        line = line.replace(A_RECEIVER, self.endpoint).split(" | ")[0]
        words = [word.replace("~/", f"{self.ctl.user_home}/") for word in shlex.split(line)]
        process = subprocess.Popen(
            [PREMPTICTL, *words],
            env=self.ctl.env,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            if line == ENDLESS:
                assert process.stdout is not None
                assert process.stdout.readline(), f"{line} ended by itself"
                process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=120)
        allowed = {0, 1} if line in FAILS_WITH_STATUS_1 else {0, 130} if line == ENDLESS else {0}
        assert process.returncode in allowed, f"premptictl {line}: {process.returncode}\n{said}"


@pytest.fixture
def reader(ctl: Ctl) -> Iterator[Reader]:
    yield Reader(ctl)
    if Home(ctl.guard_home).engine_lock.exists():
        ctl("stop", "--keep-hooks")


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver("grpc") as found:
        yield found


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_a_page_can_be_followed(page: Path, reader: Reader, request: pytest.FixtureRequest) -> None:
    if A_RECEIVER in page.read_text():
        reader.export_to(request.getfixturevalue("receiver").endpoint)
    for step in steps(page):
        if isinstance(step, Written):
            reader.write(step.path, step.text)
        elif step.line not in NOT_RUN:
            reader.run(step.line)


def test_what_the_tutorial_makes_asks_about_the_deployment_alone(reader: Reader) -> None:
    for step in steps(ROOT / "docs/tutorial-rule.md"):
        if isinstance(step, Written):
            reader.write(step.path, step.text)
    assert "ask" in reader.ctl.ok("explain", "cd infra; t=deploy; make $t").split("verdict:")[1]
    assert "Deployments" not in reader.ctl.ok("explain", "make -n deploy")


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_links_and_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    for target in re.findall(r"`((?:collector-config|dashboards|docs|hook|bench)/[\w./-]+)`", text):
        assert (ROOT / target).exists(), target


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target).resolve()
        for page in ALL_PAGES
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    }
    assert {page for page in ALL_PAGES if page.parent.name == "docs"} <= linked


def test_the_plugin_has_the_version_of_the_package() -> None:
    manifest = (ROOT / ".claude-plugin/plugin.json").read_text()
    assert f'"version": "{prempti_otel.__version__}"' in manifest
