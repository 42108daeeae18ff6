"""What a rules file requires of the engine and of plugins, and what is provided here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prempti_otel.model.event import EVENT_SOURCE
from prempti_otel.rules.diagnostics import Code, LoadError
from prempti_otel.rules.files.yamlnodes import SourceFile

Version: TypeAlias = tuple[int, int, int]

ENGINE_VERSION: Version = (0, 62, 0)
"""Version of Falco 0.44's rule engine, whose language this is."""
PLUGINS: Mapping[str, Version] = {EVENT_SOURCE: (0, 99, 0)}
"""Plugins that a file may require: Prempti's own, whose fields and tags are all here."""
_VERSION = re.compile(r"\s*([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class PluginRequirement:
    """One entry of ``required_plugin_versions``: any of these suffices."""

    alternatives: tuple[tuple[str, Version], ...]


def parse_version(text: str) -> Version | None:
    """``x.y.z``; what follows is ignored, as Falco's sscanf does."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def parse_engine_version(text: str) -> Version | None:
    """The same, or N for 0.N.0."""
    return (0, int(text), 0) if text.isascii() and text.isdigit() and len(text) < 10 else parse_version(text)


def compatible(provided: Version, required: Version) -> bool:
    """Same major version, and not older."""
    return provided[0] == required[0] and provided >= required


def unmet(requirements: Sequence[PluginRequirement], plugins: Mapping[str, Version]) -> str | None:
    """A sentence on the first requirement that no plugin meets, or None."""
    for requirement in requirements:
        seen = None
        for name, version in requirement.alternatives:
            provided = plugins.get(name)
            if provided is not None:
                if compatible(provided, version):
                    break
                seen = f"plugin '{name}' {shown(version)} or later of the same major version is required"
        else:
            names = " or ".join(f"'{name}' {shown(version)}" for name, version in requirement.alternatives)
            return seen or f"plugin {names} is required, which is not part of this engine"
    return None


def check_plugins(
    requirements: Sequence[PluginRequirement], file: SourceFile, plugins: Mapping[str, Version] | None
) -> None:
    """Raises LoadError, placed in ``file``, where no plugin meets a requirement. None for plugins: not checked."""
    sentence = unmet(requirements, plugins) if plugins is not None else None
    if sentence is not None:
        place = (file.location("rules content", ""),)
        raise LoadError(
            file.diagnostic(Code.VALIDATE, sentence, place, "remove the requirement and the rules that need it")
        )


def shown(version: Version) -> str:
    """``x.y.z``."""
    return ".".join(map(str, version))
