"""The engine's pen: everything that it records goes through here, redacted, to the audit store.

A decision that cannot be recorded is the caller's to refuse, so that is raised. Records about the guard
itself hold nothing up: where one fails the guard is degraded. A store that could not be opened is tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from prempti_otel.audit.lifecycle_records import lifecycle_record, outcome_record
from prempti_otel.audit.records import admin_record, decision_record, fallback_record, policy_record, unjudged_record
from prempti_otel.audit.redaction import Redactor
from prempti_otel.audit.store import Store
from prempti_otel.engine.health import describe
from prempti_otel.engine.repositories import Repositories
from prempti_otel.errors import PremptiError
from prempti_otel.settings.config import Privacy

if TYPE_CHECKING:
    from prempti_otel.engine.health import Health
    from prempti_otel.model.call import JsonValue, ToolCall
    from prempti_otel.model.decision import Decision
    from prempti_otel.model.event import Event
    from prempti_otel.model.lifecycle import Lifecycle
    from prempti_otel.model.record import Record, StoredRecord
    from prempti_otel.settings.config import Config, OwnPattern
    from prempti_otel.settings.home import Home

_PART = "audit store"
_JOURNAL = "journal"


class Trail:
    """The open store, or the reason why there is none. Safe for all threads."""

    def __init__(self, home: Home, health: Health) -> None:
        self._home = home
        self._health = health
        self._lock = threading.Lock()
        self._parts: tuple[Store, Redactor] | None = None
        self._error = PremptiError("the audit store is not open")
        self._privacy = Privacy()
        self._repositories = Repositories()
        self._own_patterns: list[OwnPattern] = []

    @property
    def store(self) -> Store | None:
        """For reading; None while it could not be opened."""
        return self._parts[0] if self._parts is not None else None

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest record, 0 where there is none."""
        return self._parts[0].last_seq if self._parts is not None else 0

    def open(self, config: Config) -> bool:
        """Open store and key unless they are; whether they were opened now."""
        self._privacy = config.privacy
        with self._lock:
            if self._parts is not None:
                return False
            try:
                redactor = _redactor(self._home, config)
                store = Store.open(
                    self._home,
                    config.durability,
                    retention_days=config.retention.days,
                    destinations=_names(config),
                )
            except PremptiError as error:
                self._error = error
                self._health.trouble(_PART, f"nothing can be recorded: {error.diagnostics()}")
                return False
            self._parts = store, redactor
            self._own_patterns = config.privacy.redact
        self._health.well(_PART)
        return True

    def configure(self, config: Config) -> None:
        """Settings changed: privacy, retention and destinations take effect at once. Raises PremptiError."""
        self._privacy = config.privacy
        with self._lock:
            if self._parts is None:
                return
            store = self._parts[0]
            if config.privacy.redact != self._own_patterns:
                self._parts = store, _redactor(self._home, config)
                self._own_patterns = config.privacy.redact
        store.configure(config.retention.days, _names(config))

    def check(self) -> None:
        """Tell what the store found wrong with itself; let go of one whose file is gone, to begin another."""
        parts = self._parts
        if parts is None:
            return
        if not self._home.audit_db.exists():
            self._health.trouble(_PART, f"the audit store {self._home.audit_db} was removed; another is begun")
            self.close()
            return
        problems = parts[0].problems
        if problems:
            self._health.trouble(_PART, "; ".join(problems))
        else:
            self._health.well(_PART)

    def close(self) -> None:
        """Close the store; what comes later is refused."""
        with self._lock:
            parts, self._parts = self._parts, None
            self._error = PremptiError("the audit store is closed", remedy="try again")
        if parts is not None:
            parts[0].close()

    def decision(
        self, call: ToolCall, events: Sequence[Event], decision: Decision, marks: Sequence[str], attempt: int
    ) -> StoredRecord:
        """One judged call. Raises whatever stands in the way; nothing was recorded then."""
        degraded, repository = self._health.sentences(), self._repositories.of(call.real_cwd)
        return self._append(
            lambda redactor: decision_record(
                call,
                events,
                decision,
                redactor=redactor,
                marks=marks,
                attempt=attempt,
                degraded=degraded,
                repository=repository,
            )
        )

    def unjudged(self, agent: str, decision: Decision, payload: bytes, received_ns: int, correlation_id: int) -> None:
        """A payload that could not be read. Raises as :meth:`decision`."""
        self._append(
            lambda redactor: unjudged_record(
                agent,
                decision.reason,
                action=decision.action,
                mode=decision.mode,
                received_ns=received_ns,
                correlation_id=correlation_id,
                redactor=redactor,
                payload=payload,
                ruleset_digest=decision.ruleset_digest,
                duration=decision.duration,
            )
        )

    def lifecycle(self, event: Lifecycle, **more: Any) -> None:
        """What an agent told, or what follows from it. Raises as :meth:`decision`."""
        keep = self._privacy.prompts
        self._append(lambda redactor: lifecycle_record(event, redactor=redactor, keep_prompt=keep, **more))

    def outcome(self, **told: Any) -> None:
        """How a call ended, by the arguments of ``outcome_record``. Raises as :meth:`decision`."""
        keep = self._privacy.results
        self._append(lambda redactor: outcome_record(redactor=redactor, keep_result=keep, **told))

    def fingerprint(self, text: str) -> str:
        """What decision records hold as ``input_hash``; empty while there is no store."""
        parts = self._parts
        return parts[1].fingerprint(text) if parts is not None else ""

    def fallback(self, agent: str, reason: str, *, time_ns: int, blocked: bool, log: str, line: int) -> None:
        """A call that a hook answered without the engine, and where it was noted. Raises as :meth:`decision`."""

        def make(redactor: Redactor) -> Record:
            record = fallback_record(agent, reason, time_ns=time_ns, blocked=blocked, redactor=redactor)
            return replace(record, body={**record.body, "log": log, "line": line})

        self._append(make)

    def approval(self, action: str, **detail: Any) -> None:
        """Who approved a call, or was refused to: in force only once it is recorded. Raises as :meth:`decision`."""
        self._append(lambda redactor: admin_record(action, time_ns=time.time_ns(), redactor=redactor, **detail))

    def admin(self, action: str, **detail: JsonValue) -> None:
        """The guard itself: ``start``, ``stop``, ``mode``, ``config-rejected``, ``degraded`` or ``recovered``.

        Of projects' rules: ``rules-trusted`` and ``rules-untrusted`` by the user, ``project-rules`` for what is in
        force of a project, ``project-rules-found`` for files that nobody trusts.
        """
        self._note(action, lambda redactor: admin_record(action, time_ns=time.time_ns(), redactor=redactor, **detail))

    def policy(
        self,
        *,
        loaded: bool,
        digest: str,
        rules: int = 0,
        enabled: int = 0,
        files: Sequence[str] = (),
        diagnostics: Sequence[str] = (),
    ) -> None:
        """A ruleset came into force, or was rejected and ``digest`` stays."""
        self._note(
            "policy",
            lambda redactor: policy_record(
                loaded=loaded,
                time_ns=time.time_ns(),
                redactor=redactor,
                digest=digest,
                rules=rules,
                enabled=enabled,
                files=files,
                diagnostics=diagnostics,
            ),
        )

    def _append(self, make: Callable[[Redactor], Record]) -> StoredRecord:
        parts = self._parts
        if parts is None:
            raise self._error
        store, redactor = parts
        return store.append(make(redactor))

    def _note(self, what: str, make: Callable[[Redactor], Record]) -> None:
        try:
            self._append(make)
        except Exception as error:  # noqa: BLE001 - the boundary of a record that nobody waits for; it degrades
            self._health.trouble(_JOURNAL, f"{what} could not be recorded: {describe(error)}")
        else:
            self._health.well(_JOURNAL)


def _redactor(home: Home, config: Config) -> Redactor:
    return Redactor.open(home, [(own.name, own.pattern) for own in config.privacy.redact])


def _names(config: Config) -> list[str]:
    return [destination.name for destination in config.export]
