"""Puts the hook's files where agents run them: ``PREMPTI_HOME/bin``."""

from __future__ import annotations

import os
import py_compile
from typing import TYPE_CHECKING

from prempti_otel.errors import PremptiError
from prempti_otel.settings.resources import resource

if TYPE_CHECKING:
    from pathlib import Path

    from prempti_otel.settings.home import Home


def copy_hook(home: Home) -> Path:
    """Copy the hook into ``home.bin``, compiled, and return the file to run, which is ``home.hook``.

    A file that is up to date is left alone; another is replaced in one step, so that hooks may run meanwhile. Raises
    PremptiError where the folder cannot be written or the installation is incomplete.
    """
    entry = resource("hook/prempti_hook.py")
    home.create()
    # What agents run comes last: it must never find less than it was written for.
    for source in sorted(entry.parent.glob("prempti_*.py"), key=lambda path: path == entry):
        target = home.bin / source.name
        try:
            text = source.read_bytes()
            if not target.is_file() or target.read_bytes() != text:
                _replace(target, text)
            py_compile.compile(str(target), doraise=True)
        except (OSError, py_compile.PyCompileError) as error:
            raise PremptiError(
                f"the hook cannot be copied: {error}", where=str(target), remedy="make the folder writable"
            ) from error
    return home.hook


def _replace(target: Path, text: bytes) -> None:
    """Writes ``target`` as a whole, 0600, or not at all."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_bytes(text)
    draft.replace(target)
