"""The files of one installation, all below ``PREMPTI_HOME``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prempti_otel.errors import PremptiError

HOME_VARIABLE = "PREMPTI_HOME"
"""Read by premptictl and the daemon only: a repository can set the environment of hooks."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything lies. Folders are 0700, files 0600."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """``$PREMPTI_HOME``, else ``~/.prempti``. Raises PremptiError where it is not absolute."""
        chosen = os.environ.get(HOME_VARIABLE)
        root = Path(chosen) if chosen else Path.home() / ".prempti"
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
    def start_lock(self) -> Path:
        """Held by whoever is starting the engine."""
        return self.run / "start.lock"

    @property
    def engine_failed(self) -> Path:
        """Its modification time is when an engine last failed to start."""
        return self.run / "failed"

    def create(self) -> None:
        """Make the folders, 0700 each, those that exist included."""
        for folder in (self.root, self.user_rules.parent, self.user_rules, self.bin, self.run, self.log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
