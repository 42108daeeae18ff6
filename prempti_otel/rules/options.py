"""What is loaded: rules files as texts, and what loading depends on besides them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prempti_otel.model.event import EVENT_SOURCE
from prempti_otel.model.fields import FIELDS, Registry
from prempti_otel.rules.files.requirements import Version
from prempti_otel.rules.files.yamlnodes import SourceFile
from prempti_otel.rules.selection import OutputSuffix, Selection


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rules file's text; ``name`` is the path that diagnostics show."""

    name: str
    content: bytes | str

    def source(self) -> SourceFile:
        """With its text as bytes."""
        content = self.content
        return SourceFile(self.name, content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


@dataclass(frozen=True, slots=True)
class Options:
    """What loading depends on besides the files."""

    fields: Registry = field(default_factory=lambda: FIELDS)
    selection: Selection = field(default_factory=Selection)
    source: str = EVENT_SOURCE
    """The event source that is served; rules of others are skipped."""
    suffixes: tuple[OutputSuffix, ...] = ()
    plugins: Mapping[str, Version] | None = None
    """What ``required_plugin_versions`` is checked against; None: not checked."""


def digest(files: Sequence[RuleFile], options: Options) -> str:
    """Over names, texts and selection, each with its length, so that nothing can pass for something else."""
    whole = hashlib.sha256()
    for file in files:
        source = file.source()
        for part in (source.name.encode("utf-8", "surrogatepass"), source.content):
            whole.update(b"%d:" % len(part))
            whole.update(part)
    whole.update(repr((options.selection, options.source, options.suffixes)).encode())
    return whole.hexdigest()
