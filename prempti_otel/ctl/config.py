"""``premptictl config``: the settings, read, changed in place, and checked."""

from __future__ import annotations

from typing import Any

import click

from prempti_otel.ctl.output import format_option, print_json
from prempti_otel.errors import PremptiError, nearest
from prempti_otel.settings.home import Home

HIDDEN = "(hidden; see the file)"
"""In place of values that may hold a token."""


@click.group()
def config() -> None:
    """Show and change settings."""


@config.command()
def path() -> None:
    """Print where the settings are."""
    click.echo(Home.from_environment().config)


@config.command()
def validate() -> None:
    """Check the settings; what is wrong is told with its place."""
    from prempti_otel.settings.load import load_config

    home = Home.from_environment()
    load_config(home.config)
    known = "OK" if home.config.exists() else "OK: there is no file, so all settings are the defaults"
    click.echo(f"{home.config}: {known}")


@config.command()
@click.argument("key", required=False)
@format_option
def get(key: str | None, form: str) -> None:
    """Print one setting, such as retention.days, or all of them."""
    values = _without_tokens(_values(Home.from_environment()))
    chosen = values if key is None else _find(values, key)
    if form == "json":
        print_json(chosen)
    elif isinstance(chosen, dict):
        for name, value in _flat(chosen):
            click.echo(f"{name} = {_shown(value)}")
    else:
        click.echo(_shown(chosen))


@config.command(
    "set",
    short_help="Change one setting in place.",
    context_settings={"ignore_unknown_options": True},  # a number below zero is a value, too, and told what is wrong
)
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Change one setting in place; comments and everything else in the file stay.

    A running engine takes it over by itself.
    """
    from prempti_otel.settings.save import save_value

    home = Home.from_environment()
    old = _find(_values(home), key)
    if isinstance(old, (dict, list)):
        raise PremptiError(f"{key} holds more than one value", remedy=f"edit {home.config}")
    home.create()
    save_value(home.config, key, _typed(old, key, value))
    click.echo(f"{key} = {value}")


def _values(home: Home) -> Any:
    """All settings as plain values. Raises ConfigError."""
    import msgspec  # `config path` starts without it

    from prempti_otel.settings.load import load_config

    return msgspec.to_builtins(load_config(home.config))


def _typed(old: object, key: str, value: str) -> str | int | float | bool:
    """``value`` as the kind of value that stands at ``key``."""
    if isinstance(old, bool):
        if value not in ("true", "false"):
            raise PremptiError(f"{key} cannot be {value!r}", remedy="true or false")
        return value == "true"
    if isinstance(old, (int, float)):
        try:
            return type(old)(value)
        except ValueError:
            raise PremptiError(f"{key} cannot be {value!r}", remedy="give a number") from None
    return value


def _find(values: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            import msgspec

            from prempti_otel.settings.config import Config

            known = [name for name, _ in _flat(msgspec.to_builtins(Config()))]
            close = nearest(key, known)
            raise PremptiError(
                f"there is no setting {key!r}", remedy=f"did you mean {close}?" if close else "premptictl config get"
            )
        values = values[part]
    return values


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        else:
            flat.append((prefix + name, value))
    return flat


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    import msgspec

    return msgspec.json.encode(value).decode()


def _without_tokens(values: Any) -> Any:
    """The same with the values of headers hidden."""
    if isinstance(values, dict):
        return {
            name: HIDDEN if name.endswith("_HEADERS") and value else _without_tokens(value)
            for name, value in values.items()
        }
    if isinstance(values, list):
        return [_without_tokens(value) for value in values]
    return values
