"""A copy of the last settings and rules that were good, so that a restart does not depend on a broken edit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from prempti_otel import typed
from prempti_otel.errors import PremptiError
from prempti_otel.settings.config import Config

if TYPE_CHECKING:
    from pathlib import Path

    from prempti_otel.rules.options import RuleFile
    from prempti_otel.settings.home import Home


class _Text(msgspec.Struct, frozen=True):
    name: str
    content: bytes


class LastGood:
    """Two files in ``run/``: the settings, and the texts of the rule files."""

    def __init__(self, home: Home) -> None:
        self._config = home.run / "last-good-config.json"
        self._rules = home.run / "last-good-rules.json"

    def save_config(self, config: Config) -> None:
        """Raises OSError."""
        _write(self._config, msgspec.json.encode(config))

    def config(self) -> Config | None:
        """The copy, or None where there is none that can be read."""
        try:
            return typed.decode(self._config.read_bytes(), Config)
        except (OSError, msgspec.MsgspecError):
            return None

    def save_rules(self, files: Sequence[RuleFile]) -> None:
        """Raises OSError."""
        _write(self._rules, msgspec.json.encode([_Text(file.name, file.source().content) for file in files]))

    def rules(self) -> list[RuleFile]:
        """The copy. Raises PremptiError where there is none that can be read."""
        from prempti_otel.rules.options import RuleFile

        try:
            texts = typed.decode(self._rules.read_bytes(), list[_Text])
        except (OSError, msgspec.MsgspecError) as error:
            raise PremptiError("there is no copy of an earlier ruleset", where=str(self._rules)) from error
        return [RuleFile(text.name, text.content) for text in texts]


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.replace(path)
