"""The exporter process: ``python -I -m prempti_otel.telemetry --home DIR``, started and watched over by the engine.

It ends when its standard input does, which the engine holds open, or by SIGTERM. The environment's ``OTEL_*``
variables can neither switch it off nor lead it elsewhere: they are forgotten before OpenTelemetry is loaded.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import Literal

from prempti_otel.ending import told_to_end
from prempti_otel.errors import PremptiError
from prempti_otel.settings.config import Destination
from prempti_otel.settings.home import Home
from prempti_otel.settings.load import load_config

NICENESS = 10
"""Export comes after verdicts."""
DRAIN_SECONDS = 2.0
LOCK_SECONDS = 30.0
"""How long the exporter of an engine that was killed has to end."""
log = logging.getLogger("prempti.exporter")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 when told to end or there is nowhere to export to, 1 with a sentence otherwise."""
    parser = argparse.ArgumentParser(prog="python -m prempti_otel.telemetry", description=__doc__)
    parser.add_argument("--home", required=True, type=Path, help="the installation's folder")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    threading.Thread(target=_watch, args=[told_to_end(), stop], name="end", daemon=True).start()
    try:
        return _export(Home(options.home), stop)
    except PremptiError as error:
        log.error("%s", error.diagnostics())
        return 1


def _watch(told: int, stop: threading.Event) -> None:
    """Wait for a signal or for the parent's end, which closes standard input."""
    parent = sys.stdin.fileno()
    while told not in (ready := select.select([told, parent], [], [])[0]):
        if parent in ready and not os.read(parent, 4096):
            break
    stop.set()


def _export(home: Home, stop: threading.Event) -> int:
    os.umask(0o077)
    config = load_config(home.config)
    destinations = config.export or environment_destinations()
    forget_environment()
    if not destinations:
        return 0
    lock = _lock(home, stop)
    if lock is None:
        return 0
    _be_nice()
    from prempti_otel.telemetry.process import run

    run(home, destinations, stop, DRAIN_SECONDS, config.privacy)
    return 0


def environment_destinations() -> list[Destination]:
    """Where the process's own environment says, in OpenTelemetry's words; used where the settings name none."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if not endpoint.startswith(("http://", "https://")):
        return []
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    return [environment_destination("environment", endpoint, "grpc" if protocol == "grpc" else "http/protobuf")]


def environment_destination(name: str, endpoint: str, protocol: Literal["grpc", "http/protobuf"]) -> Destination:
    """``endpoint``, with headers, compression and certificates as the process's own environment says."""
    return Destination(
        name=name,
        endpoint=endpoint,
        protocol=protocol,
        headers=os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""),
        compression="gzip" if os.environ.get("OTEL_EXPORTER_OTLP_COMPRESSION") == "gzip" else "none",
        certificate=os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE", ""),
        client_key=os.environ.get("OTEL_EXPORTER_OTLP_CLIENT_KEY", ""),
        client_certificate=os.environ.get("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", ""),
    )


def forget_environment() -> None:
    """Drop every ``OTEL_*`` variable: the SDK would take its switches and addresses from them."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ["GRPC_VERBOSITY"] = "NONE"


def _lock(home: Home, stop: threading.Event) -> int | None:
    """Wait for another exporter of this home to end; None where this one is to end first. Raises PremptiError."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home.run / "exporter.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + LOCK_SECONDS
    while not stop.is_set():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise PremptiError("another exporter runs for this home", remedy="premptictl restart") from None
            stop.wait(0.1)
        else:
            return descriptor
    return None


def _be_nice() -> None:
    current = os.getpriority(os.PRIO_PROCESS, 0)
    if current < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


if __name__ == "__main__":
    sys.exit(main())
