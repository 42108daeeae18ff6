"""Settings that others edit at the same moment, in processes of their own: neither side's change is lost."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prempti_otel.agents.claude_code.hooks import settings_path
from prempti_otel.agents.hook_entries import registered
from prempti_otel.agents.registration import Scope, add, remove
from prempti_otel.agents.replace_file import replaced
from prempti_otel.agents.settings_file import SettingsFileError
from prempti_otel.settings.home import Home

ROUNDS = 6

IN_PLACE = "path.write_text(text)"
BY_RENAME = "new = path.with_name('new'); new.write_text(text); os.replace(new, path)"
EDITOR = """
import json, os, pathlib, random, sys, time
path = pathlib.Path(sys.argv[1])
stop, number = pathlib.Path(sys.argv[2]), 0
while not stop.exists():
    read = time.monotonic()
    try:
        data = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        data = {{}}
        if path.exists():
            continue
    data[f"theirs-{{number}}"] = number
    text = json.dumps(data, indent=random.choice([None, 1, 2]))
    if time.monotonic() - read > 0.005:
        continue  # held up by a busy machine: somebody else may have saved since
    {save}
    number += 1
    time.sleep(random.uniform(0.03, 0.15))
print(number)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "prempti")


@pytest.fixture(params=[IN_PLACE, BY_RENAME], ids=["in place", "by rename"])
def editor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody who knows nothing of the guard, at work on the settings of the project."""
    path = settings_path(Scope.LOCAL, tmp_path)
    path.parent.mkdir()
    path.write_text("{}")
    program = EDITOR.format(save=request.param)
    process = subprocess.Popen([sys.executable, "-c", program, path, tmp_path / "stop"], stdout=subprocess.PIPE)
    with process:
        yield process
        process.kill()


def insist(change: Callable[..., object], home: Home, project: Path) -> None:
    """Try again where the editor was in the way every time, as on a machine that is busy."""
    while True:
        with contextlib.suppress(SettingsFileError):
            change("claude_code", Scope.LOCAL, home, project)
            return


def test_what_an_editor_saves_meanwhile_stays_and_so_does_the_hook(
    editor: subprocess.Popen[bytes], home: Home, tmp_path: Path
) -> None:
    """An editor that saves again within milliseconds would not be one."""
    for change in (add, remove) * ROUNDS + (add,):
        insist(change, home, tmp_path)
    (tmp_path / "stop").touch()
    saved, _ = editor.communicate(timeout=300)
    assert editor.returncode == 0
    data = json.loads(settings_path(Scope.LOCAL, tmp_path).read_text())
    assert registered(data)
    assert {key for key in data if key.startswith("theirs")} == {f"theirs-{number}" for number in range(int(saved))}


@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("after", [None, b"after"])
def test_a_file_that_is_other_than_expected_is_left_alone(
    tmp_path: Path, before: bytes | None, after: bytes | None
) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"theirs")
    assert before == after or not replaced(file, before, after, 0o600)
    assert file.read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("after", [None, b"after"])
def test_a_file_that_is_as_expected_is_changed(tmp_path: Path, before: bytes | None, after: bytes | None) -> None:
    file = tmp_path / "settings.json"
    if before is not None:
        file.write_bytes(before)
    assert replaced(file, before, after, 0o640)
    assert (file.read_bytes() if file.exists() else None) == after
    assert [path.name for path in tmp_path.iterdir()] == (["settings.json"] if after else [])
