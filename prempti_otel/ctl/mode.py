"""``premptictl mode`` and ``default-action``: shown, and switched without a restart."""

from __future__ import annotations

import click

from prempti_otel.ctl.output import format_option, print_json
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config


def _switch(key: str, value: str | None, form: str) -> None:
    home = Home.from_environment()
    if value is None:
        value = getattr(load_config(home.config), key)
        _print(key, str(value), form)
        return
    from prempti_otel.engine.client import EngineClient, EngineUnavailable

    try:
        with EngineClient(home) as engine:
            reply = engine.set_mode(
                mode=value if key == "mode" else "", default_action=value if key == "default_action" else ""
            )
        if reply.error:
            raise PremptiError(reply.error)
    except EngineUnavailable:
        home.create()  # no engine runs: the next one reads the file
        from prempti_otel.settings.save import update_config

        update_config(home.config, {key: value})
    _print(key, value, form)


def _print(key: str, value: str, form: str) -> None:
    if form == "json":
        print_json({key: value})
    else:
        click.echo(value)


@click.command()
@click.argument("value", metavar="[guardrails|monitor]", type=click.Choice(["guardrails", "monitor"]), required=False)
@format_option
def mode(value: str | None, form: str) -> None:
    """Show or switch the mode.

    In guardrails mode verdicts are enforced. In monitor mode calls are judged and recorded, and none is stopped.
    """
    _switch("mode", value, form)


@click.command("default-action")
@click.argument("value", metavar="[defer|allow]", type=click.Choice(["defer", "allow"]), required=False)
@format_option
def default_action(value: str | None, form: str) -> None:
    """Show or choose what a call gets that no rule stops.

    With defer the agent's own permission prompts go on; allow skips them.
    """
    _switch("default_action", value, form)
