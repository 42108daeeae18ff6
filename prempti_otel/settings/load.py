"""Reads ``config.yaml``."""

from __future__ import annotations

from pathlib import Path

from prempti_otel.settings.config import Config
from prempti_otel.settings.text import only_comments, read_text


def load_config(path: Path) -> Config:
    """The settings in ``path``; all defaults where there is no such file. Raises ConfigError."""
    text = read_text(path)
    if only_comments(text):
        return Config()
    from prempti_otel.settings.document import compose  # premptictl starts without them where nothing is set
    from prempti_otel.settings.validate import config_from_document

    return config_from_document(compose(path, text))
