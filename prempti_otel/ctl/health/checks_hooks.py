"""Checks of the hooks: every agent on this machine asks the guard, and takes no for an answer."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from prempti_otel.agents import registration
from prempti_otel.agents.claude_code import http as claude_code_http
from prempti_otel.agents.registration import Scope
from prempti_otel.ctl.health import known_bad
from prempti_otel.ctl.health.findings import NO_COMMAND, Finding, Patient, edit, fail, ok, warn
from prempti_otel.ctl.hook import registry, switch
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prempti_otel.agents.registration import HookStatus
    from prempti_otel.audit.records import DecisionBody

_SWITCHES = ("switches", "disable")


def hooks(patient: Patient) -> Iterator[Finding]:
    """Each agent that is here has a hook that is in order, and that blocks what the rules deny."""
    try:
        registry.read(patient.home)
    except PremptiError as error:
        yield fail("hook", str(error), f"rm {shlex.quote(str(registry.path(patient.home)))}")
    known = {agent: registration.status(agent, patient.home, patient.project) for agent in registration.agents()}
    found = {agent: [state for state in states if state.registered] for agent, states in known.items()}
    guarded = [agent for agent, states in found.items() if states]
    for agent in registry.detected():
        unread = {problem: state.file for state in known[agent] if not state.registered for problem in state.problems}
        for problem, file in sorted(unread.items()):
            yield fail("hook", f"{agent} ignores its settings, hooks and all: {problem}", edit(file))
        if not found[agent] and not unread:
            says = f"{agent} is here, but no hook is registered with it: its calls are not judged"
            tell = warn if guarded else fail
            yield tell("hook", says, f"premptictl hook add {agent}")
    for agent in guarded:
        seen = set()
        for state in found[agent]:
            if state.file not in seen:
                seen.add(state.file)
                yield from _hook(patient, state)


def agent_versions(patient: Patient) -> Iterator[Finding]:  # noqa: ARG001 - all checks are called alike
    """Claude Code takes a hook that fails for a refusal."""
    program = shutil.which("claude")
    if program is None:
        return
    try:
        version = claude_code_http.version_of(program)
    except claude_code_http.UnknownVersionError as error:
        yield warn("agent", str(error), f"{shlex.quote(program)} --version")
        return
    if claude_code_http.honours_failure(version):
        yield ok("agent", f"Claude Code {version} blocks a call when its hook fails")
    else:
        needed = ".".join(map(str, claude_code_http.HONOURS_FAILURE))
        says = f"Claude Code {version} runs a call when its hook fails; {needed} and later do not"
        yield fail("agent", says, "claude update")


def _hook(patient: Patient, state: HookStatus) -> Iterator[Finding]:
    name = f"{state.agent} ({state.scope.value})"
    for problem in state.problems:
        yield fail("hook", f"{name}: {problem}", _remedy(patient, state, problem))
    if state.fail_open:
        says = f"{name} is registered to let calls pass, unjudged, while the guard does not answer"
        yield warn("hook", says, _add(state))
    if not state.problems:
        yield ok("hook", f"{name} is registered in {state.file}")
    yield _tried(patient, state, name)


def _tried(patient: Patient, state: HookStatus, name: str) -> Finding:
    """The known-bad call through the registered command, unless a repository may have written that."""
    if registry.in_project(state.scope) and not state.current:
        return fail("probe", f"{name}: not tried, for the command is not the one that hook add writes", _add(state))
    marker = os.urandom(8).hex()
    try:
        answer = known_bad.send(state, patient.home, str(patient.project), marker)
    except (OSError, PremptiError, subprocess.TimeoutExpired) as error:
        return fail("probe", f"{name}: the registered command did not run: {error}", _add(state))
    body = _recorded(patient, marker)
    said = answer.stderr.splitlines()[-1] if answer.stderr else f"exit status {answer.code}"
    if body is None:
        effect = "blocks every call" if answer.blocks else "lets every call pass"
        return fail("probe", f"{name}: the hook does not get to the engine and {effect}: {said}", "premptictl start")
    if answer.blocks:
        return ok("probe", f"{name}: a known-bad call was blocked")
    if body.decision.mode == "monitor":
        return warn(
            "probe", f"{name}: a known-bad call passed, as all do in monitor mode", "premptictl mode guardrails"
        )
    if body.decision.verdict != "deny":
        says = f"{name}: your rules let a known-bad call pass: {known_bad.COMMAND}"
        config = patient.config.rules
        chosen = config.disable or config.disable_tags or config.minimum_priority != "debug"
        if config.default and not chosen:
            return fail("probe", says, "premptictl rules check")
        return warn("probe", says, f"premptictl explain {known_bad.COMMAND!r}")
    return fail("probe", f"{name}: a denied call was let pass: {said}", _add(state))


def _recorded(patient: Patient, marker: str) -> DecisionBody | None:
    """What the engine decided on the call that carries ``marker``; None where it never got there."""
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.audit.records import DecisionBody, body_of

    if not patient.home.audit_db.exists():
        return None
    with StoreReader(patient.home) as store:
        for record in store.decisions(session_id=known_bad.SESSION, limit=50, newest=True):
            body = body_of(record, DecisionBody)
            if marker in body.call.command:
                return body
    return None


def _remedy(patient: Patient, state: HookStatus, problem: str) -> str:
    if any(word in problem for word in _SWITCHES):
        return switch.remedy(problem, patient.project) or _by_hand(problem)
    return _add(state)


def _by_hand(problem: str) -> str:
    """For a setting that no command of ours takes out; the sentence on it names its file."""
    file = problem.partition(" in ")[2].rpartition(" switches ")[0]
    if not file:
        return "premptictl hook status"
    if os.access(file, os.W_OK):
        return edit(file)
    return f"{NO_COMMAND}{file} is the administrator's, who alone can take that setting out"


def _add(state: HookStatus) -> str:
    scope = "" if state.scope is Scope.USER else f" --scope {state.scope.value}"
    return f"premptictl hook add {state.agent}{scope}"
