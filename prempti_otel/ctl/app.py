"""The command line itself: which commands there are, and how errors reach a person.

Commands are imported when they are used, so that ``premptictl --help`` stays fast.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from prempti_otel import __version__
from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.lazy import LazyGroup
from prempti_otel.ctl.output import printable_lines
from prempti_otel.errors import PremptiError

SECTIONS = {
    "Set up and remove": {
        "install": ("prempti_otel.ctl.lifecycle.install:install", "Set up the guard: home, engine, hooks."),
        "uninstall": ("prempti_otel.ctl.lifecycle.uninstall:uninstall", "Remove the guard without a trace."),
        "hook": ("prempti_otel.ctl.hook.commands:hook", "Register the hook with a coding agent."),
        "completion": ("prempti_otel.ctl.completion:completion", "Print a shell's completion script."),
    },
    "See how it is": {
        "status": ("prempti_otel.ctl.health.status:status", "Show how the guard is doing."),
        "doctor": ("prempti_otel.ctl.health.doctor:doctor", "Look for every known way that the guard can be off."),
        "health": ("prempti_otel.ctl.health.probe:health", "Send a harmless call through the whole pipeline."),
    },
    "See what happens": {
        "logs": ("prempti_otel.ctl.logs:logs", "Show what was decided, a line per call."),
        "top": ("prempti_otel.ctl.top:top", "Watch calls, verdicts, latency and sessions."),
        "explain": (
            "prempti_otel.ctl.explain.commands:explain",
            "Show what a call would do, and why it gets its verdict.",
        ),
        "audit": ("prempti_otel.ctl.audit.commands:audit", "Verify, show, count and export the audit trail."),
        "replay": ("prempti_otel.ctl.replay.commands:replay", "Judge recorded hook payloads, without recording."),
    },
    "Let calls pass": {
        "approve": ("prempti_otel.ctl.approve:approve", "Let a call pass that its agent could not ask about."),
        "approvals": (
            "prempti_otel.ctl.approve:approvals",
            "Show which calls wait for an approval, and which have it.",
        ),
    },
    "Rules and settings": {
        "rules": ("prempti_otel.ctl.rules.commands:rules", "Check, test, show, switch and make rules."),
        "mode": ("prempti_otel.ctl.mode:mode", "Show or switch the mode: guardrails or monitor."),
        "default-action": (
            "prempti_otel.ctl.mode:default_action",
            "Show or choose what a call gets that no rule stops.",
        ),
        "config": ("prempti_otel.ctl.config:config", "Show and change settings."),
    },
    "Run the engine": {
        "start": ("prempti_otel.ctl.lifecycle.commands:start", "Start the engine."),
        "stop": ("prempti_otel.ctl.lifecycle.commands:stop", "Take the hooks out and stop the engine."),
        "restart": ("prempti_otel.ctl.lifecycle.commands:restart", "Stop the engine and start it again."),
        "enable": ("prempti_otel.ctl.lifecycle.commands:enable", "Have the engine started at login."),
        "disable": ("prempti_otel.ctl.lifecycle.commands:disable", "Do not have the engine started at login."),
        "daemon": ("prempti_otel.ctl.lifecycle.commands:daemon", "Run the engine in the foreground."),
    },
}
"""Each command, below what it is for."""
COMMANDS = {name: entry for commands in SECTIONS.values() for name, entry in commands.items()}


@click.group(cls=LazyGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="premptictl")
def cli() -> None:
    """Guardrail and flight recorder for AI coding agents.

    Everything is kept below PREMPTI_HOME (default: ~/.prempti).
    """


def main() -> None:
    """Run premptictl; every error is a sentence on stderr and an exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], **options: Any) -> int:
    """One command, by its arguments; the exit code. ``options`` go to click (for completion)."""
    try:
        result = cli.main(arguments, prog_name="premptictl", standalone_mode=False, **options)
        return result if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.FAILED
    except (click.Abort, KeyboardInterrupt):
        return 130  # 128 + SIGINT, as shells report it
    except PremptiError as error:
        click.echo(f"premptictl: {printable_lines(error.diagnostics())}", err=True)
        return _exit_code(error)
    except (BrokenPipeError, SystemExit):
        # The reader has had enough: of that, and outside its standalone mode of nothing else, click makes an exit.
        # Keep the interpreter from complaining when it flushes.
        sys.stdout = None
        return 141  # 128 + SIGPIPE
    except Exception as error:  # noqa: BLE001 - the boundary of the program: a sentence, never a traceback
        strange = [word for word in arguments if not _is_text(word)]
        if strange and isinstance(error, UnicodeEncodeError):
            click.echo(f"premptictl: {strange[0]!r} is no UTF-8 text; only names of files can be other bytes", err=True)
            return ExitCode.USAGE
        click.echo(f"premptictl: {printable_lines(_defect(error))}", err=True)
        return ExitCode.FAILED


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _exit_code(error: PremptiError) -> int:
    from prempti_otel.engine.client import EngineUnavailable  # on errors only

    known = ExitCode.UNREACHABLE if isinstance(error, EngineUnavailable) else ExitCode.FAILED
    code: int = getattr(error, "exit_code", known)
    return code


def _defect(error: Exception) -> str:
    """A sentence on an error that nobody foresaw. Its message is left out where it could quote what was read."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system'}: {error.strerror}"
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {place.tb_frame.f_code.co_filename}, line {place.tb_lineno}" if place else ""
    return f"failed inside: {type(error).__name__}{where} (report this as a defect)"
