"""Rules of projects are in force where they are trusted, by content, and nowhere else; installed ones always are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prempti_otel.agents.interface import Reply
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.records import AdminBody, DecisionBody, body_of
from prempti_otel.engine.approvals.calls import Approvals
from prempti_otel.engine.chronicle import Chronicle
from prempti_otel.engine.health import Health
from prempti_otel.engine.history import recall
from prempti_otel.engine.keeper import Keeper
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.pipeline import Pipeline
from prempti_otel.engine.projects import files as project_files
from prempti_otel.engine.projects import rules as projects
from prempti_otel.engine.projects.notices import Notices
from prempti_otel.engine.projects.rules import State
from prempti_otel.engine.projects.trust import read_trust
from prempti_otel.engine.sessions import Sessions
from prempti_otel.engine.trail import Trail
from prempti_otel.errors import PremptiError
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.home import Home
from tests.support.claude_payloads import payload
from tests.support.engine_process import make_home
from tests.support.projects import rule, trust, write_rules

OWN = rule("No tango", "tango")


@dataclass
class Guard:
    """All of the engine but its socket, with a real store; nothing is ever taken from a cache."""

    home: Home
    health: Health = field(default_factory=Health)
    sessions: Sessions = field(default_factory=Sessions)

    def __post_init__(self) -> None:
        self.trail = Trail(self.home, self.health)
        self.keeper = Keeper(self.home, self.health, self.trail)
        self.keeper.load_config()
        assert self.trail.open(self.keeper.config)
        self.keeper.load_rules()
        self.pipeline = Pipeline(
            lambda: self.keeper.policy,
            self.trail,
            self.sessions,
            Numbers(),
            self.health,
            notices=Notices(self.home, self.health, self.trail),
        )

    def trusts(self, *files: Path) -> None:
        trust(self.home, *files)
        self.keeper.poll()

    def call(self, text: str, cwd: Path | str, session: str = "s") -> Reply:
        return self.pipeline.hook("claude_code", payload("Bash", {"command": text}, cwd=str(cwd), session_id=session))

    def verdict(self, text: str, cwd: Path | str, session: str = "") -> str:
        """A session of its own for each call, unless one is named."""
        answer = json.loads(self.call(text, cwd, session or os.urandom(4).hex()).stdout)
        return str(answer.get("hookSpecificOutput", {}).get("permissionDecision", "defer"))

    def admin(self, action: str) -> list[dict[str, Any]]:
        with StoreReader(self.home) as reader:
            bodies = [body_of(record, AdminBody) for record in reader.records(kinds=[RecordKind.ADMIN])]
        return [body.detail for body in bodies if body.action == action]

    def last(self) -> DecisionBody:
        with StoreReader(self.home) as reader:
            return body_of(reader.decisions(newest=True, limit=1)[0], DecisionBody)


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    monkeypatch.setattr(projects, "POLL_S", 0.0)
    made = Guard(make_home(tmp_path / "home"))
    yield made
    made.trail.close()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "packages" / "a").mkdir(parents=True)
    return root.resolve()


def test_rules_that_nobody_trusts_are_not_in_force_and_the_user_is_told_once_a_session(
    guard: Guard, repo: Path
) -> None:
    write_rules(repo, OWN)
    first = guard.call("tango", repo)
    assert "premptictl rules trust" in json.loads(first.stdout)["systemMessage"]
    assert guard.call("tango", repo).stdout == b"{}"
    assert "systemMessage" in json.loads(guard.call("tango", repo / "packages", "other").stdout)
    assert guard.admin("project-rules-found") == [{"project": str(repo), "files": 1}]
    assert guard.health.sentences() == ()


def test_a_call_that_is_stopped_tells_no_news_and_the_next_one_does(guard: Guard, repo: Path) -> None:
    write_rules(repo, OWN)
    assert b"systemMessage" not in guard.call("deny-me", repo).stdout
    assert b"systemMessage" in guard.call("ls", repo).stdout


def test_trusted_rules_are_in_force_in_the_project_and_nowhere_else(guard: Guard, repo: Path, tmp_path: Path) -> None:
    guard.trusts(write_rules(repo, OWN))
    assert [guard.verdict("tango", place) for place in (repo, repo / "packages" / "a")] == ["deny", "deny"]
    (tmp_path / "repository").mkdir()
    assert [guard.verdict("tango", place) for place in (tmp_path, tmp_path / "repository", "/")] == ["defer"] * 3
    assert guard.verdict("deny-me", repo) == "deny"


def test_what_decided_is_on_record_with_its_file_and_a_digest_of_its_own(
    guard: Guard, repo: Path, tmp_path: Path
) -> None:
    file = write_rules(repo, OWN)
    guard.trusts(file)
    guard.verdict("tango deny-me", repo)
    inside = guard.last()
    assert {match.rule: match.file for match in inside.matches} == {"Deny marker": "", "No tango": str(file)}
    guard.verdict("tango deny-me", tmp_path)
    outside = guard.last()
    assert outside.decision.ruleset_digest == guard.keeper.policy.digest != inside.decision.ruleset_digest
    (told,) = guard.admin("rules-trusted")
    assert (told["file"], told["by"]) == (str(file), "test")
    (loaded,) = guard.admin("project-rules")
    assert loaded["in_force"] == [str(file)]
    both = f"{outside.decision.ruleset_digest}\n{loaded['digest']}"
    assert inside.decision.ruleset_digest == hashlib.sha256(both.encode()).hexdigest()


@pytest.mark.parametrize("edit", [b"#", b" ", b"\n"])
def test_one_byte_more_and_the_file_is_not_in_force(guard: Guard, repo: Path, edit: bytes) -> None:
    file = write_rules(repo, OWN)
    guard.trusts(file)
    assert guard.verdict("tango", repo) == "deny"
    trusted = file.read_bytes()
    file.write_bytes(trusted + edit)
    reply = guard.call("tango", repo, "watched")
    assert "changed since it was trusted" in json.loads(reply.stdout)["systemMessage"]
    assert guard.call("tango", repo, "watched").stdout == b"{}"
    assert str(file) in guard.health.sentences()[0]
    assert guard.admin("project-rules")[-1]["in_force"] == []
    file.write_bytes(trusted)
    assert guard.verdict("tango", repo) == "deny"
    assert guard.health.sentences() == ()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(OWN) - 1), to=st.integers(0, 255))
def test_whichever_byte_is_another_the_file_is_not_in_force(guard: Guard, repo: Path, at: int, to: int) -> None:
    file = write_rules(repo, OWN)
    guard.trusts(file)
    assert guard.verdict("tango", repo) == "deny"
    changed = bytearray(OWN.encode())
    changed[at] = to
    before = file.stat()
    file.write_bytes(changed)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    expected = "deny" if bytes(changed) == OWN.encode() else "defer"
    assert guard.verdict("tango", repo) == expected


def _missing(file: Path) -> None:
    file.unlink()


def _link_to_the_same(file: Path) -> None:
    other = file.parent.parent.parent / "elsewhere.yaml"
    file.rename(other)
    file.symlink_to(other)


def _folder_is_a_link(file: Path) -> None:
    folder = file.parent
    folder.rename(folder.parent / "real")
    folder.symlink_to("real")


def _outer_folder_is_a_link(file: Path) -> None:
    folder = file.parent.parent
    folder.rename(folder.parent / "real")
    folder.symlink_to("real")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _huge(file: Path) -> None:
    with file.open("r+b") as out:
        out.truncate(2**40)


@pytest.mark.parametrize(
    "swap", [_missing, _link_to_the_same, _folder_is_a_link, _outer_folder_is_a_link, _pipe, _folder, _huge]
)
def test_what_takes_the_place_of_a_trusted_file_is_not_in_force(
    guard: Guard, repo: Path, swap: Callable[[Path], None]
) -> None:
    file = write_rules(repo, OWN)
    guard.trusts(file)
    assert guard.verdict("tango", repo) == "deny"
    swap(file)
    assert guard.verdict("tango", repo) == "defer"
    assert guard.verdict("deny-me", repo) == "deny"
    assert str(file) in guard.health.sentences()[0]


def test_the_bytes_that_are_loaded_are_the_bytes_that_were_hashed(
    guard: Guard, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_rules(repo, OWN)
    trust(guard.home, file)
    read = project_files.read

    def read_then_swap(root: str, name: str) -> bytes:
        content = read(root, name)
        file.write_text(rule("No waltz", "waltz"))
        return content

    monkeypatch.setattr(project_files, "read", read_then_swap)
    guard.keeper.poll()
    assert [guard.verdict(word, repo) for word in ("tango", "waltz")] == ["deny", "defer"]


def test_of_a_projects_files_each_is_trusted_by_itself(guard: Guard, repo: Path) -> None:
    one, other = write_rules(repo, OWN, "one.yaml"), write_rules(repo, rule("No waltz", "waltz"), "other.yaml")
    guard.trusts(one)
    assert [guard.verdict(word, repo) for word in ("tango", "waltz")] == ["deny", "defer"]
    guard.trusts(one, other)
    assert [guard.verdict(word, repo) for word in ("tango", "waltz")] == ["deny", "deny"]
    one.write_text("- list: x\n")
    assert [guard.verdict(word, repo) for word in ("tango", "waltz")] == ["defer", "deny"]
    guard.trusts()
    assert guard.verdict("waltz", repo) == "defer"
    assert guard.health.sentences() == ()
    assert len(guard.admin("rules-untrusted")) == 2


def test_a_trusted_file_that_does_not_load_is_told_and_the_others_stay(guard: Guard, repo: Path) -> None:
    bad = write_rules(repo, "- rule: Deny marker\n  enabled: false\n", "bad.yaml")
    guard.trusts(bad, write_rules(repo, OWN))
    assert [guard.verdict(word, repo) for word in ("tango", "deny-me")] == ["deny", "deny"]
    (sentence,) = guard.health.sentences()
    assert f"{bad} is refused: line 1: there is a rule of that name already" in sentence
    assert guard.admin("project-rules")[-1]["not_in_force"]


def test_two_projects_in_one_engine_do_not_see_each_others_rules(guard: Guard, tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    macro = "- macro: same\n  condition: tool.input contains {0}\n- list: same_list\n  items: [{0}]\n"
    guard.trusts(
        *(
            write_rules(root, macro.format(word) + rule("Same name", word))
            for root, word in ((left, "tango"), (right, "waltz"))
        )
    )
    assert guard.verdict("tango", left) == guard.verdict("waltz", right) == "deny"
    assert guard.verdict("waltz", left) == guard.verdict("tango", right) == "defer"


def test_in_a_nested_project_the_rules_of_both_are_in_force(guard: Guard, repo: Path) -> None:
    inner = repo / "packages" / "a"
    (inner / ".git").mkdir()
    guard.trusts(write_rules(repo, OWN), write_rules(inner, rule("No waltz", "waltz")))
    assert [guard.verdict("tango waltz", place) for place in (repo, inner)] == ["deny", "deny"]
    assert [match.rule for match in guard.last().matches] == ["No tango", "No waltz"]
    assert guard.verdict("waltz", repo) == "defer"


def test_a_session_keeps_to_the_rules_of_the_project_it_began_in(guard: Guard, repo: Path, tmp_path: Path) -> None:
    guard.trusts(write_rules(repo, OWN))
    assert guard.verdict("ls", repo, "s") == "defer"
    assert guard.verdict("tango", tmp_path, "s") == "deny"
    assert guard.verdict("tango", tmp_path, "t") == "defer"
    assert guard.verdict("tango", repo, "t") == "deny"


def test_a_link_to_the_project_leads_to_its_rules(guard: Guard, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repo)
    guard.trusts(write_rules(repo, OWN))
    assert guard.verdict("tango", tmp_path / "link" / "packages") == "deny"


def git(folder: Path, *arguments: str) -> None:
    identity = {
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@t",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@t",
    }
    environment = identity | {"PATH": os.defpath, "HOME": "/nonexistent"}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def test_a_linked_working_tree_keeps_to_the_rules_of_its_main_one(guard: Guard, repo: Path, tmp_path: Path) -> None:
    git(repo, "init", "-q")
    git(repo, "commit", "-q", "--allow-empty", "-m", "x")
    git(repo, "worktree", "add", "-q", str(tmp_path / "linked"))
    guard.trusts(write_rules(repo, OWN))
    assert guard.verdict("tango", tmp_path / "linked") == "deny"


def test_who_only_claims_to_be_a_working_tree_of_a_project_is_none(guard: Guard, repo: Path, tmp_path: Path) -> None:
    guard.trusts(write_rules(repo, OWN))
    (tmp_path / "posing").mkdir()
    (tmp_path / "posing" / ".git").write_text(f"gitdir: {repo}/.git/worktrees/posing\n")
    assert guard.verdict("tango", tmp_path / "posing") == "defer"
    assert project_files.main_worktree(str(tmp_path / "posing")) == ""


def test_when_installed_rules_change_those_of_projects_follow(guard: Guard, repo: Path) -> None:
    guard.trusts(write_rules(repo, rule("Own", "x").replace('tool.input contains "x"', "is_it")))
    assert guard.verdict("tango", repo) == "defer"
    assert "is_it" in guard.health.sentences()[0]
    (guard.home.user_rules / "more.yaml").write_text('- macro: is_it\n  condition: tool.input contains "tango"\n')
    guard.keeper.reload()
    assert guard.health.sentences() == ()
    assert guard.verdict("tango", repo) == "deny"
    guard.home.config.write_text("rules: {default: false, disable: [Own]}\n")
    guard.keeper.reload()
    assert guard.verdict("tango", repo) == "defer"
    (guard.home.user_rules / "more.yaml").write_text("- rule: [")
    guard.keeper.reload()
    assert guard.verdict("deny-me", repo) == "deny"


def test_a_name_that_the_installed_rules_take_later_puts_the_file_out_of_force(guard: Guard, repo: Path) -> None:
    guard.trusts(write_rules(repo, OWN))
    assert guard.verdict("tango", repo) == "deny"
    (guard.home.user_rules / "more.yaml").write_text(rule("No tango", "waltz"))
    guard.keeper.reload()
    assert [guard.verdict(word, repo) for word in ("tango", "waltz")] == ["defer", "deny"]
    assert "there is a rule of that name already" in guard.health.sentences()[0]


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"files": [1]}', b"\xff"])
def test_a_damaged_list_of_trust_is_told_and_what_was_trusted_stays(guard: Guard, repo: Path, broken: bytes) -> None:
    guard.trusts(write_rules(repo, OWN))
    guard.home.trusted.write_bytes(broken)
    guard.keeper.poll()
    assert guard.verdict("tango", repo) == "deny"
    assert "it is damaged" in guard.health.sentences()[0]
    guard.home.trusted.unlink()
    guard.keeper.poll()
    assert guard.verdict("tango", repo) == "defer"
    assert guard.health.sentences() == ()


def test_a_list_of_trust_that_others_may_write_counts_for_nothing(guard: Guard, repo: Path) -> None:
    trust(guard.home, write_rules(repo, OWN))
    guard.home.trusted.chmod(0o622)
    with pytest.raises(PremptiError, match="others may write it"):
        read_trust(guard.home)
    guard.keeper.poll()
    assert guard.verdict("tango", repo) == "defer"


def test_ten_thousand_files_beside_a_trusted_one_change_nothing(guard: Guard, repo: Path) -> None:
    file = write_rules(repo, OWN)
    for number in range(10_000):
        (file.parent / f"{number}.yaml").touch()
    guard.trusts(file)
    assert guard.verdict("tango", repo) == "deny"
    with pytest.raises(PremptiError, match="64 rules files"):
        project_files.names(str(repo))


def test_the_guards_own_home_is_no_project(tmp_path: Path) -> None:
    guard = Guard(make_home((tmp_path / ".prempti").resolve()))
    (guard.home.user_rules.parent / "stray.yaml").write_text(OWN)
    assert guard.call("ls", tmp_path).stdout == b"{}"
    guard.trail.close()


def test_projects_that_are_kept_loaded_are_bounded(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "MAX_PROJECTS", 3)
    monkeypatch.setattr(projects, "MAX_FOLDERS", 3)
    roots = [tmp_path / str(number) for number in range(6)]
    guard.trusts(*(write_rules(root, OWN) for root in roots))
    assert [guard.verdict("tango", root) for root in roots * 2] == ["deny"] * 12
    source = guard.keeper.policy.projects
    assert isinstance(source, projects.Projects)
    assert len(source.loaded()) == 3


def test_a_state_is_told_for_every_way_not_to_be_in_force() -> None:
    told = [
        projects.ProjectRules("/p", (projects.FileState("/p/f.yaml", state, "why"),), None).problem for state in State
    ]
    assert [bool(sentence) for sentence in told] == [state is not State.IN_FORCE for state in State]


@pytest.mark.parametrize("cwd", ["/a\0b", "/", "/nowhere/at/all", "/" + "x/" * 2000])
def test_a_strange_folder_is_in_no_project_and_fails_no_call(guard: Guard, repo: Path, cwd: str) -> None:
    guard.trusts(write_rules(repo, OWN))
    assert guard.verdict("tango", cwd) == "defer"
    assert guard.health.sentences() == ()


def test_a_call_that_goes_by_an_earlier_trust_does_not_tell_what_is_old(guard: Guard, repo: Path) -> None:
    file = write_rules(repo, OWN)
    guard.trusts(file)
    before = guard.keeper.policy.projects
    assert before is not None
    file.write_text(OWN + "#")
    guard.trusts(file)
    assert guard.verdict("tango", repo) == "deny"
    assert before.of(str(repo))[0].problem
    assert guard.health.sentences() == ()


def test_calls_of_many_threads_while_trust_changes_are_all_judged_by_the_installed_rules_too(
    guard: Guard, repo: Path
) -> None:
    file = write_rules(repo, OWN)
    guard.trusts(file)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(guard.verdict, "tango deny-me", repo) for _ in range(60)]
        for number in range(12):
            file.write_text(f"{OWN}# {number}\n")
            guard.trusts(*([file] if number % 3 else []))
    assert {answer.result() for answer in answers} == {"deny"}
    guard.trusts(file)
    assert guard.verdict("tango", repo) == "deny"
    assert guard.health.sentences() == ()


def test_a_restarted_engine_knows_where_sessions_began(guard: Guard, repo: Path, tmp_path: Path) -> None:
    guard.trusts(write_rules(repo, OWN))
    guard.verdict("ls", repo, "s")
    guard.verdict("ls", tmp_path, "s")
    sessions = Sessions()
    recall(guard.home, sessions, Chronicle(guard.trail, sessions), Approvals(guard.trail))
    assert sessions.began_in("s", "/elsewhere") == str(repo)
    assert sessions.began_in("t", "/elsewhere") == "/elsewhere"


def test_where_sessions_began_is_remembered_for_so_many_only() -> None:
    sessions = Sessions(max_sessions=2)
    for name in "abc":
        sessions.began_in(name, f"/{name}")
    assert [sessions.began_in(name, "/x") for name in "cba"] == ["/c", "/b", "/x"]
    assert sessions.began_in("", "/y") == "/y"


def test_a_folder_that_is_called_like_a_line_of_the_log_fakes_none(
    guard: Guard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "x\nINFO all is well \x1b[2J"
    file = write_rules(root, OWN)
    with caplog.at_level("INFO", "prempti.engine"):
        told = json.loads(guard.call("ls", root).stdout)["systemMessage"]
        guard.trusts(file)
        assert guard.verdict("tango", root) == "deny"
        file.write_text("")
        told += json.loads(guard.call("tango", root).stdout)["systemMessage"]
    assert told.isprintable()
    assert all(record.getMessage().isprintable() for record in caplog.records)
