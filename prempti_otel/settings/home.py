"""The files of one installation, all below ``PREMPTI_HOME``."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from prempti_otel.errors import PremptiError

HOME_VARIABLE = "PREMPTI_HOME"
"""Read by premptictl and the daemon only: a repository can set the environment of hooks."""
HOME_NAME = ".prempti"
"""In the user's home, where the variable does not say otherwise."""

SOCKET_PATH_LIMIT = 103
"""Longest socket path in bytes that both Linux (107) and macOS (103) take."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything lies. Folders are 0700, files 0600."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """``$PREMPTI_HOME``, else ``~/.prempti``. Raises PremptiError where it is not absolute."""
        chosen = os.environ.get(HOME_VARIABLE)
        root = Path(chosen) if chosen else Path.home() / HOME_NAME
        if not root.is_absolute():
            raise PremptiError(
                f"{chosen!r} is not an absolute path",
                where=HOME_VARIABLE,
                remedy="give the folder's full path",
            )
        return cls(root)

    @property
    def config(self) -> Path:
        """The user's settings."""
        return self.root / "config.yaml"

    @property
    def user_rules(self) -> Path:
        """Folder of the user's own rule files."""
        return self.root / "rules" / "user"

    @property
    def user_commands(self) -> Path:
        """Folder of the user's own command catalogue entries."""
        return self.root / "commands"

    @property
    def trusted(self) -> Path:
        """Which rules files of projects the user trusts."""
        return self.root / "trusted.json"

    @property
    def audit_db(self) -> Path:
        """The audit store; written by the engine only."""
        return self.root / "audit.db"

    @property
    def audit_head(self) -> Path:
        """Newest sequence number and hash, kept outside the store."""
        return self.root / "audit.head"

    @property
    def export_db(self) -> Path:
        """The exporter's cursors and dead letters; written by the exporter only."""
        return self.root / "export.db"

    @property
    def bin(self) -> Path:
        """Where the hook is copied to."""
        return self.root / "bin"

    @property
    def hook(self) -> Path:
        """The installed hook."""
        return self.bin / "prempti_hook.py"

    @property
    def run(self) -> Path:
        """Socket, locks and flag files of the running engine."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """Folder of the logs."""
        return self.root / "log"

    @property
    def engine_log(self) -> Path:
        """The engine's own log."""
        return self.log / "engine.log"

    @property
    def fallbacks(self) -> Path:
        """Lines that hooks append when they had to answer without the engine."""
        return self.log / "fallbacks.log"

    @property
    def stopped(self) -> Path:
        """Exists after ``premptictl stop``: hooks do not start the engine."""
        return self.run / "stopped"

    @property
    def monitor_flag(self) -> Path:
        """Exists while the engine is in monitor mode: hooks fail open."""
        return self.run / "monitor"

    @property
    def engine_lock(self) -> Path:
        """Held by the engine for life."""
        return self.run / "engine.lock"

    @property
    def http_hooks(self) -> Path:
        """Port and token of HTTP hooks; there are none without it."""
        return self.root / "http.json"

    @property
    def http_port(self) -> Path:
        """Holds the port while the engine answers HTTP hooks there; kept by the engine, read by the hook."""
        return self.run / "http"

    @property
    def start_lock(self) -> Path:
        """Held by whoever is starting the engine."""
        return self.run / "start.lock"

    @property
    def engine_failed(self) -> Path:
        """Its modification time is when an engine last failed to start."""
        return self.run / "failed"

    @property
    def user_home(self) -> Path:
        """Holds the user's home where ``HOME`` named another one than the account's."""
        return self.run / "user_home"

    @property
    def service(self) -> Path:
        """Exists while a service manager owns the engine: hooks do not start it."""
        return self.run / "service"

    @property
    def socket(self) -> Path:
        """Where the engine listens: in ``run``, or where that path is too long for a socket, in a folder of /tmp.

        A function of the home's path as it is spelled and of the user, so that the hook can compute it too
        (``socket_path`` in ``hook/prempti_forward.py``; a test compares them).
        """
        path = self.run / "engine.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        import hashlib  # seldom needed, and premptictl starts without it

        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"prempti-{os.geteuid()}-{digest}" / "engine.sock"  # noqa: S108 - create() checks the owner

    @property
    def approval_socket(self) -> Path:
        """Where the engine takes approvals; next to the other, and its name is no longer."""
        return self.socket.with_name("grant.sock")

    def create(self) -> None:
        """Make the folders, 0700 each, those that exist included.

        Raises PremptiError where that cannot be, and where the socket's folder in /tmp is not this user's own.
        """
        try:
            self._create()
        except OSError as error:
            raise PremptiError(
                f"the folder cannot be made: {error.strerror}",
                where=str(error.filename or self.root),
                remedy="correct its permissions, or choose another PREMPTI_HOME",
            ) from error

    def _create(self) -> None:
        for folder in (self.root, self.user_rules.parent, self.user_rules, self.bin, self.run, self.log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        folder = self.socket.parent
        if folder != self.run:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise PremptiError(
                    "the folder for the engine's socket belongs to someone else",
                    where=str(folder),
                    remedy="remove it, or choose a home with a shorter path",
                )
            folder.chmod(0o700)
