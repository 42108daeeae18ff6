"""Registration with the agents besides Claude Code: which file, which entry, and what keeps it from running."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.agents import hook_file, json_text
from prempti_otel.agents.copilot import hooks as copilot_hooks
from prempti_otel.agents.cursor import hooks as cursor_hooks
from prempti_otel.agents.gemini import hooks as gemini_hooks
from prempti_otel.agents.reference import FILES
from prempti_otel.agents.registration import Action, HookStatus, Scope, add, agents, detect, remove, status
from prempti_otel.agents.settings_file import Form, SettingsFileError, load
from prempti_otel.settings.home import Home

OTHERS = tuple(name for name in agents() if name != "claude_code")
JSON_FILES = tuple(name for name in OTHERS if name != "opencode")
PLACES = [(agent, Scope(scope), file) for agent in OTHERS for scope, file in FILES[agent].items()]

CODEX_TELLS = ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop")
GEMINI_TELLS = ("SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "SessionEnd")

FAKE_CODEX = """#!{python}
import json, pathlib, sys, tomllib
home = pathlib.Path({home!r}) / ".codex"
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("id") == 2:
        try:
            groups = json.loads((home / "hooks.json").read_text())["hooks"]
        except FileNotFoundError:
            groups = {{}}
        config = home / "config.toml"
        state = tomllib.loads(config.read_text()).get("hooks", {{}}).get("state", {{}}) if config.exists() else {{}}
        hooks = []
        for event in groups:
            name = "".join("_" + c.lower() if c.isupper() else c for c in event).lstrip("_")
            for number, group in enumerate(groups.get(event, [])):
                key = f"{{home}}/hooks.json:{{name}}:{{number}}:0"
                digest = "sha256:" + format(hash(name) & 0, "x") + str(len(group["hooks"][0]["command"]))
                trusted = state.get(key, {{}}).get("trusted_hash")
                trust = "trusted" if trusted == digest else "modified" if trusted else "untrusted"
                hooks.append(dict(key=key, command=group["hooks"][0]["command"], sourcePath=str(home / "hooks.json"),
                                  currentHash=digest, trustStatus=trust, enabled=True))
        result = {{"data": [{{"cwd": asked["params"]["cwds"][0], "hooks": hooks}}]}}
        print(json.dumps({{"method": "news"}}))
        print(json.dumps({{"id": 2, "result": result}}), flush=True)
"""
"""Answers ``hooks/list`` in the form in which the real one does; the end-to-end tests ask that one."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own: HOME, a project, an administrator's folder, and no agent on the PATH."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    for name in ("CODEX_HOME", "COPILOT_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gemini_hooks, "MANAGED", tmp_path / "etc/gemini-cli/settings.json")
    monkeypatch.setattr(copilot_hooks, "POLICY", tmp_path / "etc/github-copilot/policy.d")
    monkeypatch.setattr(cursor_hooks, "MANAGED", tmp_path / "etc/cursor/hooks.json")
    return tmp_path


@pytest.fixture
def home(place: Path) -> Home:
    return Home(place / "home/.prempti")


@pytest.fixture
def codex(place: Path) -> Path:
    """A Codex that can be asked for its hooks; its folder of settings."""
    program = place / "bin/codex"
    program.write_text(FAKE_CODEX.format(python=sys.executable, home=str(place / "home")))
    program.chmod(0o755)
    return place / "home/.codex"


def at(agent: str, place: Path, home: Home, scope: Scope) -> HookStatus:
    return next(found for found in status(agent, home, place / "project") if found.scope is scope)


def where(place: Path, scope: Scope, file: str) -> Path:
    if file.startswith("~"):
        return place / "home" / file.removeprefix("~/")
    return place / (file.removeprefix("/") if scope is Scope.MANAGED else f"project/{file}")


@pytest.mark.parametrize(("agent", "scope", "file"), PLACES)
def test_the_hook_is_entered_in_the_file_of_its_scope_once_and_taken_out_again(
    place: Path, home: Home, agent: str, scope: Scope, file: str
) -> None:
    path = where(place, scope, file)
    change = add(agent, scope, home, place / "project")
    assert (change.action, change.file, change.backup) == (Action.ADDED, path, None)
    content = path.read_bytes()
    assert add(agent, scope, home, place / "project").action is Action.UNCHANGED
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if scope is Scope.USER else 0o644)
    found = at(agent, place, home, scope)
    assert (found.registered, found.current, found.fail_open) == (True, True, False)
    assert bool(found.problems) == (agent == "codex"), "there is no Codex here that could be asked for its trust"
    assert add(agent, scope, home, place / "project", fail_open=True).action is Action.UPDATED
    assert at(agent, place, home, scope).fail_open
    assert remove(agent, scope, home, place / "project").action is Action.REMOVED
    assert not path.exists()
    assert remove(agent, scope, home, place / "project").action is Action.UNCHANGED


def _entries(agent: str, home: Home) -> dict[str, Any]:
    command = hook_file.command(agent, home, fail_open=False)
    told = hook_file.command(agent, home, fail_open=False, lifecycle=True)
    telling = hook_file.command(agent, home, fail_open=False, denial=copilot_hooks.DENIAL)
    nested = {"type": "command", "timeout": 15}
    return {
        "codex": {
            "hooks": {
                event: [{"hooks": [nested | {"command": command}]}] for event in ("PreToolUse", "PermissionRequest")
            }
            | {event: [{"hooks": [nested | {"command": told}]}] for event in CODEX_TELLS}
        },
        "gemini": {
            "hooks": {
                event: [
                    {
                        "matcher": "*",
                        "hooks": [nested | {"command": entered, "name": "prempti", "timeout": 15000}],
                    }
                ]
                for event, entered in {"BeforeTool": command, **dict.fromkeys(GEMINI_TELLS, told)}.items()
            }
        },
        "copilot": {"version": 1, "hooks": {"preToolUse": [{"type": "command", "bash": telling, "timeoutSec": 15}]}},
        "cursor": {
            "version": 1,
            "hooks": {"preToolUse": [{"command": command, "timeout": 15, "failClosed": True}]},
        },
    }[agent]


@pytest.mark.parametrize("agent", JSON_FILES)
def test_a_new_file_says_what_the_agent_reads(place: Path, home: Home, agent: str) -> None:
    file = add(agent, Scope.USER, home, place / "project").file
    assert json.loads(file.read_text()) == _entries(agent, home)


@pytest.mark.parametrize("agent", JSON_FILES)
def test_what_others_entered_stays_as_it_was_typed(place: Path, home: Home, agent: str) -> None:
    file = where(place, Scope.USER, FILES[agent]["user"])
    file.parent.mkdir(parents=True)
    event = next(iter(_entries(agent, home)["hooks"]))
    before = f'{{ "version": 1,\n\t"hooks": {{"{event}": [ {{"command": "mine"}} ]}}, "x": [ ] }}\n'
    file.write_text(before)
    change = add(agent, Scope.USER, home, place / "project")
    assert change.backup is not None
    assert change.backup.read_text() == before
    entered = json.loads(file.read_text())
    assert entered["hooks"][event] == [{"command": "mine"}, *_entries(agent, home)["hooks"][event]]
    assert '"x": [ ] }' in file.read_text()
    remove(agent, Scope.USER, home, place / "project")
    assert file.read_text() == before


@pytest.mark.parametrize("agent", JSON_FILES)
@pytest.mark.parametrize("text", ["{", "[]", '{"hooks": []}', ""])
def test_a_file_that_cannot_be_understood_is_refused_and_left_alone(
    place: Path, home: Home, agent: str, text: str
) -> None:
    file = where(place, Scope.USER, FILES[agent]["user"])
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(SettingsFileError):
        add(agent, Scope.USER, home, place / "project")
    assert file.read_text() == text


COMMENTED = """// settings of mine
{
  /* see "hooks": {} */
  "ui": {"theme": "dark"}, // http://example.org
  "hooks": { // none yet
  }
}
"""


def test_comments_stay_where_gemini_reads_them(place: Path, home: Home) -> None:
    file = place / "home/.gemini/settings.json"
    file.parent.mkdir()
    file.write_text(COMMENTED)
    add("gemini", Scope.USER, home, place)
    text = file.read_text()
    for comment in ("// settings of mine", '/* see "hooks": {} */', "// http://example.org", "// none yet"):
        assert comment in text
    hooks = load(text, form=Form.COMMENTED_JSON)["hooks"]
    assert hooks == _entries("gemini", home)["hooks"]
    assert at("gemini", place, home, Scope.USER).current
    remove("gemini", Scope.USER, home, place)
    assert file.read_text() == COMMENTED


@pytest.mark.parametrize("agent", ["codex", "cursor", "copilot"])
def test_comments_are_refused_where_an_agent_may_not_read_them(place: Path, home: Home, agent: str) -> None:
    file = where(place, Scope.USER, FILES[agent]["user"])
    file.parent.mkdir(parents=True)
    file.write_text(COMMENTED)
    with pytest.raises(SettingsFileError, match="this is not JSON"):
        add(agent, Scope.USER, home, place)


parts = st.sampled_from(["//", "/*", "*/", '"', "\\", "\n", "\r", "{", "}", "a", "ü", " ", "/", "*", '"x//y"', '"/*"'])


@given(st.lists(parts, max_size=12).map("".join))
def test_blanking_comments_moves_nothing_and_never_touches_text_without_comments(text: str) -> None:
    blank = json_text.blanked(text)
    assert len(blank) == len(text)
    assert [c for c in blank if c in "\r\n"] == [c for c in text if c in "\r\n"]
    assert json_text.blanked(blank) == blank or '"' in blank
    assert json_text.blanked(json.dumps({"k": text})) == json.dumps({"k": text})


@pytest.mark.parametrize("agent", ["codex", "gemini", "copilot", "cursor", "opencode"])
def test_a_scope_that_an_agent_does_not_have_is_an_error(place: Path, home: Home, agent: str) -> None:
    with pytest.raises(SettingsFileError, match=f"{agent} has no .* of scope local"):
        add(agent, Scope.LOCAL, home, place)


@pytest.mark.parametrize(
    ("agent", "file", "text", "problem"),
    [
        ("gemini", "home/.gemini/settings.json", '{"hooksConfig": {"enabled": false}}', "switches all hooks off"),
        ("gemini", "project/.gemini/settings.json", '{"hooksConfig": {"disabled": ["prempti"]}}', "this hook off"),
        ("copilot", "project/.github/copilot/settings.json", '{"disableAllHooks": true}', "switches hooks off"),
        ("codex", "home/.codex/config.toml", "[features]\nhooks = false\n", "switches all hooks off"),
        ("codex", "project/.codex/config.toml", "[features\n", "this is not TOML"),
    ],
)
def test_what_switches_hooks_off_is_a_problem(
    place: Path, home: Home, agent: str, file: str, text: str, problem: str
) -> None:
    (place / file).parent.mkdir(parents=True)
    (place / file).write_text(text)
    add(agent, Scope.USER, home, place / "project")
    assert any(problem in sentence for sentence in at(agent, place, home, Scope.USER).problems)


CONFIG = '# mine\nmodel = "gpt-5.5"  # the good one\n\n[hooks.state."/other:stop:0:0"]\ntrusted_hash = "sha256:1"\n'


def test_codex_is_told_to_trust_the_hook_and_its_settings_stay_as_they_are(
    place: Path, home: Home, codex: Path
) -> None:
    codex.mkdir()
    (codex / "config.toml").write_text(CONFIG)
    assert add("codex", Scope.USER, home, place).notes == ()
    text = (codex / "config.toml").read_text()
    assert text.startswith(CONFIG)
    assert f'"{codex}/hooks.json:pre_tool_use:0:0"' in text
    assert f'"{codex}/hooks.json:permission_request:0:0"' in text
    assert at("codex", place, home, Scope.USER).problems == ()
    remove("codex", Scope.USER, home, place)
    assert (codex / "config.toml").read_text().strip() == CONFIG.strip()


def test_a_hook_that_codex_does_not_trust_is_a_problem_and_adding_it_again_mends_it(
    place: Path, home: Home, codex: Path
) -> None:
    add("codex", Scope.USER, home, place)
    config = codex / "config.toml"
    config.write_text(config.read_text().replace("sha256:", "sha256:0"))
    assert "Codex skips the hook, which is modified" in at("codex", place, home, Scope.USER).problems[0]
    assert add("codex", Scope.USER, home, place).action is Action.UNCHANGED
    assert at("codex", place, home, Scope.USER).problems == ()
    config.unlink()
    assert "untrusted" in at("codex", place, home, Scope.USER).problems[0]
    add("codex", Scope.USER, home, place)
    remove("codex", Scope.USER, home, place)
    assert not config.exists()


@pytest.mark.parametrize("program", ["", "#!/bin/sh\nexit 1\n", "#!/bin/sh\necho '{'\n", "#!/no/such/shell\n"])
def test_where_codex_cannot_be_asked_the_person_is_told_the_one_step(place: Path, home: Home, program: str) -> None:
    if program:
        (place / "bin/codex").write_text(program)
        (place / "bin/codex").chmod(0o755)
    (note,) = add("codex", Scope.USER, home, place).notes
    assert "enter /hooks" in note
    assert not (place / "home/.codex/config.toml").exists()
    assert "enter /hooks" in at("codex", place, home, Scope.USER).problems[0]


@pytest.mark.parametrize("config", ["hooks = 3\n", "[hooks]\nstate = 1\n", "[features\n"])
def test_a_config_of_codex_that_cannot_be_edited_is_left_alone_and_said_so(
    place: Path, home: Home, codex: Path, config: str
) -> None:
    codex.mkdir()
    (codex / "config.toml").write_text(config)
    program = place / "bin/codex"
    program.write_text(program.read_text().replace("tomllib.loads(config.read_text())", "{}"))
    (note,) = add("codex", Scope.USER, home, place).notes
    assert str(codex / "config.toml") in note
    assert "enter /hooks" in note
    assert (codex / "config.toml").read_text() == config


def test_a_plugin_file_that_is_not_ours_is_left_alone(place: Path, home: Home) -> None:
    file = place / "home/.config/opencode/plugins/prempti.js"
    file.parent.mkdir(parents=True)
    file.write_text("export const Mine = async () => ({})\n")
    for act in (add, remove):
        with pytest.raises(SettingsFileError, match="not prempti's"):
            act("opencode", Scope.USER, home, place)
    assert "not prempti's" in at("opencode", place, home, Scope.USER).problems[0]


def test_a_plugin_that_was_changed_is_not_current_and_is_mended(place: Path, home: Home) -> None:
    file = add("opencode", Scope.USER, home, place).file
    text = file.read_text()
    file.write_text(text.replace("throw", "console.log"))
    found = at("opencode", place, home, Scope.USER)
    assert (found.registered, found.current) == (True, False)
    assert found.problems
    assert add("opencode", Scope.USER, home, place).action is Action.UPDATED
    assert file.read_text() == text


def test_an_agent_is_detected_by_its_program_or_its_settings(place: Path) -> None:
    assert detect() == {}
    (place / "home/.cursor").mkdir()
    (place / "bin/gemini").write_text("#!/bin/sh\n")
    (place / "bin/gemini").chmod(0o755)
    assert detect() == {"cursor": str(place / "home/.cursor"), "gemini": str(place / "bin/gemini")}
