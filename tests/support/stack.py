"""Everything behind OTLP as real processes on loopback: local collector, gateway, Jaeger, Prometheus.

They run the configurations that are shipped, on free ports and in folders of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from tests.support import stack_programs
from tests.support.otlp import OtlpReceiver
from tests.support.ports import free_port

READY_S = 60
TOKEN = "a-token-of-the-tests"


def fetch(url: str) -> Any:
    """The JSON that ``url`` answers with. Raises urllib.error.URLError."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


class Service:
    """One program: started, ended, killed, and started again with the same arguments and state."""

    def __init__(self, command: list[str], env: Mapping[str, str], ready: str, log: Path) -> None:
        self._command = command
        self._env = {"PATH": os.defpath, "HOME": str(log.parent), **env}
        self._ready = ready
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is well; fails the test with its last words where it ends instead."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._log.parent
            )
        until = time.monotonic() + READY_S
        while not self._answers():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, and wait until it has ended."""
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.end(signal.SIGKILL)

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready, timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


class Stack:
    """All services; a context manager. ``logs`` stands in for the log backend: it keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = OtlpReceiver("http/protobuf")
        names = ("agent_grpc", "agent_http", "agent_health", "agent_metrics", "gateway_grpc", "gateway_http")
        more = ("gateway_health", "gateway_metrics", "gateway_prometheus", "jaeger_otlp", "jaeger_http")
        self.port = {name: free_port() for name in (*names, *more, "jaeger_grpc", "jaeger_health", "prometheus")}
        self._with = contextlib.ExitStack()

    def __enter__(self) -> Self:
        make_certificates(self.folder / "tls")
        (self.folder / "tokens").write_text(f"{TOKEN}\n")
        self._with.enter_context(self.logs)
        self.jaeger = self._begin(self._jaeger())
        self.gateway = self._begin(self._collector("gateway"))
        self.agent = self._begin(self._collector("agent"))
        return self

    def __exit__(self, *exc: object) -> None:
        self._with.close()

    @property
    def endpoint(self) -> str:
        """Where the engine sends to."""
        return f"http://127.0.0.1:{self.port['agent_grpc']}"

    @property
    def engine_config(self) -> str:
        """Settings of an engine that exports to the local collector."""
        return f"rules:\n  default: false\nexport:\n  - name: local\n    OTEL_EXPORTER_OTLP_ENDPOINT: {self.endpoint}\n"

    def start_prometheus(self, scrape_interval: str = "1s") -> str:
        """Start a Prometheus by the shipped configuration on these ports; its base URL."""
        text = (stack_programs.CONFIGS / "prometheus.yaml").read_text()
        for shipped, used in (
            ("127.0.0.1:9464", f"127.0.0.1:{self.port['gateway_prometheus']}"),
            ("127.0.0.1:8888", f"127.0.0.1:{self.port['gateway_metrics']}"),
            ("scrape_interval: 15s", f"scrape_interval: {scrape_interval}"),
        ):
            assert shipped in text
            text = text.replace(shipped, used)
        config = self.folder / "prometheus.yaml"
        config.write_text(text)
        base = f"http://127.0.0.1:{self.port['prometheus']}"
        command = [
            str(stack_programs.prometheus()),
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.port['prometheus']}",
            "--enable-feature=exemplar-storage",
        ]
        self._begin(Service(command, {}, f"{base}/-/ready", self.folder / "prometheus.log"))
        return base

    def archived(self, kind: str) -> Iterator[dict[str, Any]]:
        """What is in the archive, oldest first, duplicates included: ``spans`` or ``logRecords``, each with its
        resource's attributes under ``resource``."""
        outer, scopes = {"spans": ("resourceSpans", "scopeSpans"), "logRecords": ("resourceLogs", "scopeLogs")}[kind]
        archive = self.folder / "gateway" / "archive"
        for path in sorted(archive.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                for group in json.loads(line).get(outer, []):
                    for scope in group[scopes]:
                        for item in scope[kind]:
                            yield item | {"resource": group["resource"]["attributes"]}

    def trace(self, trace_id: str) -> dict[str, dict[str, Any]]:
        """The spans that Jaeger has of a trace, by span id; none where it does not know the trace.

        Jaeger's own remarks are left out: a prompt's span may come long after those of its calls.
        """
        try:
            found = fetch(f"http://127.0.0.1:{self.port['jaeger_http']}/api/v3/traces/{trace_id}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise
        return {
            span["spanId"]: span
            | {
                "attributes": [item for item in span["attributes"] if not item["key"].startswith("@jaeger@")],
                "resource": group["resource"]["attributes"],
            }
            for group in found["result"]["resourceSpans"]
            for scope in group["scopeSpans"]
            for span in scope["spans"]
        }

    def _begin(self, service: Service) -> Service:
        self._with.callback(service.end)
        service.start()
        return service

    def _jaeger(self) -> Service:
        env = {
            "JAEGER_STATE": str(self.folder / "jaeger"),
            "JAEGER_OTLP": f"127.0.0.1:{self.port['jaeger_otlp']}",
            "JAEGER_HTTP": f"127.0.0.1:{self.port['jaeger_http']}",
            "JAEGER_GRPC": f"127.0.0.1:{self.port['jaeger_grpc']}",
            "JAEGER_HEALTH": f"127.0.0.1:{self.port['jaeger_health']}",
        }
        command = [str(stack_programs.jaeger()), "--config", str(stack_programs.CONFIGS / "jaeger.yaml")]
        ready = f"http://{env['JAEGER_HEALTH']}/status"
        return Service(command, env, ready, self.folder / "jaeger.log")

    def _collector(self, name: str) -> Service:
        command = [str(stack_programs.collector()), "--config", str(stack_programs.CONFIGS / f"{name}.yaml")]
        return Service(
            command,
            self.collector_env(name),
            f"http://127.0.0.1:{self.port[f'{name}_health']}/",
            self.folder / f"{name}.log",
        )

    def collector_env(self, name: str) -> dict[str, str]:
        """The environment that ``agent.yaml`` or ``gateway.yaml`` reads."""
        return {
            "PREMPTI_STATE": str(self.folder / name),
            "PREMPTI_TLS": str(self.folder / "tls"),
            "PREMPTI_TOKENS": str(self.folder / "tokens"),
            "PREMPTI_GATEWAY": f"127.0.0.1:{self.port['gateway_grpc']}",
            "PREMPTI_TRACES": f"127.0.0.1:{self.port['jaeger_otlp']}",
            "PREMPTI_LOGS": self.logs.endpoint,
            "PREMPTI_OTLP_GRPC": f"127.0.0.1:{self.port[f'{name}_grpc']}",
            "PREMPTI_OTLP_HTTP": f"127.0.0.1:{self.port[f'{name}_http']}",
            "PREMPTI_HEALTH": f"127.0.0.1:{self.port[f'{name}_health']}",
            "PREMPTI_METRICS_PORT": str(self.port[f"{name}_metrics"]),
            "PREMPTI_PROMETHEUS": f"127.0.0.1:{self.port['gateway_prometheus']}",
        }


def make_certificates(folder: Path) -> None:
    """A certificate authority, and a certificate by it for the agent and for the gateway, by ``openssl``."""
    folder.mkdir(mode=0o700)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *new_key, "-subj", "/CN=tests", "-keyout", "ca-key.pem", "-out", "ca.pem")
    for name in ("agent", "gateway"):
        openssl(
            *("req", "-x509", *new_key, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-keyout", f"{name}-key.pem", "-out", f"{name}.pem"),
        )


def attributes_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span, event, log record or resource in OTLP JSON, as Python values."""
    return {item["key"]: _value(item["value"]) for item in message.get("attributes", [])}


def _value(value: Mapping[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_value(item) for item in value["arrayValue"].get("values", [])]
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()), None)
