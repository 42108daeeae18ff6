"""What tools other than the shell touch."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.analysis.reading import FileAccess, FileOp, HostAccess, Word
from prempti_otel.analysis.tools import ToolReading, read_tool
from prempti_otel.model.call import JsonValue, ToolCall


def a_call(tool: str, given_input: dict[str, JsonValue], command: str = "", file_path: str = "") -> ToolCall:
    return ToolCall(
        agent="claude_code",
        hook_event="PreToolUse",
        session_id="s",
        cwd="/home/dev/project",
        real_cwd="/home/dev/project",
        tool=tool,
        input=given_input,
        input_json=json.dumps(given_input),
        command=command,
        file_path=file_path,
    )


def reads(path: str, *, recursive: bool = False, pattern: bool = False) -> FileAccess:
    return FileAccess(Word(path, pattern=pattern), FileOp.READ, recursive=recursive)


def writes(path: str, content: str) -> FileAccess:
    return FileAccess(Word(path), FileOp.WRITE, content=Word(content))


FILES: list[tuple[str, dict[str, JsonValue], list[FileAccess]]] = [
    ("Read", {"file_path": "/a/b"}, [reads("/a/b")]),
    ("Write", {"file_path": "/a/b", "content": "x"}, [writes("/a/b", "x")]),
    ("Write", {"file_path": "/a/b"}, [writes("/a/b", "")]),
    ("Edit", {"file_path": "a", "old_string": "1", "new_string": "2"}, [reads("a"), writes("a", "2")]),
    (
        "MultiEdit",
        {"file_path": "a", "edits": [{"old_string": "1", "new_string": "2"}, {"new_string": "3"}]},
        [reads("a"), writes("a", "2\n3")],
    ),
    ("NotebookEdit", {"notebook_path": "n.ipynb", "new_source": "x=2"}, [reads("n.ipynb"), writes("n.ipynb", "x=2")]),
    ("Grep", {"pattern": "/etc/shadow"}, [reads(".", recursive=True)]),
    ("Grep", {"pattern": "x", "path": "/home/dev/.ssh"}, [reads("/home/dev/.ssh", recursive=True)]),
    ("Grep", {"pattern": "x", "glob": "*.ts"}, [reads(".", recursive=True), reads("./*.ts", pattern=True)]),
    ("Grep", {"pattern": "x", "glob": "!.env"}, [reads(".", recursive=True)]),
    ("Glob", {"pattern": "**/*.py"}, [reads(".", recursive=True)]),
    ("Glob", {"pattern": "*.py", "path": "src"}, [reads("src", recursive=True)]),
    ("Glob", {"pattern": "/home/dev/.ssh/*"}, [reads("/home/dev/.ssh/*", recursive=True, pattern=True)]),
    ("Glob", {"pattern": "../*/.env"}, [reads("../*/.env", recursive=True, pattern=True)]),
    ("LS", {"path": "/etc"}, [reads("/etc", recursive=True)]),
    ("WebFetch", {"url": "file:///etc/passwd", "prompt": "p"}, [reads("/etc/passwd")]),
    ("WebFetch", {"urls": ["file:///etc/passwd", "file:///etc/group"]}, [reads("/etc/passwd"), reads("/etc/group")]),
    ("WebSearch", {"query": "/etc/passwd"}, []),
    ("Agent", {"prompt": "read /etc/passwd", "description": "d"}, []),
    ("Task", {"prompt": "read /etc/passwd"}, []),
    ("Skill", {"skill": "x"}, []),
    (
        "Config",
        {"setting": "permissions.defaultMode", "value": "bypassPermissions"},
        [writes("~/.claude/settings.json", '{"permissions": {"defaultMode": "bypassPermissions"}}')],
    ),
    (
        "Config",
        {"setting": "disableAllHooks", "value": True},
        [writes("~/.claude/settings.json", '{"disableAllHooks": true}')],
    ),
    ("Config", {"setting": 'a"b', "value": 1}, [writes("~/.claude/settings.json", '{"a\\"b": 1}')]),
    ("Config", {"setting": "a", "value": 10**30}, [writes("~/.claude/settings.json", '{"a": ...}')]),
    ("Config", {"setting": "theme"}, []),
    (
        "CronCreate",
        {"cron": "* * * * *", "prompt": "go on", "durable": True},
        [writes(".claude/scheduled_tasks.json", "go on")],
    ),
    ("CronCreate", {"cron": "* * * * *", "prompt": "/etc/passwd", "durable": False}, []),
    ("Projects", {"method": "project_write", "path": "claude/x", "local_path": "/etc/passwd"}, [reads("/etc/passwd")]),
    ("Projects", {"method": "project_delete", "path": "/etc/passwd"}, []),
    ("SendFeedback", {"title": "t", "details": "/etc/passwd"}, []),
    ("SomethingNew", {"file_path": "/etc/passwd"}, [FileAccess(Word("/etc/passwd"), FileOp.READ)]),
    ("ToolSearch", {"query": "select:Read", "path": "/etc/passwd"}, []),
]


@pytest.mark.parametrize(("tool", "given_input", "files"), FILES)
def test_a_tool_touches_the_files_it_names(
    tool: str, given_input: dict[str, JsonValue], files: list[FileAccess]
) -> None:
    reading = read_tool(a_call(tool, given_input))
    assert list(reading.files) == files
    assert not reading.hosts
    assert not reading.dynamic
    assert reading.shell is None


@pytest.mark.parametrize("tool", ["Read", "Write", "Edit", "NotebookEdit", "WebFetch", "Config"])
@pytest.mark.parametrize("given_input", [{}, {"file_path": 7, "url": None}, {"file_path": ""}])
def test_input_of_another_shape_is_dynamic(tool: str, given_input: dict[str, JsonValue]) -> None:
    assert read_tool(a_call(tool, given_input)) == ToolReading(dynamic=True)


def test_the_adapters_file_path_wins_over_the_arguments() -> None:
    reading = read_tool(a_call("Read", {"file_path": "a"}, file_path="/x"))
    assert reading.files == (reads("/x"),)


def test_a_fetch_is_a_download() -> None:
    reading = read_tool(a_call("WebFetch", {"url": "https://e.example/x", "prompt": "p"}))
    assert reading.hosts == (HostAccess(Word("https://e.example/x"), "url", "download"),)


def test_a_shell_tool_hands_over_its_command() -> None:
    assert read_tool(a_call("Bash", {"command": "ls"}, command="ls")) == ToolReading(shell="ls")


def test_a_patch_is_read_file_by_file() -> None:
    text = (
        "*** Begin Patch\n*** Add File: n\n+1\n*** Delete File: d\n"
        "*** Update File: u\n@@\n+2\n*** Update File: m\n*** Move to: /t/m\n@@\n-1\n*** End Patch"
    )
    reading = read_tool(a_call("apply_patch", {"command": text}, command=text))
    assert reading.shell is None
    assert [(file.op, file.path) for file in reading.patched] == [
        ("Add", "n"),
        ("Delete", "d"),
        ("Update", "u"),
        ("Move", "/t/m"),
    ]
    assert [(access.op, access.path.text) for access in reading.files] == [
        (FileOp.WRITE, "n"),
        (FileOp.DELETE, "d"),
        (FileOp.READ, "u"),
        (FileOp.WRITE, "u"),
        (FileOp.READ, "m"),
        (FileOp.DELETE, "m"),
        (FileOp.WRITE, "/t/m"),
    ]


def test_a_malformed_patch_is_dynamic() -> None:
    assert read_tool(a_call("apply_patch", {"command": "nonsense"})).dynamic


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "setting",
        "value",
        "durable",
        "local_path",
        "file_path",
        "url",
        "command",
        "edits",
        "content",
        "path",
        "pattern",
        "new_string",
    ]
)
TOOLS = st.sampled_from(
    [
        "Read",
        "Write",
        "Edit",
        "MultiEdit",
        "NotebookEdit",
        "Grep",
        "Glob",
        "WebFetch",
        "apply_patch",
        "Config",
        "CronCreate",
        "Projects",
    ]
)


@given(tool=TOOLS | st.text(max_size=8), given_input=st.dictionaries(NAMES | st.text(max_size=4), JSON, max_size=4))
def test_no_input_makes_reading_a_tool_raise(tool: str, given_input: dict[str, JsonValue]) -> None:
    read_tool(a_call(tool, given_input))
