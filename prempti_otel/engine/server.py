"""The engine as a process: one per installation, on a unix socket, from its lock to its clean stop."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2, health_pb2_grpc

from prempti_otel import __version__
from prempti_otel.ending import told_to_end
from prempti_otel.engine.approvals.approvers import Agents
from prempti_otel.engine.approvals.calls import Approvals
from prempti_otel.engine.approvals.listener import ApprovalServer
from prempti_otel.engine.chronicle import Chronicle
from prempti_otel.engine.client import MAX_MESSAGE_BYTES
from prempti_otel.engine.exporter import Exporter
from prempti_otel.engine.fallbacks import Fallbacks
from prempti_otel.engine.health import Health, describe
from prempti_otel.engine.history import recall
from prempti_otel.engine.http.door import AGENT, Door
from prempti_otel.engine.keeper import Keeper
from prempti_otel.engine.numbering import Numbers
from prempti_otel.engine.pipeline import Pipeline
from prempti_otel.engine.projects.notices import Notices
from prempti_otel.engine.service import Service
from prempti_otel.engine.sessions import Sessions
from prempti_otel.engine.trail import Trail
from prempti_otel.errors import PremptiError
from prempti_otel.proto.prempti.v1 import engine_pb2, engine_pb2_grpc

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue
    from prempti_otel.settings.config import Config
    from prempti_otel.settings.home import Home

log = logging.getLogger("prempti.engine")

WORKERS = 32
"""Threads for calls: more than hooks run at once, so that a call that hangs on a dead file system holds up no other."""
COLLECTION = (20_000, 20, 50)
"""Thresholds of garbage collection: a call leaves next to nothing for it, and a round holds up all threads."""
GRACE_S = 5.0
"""How long calls in flight have at the end."""
TICK_S = 0.5
ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own; the exporter uses it where the settings name no destination."""
ENVIRONMENT_DESTINATION = "environment"
"""The name of that destination."""
SWITCH_INTERVAL_S = 0.0005
"""A request thread that wakes up waits at most this long for one that computes."""
SERVICE_NAME = engine_pb2.DESCRIPTOR.services_by_name["Engine"].full_name


class AlreadyRunningError(PremptiError):
    """Another engine holds the lock."""


def take_lock(home: Home) -> int:
    """The descriptor that holds ``run/engine.lock``, to be kept open for life. Raises AlreadyRunningError, OSError."""
    descriptor = os.open(home.engine_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunningError("an engine is running already", where=str(home.engine_lock)) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


class Engine:
    """All parts of a running engine. The lock must be held."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._told = -1
        self._stop = threading.Event()
        self._health = Health()
        self._trail = Trail(home, self._health)
        self._keeper = Keeper(home, self._health, self._trail)
        self._sessions = Sessions()
        self._chronicle = Chronicle(self._trail, self._sessions)
        agents = Agents()
        self._approvals = Approvals(self._trail, lambda: self._keeper.config.approvals, note=agents.note)
        self._approval_server = ApprovalServer(home, self._approvals, agents, self._trail)
        self._exporter = Exporter(home, self._health)
        self._fallbacks = Fallbacks(home, self._trail)
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self._server: grpc.Server | None = None
        self._door: Door | None = None
        self._serving = grpc_health.HealthServicer(experimental_non_blocking=True)

    def start(self) -> None:
        """Load everything, then listen; the calling thread must be the main one. Raises PremptiError, OSError."""
        self._told = told_to_end()
        keeper, trail = self._keeper, self._trail
        keeper.load_config()
        last_number = self._recall() if trail.open(keeper.config) else 0
        keeper.load_rules()
        numbers = Numbers(last_number)
        pipeline = Pipeline(
            lambda: keeper.policy,
            trail,
            self._sessions,
            numbers,
            self._health,
            self._chronicle,
            self._approvals,
            Notices(self._home, self._health, trail),
        )
        service = Service(self._home, pipeline, keeper, numbers, self._health, trail, self._approvals)
        trail.admin(
            "start",
            version=__version__,
            pid=os.getpid(),
            mode=keeper.config.mode,
            default_action=keeper.config.default_action,
            ruleset_digest=keeper.policy.digest,
            destinations=_destinations(keeper.config),
        )
        keeper.serving = True
        self._approval_server.start()
        self._door = Door(self._home, self._health, lambda payload: pipeline.hook(AGENT, payload), WORKERS)
        self._door.tend()
        self._server = self._listen(service)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTION)
        self._housekeeper.start()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, which may have come during the start."""
        os.read(self._told, 1)

    def stop(self) -> None:
        """Answer the calls in flight, take no more, and leave everything in order."""
        self._stop.set()
        self._serving.enter_graceful_shutdown()
        if self._server is not None:
            self._server.stop(GRACE_S).wait()
        self._approval_server.stop()
        self._keeper.end()
        if self._housekeeper.is_alive():
            self._housekeeper.join()
        if self._door is not None:
            self._door.close()
        self._exporter.stop()
        self._record_news()
        self._trail.admin("stop", pid=os.getpid())
        self._trail.close()
        self._home.socket.unlink(missing_ok=True)
        log.info("stopped")

    def _listen(self, service: Service) -> grpc.Server:
        server = grpc.server(
            ThreadPoolExecutor(WORKERS, thread_name_prefix="call"),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ],
        )
        engine_pb2_grpc.add_EngineServicer_to_server(service, server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(self._serving, server)
        for name in ("", SERVICE_NAME):
            self._serving.set(name, health_pb2.HealthCheckResponse.SERVING)
        socket = self._home.socket
        # Only the holder of the lock gets here, so what is left there is stale.
        socket.unlink(missing_ok=True)
        try:
            server.add_insecure_port(f"unix:{socket}")
        except RuntimeError as error:
            raise PremptiError("the engine cannot listen there", where=str(socket)) from error
        socket.chmod(0o600)
        server.start()
        log.info("listening on %s", socket)
        return server

    def _recall(self) -> int:
        """What the store knows of earlier calls; the last number given out."""
        try:
            return recall(self._home, self._sessions, self._chronicle, self._approvals)
        except PremptiError as error:
            self._health.trouble("session marks", f"earlier calls are not known: {error.diagnostics()}")
            return 0

    def _keep_house(self) -> None:
        config = self._keeper.config
        while True:
            try:
                config = self._round(config)
            except Exception as error:  # noqa: BLE001 - the boundary of a round; the next one tries again
                self._health.trouble("housekeeping", f"housekeeping failed: {describe(error)}")
            else:
                self._health.well("housekeeping")
            if self._stop.wait(TICK_S):
                return

    def _round(self, before: Config) -> Config:
        """One look at all that changes by itself; the settings it was done by."""
        self._keeper.poll()
        config = self._keeper.config
        if self._trail.open(config):
            self._recall()
        self._trail.check()
        if config != before:
            self._trail.configure(config)
            if (config.export, config.privacy) != (before.export, before.privacy):
                self._trail.admin("destinations", destinations=_destinations(config))
                self._exporter.restart()
        self._fallbacks.take_in()
        self._exporter.watch(wanted=bool(_destinations(config)))
        if self._door is not None:
            self._door.tend()
        self._record_news()
        if self._trail.store is not None:
            self._chronicle.tend(time.time_ns())
        return config

    def _record_news(self) -> None:
        if self._trail.store is None:
            return  # it waits for a store
        for news in self._health.take_news():
            self._trail.admin("degraded" if news.sentence else "recovered", part=news.part, reason=news.sentence)


def _destinations(config: Config) -> list[JsonValue]:
    """Names of where records go from now on. Recorded, so that a new one knows where to begin, whatever dies."""
    if not config.export and ENDPOINT_VARIABLE in os.environ:
        return [ENVIRONMENT_DESTINATION]
    return [destination.name for destination in config.export]
