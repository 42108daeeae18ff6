"""Runs all destinations of an installation, each in a thread of its own: none waits for another."""

from __future__ import annotations

import logging
import os
import platform
import pwd
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__ as sdk_version

from prempti_otel import __version__
from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.key import installation_id, load_key
from prempti_otel.audit.reader import StoreReader
from prempti_otel.errors import PremptiError
from prempti_otel.model.record import RecordKind
from prempti_otel.settings.config import Privacy
from prempti_otel.telemetry import names
from prempti_otel.telemetry.exporter import DestinationExport
from prempti_otel.telemetry.otlp import shown_endpoint
from prempti_otel.telemetry.project import content_of
from prempti_otel.telemetry.state import ExportState

if TYPE_CHECKING:
    from prempti_otel.settings.config import Destination
    from prempti_otel.settings.home import Home

log = logging.getLogger("prempti.exporter")

_PAGE = 10_000
JOIN_SECONDS = 0.5
"""How long a thread may take beyond its drain; what it was sending is sent again by the next exporter."""
RETRY_SECONDS = 1.0
"""Until a destination is tried again that could not even be begun."""


DEFAULT_PRIVACY = Privacy()


def resource_of(home: Home, privacy: Privacy = DEFAULT_PRIVACY) -> Resource:
    """Who sends: this installation. Made without the SDK's detectors, which read the environment."""
    who = {names.HOST_NAME: platform.node() if privacy.host_name else "", names.USER_NAME: _user(privacy)}
    return Resource(
        {
            **{name: value for name, value in who.items() if value},
            names.SERVICE_NAME: names.SERVICE,
            names.SERVICE_NAMESPACE: names.SERVICE,
            names.SERVICE_VERSION: __version__,
            names.SERVICE_INSTANCE_ID: installation_id(load_key(home)),
            names.OS_TYPE: sys.platform,
            names.SDK_NAME: "opentelemetry",
            names.SDK_LANGUAGE: "python",
            names.SDK_VERSION: sdk_version,
        },
        schema_url=names.SCHEMA_URL,
    )


def _user(privacy: Privacy) -> str:
    if not privacy.user_name:
        return ""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""  # a user without an account, as in some containers


def run(
    home: Home,
    destinations: Sequence[Destination],
    stop: threading.Event,
    drain: float,
    privacy: Privacy = DEFAULT_PRIVACY,
) -> None:
    """Export to all ``destinations`` until ``stop``. Raises StoreError where ``export.db`` does not work."""
    # The exporters log each failed request by themselves; what matters is told once by ours.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    state = ExportState(home)
    threads = [
        threading.Thread(target=_run_one, args=[home, destination, state, stop, drain, privacy], daemon=True)
        for destination in destinations
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(drain + JOIN_SECONDS)
    state.close()


def _run_one(
    home: Home,
    destination: Destination,
    state: ExportState,
    stop: threading.Event,
    drain: float,
    privacy: Privacy,
) -> None:
    while not stop.is_set():
        try:
            with StoreReader(home) as reader:
                export = DestinationExport(
                    destination,
                    reader,
                    state,
                    resource_of(home, privacy),
                    start=first_to_export(reader, destination.name),
                    content=content_of(privacy),
                )
                log.info("exporting to %s at %s", destination.name, shown_endpoint(destination))
                export.run(stop, drain)
        except PremptiError as error:
            if not isinstance(error, StoreError):
                state.report(destination.name, "traces", "waiting", error.diagnostics())
            log.warning("%s: %s", destination.name, error.diagnostics())
            stop.wait(RETRY_SECONDS)
        except Exception:
            # The boundary of a destination: it is begun anew, and the others go on.
            log.exception("exporting to %s failed", destination.name)
            stop.wait(RETRY_SECONDS)


def first_to_export(reader: StoreReader, name: str) -> int:
    """After which record a new destination begins: where the engine recorded that it is one.

    An engine or exporter that dies before the first cursor is stored loses nothing by it.
    """
    begins, seen = None, 0
    while page := reader.records(seen, _PAGE, kinds=[RecordKind.ADMIN]):
        for record in page:
            detail = record.body.get("detail")
            listed = detail.get("destinations") if isinstance(detail, Mapping) else None
            if not isinstance(listed, list):
                continue
            if name not in listed:
                begins = None
            elif begins is None:
                begins = record.seq - 1
        seen = page[-1].seq
    return reader.last_seq() if begins is None else begins
