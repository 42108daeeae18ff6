"""Projects with rules of their own, and trust in them, as a user's files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from prempti_otel.engine.projects.trust import TrustedFile, TrustList, fingerprint
from prempti_otel.settings.home import Home

DENY = """\
- rule: {name}
  desc: the project's own
  condition: tool.input contains "{word}"
  output: the project does not want {word}
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_{verdict}]
"""


def rule(name: str, word: str, verdict: str = "deny") -> str:
    """A rule that stops calls which name ``word``."""
    return DENY.format(name=name, word=word, verdict=verdict)


def write_rules(root: Path, text: str, name: str = "own.yaml") -> Path:
    """The project's rules file, with folders as needed."""
    file = root / ".prempti" / "rules" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def trust(home: Home, *files: Path) -> None:
    """Trust these files as they are, and no others."""
    entries = [
        TrustedFile(path=str(file), sha256=fingerprint(file.read_bytes()), time_ns=time.time_ns(), by="test")
        for file in files
    ]
    fresh = home.trusted.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.encode(TrustList(files=entries)))
    fresh.replace(home.trusted)
