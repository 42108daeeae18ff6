"""``premptictl explain``: what a call would do, and which part of which rule held on which effect.

The call is analysed, never run; nothing is recorded and no engine is needed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import VERDICT_STYLES, console, format_option, print_json, printable
from prempti_otel.ctl.rules.switch import find
from prempti_otel.model.fields import Level
from prempti_otel.settings.home import Home

if TYPE_CHECKING:
    from rich.tree import Tree

    from prempti_otel.engine.evaluate import Evaluation
    from prempti_otel.model.event import Event
    from prempti_otel.rules.explain import BranchExplanation, Explanation
    from prempti_otel.rules.rule import Rule
    from prempti_otel.rules.ruleset import Ruleset

MOST_BRANCHES = 5
"""Branches shown of a rule that did not hold; those of one that held are all shown."""


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.option("--payload", type=click.File("rb"), help="Explain a hook payload (JSON; - for standard input).")
@click.option("--agent", default="claude_code", show_default=True, help="Whose payload it is.")
@click.option("--cwd", type=click.Path(path_type=Path), default=".", help="The agent's working directory.")
@click.option("--rule", "rule_name", help="Why this rule did or did not hold, on every effect.")
@click.option(
    "--rules", "paths", multiple=True, type=click.Path(exists=True, path_type=Path), help="Judge by these files."
)
@click.option("--full", is_flag=True, help="Every part of each condition, not just what decided.")
@format_option
def explain(
    words: tuple[str, ...],
    payload: BinaryIO | None,
    agent: str,
    cwd: Path,
    rule_name: str | None,
    paths: tuple[Path, ...],
    full: bool,
    form: str,
) -> int:
    """Show what a call would do and why it gets its verdict. Nothing is run.

    COMMAND is shell code, in one argument: premptictl explain 'cd /tmp && rm -rf *'
    """
    from prempti_otel.engine.offline import open_judge
    from prempti_otel.rules.explain import explain_rule

    if bool(words) == (payload is not None):
        raise click.UsageError("give a COMMAND or --payload, one of them")
    if payload is None and not any(word.strip() for word in words):
        raise click.UsageError("the COMMAND is empty")
    judge = open_judge(Home.from_environment(), paths)
    data = payload.read() if payload is not None else _payload(words, cwd)
    evaluation = judge.evaluate(agent, data)
    rules = {rule.name: rule for rule in _judged_by(judge.ruleset, evaluation)}
    chosen = [find(list(rules.values()), rule_name)] if rule_name else _held(rules, evaluation)
    reasons = [(rule, explain_rule(rule, evaluation.events)) for rule in chosen]
    if form == "json":
        print_json(_json(evaluation, reasons))
    else:
        _print(evaluation, reasons, full=full or rule_name is not None)
    return ExitCode.OK


def _payload(words: Sequence[str], cwd: Path) -> bytes:
    return msgspec.json.encode(
        {
            "session_id": "explain",
            "transcript_path": "",
            "cwd": str(cwd.absolute()),
            "permission_mode": "default",
            "hook_event_name": "PreToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": words[0] if len(words) == 1 else shlex.join(words)},
            "tool_use_id": "explain",
        }
    )


def _judged_by(ruleset: Ruleset, evaluation: Evaluation) -> Iterator[Rule]:
    """The installed rules and those of the projects that the call is made in."""
    yield from ruleset.rules
    for project in evaluation.projects:
        yield from project.ruleset.rules if project.ruleset is not None else ()


def _held(rules: Mapping[str, Rule], evaluation: Evaluation) -> list[Rule]:
    return [rules[name] for name in dict.fromkeys(match.rule for match in evaluation.decision.matches)]


def _json(evaluation: Evaluation, reasons: list[tuple[Rule, list[BranchExplanation]]]) -> dict[str, Any]:
    places = {id(event): index for index, event in enumerate(evaluation.events)}
    return {
        "verdict": str(evaluation.decision.verdict),
        "reason": evaluation.decision.reason,
        "events": [{"level": event.level.label, "fields": event.values} for event in evaluation.events],
        "rules": [
            {
                "rule": rule.name,
                "file": rule.file,
                "branches": [
                    {"event": places[id(branch.event)], "held": branch.explanation.held} | _tree(branch.explanation)
                    for branch in branches
                ],
            }
            for rule, branches in reasons
        ],
    }


def _tree(part: Explanation) -> dict[str, Any]:
    tree: dict[str, Any] = {"text": part.text, "held": part.held}
    if part.values:
        tree["values"] = dict(part.values)
    if part.parts:
        tree["parts"] = [_tree(child) for child in part.parts]
    return tree


def _print(evaluation: Evaluation, reasons: list[tuple[Rule, list[BranchExplanation]]], *, full: bool) -> None:
    from rich.text import Text
    from rich.tree import Tree

    from prempti_otel.ctl.explain.view import essence

    out = console()
    events = Tree("what it would do", guide_style="dim")
    _add_effects(events, evaluation.events)
    out.print(events)
    verdict = str(evaluation.decision.verdict)
    out.print(Text.assemble("\nverdict: ", (verdict, VERDICT_STYLES[verdict])))
    files = {match.rule: match.file for match in evaluation.decision.matches}
    told = [(rule, branches) for rule, branches in reasons if full or rule.verdict.stops]
    for rule, branches in told or reasons:
        shown = [branch for branch in branches if branch.explanation.held] or branches[:MOST_BRANCHES]
        held = bool(shown) and shown[0].explanation.held
        heading = Text.assemble("\n", (rule.name, "bold"), "" if held else ("  did not hold", "dim"))
        if file := files.get(rule.name):
            heading.append(f"  of the project, {printable(file)}", style="dim")
        if not branches:
            heading.append("  (there is no event of its level)", style="dim")
        out.print(heading)
        for branch in shown:
            tree = Tree(Text(f"on {_effect(branch.event)}"), guide_style="dim")
            _add_part(tree, branch.explanation if full else essence(branch.explanation))
            out.print(tree)
    if told and len(told) < len(reasons):
        others = ", ".join(rule.name for rule, _ in reasons if not rule.verdict.stops)
        out.print(Text(f"\nwithout a say in the verdict: {printable(others)}", style="dim"))
    if reasons and not full:
        out.print(Text("\n--full shows each condition whole", style="dim"))


def _add_effects(root: Tree, events: Sequence[Event]) -> None:
    """Processes below those that run them, files and hosts below their process."""
    from rich.text import Text

    at: dict[int, Tree] = {}
    path: list[tuple[int, Tree]] = []
    for event in events:
        if event.level is Level.TOOL:
            at[id(event)] = root
        elif event.level is Level.PROCESS:
            ancestors = event.values.get("proc.ancestors")
            depth = len(ancestors) if isinstance(ancestors, tuple) else 0
            while path and path[-1][0] >= depth:
                path.pop()
            node = (path[-1][1] if path else root).add(Text(_effect(event), style="bold"))
            path.append((depth, node))
            at[id(event)] = node
    for event in events:
        if event.level in (Level.FILE, Level.NETWORK):
            style = "cyan" if event.level is Level.FILE else "magenta"
            at.get(id(event.base), root).add(Text(_effect(event), style=style))


def _effect(event: Event) -> str:
    return printable(" ".join(_words(event)))


def _words(event: Event) -> Iterator[str]:
    if event.level is Level.TOOL:
        yield f"call {event.get('tool.name')}"
    elif event.level is Level.PROCESS:
        yield f"process {event.get('proc.cmdline') or event.get('proc.name')}"
        for name in ("proc.remote", "proc.user"):
            if value := event.values.get(name):
                yield f"[{name.partition('.')[2]} {value}]"
        effects = event.values.get("proc.effects")
        if isinstance(effects, tuple) and effects:
            yield f"→ {', '.join(str(effect) for effect in effects)}"
    elif event.level is Level.FILE:
        recursive = " -r" if event.get("file.recursive") else ""
        yield f"file {event.get('file.op')}{recursive} {event.get('file.real_path') or event.get('file.path')}"
    else:
        port = f":{event.get('net.port')}" if event.get("net.port") else ""
        yield f"network {event.get('net.op')} {event.get('net.host')}{port} ({event.get('net.ip_class')})"
    if any(event.values.get(name) is True for name in ("proc.dynamic", "proc.args_dynamic", "file.dynamic")):
        yield "(not fully known)"


def _add_part(tree: Tree, part: Explanation) -> None:
    from rich.text import Text

    mark = Text("✓ " if part.held else "✗ ", style="green" if part.held else "red")
    label = Text.assemble(mark, printable(part.text), overflow="fold")
    if part.values:
        label.append("   " + printable(", ".join(f"{name} = {value}" for name, value in part.values)), style="dim")
    node = tree.add(label)
    for child in part.parts:
        _add_part(node, child)
