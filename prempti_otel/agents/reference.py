"""``docs/agents.md``, made from what the adapters declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prempti_otel.agents import get, names
from prempti_otel.agents.copilot import adapter as copilot
from prempti_otel.agents.cursor import adapter as cursor
from prempti_otel.agents.gemini import adapter as gemini
from prempti_otel.agents.opencode import adapter as opencode

if TYPE_CHECKING:
    from prempti_otel.agents.interface import Agent

FILES: Mapping[str, Mapping[str, str]] = {
    "claude_code": {
        "user": "~/.claude/settings.json",
        "project": ".claude/settings.json",
        "local": ".claude/settings.local.json",
        "managed": "/etc/claude-code/managed-settings.json",
    },
    "codex": {"user": "~/.codex/hooks.json", "project": ".codex/hooks.json"},
    "gemini": {
        "user": "~/.gemini/settings.json",
        "project": ".gemini/settings.json",
        "managed": "/etc/gemini-cli/settings.json",
    },
    "copilot": {
        "user": "~/.copilot/hooks/prempti.json",
        "project": ".github/hooks/prempti.json",
        "managed": "/etc/github-copilot/policy.d/prempti.json",
    },
    "cursor": {"user": "~/.cursor/hooks.json", "project": ".cursor/hooks.json", "managed": "/etc/cursor/hooks.json"},
    "opencode": {"user": "~/.config/opencode/plugins/prempti.js", "project": ".opencode/plugins/prempti.js"},
}
"""Agent → scope → the file that the hook is registered in, on Linux, where no variable moves it."""

_TOOLS: Mapping[str, Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "gemini": gemini.TOOLS,
    "copilot": copilot.TOOLS,
    "cursor": cursor.TOOLS,
    "opencode": opencode.TOOLS,
}

_HEAD = """\
<!-- Generated from the code by `make docs`; do not edit. -->

# Coding agents

One set of rules holds for all agents: tools and their inputs have the names that Claude Code gives them, and
`agent.name` tells the agents apart. The agent's own name of the tool is kept in the record.

    premptictl hook add AGENT [--scope user|project|local|managed]
    premptictl hook status [AGENT]
    premptictl hook remove AGENT

`hook add` copies the hook to `PREMPTI_HOME/bin` and enters it in the agent's file. Nothing else in that file changes,
layout and comments included, and a copy from before is kept beside it (`.prempti-backup`) until `hook remove` has
restored it. A file that the agent could not read either is refused and left alone: agents ignore such a file, all hooks
included. With the scope `managed` the hook still runs as each user, with the home that `hook add` was run with: meant
for machines with one user, such as containers.

What is said of an agent that was seen was observed, with the real program and a scripted model; of the others it is
what their makers document.
"""

_CALLS = """\
## What a call looks like to rules

| tools | `tool.input_command` | `tool.file_path`, `tool.real_file_path` |
|---|---|---|
| `Bash`, `Monitor` | `command` | |
| `Write`, `Edit`, `MultiEdit`, `Read` | | `file_path` |
| `NotebookEdit` | | `notebook_path` |
| `apply_patch` | | one event for each file of the patch |
| `Glob`, `Grep`, `LS` | | (a folder to search is not a file) |
| `mcp__SERVER__TOOL` | | `mcp.server` and `mcp.tool` instead |
| any other tool, known or not | | |

`tool.input` is the whole input as compact JSON with sorted keys. `tool.real_file_path` is absolute: links are followed
as far as the path exists, the rest is kept; a leading `~/` is the home folder. Where an agent's shell tool names a
folder to run in, `tool.input_command` begins with a line `cd FOLDER`.
Prempti fills the path for `Write`, `Edit` and `Read` only. Rules that name the tool beside the path, as all of
Prempti's do, judge the same here; a rule that names only the path now also holds for `MultiEdit` and `NotebookEdit`.

## What is blocked before any rule is asked

A payload that is empty, no UTF-8, no JSON, larger than 4 MiB, nested more than 128 levels deep, or that has a lone
surrogate or the same key twice in one object; one without its event, session, working directory (absolute), tool or
input, or without what its tool cannot do without (`command`, `file_path`, `url`, ...); and one whose fields have the
wrong type. The reason says which it was.

## When something fails, with any agent

| what | what happens |
|---|---|
| the engine is not running | the hook starts it; the start and the answer may take 12 s |
| the engine does not start, or may not | blocked, with the reason |
| a failure with `hook add --fail-open`, or in monitor mode | the call goes on unjudged; `log/fallbacks.log` tells |

## What no hook sees

- The hook judges what the agent declares. It is no sandbox.
- A project's settings can set environment variables for the hook. Interpreter, home, deadline and failure mode are
  therefore written into the registered command, and Python ignores its own variables (`-I -S`). A library that is
  preloaded with `LD_PRELOAD` runs inside the hook all the same: look at the settings of a project before you trust it.
"""


def agents_page() -> str:
    """The whole page as Markdown."""
    agents = [get(name) for name in names()]
    parts = [_HEAD, *_overview(agents), _CALLS]
    for agent in agents:
        parts += _section(agent)
    return "\n".join(parts)


def _overview(agents: Sequence[Agent]) -> Iterator[str]:
    yield _table(
        ("agent", "name", "judged", "can ask", "seen working with"),
        [
            (
                agent.title,
                f"`{agent.name}`",
                ", ".join(f"`{event}`" for event in agent.facts.events),
                "unless permissions are bypassed" if agent.name == "claude_code" else "no: denied, with the reason",
                agent.facts.seen,
            )
            for agent in agents
        ],
    )


def _section(agent: Agent) -> Iterator[str]:
    facts = agent.facts
    yield f"## {agent.title}\n"
    yield f"Seen working with: {facts.seen}.\n\nVerdicts: {facts.verdicts}.\n"
    yield _table(("scope", "file"), [(scope, f"`{file}`") for scope, file in FILES[agent.name].items()])
    yield _table(("what fails", "what happens to the call"), facts.failure)
    if agent.name in _TOOLS:
        yield _table(("its tool", "is", "its input's keys"), list(_tools(_TOOLS[agent.name])))
    yield "Known gaps:\n"
    yield "\n".join(f"- {gap}" for gap in facts.gaps) + "\n"


def _tools(tools: Mapping[str, tuple[str, Mapping[str, str]]]) -> Iterator[tuple[str, str, str]]:
    for tool, (normal, keys) in tools.items():
        yield f"`{tool}`", f"`{normal}`", ", ".join(f"`{key}` is `{name}`" for key, name in keys.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
