"""Checks of the guard itself: its files, its engine, its rules, its store, its destinations. They change nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prempti_otel import __version__
from prempti_otel.ctl.health.findings import NO_COMMAND, Finding, Patient, edit, fail, failed, ok, warn
from prempti_otel.ctl.lifecycle import process, services
from prempti_otel.ctl.output import span
from prempti_otel.errors import PremptiError
from prempti_otel.model.record import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prempti_otel.audit.reader import StoreReader
    from prempti_otel.settings.config import Destination
    from prempti_otel.settings.home import Home

CONNECT_SECONDS = 2.0
LATELY_SECONDS = 24 * 3600
CLOCK_SECONDS = 60
"""A record may be this much ahead of the clock: two readings, and small corrections."""
LAST_RECORDS = 1000
"""How many of the newest records are checked; `audit verify` checks all."""
LEAST_FREE_BYTES = 100 * 1024 * 1024


def permissions(patient: Patient) -> Iterator[Finding]:
    """Nobody else may reach anything below the home."""
    home = patient.home
    if not home.root.is_dir():
        yield fail("home", f"there is no {home.root}", "premptictl install")
        return
    wrong = [text for path in _private(home) if (text := _exposed(path))]
    # Editors write files that others may read; the folder is closed to them.
    wrong += [text for path in sorted(home.user_rules.glob("*")) if (text := _exposed(path, 0o022))]
    for text in wrong:
        yield fail("permissions", *text.split("\t"))
    if not wrong:
        yield ok("permissions", f"{home.root} is this user's alone")
    free = shutil.disk_usage(home.root).free
    if free < LEAST_FREE_BYTES:
        yield warn(
            "disk",
            f"{free // 1024 // 1024} MiB are free: without space calls are blocked",
            f"{NO_COMMAND}which files can go is yours to say",
        )


def engine(patient: Patient) -> Iterator[Finding]:
    """One engine, of this version, that says nothing is wrong with it."""
    home, status = patient.home, patient.status
    service = services.installed(home)
    if service is not None and not service.file.exists():
        says = f"{service.manager} should start the engine, but {service.file} is gone"
        yield fail("service", says, "premptictl enable" if service.available() else "premptictl disable")
    if status is None:
        if pid := process.holder(home):
            yield fail("engine", f"an engine runs (pid {pid}), but does not answer", "premptictl restart")
        elif home.stopped.exists():
            yield fail("engine", "the engine was stopped with premptictl stop", "premptictl start")
        elif home.engine_failed.exists():
            words = home.engine_failed.read_text("utf-8", "replace").strip() or "it left no word"
            yield fail(
                "engine",
                f"the engine failed to start: {words}",
                f"tail -n 20 {shlex.quote(str(home.engine_log))}; premptictl start",
            )
        elif service is not None:
            yield fail("engine", f"no engine is running, and {service.manager} should run one", "premptictl start")
        else:
            yield warn("engine", "no engine is running; the next call starts one", "premptictl start")
        return
    if status.version != __version__:
        yield fail(
            "engine", f"the engine is of version {status.version}, premptictl of {__version__}", "premptictl restart"
        )
    else:
        yield ok("engine", f"running, pid {status.pid}, version {status.version}")
    for sentence in status.degraded:
        if status.ruleset_error and status.ruleset_error in sentence:
            continue  # the check of the rules says it better
        yield warn("engine", sentence, "premptictl status; premptictl logs")


def mode(patient: Patient) -> Iterator[Finding]:
    """Verdicts are enforced."""
    current = patient.status.mode if patient.status else patient.config.mode
    if current == "monitor":
        yield warn(
            "mode", "monitor mode: calls are judged and recorded, and none is stopped", "premptictl mode guardrails"
        )
    elif patient.home.monitor_flag.exists():
        says = f"{patient.home.monitor_flag} tells hooks to let calls pass while the engine does not answer"
        yield fail("mode", says, f"rm {shlex.quote(str(patient.home.monitor_flag))}")
    else:
        yield ok("mode", "verdicts are enforced")
    if patient.config.default_action == "allow":
        remedy = "premptictl default-action defer"
        yield warn("mode", "calls that no rule stops skip the agent's own permission prompts", remedy)


def rules(patient: Patient) -> Iterator[Finding]:
    """The rules on disk load and are in force."""
    from prempti_otel.engine.rulesets import installed_rule_files, selection
    from prempti_otel.rules.loader import load

    status, config = patient.status, patient.config
    try:
        result = load(installed_rule_files(patient.home, config), selection=selection(config))
    except PremptiError as error:
        yield failed("rules", error, "premptictl rules check")
        return
    if result.ruleset is None:
        first = next(error for file in result.files for error in file.errors)
        says = f"the rules do not load, so the last good ones are in force: {first.as_text().strip().splitlines()[0]}"
        yield fail("rules", says, edit(first.where or result.files[-1].name))
        return
    enabled = sum(rule.enabled for rule in result.ruleset.rules)
    if not enabled:
        yield fail(
            "rules", "no rule is in force, so nothing is ever stopped", "premptictl config set rules.default true"
        )
    elif status is not None and status.ruleset_digest != result.ruleset.digest:
        yield fail("rules", "the engine's rules are not those on disk", "premptictl restart")
    else:
        yield ok("rules", f"{enabled} rules in force of {len(result.ruleset.rules)}")
    if enabled and config.rules.minimum_priority != "debug":
        says = f"rules below priority {config.rules.minimum_priority} are switched off"
        yield warn("rules", says, "premptictl config set rules.minimum_priority debug")
    if enabled and not config.rules.default:
        yield warn("rules", "the default rules are switched off", "premptictl config set rules.default true")


def store(patient: Patient) -> Iterator[Finding]:
    """The newest records are whole, and from the past."""
    from prempti_otel.audit.reader import StoreReader

    home = patient.home
    if not home.audit_db.exists():
        yield ok("store", "there is no record yet")
        return
    try:
        yield from _chain(home)
        with StoreReader(home) as reader:
            yield from _clock(reader)
            yield from _fallbacks(reader, home)
    except PremptiError as error:
        yield failed("store", error, "premptictl audit verify")


def destinations(patient: Patient) -> Iterator[Finding]:
    """Each destination can be reached, and took what it was sent."""
    if not patient.config.export:
        yield ok("export", "no destination is configured")
        return
    from prempti_otel.telemetry.state import destination_states

    states = {}
    if patient.home.audit_db.exists():
        names = [destination.name for destination in patient.config.export]
        states = {state["name"]: state for state in destination_states(patient.home, names)}
    for destination in patient.config.export:
        trouble = _unreachable(destination)
        state = states.get(destination.name, {})
        if trouble:
            remedy = f"{NO_COMMAND}only you know how that receiver is started; its address stands under export in "
            remedy += f"{patient.home.config}, and records wait in the store meanwhile"
            yield fail("export", f"{destination.name}: {trouble}", remedy)
        elif state.get("last_error"):
            yield warn("export", f"{destination.name}: {state['last_error']}", "premptictl status")
        elif state.get("dead_letters"):
            says = f"{destination.name} refused {state['dead_letters']} items for good"
            yield warn("export", says, "premptictl status")
        else:
            yield ok("export", f"{destination.name} can be reached at {destination.endpoint}")


def _private(home: Home) -> list[Path]:
    folders = [home.root, home.user_rules.parent, home.user_rules, home.bin, home.run, home.log, home.socket.parent]
    files = [
        home.config,
        home.audit_db,
        home.export_db,
        home.socket,
        home.approval_socket,
        home.fallbacks,
        home.engine_log,
    ]
    files += [home.root / "audit.key", home.audit_head, home.root / "hooks.json", *home.bin.glob("*.py")]
    return [path for path in dict.fromkeys([*folders, *files]) if path.exists()]


def _exposed(path: Path, reach: int = 0o077) -> str:
    """What is wrong with ``path`` and, after a tab, the remedy; empty where nothing is."""
    found = path.stat()
    shown = shlex.quote(str(path))
    if found.st_uid != os.geteuid():
        return f"{path} belongs to another user (uid {found.st_uid})\tsudo chown {os.geteuid()} {shown}"
    if stat.S_IMODE(found.st_mode) & reach:
        mode = "700" if path.is_dir() else "600"
        return f"{path} can be reached by other users ({stat.S_IMODE(found.st_mode):o})\tchmod {mode} {shown}"
    return ""


def _chain(home: Home) -> Iterator[Finding]:
    from prempti_otel.audit.chain import record_hash
    from prempti_otel.audit.database import COLUMNS, connect_reader
    from prempti_otel.audit.tip import read_head

    connection = connect_reader(home)
    try:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM records ORDER BY seq DESC LIMIT ?",  # noqa: S608 - constants
            [LAST_RECORDS],
        ).fetchall()
    finally:
        connection.close()
    before = None
    for seq, kind, time_ns, session_id, body, prev_hash, digest in reversed(rows):
        whole = record_hash(prev_hash, seq, kind, time_ns, session_id, body.encode("utf-8", "surrogatepass")) == digest
        if not whole or (before is not None and before != (seq - 1, prev_hash)):
            yield fail("store", f"record {seq} was altered, or what was before it", "premptictl audit verify")
            return
        before = seq, digest
    head = read_head(home)
    if head is not None and head.seq > (before[0] if before else 0):
        says = f"the store ends before record {head.seq}, which was written: its end was cut off"
        yield fail("store", says, "premptictl audit verify")
        return
    yield ok("store", f"the last {len(rows)} records are whole")


def _clock(reader: StoreReader) -> Iterator[Finding]:
    ahead = 0.0
    newest = reader.last_seq()
    for record in reader.records(max(0, newest - LAST_RECORDS), LAST_RECORDS):
        ahead = max(ahead, record.time_ns / 1e9 - time.time())
    if ahead > CLOCK_SECONDS:
        says = f"a record is {span(ahead)} ahead of this machine's clock"
        yield fail("clock", f"{says}: times in the trail and in telemetry are wrong", _set_clock())
    else:
        yield ok("clock", "no record is from the future")


def _set_clock() -> str:
    if shutil.which("timedatectl"):
        return "sudo timedatectl set-ntp true"
    if shutil.which("sntp"):
        return "sudo sntp -sS pool.ntp.org"
    return f"{NO_COMMAND}this machine has neither timedatectl nor sntp; have its administrator set the clock"


def _fallbacks(reader: StoreReader, home: Home) -> Iterator[Finding]:
    since = reader.first_since(time.time_ns() - LATELY_SECONDS * 1_000_000_000)
    lately = reader.records(since - 1, kinds=[RecordKind.FALLBACK])
    count = len(lately)
    reason = str(lately[-1].body.get("reason", "")) if lately else ""
    if home.fallbacks.exists():
        lines = home.fallbacks.read_text("utf-8", "replace").splitlines()
        count += len(lines)
        reason = lines[-1].rpartition("\t")[2] if lines else reason
    if count:
        calls = "1 call was" if count == 1 else f"{count} calls were"
        says = f"{calls} answered without the engine in the last 24 h, the last one: {reason}"
        yield warn("fallbacks", says, "premptictl logs")
    else:
        yield ok("fallbacks", "the engine answered every call of the last 24 h")


def _unreachable(destination: Destination) -> str:
    """Why no connection can be made; empty where one can."""
    parts = urlsplit(destination.endpoint)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS):
            return ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"{destination.endpoint} cannot be reached: {reason}"
