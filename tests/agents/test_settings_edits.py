"""Settings files: nothing but our hook ever changes, and what cannot be understood is left alone."""

from __future__ import annotations

import json
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prempti_otel.agents import json_text
from prempti_otel.agents.claude_code.hooks import settings_path
from prempti_otel.agents.hook_events import CLAUDE_CODE_JUDGED, CLAUDE_CODE_TOLD
from prempti_otel.agents.registration import Action, Scope, add, remove
from prempti_otel.agents.settings_file import SettingsFileError, change, read
from prempti_otel.settings.home import Home

AGENT = "claude_code"
LOCAL = Scope.LOCAL


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        yield Home(Path(folder) / "prempti")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the settings of the project ``tmp_path`` would be, in an existing folder."""
    path = settings_path(LOCAL, tmp_path)
    path.parent.mkdir()
    return path


def project_of(path: Path) -> Path:
    return path.parent.parent


texts = st.text(max_size=6) | st.sampled_from(["hooks", "PreToolUse", "matcher", "command", '"', "\\", "}", "é\u2028"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
other_hooks = st.fixed_dictionaries({"type": st.just("command"), "command": texts}, optional={"timeout": st.integers()})
groups = st.fixed_dictionaries({"hooks": st.lists(other_hooks, max_size=2)}, optional={"matcher": texts}) | values
hooks = st.dictionaries(
    st.sampled_from(["PreToolUse", "PostToolUse", "Stop"]), st.lists(groups, max_size=3), max_size=3
)
documents = st.builds(
    lambda before, found, after: before | found | after,
    st.dictionaries(texts.filter(lambda key: key != "hooks"), values, max_size=3),
    st.fixed_dictionaries({}, optional={"hooks": hooks}),
    st.dictionaries(texts.filter(lambda key: key != "hooks"), values, max_size=2),
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Any settings in any layout."""
    indent: str | int | None = draw(st.sampled_from([None, 0, 1, 2, 4, "\t", "\t  "]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", "  : "), (",\n", ":\n")]))
    text = json.dumps(draw(documents), indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    text = draw(st.sampled_from(["", " ", "\n\n"])) + text + draw(st.sampled_from(["", "\n", " \t\n"]))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def ours(data: dict[str, Any]) -> list[Any]:
    return [group for group in data.get("hooks", {}).get("PreToolUse", []) if "prempti_hook.py" in json.dumps(group)]


def without_ours(data: dict[str, Any]) -> dict[str, Any]:
    """Our groups gone, and empty places for hooks not told from missing ones."""
    found = {
        event: [group for group in listed if "prempti_hook.py" not in json.dumps(group)]
        for event, listed in data.get("hooks", {}).items()
    }
    for event in (CLAUDE_CODE_JUDGED, *CLAUDE_CODE_TOLD):
        if not found.get(event, True):
            del found[event]
    return {key: value for key, value in data.items() if key != "hooks"} | ({"hooks": found} if found else {})


slow = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


@slow
@given(content=files())
def test_add_and_remove_leave_every_byte_as_it_was(home: Home, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = settings_path(LOCAL, Path(folder))
        path.parent.mkdir()
        path.write_bytes(content)
        assert add(AGENT, LOCAL, home, Path(folder)).action is Action.ADDED
        assert remove(AGENT, LOCAL, home, Path(folder)).action is Action.REMOVED
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]


steps = st.lists(
    st.sampled_from(["add", "add --fail-open", "remove", "user", "link", "read-only"]), min_size=1, max_size=8
)


@slow
@given(content=st.none() | files(), steps=steps)
def test_any_mixture_of_steps_changes_nothing_but_our_hook(home: Home, content: bytes | None, steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        path = settings_path(LOCAL, project)
        path.parent.mkdir()
        if content is not None:
            path.write_bytes(content)
        expected = json.loads(content.decode("utf-8-sig")) if content else {}
        registered = False
        for number, step in enumerate(steps):
            if step == "remove":
                remove(AGENT, LOCAL, home, project)
                registered = False
            elif step == "link":
                _put_elsewhere(path, project / f"dotfiles-{number}.json")
            elif step == "read-only":
                _refuses_to_change_what_is_read_only(home, path, registered=registered)
            elif step == "user":
                found = read(path)
                data = found.data if found else {}
                data[f"user-{number}"] = expected[f"user-{number}"] = [number]
                path.write_text(json.dumps(data, indent=3))
            else:
                add(AGENT, LOCAL, home, project, fail_open=step.endswith("open"))
                assert not add(AGENT, LOCAL, home, project, fail_open=step.endswith("open")).changed
                registered = True
            found = read(path)
            data = found.data if found else {}
            assert len(ours(data)) == int(registered)
            assert without_ours(data) == without_ours(expected)


def _put_elsewhere(path: Path, place: Path) -> None:
    """As people do who keep their settings in a repository of dotfiles."""
    if path.exists():
        path.resolve().rename(place)
        path.unlink(missing_ok=True)
        path.symlink_to(place)


def _refuses_to_change_what_is_read_only(home: Home, path: Path, *, registered: bool) -> None:
    if not path.exists():
        return
    before, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o400)
    with pytest.raises(SettingsFileError, match="read-only"):
        (remove if registered else add)(AGENT, LOCAL, home, project_of(path))
    assert path.read_bytes() == before
    path.chmod(mode)


@given(content=files(), value=values)
def test_what_is_appended_and_removed_again_leaves_no_trace_in_the_text(content: bytes, value: object) -> None:
    text = content.decode("utf-8-sig")
    root = json_text.parse(text)
    longer = json_text.append(text, root, value, "new key")
    assert json.loads(longer) == json.loads(text) | {"new key": value}
    if root.children:
        again = json_text.parse(longer)
        assert json_text.remove(longer, again, len(again.children) - 1) == text
    for index, member in enumerate(root.children):
        shorter = json.loads(json_text.remove(text, root, index))
        assert shorter == {key: item for key, item in json.loads(text).items() if key != member.key}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"k": {\n\t\t"x": []\n\t}\n}\n'),
        ('{"a":1}', '{"a":1,"k": {"x": []}}'),
        ('{"a":1, "b":2}', '{"a":1, "b":2, "k": {"x": []}}'),
        ("{}", '{\n  "k": {\n    "x": []\n  }\n}'),
        ('{\r\n    "a": 1\r\n}', '{\r\n    "a": 1,\r\n    "k": {\r\n        "x": []\r\n    }\r\n}'),
        ('{\n\n  "a": 1 }', '{\n\n  "a": 1,\n  "k": {\n    "x": []\n  } }'),
    ],
)
def test_what_is_appended_looks_like_its_neighbours(before: str, after: str) -> None:
    assert json_text.append(before, json_text.parse(before), {"x": []}, "k") == after


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", ":1:1: this is empty"),
        (b"  \n", "this is empty"),
        (b'{"a": 1,}', "this is not JSON"),
        (b'{\n // why\n "a": 1}', ":2:2: this is not JSON"),
        (b'{"a": NaN}', "this is not JSON: NaN is no JSON value"),
        (b'{"a": "\xff"}', "this is not UTF-8 (byte 7)"),
        ('{"a": 1}'.encode("utf-16"), "this is not UTF-8 (byte 0)"),
        (b"[]", "this is JSON, but not an object"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "this is not JSON"),
        (b'{"hooks": []}', "hooks is not an object"),
        (b'{"hooks": null}', "hooks is not an object"),
        (b'{"hooks": {"PreToolUse": {}}}', "hooks.PreToolUse is not an array"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_and_untouched(
    home: Home, file: Path, content: bytes, sentence: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsFileError) as caught:
        add(AGENT, LOCAL, home, project_of(file))
    assert str(file) in caught.value.diagnostics()
    assert sentence in caught.value.diagnostics()
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_a_key_that_is_there_twice_is_refused_where_it_matters(home: Home, file: Path) -> None:
    file.write_text('{"hooks": {"Stop": []}, "model": 1, "model": 2}')
    add(AGENT, LOCAL, home, project_of(file))
    assert json.loads(file.read_text())["model"] == 2
    remove(AGENT, LOCAL, home, project_of(file))
    assert file.read_text() == '{"hooks": {"Stop": []}, "model": 1, "model": 2}'
    before = '{"hooks": {"Stop": [1]}, "hooks": {"PreToolUse": [{"hooks": [{"command": "/x/prempti_hook.py"}]}]}}'
    file.write_text(before)
    with pytest.raises(SettingsFileError, match="has a key twice"):
        remove(AGENT, LOCAL, home, project_of(file))
    assert file.read_text() == before


def test_a_folder_a_device_and_a_loop_are_refused(home: Home, file: Path, tmp_path: Path) -> None:
    file.mkdir()
    with pytest.raises(SettingsFileError, match="not a file"):
        add(AGENT, LOCAL, home, tmp_path)
    file.rmdir()
    file.symlink_to(file.name)
    with pytest.raises(SettingsFileError, match="points to itself"):
        add(AGENT, LOCAL, home, tmp_path)
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(SettingsFileError, match="not a file"):
        add(AGENT, LOCAL, home, tmp_path)


def test_a_link_is_followed_and_stays_a_link(home: Home, file: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "claude.json").write_text('{"model": "opus"}')
    file.symlink_to("../dotfiles/claude.json")
    add(AGENT, LOCAL, home, tmp_path)
    assert file.is_symlink()
    assert "prempti_hook.py" in (dotfiles / "claude.json").read_text()
    assert [path.name for path in dotfiles.iterdir()] == ["claude.json"]
    remove(AGENT, LOCAL, home, tmp_path)
    assert (dotfiles / "claude.json").read_text() == '{"model": "opus"}'


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_of_the_file_is_kept(home: Home, file: Path, mode: int) -> None:
    file.write_text("{}")
    file.chmod(mode)
    add(AGENT, LOCAL, home, project_of(file))
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_read_only_file_is_left_alone(home: Home, file: Path) -> None:
    file.write_text("{}")
    file.chmod(0o444)
    with pytest.raises(SettingsFileError, match=r"read-only .*chmod u\+w"):
        add(AGENT, LOCAL, home, project_of(file))
    assert file.read_text() == "{}"


def test_the_backup_is_the_file_of_before_and_for_its_user_only(home: Home, file: Path) -> None:
    file.write_bytes(b'{ "model":"opus" }')
    file.chmod(0o644)
    backup = add(AGENT, LOCAL, home, project_of(file)).backup
    assert backup == file.with_name("settings.local.json.prempti-backup")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    add(AGENT, LOCAL, home, project_of(file), fail_open=True)
    assert backup.read_bytes() == b'{ "model":"opus" }'


def test_a_backup_planted_as_a_link_is_not_written_through(home: Home, file: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    file.write_text("{}")
    file.with_name(file.name + ".prempti-backup").symlink_to(tmp_path / "victim")
    add(AGENT, LOCAL, home, tmp_path)
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_file_that_only_held_our_hook_goes_with_it(home: Home, file: Path) -> None:
    add(AGENT, LOCAL, home, project_of(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    remove(AGENT, LOCAL, home, project_of(file))
    assert not list(file.parent.iterdir())


def test_remove_without_a_file_makes_nothing(home: Home, tmp_path: Path) -> None:
    assert remove(AGENT, LOCAL, home, tmp_path).action is Action.UNCHANGED
    assert not list(tmp_path.iterdir())


def test_a_change_that_another_program_makes_meanwhile_is_not_lost(file: Path) -> None:
    file.write_text('{"n": 0}')
    seen = []

    def edit(before: Any) -> bytes:
        seen.append(before.data["n"])
        if len(seen) < 3:
            file.write_text(json.dumps({"n": len(seen)}))
        return json.dumps(before.data | {"mine": True}).encode()

    change(file, edit)
    assert seen == [0, 1, 2]
    assert json.loads(file.read_text()) == {"n": 2, "mine": True}


def test_a_file_that_never_rests_is_given_up(file: Path) -> None:
    file.write_text('{"n": 0}')

    def edit(before: Any) -> bytes:
        file.write_text(json.dumps({"n": before.data["n"] + 1}))
        return b"{}"

    with pytest.raises(SettingsFileError, match="keeps changing"):
        change(file, edit)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_parallel_changes_are_all_made(file: Path) -> None:
    file.write_text("{}")

    def work(name: str) -> None:
        for number in range(5):
            change(file, lambda before: json.dumps(before.data | {f"{name}{number}": 1}).encode())  # type: ignore[union-attr]  # noqa: B023

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(file.read_text())) == 20
