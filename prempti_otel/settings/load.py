"""Reads ``config.yaml``, and changes single values in it."""

from __future__ import annotations

from pathlib import Path

from prempti_otel.settings.config import Config
from prempti_otel.settings.document import ConfigError, compose, read_text
from prempti_otel.settings.save import save_value, update_config
from prempti_otel.settings.validate import config_from_document

__all__ = ["ConfigError", "load_config", "save_value", "update_config"]


def load_config(path: Path) -> Config:
    """The settings in ``path``; all defaults where there is no such file. Raises ConfigError."""
    return config_from_document(compose(path, read_text(path)))
