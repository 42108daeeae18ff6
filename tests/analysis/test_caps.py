"""What lies beyond a cap is told of: one dynamic event of the shell, which the default rules ask about."""

from __future__ import annotations

from pathlib import Path

import pytest

from prempti_otel.analysis import Context, predict
from prempti_otel.model.call import ToolCall
from prempti_otel.model.event import Event, tool_event
from tests.support.predictions import HOME, PROJECT, a_shell_call, catalogue

CONTEXT = Context(catalogue(), HOME, "dev")
REMOVE = "__import__('os').system('rm -rf /')"


def events_of(call: ToolCall) -> list[Event]:
    return predict(call, tool_event(call), CONTEXT)


def is_told(events: list[Event]) -> bool:
    return any(event.values.get("proc.name") == "bash" and event.values["proc.dynamic"] is True for event in events)


@pytest.mark.parametrize(
    "command",
    [
        "python3 - <<'E'\n" + "print(1)\n" * 7000 + REMOVE + "\nE",
        'python3 -c "' + "f(" * 150 + REMOVE + ")" * 150 + '"',
        'python3 -c "' + "-" * 1500 + "1;" + REMOVE + '"',
        'python3 -c "' + "import os\n" + "\n".join(f"os.remove('{n}')" for n in range(400)) + '"',
        "node -e '" + "a(1);" * 12_000 + 'require("fs").rmSync("/")\'',
        "perl -e '" + "a(1);" * 12_000 + 'unlink("/etc/passwd")\'',
        "awk '" + "x = 1;" * 12_000 + 'BEGIN { system("rm -rf /") }\'',
        "eval " * 12_000 + "rm -rf /",
        "ssh a " * 9_000 + "rm -rf /",
        "for i in a b; do " * 40 + "case x in esac;" + "done;" * 40,
        "while case x in esac; do x+=a; " * 40 + "case x in esac;" + "done;" * 40,
        "a=1; " * 3_000 + "rm -rf /",
        "sudo " * 3_000 + "rm -rf /",
        "echo " + "'a'" * 60_000 + "; rm -rf /",
        "echo " + "*a" * 120_000 + "; rm -rf /",
        "( " * 20_000 + "rm -rf /" + " )" * 20_000,
        "printf '" + "a\\n" * 300 + "/etc\\n' | xargs -I% rm -rf %",
        "parallel rm -rf ::: " + "a " * 300 + "/etc",
        'mysql -e "' + "select load_file('/a');" * 300 + "select load_file('/etc/shadow')\"",
        "tar cf a " + "-C . " * 300 + "-C ~/.ssh id_rsa",
        "tar cf a -C /x -C y " + "z " * 300 + "id_rsa",
    ],
    ids=[
        "statements",
        "calls",
        "signs",
        "files",
        "javascript",
        "perl",
        "awk",
        "eval",
        "ssh",
        "loops",
        "conditions",
        "assignments",
        "wrappers",
        "quotes",
        "globs",
        "parentheses",
        "lines",
        "arguments",
        "statements of a database",
        "folders of archives",
        "files of archives",
    ],
)
def test_code_that_is_not_read_to_its_end_is_told_of(command: str) -> None:
    assert is_told(events_of(a_shell_call(command)))


@pytest.mark.parametrize(
    "command",
    [
        "python3 - <<'E'\n" + "print(1)\n" * 500 + "E",
        "python3 -c 'print(1'",
        "node -e 'console.log(1)'",
        "eval \"$(ssh-agent -s)\"; sh -c 'eval echo 1'",
    ],
    ids=["long", "broken", "javascript", "eval"],
)
def test_ordinary_code_is_not_told_of(command: str) -> None:
    assert not is_told(events_of(a_shell_call(command)))


@pytest.mark.parametrize("word", ["{a," * 20 + "/" + "}" * 20, "{1..1}" * 20 + "{/,b}", "{1..99999999}"])
def test_braces_beyond_the_cap_make_a_path_that_is_not_known(word: str) -> None:
    files = [event for event in events_of(a_shell_call(f"rm -rf {word}")) if "file.op" in event.values]
    assert [event.values["file.dynamic"] for event in files] == [True]


def test_braces_of_one_call_beyond_the_cap_are_not_known() -> None:
    events = events_of(a_shell_call("; ".join(["echo {1..500}"] * 20 + ["rm -rf {/,x}"])))
    echoes = [event for event in events if event.values.get("proc.name") == "echo"]

    assert [event.values["proc.args_dynamic"] for event in echoes] == [False] * 16 + [True] * 4
    assert [event.values["file.dynamic"] for event in events if "file.op" in event.values] == [True]


def test_what_a_wrapper_runs_is_seen_behind_any_number_of_assignments() -> None:
    events = events_of(a_shell_call(" ".join(f"A{number}=1" for number in range(3_000)) + " rm -rf /"))

    assert [event.values["file.real_path"] for event in events if "file.op" in event.values] == ["/"]


@pytest.mark.parametrize(
    "command",
    [
        "python3 -c 'import os, json\na = [1]\n" + "a = [a, a]\n" * 60 + 'b = a or c\njson.dumps(a)\nos.remove("/x")\'',
        "node -e 'let a = [1];" + "a = [a, a];" * 60 + 'b = a || c; require("fs").rmSync("/x")\'',
        "ruby -e 'a = [1];" + 'a = {"x" => a, "y" => a};' * 60 + 'b = c ? a : d; File.delete("/x")\'',
    ],
    ids=["python", "node", "ruby"],
)
def test_a_value_that_holds_itself_twice_again_and_again_is_not_walked_through(command: str) -> None:
    events = events_of(a_shell_call(command))

    assert [event.values["file.real_path"] for event in events if "file.op" in event.values] == ["/x"]


def test_links_beyond_the_cap_are_told_of(tmp_path: Path) -> None:
    deep = [f"n{number}/" + "d/" * 60 for number in range(20)]
    for folder in deep:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "key").symlink_to("/etc/shadow")

    few = events_of(a_shell_call(f"cat {deep[0]}x key", str(tmp_path)))
    many = events_of(a_shell_call(f"cat {' '.join(deep)} key", str(tmp_path)))

    assert "/etc/shadow" in [event.get("file.real_path") for event in few]
    assert not is_told(few)
    assert is_told(many)


def test_files_of_a_patch_beyond_the_cap_are_told_of() -> None:
    def patch(files: int) -> ToolCall:
        body = "".join(f"*** Add File: f{number}\n+x\n" for number in range(files))
        text = f"*** Begin Patch\n{body}*** End Patch\n"
        return ToolCall("codex", "PreToolUse", "s", PROJECT, PROJECT, "apply_patch", {"command": text}, text)

    assert not is_told(events_of(patch(200)))
    events = events_of(patch(300))
    assert is_told(events)
    second = events[1]
    assert (second.get("tool.file_name"), second.get("tool.name")) == ("f1", "apply_patch")
