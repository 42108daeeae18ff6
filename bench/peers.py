"""What an agent waits for per call: our hooks and those of other guards, with the same calls, side by side.

The peers are installed below ``.cache/peers`` from their registries, at the versions named here, and run as their own
installers register them with Claude Code. Each must first stop ``rm -rf /``, so that nobody is timed for doing nothing.
They judge by their own default rules; ours records each call on disk besides. All take turns, call by call.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import hook, load
from bench.rows import Row
from bench.transport import COMMAND, HTTP, Connection
from prempti_otel.agents import hook_file
from prempti_otel.ctl.hook import http_port
from prempti_otel.settings.home import Home

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "peers"
GOALS = {COMMAND: 4.0, HTTP: 20.0}
"""How many times faster than each peer our hook is to be."""
INSTALL_S = 600
DANGER = {"command": "rm -rf /", "description": "never run"}
WARM_UP = 3


class Missing(Exception):  # noqa: N818
    """A peer cannot be installed or does not guard here; says why."""


@dataclass(frozen=True)
class Peer:
    """Another guard, installed."""

    name: str
    command: list[str]
    """As Claude Code would start it."""
    environment: dict[str, str]


def run(quick: bool) -> list[Row]:
    """Median and 99th percentile of each in milliseconds, and how many times faster ours are."""
    CACHE.mkdir(parents=True, exist_ok=True)
    project = CACHE / "project"
    project.mkdir(exist_ok=True)
    peers, rows = [], []
    for install in (cc_safety_net, nah, agentbelay):
        try:
            peer = install(project)
            check_guards(peer, project)
            peers.append(peer)
        except Missing as missing:
            rows.append(Row(install.__name__, 0, "ms", note=f"not measured: {missing}"))
    times = _times(peers, project, 12 if quick else 100)
    return [*_ratios(times), *_rows(times), *rows]


def cc_safety_net(_: Path) -> Peer:
    """npm. Its plugin for Claude Code runs ``cc-safety-net hook --claude-code``, found on the PATH."""
    version = "2.4.5"
    place = CACHE / f"cc-safety-net-{version}"
    program = place / "node_modules/.bin/cc-safety-net"
    node = shutil.which("node")
    if node is None or not shutil.which("npm"):
        raise Missing("there is no Node.js with npm")
    if not program.exists():
        _do("npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), f"cc-safety-net@{version}")
    environment = _environment(program.parent, Path(node).parent)
    return Peer(f"cc-safety-net {version}", ["/bin/sh", "-c", "cc-safety-net hook --claude-code"], environment)


def nah(project: Path) -> Peer:
    """PyPI. ``nah install claude`` writes a shell line for each tool into the user's settings."""
    version = "0.11.0"
    programs = _python_package("nah", version)
    environment = _environment(programs)
    _do(str(programs / "nah"), "install", "claude", "--force", environment=environment, folder=project)
    entry = _registered(CACHE / "home/.claude/settings.json", "Bash")
    return Peer(f"nah {version}", ["/bin/sh", "-c", entry["command"]], environment)


def agentbelay(project: Path) -> Peer:
    """PyPI. ``belay install claude-code`` writes program and arguments into the project's settings: no shell."""
    version = "0.1.0"
    programs = _python_package("agentbelay", version)
    environment = _environment(programs)
    belay = str(programs / "belay")
    if not (project / "belay.yaml").exists():
        _do(belay, "init", environment=environment, folder=project)
    _do(belay, "install", "claude-code", environment=environment, folder=project)
    entry = _registered(project / ".claude/settings.json", "*")
    return Peer(f"agentbelay {version}", [entry["command"], *entry["args"]], environment)


def check_guards(peer: Peer, project: Path) -> None:
    """Raises Missing unless the peer stops a deadly call."""
    payload = json.dumps(json.loads(_payload(0, project)) | {"tool_input": DANGER})
    done = subprocess.run(
        peer.command, input=payload, capture_output=True, text=True, env=peer.environment, cwd=project, check=False
    )
    if done.returncode != 2 and not any(f'"{word}"' in done.stdout for word in ("deny", "ask", "block")):
        raise Missing(f"it does not stop rm -rf / ({done.returncode}: {(done.stdout + done.stderr)[-200:]})")


def _payload(number: int, project: Path) -> bytes:
    """One of the everyday shell commands: what all of them are asked about."""
    return load.payload(number % len(load.COMMANDS), str(project))


def _times(peers: Sequence[Peer], project: Path, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in (COMMAND, HTTP, *(peer.name for peer in peers))}
    with load.home() as home:
        hooks = http_port.rotate(home)
        hook_file.install(home)
        with load.engine(home):
            ours = ["/bin/sh", "-c", hook_file.command(load.AGENT, home, fail_open=False)]
            over_http, file = Connection(hooks), home.root / "payload.json"
            for turn in range(-WARM_UP, rounds):
                payload = _payload(turn, project)
                file.write_bytes(payload)
                took = {COMMAND: hook.milliseconds(ours, file), HTTP: over_http.milliseconds(payload)}
                for peer in peers:
                    took[peer.name] = hook.milliseconds(peer.command, file, peer.environment)
                if turn >= 0:
                    for name, value in took.items():
                        times[name].append(value)
            _check_recorded(home, rounds)
    return times


def _check_recorded(home: Home, rounds: int) -> None:
    """Raises RuntimeError where our figures would mean nothing."""
    from prempti_otel.audit.reader import StoreReader

    load.check_healthy(home)
    with StoreReader(home) as reader:
        found = len(reader.decisions(limit=10_000))
    if found != 2 * (rounds + WARM_UP):
        raise RuntimeError(f"{found} calls are on record")


def _ratios(times: dict[str, list[float]]) -> list[Row]:
    middle = {name: load.p50_p99(values)[0] for name, values in times.items()}
    rows = []
    for ours, goal in GOALS.items():
        for name in times:
            if name not in GOALS:
                ratio = middle[name] / middle[ours]
                note = f"goal {goal:g} times: {'met' if ratio >= goal else 'missed'}"
                rows.append(Row(f"{ours} is faster than {name}, p50", ratio, "times", note=note))
    return rows


def _rows(times: dict[str, list[float]]) -> list[Row]:
    rows = []
    first = load.p50_p99(times[COMMAND])
    for name, values in times.items():
        middle, tail = load.p50_p99(values)
        rows.append(Row(f"{name}, p50", middle, "ms", middle / first[0], f"{len(values)} calls"))
        rows.append(Row(f"{name}, p99", tail, "ms", tail / first[1]))
    return rows


def _python_package(name: str, version: str) -> Path:
    """The folder of the programs of a package, installed in a virtual environment of its own. Raises Missing."""
    place = CACHE / f"{name}-{version}"
    programs = place / "bin"
    if not (place / "installed").exists():
        _do(sys.executable, "-m", "venv", "--clear", str(place))
        _do(str(programs / "python"), "-m", "pip", "install", "--quiet", f"{name}=={version}")
        (place / "installed").touch()
    return programs


def _registered(settings: Path, matcher: str) -> dict[str, Any]:
    entries = json.loads(settings.read_text())["hooks"]["PreToolUse"]
    hooks: dict[str, Any] = next(entry for entry in entries if entry["matcher"] == matcher)["hooks"][0]
    return hooks


def _environment(*folders: Path) -> dict[str, str]:
    home = CACHE / "home"
    (home / ".claude").mkdir(parents=True, exist_ok=True)
    return {"HOME": str(home), "PATH": ":".join([*map(str, folders), os.defpath]), "LANG": "C.UTF-8"}


def _do(*command: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> None:
    """Run one step of an installation. Raises Missing with its last words."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=folder, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{command[0]} took more than {INSTALL_S} s") from None
    if done.returncode:
        raise Missing(f"{' '.join(command[:4])}: {(done.stdout + done.stderr).strip()[-300:]}")
