"""Rules as they are written for Prempti's plugin: on the call alone, by its own fields."""

from __future__ import annotations

from typing import Any

import pytest

from prempti_otel.model.call import ToolCall
from prempti_otel.model.event import tool_event
from prempti_otel.rules.language.parser import parse_condition
from tests.support.rules import codes, loaded, matched, ruleset

RULES = """
- required_engine_version: 0.50.0
- list: guarded_folders
  items:
    - /etc/
    - /root/
- list: guarded_names
  items: [.env, .npmrc, '"[odd]"']
- macro: changes_a_file
  condition: tool.name in ("Write", "Edit")
- macro: is_guarded
  condition: >
    tool.real_file_path pmatch (guarded_folders)
    or tool.real_file_path contains "/.ssh/"
    or basename(tool.file_path) in (guarded_names)
- macro: is_outside
  condition: not tool.real_file_path startswith val(agent.real_cwd)
- rule: Ask outside of the project
  desc: A file beyond the working directory is written.
  condition: changes_a_file and tool.real_file_path != "" and is_outside and not is_guarded
  output: >
    Falco asks before writing to %tool.real_file_path outside of %agent.real_cwd
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_ask]
- rule: Deny guarded paths
  desc: A guarded path is written.
  condition: >
    changes_a_file
    and is_guarded
  output: Falco blocked writing to %tool.real_file_path | correlation=%correlation.id
  priority: CRITICAL
  source: coding_agent
  tags: [coding_agent_deny]
- macro: is_guarded
  condition: or tool.real_file_path contains "/.vault/"
  override:
    condition: append
"""
SEEN = """
- rule: Seen
  desc: Everything.
  condition: correlation.id > 0
  output: seen %evt.num tool=%tool.name model=%agent.model patch=%tool.patch_op
  priority: DEBUG
  source: coding_agent
  tags: [coding_agent_seen]
"""


def call(**changes: Any) -> ToolCall:
    given: dict[str, Any] = {
        "agent": "claude_code",
        "hook_event": "PreToolUse",
        "session_id": "s",
        "cwd": "/src/p",
        "real_cwd": "/src/p",
        "tool": "Write",
        "input": {},
        "input_json": "{}",
        "correlation_id": 7,
    }
    return ToolCall(**{**given, **changes})


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("/src/p/a.py", ["Seen"]),
        ("/src/q/a.py", ["Ask outside of the project", "Seen"]),
        ("/etc/hosts", ["Deny guarded paths", "Seen"]),
        ("/src/p/.env", ["Deny guarded paths", "Seen"]),
        ("/src/p/.vault/x", ["Deny guarded paths", "Seen"]),
        ("", ["Seen"]),
    ],
)
def test_rules_on_the_call_alone_judge_as_falco_does(path: str, rules: list[str]) -> None:
    found = ruleset(RULES, SEEN)
    assert matched(found, tool_event(call(file_path=path, real_file_path=path))) == rules


def test_outputs_of_such_rules_show_absent_text_as_empty() -> None:
    (match,) = ruleset(SEEN).judge([tool_event(call())]).matches
    assert match.output == "seen 7 tool=Write model= patch="


def test_they_load_without_a_warning() -> None:
    assert codes(loaded(RULES, SEEN)) == []


@pytest.mark.parametrize(
    "condition",
    [
        "(evt.type in (open,openat,openat2) and evt.is_open_write=true and fd.typechar='f' and fd.num>=0)",
        "fd.num=-1 and evt.res startswith E and evt.dir=<",
        '(proc.name!="<NA>") and not user.uid=0',
        "(fd.directory=/ or fd.name startswith /root/)",
        '(a_macro) and not (never_true) and fd.snet in (10.0.0.0/8, "192.168.0.0/16")',
        'proc.aname[2] in (apt, "75-system-updat") or proc.cmdline contains "--flag=value"',
        "evt.arg.flags contains EXE_UPPER_LAYER or proc.duration <= 5000000000",
        "proc.cmdline regex '(^|[[:space:]])-rf([[:space:]]|$)' and evt.rawres>=0",
        "container.privileged=true and not(proc.pname exists) and evt.arg[1] icontains 'NOPASSWD'",
        "fd.name glob /proc/*/environ and evt.buffer bcontains cafebabe",
    ],
)
def test_conditions_in_the_style_of_falcos_syscall_rules_parse(condition: str) -> None:
    parse_condition(condition)
