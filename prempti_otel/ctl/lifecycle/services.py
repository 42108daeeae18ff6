"""Service managers that can keep the engine running: a systemd user unit, a launchd agent.

``run/service`` names the one that owns the engine of a home; hooks then leave starting it to that. Where there is
neither, as in containers and WSL, the engine is a plain background process (:mod:`prempti_otel.ctl.lifecycle.process`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import plistlib
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from prempti_otel.ctl.hook import registry
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.settings.home import Home

SECONDS = 30.0
"""What a service manager may take for one command."""
PROBE_SECONDS = 5.0


class Service(ABC):
    """The engine of one home, as one manager knows it."""

    manager: ClassVar[str]
    """``systemd`` or ``launchd``: the content of ``run/service``."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    @abstractmethod
    def name(self) -> str:
        """What the manager calls it."""

    @property
    @abstractmethod
    def file(self) -> Path:
        """The definition that is written for it."""

    @abstractmethod
    def definition(self) -> bytes:
        """The content of :attr:`file`."""

    @staticmethod
    @abstractmethod
    def available() -> bool:
        """Whether the manager answers for this user."""

    def install(self) -> list[str]:
        """Write the definition, let the manager know, and have the engine started at login; folders made for it.

        Raises PremptiError.
        """
        missing = [str(folder) for folder in self.file.parents if not folder.exists()]
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.file.write_bytes(self.definition())
            self.file.chmod(0o600)
        except OSError as error:
            raise PremptiError(f"the service cannot be installed: {error.strerror}", where=str(self.file)) from error
        self._enable()
        self.home.create()
        self.home.service.write_text(f"{self.manager}\n")
        return missing

    def remove(self) -> None:
        """Stop it and take it out of the manager, or from its sight where it does not answer. Raises PremptiError."""
        self._disable()
        self.file.unlink(missing_ok=True)
        self._forget()
        self.home.service.unlink(missing_ok=True)

    @abstractmethod
    def start(self) -> None:
        """Start the engine. Raises PremptiError."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the engine. Raises PremptiError."""

    @abstractmethod
    def _enable(self) -> None:
        """The manager reads the definition."""

    @abstractmethod
    def _disable(self) -> None:
        """The manager stops it and does not start it any more."""

    @abstractmethod
    def _forget(self) -> None:
        """The definition is gone."""

    def engine(self) -> list[str]:
        """The command that is run."""
        return [sys.executable, "-I", "-m", "prempti_otel.engine", "--home", str(self.home.root)]

    def _suffix(self) -> str:
        """Empty for the user's usual home; else what tells this home from others."""
        if self.home.root == Path.home() / ".prempti":
            return ""
        return "-" + hashlib.sha256(os.fsencode(self.home.root)).hexdigest()[:8]


class Systemd(Service):
    """A user unit: see systemd.service(5) and systemd.unit(5)."""

    manager = "systemd"

    @property
    def name(self) -> str:
        """``prempti.service``, or with a digest for another home than the usual one."""
        return f"prempti{self._suffix()}.service"

    @property
    def file(self) -> Path:
        """Below ``XDG_CONFIG_HOME``, where systemd looks first for a user's units."""
        base = os.environ.get("XDG_CONFIG_HOME")
        return (Path(base) if base else Path.home() / ".config") / "systemd" / "user" / self.name

    def definition(self) -> bytes:
        """The unit. It is not confined: the engine follows links in whatever folder an agent works."""
        command = " ".join(_unit_word(word) for word in self.engine())
        return f"""\
[Unit]
Description=prempti-otel engine, guardrail and flight recorder for AI coding agents
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=1
# 3: another engine of this home is running already
RestartPreventExitStatus=3
UMask=0077
WorkingDirectory=/
Environment=LANG=C.UTF-8
NoNewPrivileges=yes
TimeoutStopSec=15

[Install]
WantedBy=default.target
""".encode()

    @staticmethod
    def available() -> bool:
        """Whether this user's systemd answers."""
        return sys.platform == "linux" and _answers(["systemctl", "--user", "show-environment"])

    def start(self) -> None:
        """Start the unit; one that failed too often gets another try."""
        _run(["systemctl", "--user", "reset-failed", self.name], may_fail=True)
        _run(["systemctl", "--user", "start", self.name])

    def stop(self) -> None:
        """Stop the unit."""
        _run(["systemctl", "--user", "stop", self.name])

    def _enable(self) -> None:
        _run(["systemctl", "--user", "daemon-reload"])
        _run(["systemctl", "--user", "enable", self.name])

    def _disable(self) -> None:
        if self.available():
            _run(["systemctl", "--user", "disable", "--now", self.name], may_fail=not self.file.exists())
            return
        wants = self.file.parent / "default.target.wants"
        (wants / self.name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there is none, or others are in it
            wants.rmdir()

    def _forget(self) -> None:
        if self.available():
            _run(["systemctl", "--user", "daemon-reload"])


class Launchd(Service):
    """A launch agent: see launchd.plist(5)."""

    manager = "launchd"

    @property
    def name(self) -> str:
        """The label."""
        return f"org.prempti-otel.engine{self._suffix()}"

    @property
    def file(self) -> Path:
        """Where launchd looks for a user's agents."""
        return Path.home() / "Library" / "LaunchAgents" / f"{self.name}.plist"

    def definition(self) -> bytes:
        """The property list. ``KeepAlive``: started again unless it ended well."""
        return plistlib.dumps(
            {
                "Label": self.name,
                "ProgramArguments": self.engine(),
                "RunAtLoad": True,
                "KeepAlive": {"SuccessfulExit": False},
                "ThrottleInterval": 5,
                "Umask": 0o077,
                "WorkingDirectory": "/",
                "EnvironmentVariables": {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"},
                "ProcessType": "Interactive",
            }
        )

    @staticmethod
    def available() -> bool:
        """Whether this user's launchd answers."""
        return sys.platform == "darwin" and _answers(["launchctl", "print", _domain()])

    def start(self) -> None:
        """Load the agent, which starts it, or start the loaded one."""
        if not _answers(["launchctl", "print", f"{_domain()}/{self.name}"]):
            _run(["launchctl", "bootstrap", _domain(), str(self.file)])
        _run(["launchctl", "kickstart", f"{_domain()}/{self.name}"])

    def stop(self) -> None:
        """Unload the agent: one that is only ended would be started again."""
        _run(["launchctl", "bootout", f"{_domain()}/{self.name}"], may_fail=True)

    def _enable(self) -> None:
        _run(["launchctl", "enable", f"{_domain()}/{self.name}"])

    def _disable(self) -> None:
        self.stop()

    def _forget(self) -> None:
        """Nothing is left to forget: the agent is unloaded."""


KINDS: tuple[type[Service], ...] = (Systemd, Launchd)


def available(home: Home) -> Service | None:
    """The service manager that this user has, or None."""
    return next((kind(home) for kind in KINDS if kind.available()), None)


def installed(home: Home) -> Service | None:
    """The service that owns the engine of ``home``, by ``run/service``; None where it is a background process."""
    try:
        manager = home.service.read_text().strip()
    except FileNotFoundError:
        return None
    return next((kind(home) for kind in KINDS if kind.manager == manager), None)


def answering(home: Home) -> Service | None:
    """The service that owns the engine of ``home``, if its manager answers: systemd's ends with the last login."""
    service = installed(home)
    return service if service is not None and service.available() else None


def install(home: Home, service: Service) -> None:
    """Install ``service``; the folders made for it go with the last hook. Raises PremptiError."""
    registry.remember_folders(home, service.install())


def _unit_word(word: str) -> str:
    """One argument as ExecStart takes it: quoted, specifiers and variables defused."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if text != word or any(c.isspace() or c in "';" for c in word) else word


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _answers(command: list[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, timeout=PROBE_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(command: list[str], *, may_fail: bool = False) -> None:
    shown = " ".join(command)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command with a name of our own
            command, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PremptiError(f"`{shown}` did not work: {error}", remedy="premptictl doctor") from error
    if done.returncode and not may_fail:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise PremptiError(
            f"`{shown}` failed: {said[-1] if said else f'status {done.returncode}'}", remedy="premptictl doctor"
        )
