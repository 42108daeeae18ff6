"""Keeps settings and ruleset in force: loads, switches, notices edits, and holds on to the last good ones.

What is in force is one immutable Policy, swapped as a whole; request threads only ever read it.
A ruleset or setting that does not load never replaces one that did.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from prempti_otel.analysis.code import preload
from prempti_otel.engine import rule_changes
from prempti_otel.engine.evaluate import Policy
from prempti_otel.engine.health import describe
from prempti_otel.engine.lastgood import LastGood
from prempti_otel.engine.prediction import context_with
from prempti_otel.engine.projects.keeper import ProjectKeeper
from prempti_otel.engine.rulesets import (
    Signature,
    files_of,
    installed_rule_files,
    rule_paths,
    selection,
    signature,
)
from prempti_otel.errors import PremptiError, nearest
from prempti_otel.model.decision import Mode, Verdict
from prempti_otel.settings.config import Config, Retention
from prempti_otel.settings.load import load_config
from prempti_otel.settings.save import update_config

if TYPE_CHECKING:
    from prempti_otel.engine.health import Health
    from prempti_otel.engine.trail import Trail
    from prempti_otel.rules.loader import LoadResult
    from prempti_otel.rules.options import RuleFile
    from prempti_otel.rules.ruleset import Ruleset
    from prempti_otel.settings.config import RuleSettings
    from prempti_otel.settings.home import Home

log = logging.getLogger("prempti.engine")

SLICE_S = 0.0005
"""Compiling goes on for this long at a time while calls are answered ..."""
REST_S = 0.001
"""... and then leaves the interpreter to them."""
_CAREFUL = Config(retention=Retention(days=36_500))
"""In force where the settings are broken and no copy is left: nothing is let through or pruned by mistake."""
_READY_AT = 2
_CONFIG = "configuration"
_RULES = "rules"
_COMMANDS = "commands"
_COPY = "last good copy"
_FLAG = "monitor flag"


class Keeper:
    """Settings and ruleset of the running engine. One thread at a time changes them, behind a lock."""

    def __init__(self, home: Home, health: Health, trail: Trail) -> None:
        self._home = home
        self._health = health
        self._trail = trail
        self._copy = LastGood(home)
        self._projects = ProjectKeeper(home, health, trail)
        self._lock = threading.RLock()
        self._loaded: tuple[list[RuleFile], RuleSettings] | None = None
        self._seen: Signature = ()
        self._pending: Signature = ()
        self._commands: Signature | None = None
        self.config = Config()
        self.policy = Policy(Mode.GUARDRAILS, Verdict.DEFER, None, "they are being loaded")
        self.config_error = ""
        self.ruleset_error = ""
        self.serving = False
        """Whether calls are being answered: rules are then compiled in small slices."""
        self._ending = False
        self._slice_began = 0.0
        self._polls = 0

    @property
    def load_error(self) -> str:
        """What did not load last time, settings and rules; empty where all is well."""
        return "\n".join(filter(None, (self.config_error, self.ruleset_error)))

    @property
    def rules_loaded(self) -> int:
        """Rules of the ruleset in force."""
        return len(self.policy.ruleset.rules) if self.policy.ruleset is not None else 0

    @property
    def rules_enabled(self) -> int:
        """Those of them that are judged."""
        ruleset = self.policy.ruleset
        return sum(rule.enabled for rule in ruleset.rules) if ruleset is not None else 0

    def load_config(self) -> None:
        """Load the settings for the first time; broken ones are replaced by their last good copy."""
        with self._lock:
            self._seen = self._signature()
            try:
                self.config = load_config(self._home.config)
                self._keep_config(self.config)
            except PremptiError as error:
                self.config = self._copy.config() or _CAREFUL
                self.config_error = error.diagnostics()
            self._enforce(self.config)

    def load_rules(self) -> None:
        """Load commands and rules for the first time; broken rules are replaced by their last good copy."""
        with self._lock:
            self._load_commands()
            if self.config_error:
                self._tell_config(self.config_error)
            self._load_rules()
            if self.policy.ruleset is None:
                self._load_copy()

    def reload(self) -> None:
        """Load settings and rules again. What does not load is told in ``load_error``; nothing is raised."""
        with self._lock:
            self._seen = self._signature()
            try:
                config = load_config(self._home.config)
            except PremptiError as error:
                self._config_rejected(error)
                config = self.config
            else:
                self._config_accepted(config)
            self._load_commands()
            self._load_rules()
            if self._projects.changed():
                self._renew_projects()
            self._enforce(config)

    def end(self) -> None:
        """Nothing that is being compiled will be needed: a thread that is at it ends."""
        self._ending = True

    def set_mode(self, mode: str, default_action: str) -> None:
        """Switch and keep the choice in the settings; empty means unchanged. Raises PremptiError: nothing changed."""
        wanted_mode, wanted_action = _word(Mode, mode), _word(_Floor, default_action)
        changes = {}
        if wanted_mode:
            changes["mode"] = wanted_mode
        if wanted_action:
            changes["default_action"] = wanted_action
        if not changes:
            return
        with self._lock:
            config = update_config(self._home.config, changes)
            self._config_accepted(config)
            self._enforce(config)
        if self._home.monitor_flag.exists() != (Mode(config.mode) is Mode.MONITOR):
            raise PremptiError("hooks cannot be told of the mode", where=str(self._home.monitor_flag))

    def poll(self) -> None:
        """Reload if files changed since the last time and have been at rest since the last poll.

        The second poll makes ready what no call should wait for; the first leaves the call that started the engine
        alone.
        """
        self._polls += 1
        if self._polls == _READY_AT:
            self._make_ready()
        if self._projects.changed():
            self._renew_projects()
        now = self._signature()
        if now == self._seen:
            self._pending = now
            return
        if now != self._pending:
            self._pending = now
            return
        log.info("settings or rules changed on disk")
        self.reload()

    def _make_ready(self) -> None:
        """Compile all commands and load the readers of code: at start that would hold up the first call."""
        with self._lock:
            self._commands = None
            self._load_commands()
            self._projects.make_ready(self._give_way)
        preload(self._give_way)
        gc.freeze()

    def _signature(self) -> Signature:
        paths: list[Path] = [self._home.config]
        try:
            paths += rule_paths(self._home, self.config)
        except PremptiError:
            paths.append(self._home.user_rules)
        return signature(paths) + self._commands_signature()

    def _commands_signature(self) -> Signature:
        folder = self._home.user_commands
        return signature(files_of(folder)) if folder.is_dir() else ()

    def _config_accepted(self, config: Config) -> None:
        if self.config_error:
            self.config_error = ""
            self._health.well(_CONFIG)
        if config != self.config:
            before, self.config = self.config, config
            if (before.mode, before.default_action) != (config.mode, config.default_action):
                self._trail.admin("mode", mode=config.mode, default_action=config.default_action)
        self._keep_config(config)

    def _config_rejected(self, error: PremptiError) -> None:
        sentence = error.diagnostics()
        if sentence != self.config_error:
            self.config_error = sentence
            self._tell_config(sentence)

    def _tell_config(self, sentence: str) -> None:
        self._health.trouble(_CONFIG, f"the settings on disk are not in force: {sentence}")
        self._trail.admin("config-rejected", error=sentence)

    def _keep_config(self, config: Config) -> None:
        try:
            self._copy.save_config(config)
        except OSError as error:
            self._health.trouble(_COPY, f"the settings could not be copied: {error.strerror}")

    def _enforce(self, config: Config) -> None:
        """Put mode and floor in force. The flag tells hooks what to do without an engine, so it goes first."""
        mode = Mode(config.mode)
        try:
            if mode is Mode.MONITOR:
                self._home.monitor_flag.touch(mode=0o600)
            else:
                self._home.monitor_flag.unlink(missing_ok=True)
        except OSError as error:
            self._health.trouble(
                _FLAG, f"hooks cannot be told of the mode: {self._home.monitor_flag}: {error.strerror}"
            )
        else:
            self._health.well(_FLAG)
        self.policy = replace(self.policy, mode=mode, floor=Verdict(config.default_action))

    def _load_commands(self) -> None:
        """Load the user's catalogue entries if they changed; those in force stay where one is bad."""
        now = self._commands_signature()
        if now == self._commands:
            return
        self._commands = now
        try:
            context = context_with([self._home.user_commands], pause=self._give_way if self.serving else None)
        except PremptiError as error:
            self._health.trouble(_COMMANDS, f"command entries on disk are not in force: {error.diagnostics()}")
            return
        self.policy = replace(self.policy, context=context)
        self._health.well(_COMMANDS)

    def _load_rules(self) -> None:
        """Load the installed rules unless they are those in force; the last good ones stay where that fails."""
        try:
            files = installed_rule_files(self._home, self.config)
        except PremptiError as error:
            self._rules_rejected(error.diagnostics(), [])
            return
        if self._loaded == (files, self.config.rules) and not self.ruleset_error:
            return
        result = self._compile(files)
        if result is None:
            return
        if result.ruleset is None:
            self._rules_rejected(result.errors_text(), files)
            return
        self._rules_accepted(result.ruleset, files)

    def _compile(self, files: Sequence[RuleFile]) -> LoadResult | None:
        collecting = gc.isenabled()
        gc.disable()
        try:
            from prempti_otel.rules.loader import load

            return load(files, selection=selection(self.config), pause=self._give_way if self.serving else None)
        except Exception as error:  # noqa: BLE001 - the boundary of one ruleset; it is rejected and recorded
            self._rules_rejected(describe(error), files)
            return None
        finally:
            if collecting:
                # Before collection begins again: it would look through all of the new ruleset with the lock held.
                gc.freeze()
                gc.enable()

    def _give_way(self) -> None:
        """Called between small steps of compiling: request threads go first, and the end before all."""
        if self._ending:
            raise SystemExit  # of this thread
        if time.perf_counter() - self._slice_began > SLICE_S:
            time.sleep(REST_S)
            self._slice_began = time.perf_counter()

    def _rules_accepted(self, ruleset: Ruleset, files: list[RuleFile]) -> None:
        policy, before = self.policy, self._loaded
        self._swap(ruleset, files)
        self._loaded = files, self.config.rules
        if self.ruleset_error:
            self.ruleset_error = ""
            self._health.well(_RULES)
        if policy.digest != ruleset.digest:
            self._trail.policy(
                loaded=True,
                digest=ruleset.digest,
                rules=self.rules_loaded,
                enabled=self.rules_enabled,
                files=[file.name for file in files],
            )
            if before is not None:
                self._tell_changes(rule_changes.changes(before[0], files), ruleset.digest)
        try:
            self._copy.save_rules(files)
        except OSError as error:
            self._health.trouble(_COPY, f"the rules could not be copied: {error.strerror}")

    def _tell_changes(self, told: list[str], digest: str) -> None:
        log.info("rules in force: %d of %d; %s", self.rules_enabled, self.rules_loaded, "; ".join(told))
        self._trail.admin(rule_changes.ACTION, digest=digest, changes=list(told))

    def _rules_rejected(self, diagnostics: str, files: Sequence[RuleFile]) -> None:
        if diagnostics == self.ruleset_error:
            return
        self.ruleset_error = diagnostics
        in_force = self.policy.digest
        self._health.trouble(_RULES, f"the rules on disk are not in force: {diagnostics}")
        self._trail.policy(
            loaded=False,
            digest=in_force,
            files=[file.name for file in files],
            diagnostics=diagnostics.splitlines(),
        )
        if not in_force:
            self.policy = replace(self.policy, ruleset=None, problem=diagnostics)

    def _load_copy(self) -> None:
        """After a restart onto broken rules: the last good ones, loudly."""
        problem = self.ruleset_error
        try:
            files = self._copy.rules()
        except PremptiError:
            return
        result = self._compile(files)
        if result is None or result.ruleset is None:
            return
        self._swap(result.ruleset, files)
        self._trail.policy(
            loaded=True,
            digest=result.ruleset.digest,
            rules=self.rules_loaded,
            enabled=self.rules_enabled,
            files=[file.name for file in files],
            diagnostics=["the last good rules: those on disk do not load"],
        )
        self._health.trouble(_RULES, f"judging by the last good rules, those on disk are not in force: {problem}")

    def _swap(self, ruleset: Ruleset, files: Sequence[RuleFile]) -> None:
        projects = self._projects.on_top_of(files, self.config, self._give_way if self.serving else None)
        self.policy = replace(self.policy, ruleset=ruleset, problem="", projects=projects)

    def _renew_projects(self) -> None:
        with self._lock:
            projects = self._projects.renewed(self._give_way if self.serving else None)
            self.policy = replace(self.policy, projects=projects)


_Floor = {"defer": Verdict.DEFER, "allow": Verdict.ALLOW}


def _word(known: object, word: str) -> str:
    """``word`` if it is one of the known ones, or empty. Raises PremptiError."""
    words = list(known)  # type: ignore[call-overload]
    if not word or word in words:
        return word
    close = nearest(word, words)
    remedy = f"did you mean {close!r}?" if close else f"one of: {', '.join(words)}"
    raise PremptiError(f"there is no {word[:40]!r}", remedy=remedy)
