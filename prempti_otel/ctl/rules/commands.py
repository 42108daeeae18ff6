"""``premptictl rules``: which commands there are."""

from __future__ import annotations

import click

from prempti_otel.ctl.lazy import LazyGroup

_HERE = "prempti_otel.ctl.rules"
SECTIONS = {
    "See what is there": {
        "list": (f"{_HERE}.listing:list_", "List rules with their verdict, priority and state."),
        "show": (f"{_HERE}.switch:show", "Show one rule whole."),
    },
    "Make and try": {
        "new": (f"{_HERE}.template:new", "Make a rule and its test from a recorded call."),
        "check": (f"{_HERE}.check:check", "Validate rule files."),
        "test": (f"{_HERE}.check:test", "Run unit tests of rules."),
    },
    "Put in and out of force": {
        "disable": (f"{_HERE}.switch:disable", "Take a rule out of force."),
        "enable": (f"{_HERE}.switch:enable", "Put a rule into force again."),
        "trust": (f"{_HERE}.trust:trust", "Look at the rules of a project, and put them in force."),
        "untrust": (f"{_HERE}.trust:untrust", "Take rules of a project out of force."),
    },
}


@click.group(cls=LazyGroup, sections=SECTIONS)
def rules() -> None:
    """Check, test, show, switch and make rules."""
