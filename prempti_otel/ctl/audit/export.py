"""``premptictl audit export``: any part of the audit trail once more, to an OTLP receiver or as lines of text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prempti_otel.ctl.exit_codes import ExitCode
from prempti_otel.ctl.output import printable
from prempti_otel.ctl.progress import watched
from prempti_otel.ctl.times import as_moment
from prempti_otel.errors import PremptiError, nearest
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

if TYPE_CHECKING:
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.settings.config import Destination, Privacy
    from prempti_otel.telemetry.replay import Range, Target

SIGNALS = ("traces", "logs")
_PLACE = "a record's number, 90m, 2h or 7d (ago), or 2026-01-31T14:05"
_SEQ, _TIME = "record", "time"
Point = tuple[str, int]


def _as_point(context: click.Context, parameter: click.Parameter, value: str | None) -> Point | None:
    """A record's number, or a point in time."""
    if value is not None and value.isascii() and value.isdecimal():
        return _SEQ, int(value)
    found = as_moment(context, parameter, value)
    return None if found is None else (_TIME, found)


@click.command(short_help="Send or write recorded calls once more.")
@click.option("--since", metavar="PLACE", callback=_as_point, help=f"First record: {_PLACE}.  [default: the oldest]")
@click.option("--until", metavar="PLACE", callback=_as_point, help="Last record, or a time before which it was made.")
@click.option("--session", default="", help="Only records of this session.")
@click.option("--to", metavar="URL", help="Send to this OTLP receiver, such as http://127.0.0.1:4317.")
@click.option("--protocol", type=click.Choice(["grpc", "http"]), help="How to speak to it.  [default: grpc]")
@click.option(
    "--destination", metavar="NAME", help="Send to this destination of the settings, with its TLS and headers."
)
@click.option("--format", "form", type=click.Choice(["otlp-json", "ocsf"]), help="Write JSON lines instead of sending.")
@click.option("--output", metavar="FILE|-", default="-", help="Where to write them; - is standard output.")
@click.option("--append", is_flag=True, help="Go on with a file that is there.")
@click.option(
    "--signal",
    "signals",
    type=click.Choice(SIGNALS),
    multiple=True,
    help="What to send.  [default: both; to a file of otlp-json, which holds one: traces]",
)
def export(
    since: Point | None,
    until: Point | None,
    session: str,
    to: str | None,
    protocol: str | None,
    destination: str | None,
    form: str | None,
    output: str,
    append: bool,
    signals: tuple[str, ...],
) -> int:
    """Send or write recorded calls once more, with the ids that they were exported with.

    Nothing is changed by it: what the configured destinations still have to get stays as it is. Metrics are not
    replayed. With --to, headers and certificates are those of the standard OTEL_EXPORTER_OTLP_* variables. A run that
    ends early says which record to go on with. Exit status 1 if some records were refused, 3 if it ended early.
    """
    if sum(bool(way) for way in (to, destination, form)) != 1:
        raise click.UsageError("say where to: one of --to URL, --destination NAME and --format otlp-json|ocsf")
    if form is None and (output != "-" or append):
        raise click.UsageError("--output and --append go with --format")
    if protocol and not to:
        raise click.UsageError("--protocol goes with --to")
    if form == "ocsf" and signals:
        raise click.UsageError("--signal has no meaning with --format ocsf: all of it is events")
    if form == "otlp-json" and len(signals) > 1:
        raise click.UsageError("a file of otlp-json holds one signal; write the other to another file")
    home = Home.from_environment()
    config = load_config(home.config)
    receiver = _receiver(to, protocol) if to else _configured(config.export, destination) if destination else None
    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.telemetry.__main__ import forget_environment

    forget_environment()
    with StoreReader(home) as reader:
        chosen = _range(reader, since, until, session)
        if chosen.after >= chosen.through:
            click.echo("no records there", err=True)
            return ExitCode.OK
        if receiver is not None:
            return _run(chosen, reader, _otlp(home, reader, receiver, signals or SIGNALS, config.privacy))
        return _write(chosen, reader, home, form or "", signals, config.privacy, _path(output), append=append)


def _receiver(to: str, protocol: str | None) -> Destination:
    from prempti_otel.telemetry.__main__ import environment_destination

    if not to.startswith(("http://", "https://")):
        raise click.UsageError(f"--to: {to!r} is no URL: it begins with http:// or https://")
    return environment_destination("command-line", to, "http/protobuf" if protocol == "http" else "grpc")


def _configured(known: list[Destination], name: str) -> Destination:
    for one in known:
        if one.name == name:
            return one
    close = nearest(name, [one.name for one in known])
    names = ", ".join(one.name for one in known) or "none"
    raise PremptiError(
        f"there is no destination {name[:40]!r}",
        remedy=f"did you mean {close!r}?" if close else f"the settings have: {names}",
    )


def _path(output: str) -> Path | None:
    return None if output == "-" else Path(output)


def _range(reader: StoreReader, since: Point | None, until: Point | None, session: str) -> Range:
    from prempti_otel.telemetry.replay import Range

    first, last = reader.first_seq(), reader.last_seq()
    if since is not None:
        first = max(first, since[1] if since[0] == _SEQ else reader.first_since(since[1]))
    if until is not None:
        last = min(last, until[1] if until[0] == _SEQ else reader.first_since(until[1]) - 1)
    return Range(first - 1, last, session)


def _otlp(
    home: Home, reader: StoreReader, destination: Destination, signals: tuple[str, ...], privacy: Privacy
) -> Target:
    from prempti_otel.telemetry.process import resource_of
    from prempti_otel.telemetry.project import content_of
    from prempti_otel.telemetry.replay import Receiver, projections

    return Receiver(destination, projections(resource_of(home, privacy), reader, content_of(privacy), signals))


def _write(
    chosen: Range,
    reader: StoreReader,
    home: Home,
    form: str,
    signals: tuple[str, ...],
    privacy: Privacy,
    path: Path | None,
    *,
    append: bool,
) -> int:
    from prempti_otel.telemetry import ocsf
    from prempti_otel.telemetry.files import JsonLines, OtlpLines, Output
    from prempti_otel.telemetry.process import resource_of
    from prempti_otel.telemetry.project import content_of
    from prempti_otel.telemetry.replay import projections

    resource, content = resource_of(home, privacy), content_of(privacy)
    output = Output(path, append=append)
    try:
        if form == "ocsf":
            target: Target = JsonLines(lambda record: ocsf.events(record, resource, reader.get, content), output)
        else:
            signal = signals[0] if signals else SIGNALS[0]
            projected = projections(resource, reader, content, [signal])
            target = OtlpLines(signal, projected[signal], output)
        return _run(chosen, reader, target)
    finally:
        output.close()


def _run(chosen: Range, reader: StoreReader, target: Target) -> int:
    """The exit code; what a person needs to know is on standard error, so that the output can be piped."""
    from prempti_otel.telemetry.replay import run

    reached, records = chosen.after, 0
    try:
        with watched("exporting", chosen.after + 1, chosen.through) as shown:

            def done(seq: int, count: int) -> None:
                nonlocal reached, records
                reached, records = seq, records + count
                shown(seq)

            run(chosen, reader, target, done)
    except PremptiError as error:
        raise PremptiError(
            f"ended early: {printable(error.message)}", where=error.where, remedy=f"go on with: --since {reached + 1}"
        ) from error
    except KeyboardInterrupt:
        click.echo(f"interrupted; go on with: --since {reached + 1}", err=True)
        raise
    for signal in target.unsupported:
        click.echo(f"the receiver does not take {signal}", err=True)
    if target.refused:
        click.echo(f"{target.refused} refused for good; {printable(target.reason)}", err=True)
    click.echo(f"{records} records out, of {chosen.after + 1} to {chosen.through}", err=True)
    return ExitCode.FINDING if target.refused else ExitCode.OK
