"""Changes an agent's settings file safely: the file belongs to its user, and others edit it, too.

A file that cannot be read with certainty is refused and stays untouched. A change replaces the file as a
whole, keeps its mode and follows links; it is made anew if somebody else changed the file meanwhile.
"""

from __future__ import annotations

import codecs
import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from prempti_otel.agents import json_text, replace_file
from prempti_otel.errors import PremptiError
from prempti_otel.settings import whole

MAX_BYTES = 16 * 1024 * 1024
"""Far larger than any settings file; keeps a device or a mistake from filling the memory."""
_ATTEMPTS = 100
"""Each takes some 30 ms; on a busy machine another program may well save in most of them."""
_HALF_WRITTEN_SECONDS = 0.5
"""An editor that empties a file before it fills it has filled it by then, also on a busy machine."""
_LOOK_AGAIN_SECONDS = 0.01
_BOM = codecs.BOM_UTF8


class Form(Enum):
    """As what an agent reads a file; the value is its name in messages."""

    JSON = "JSON"
    COMMENTED_JSON = "JSON with comments"
    TOML = "TOML"


class SettingsFileError(PremptiError):
    """A settings file cannot be read or changed; nothing was written."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A settings file as it was read."""

    text: str
    """Without byte order mark."""
    data: dict[str, Any]
    raw: bytes
    """The whole content."""

    def encode(self, text: str) -> bytes:
        """``text`` as the content of this file: with a byte order mark if it has one."""
        return (_BOM if self.raw.startswith(_BOM) else b"") + text.encode()


def read(path: Path, *, form: Form = Form.JSON) -> Settings | None:
    """The settings in ``path``, None where there is no such file. Raises SettingsFileError.

    ``form``: as what its agent reads it. A file that makes no sense but was changed just now may be half written:
    it is read again.
    """
    while True:
        raw = read_bytes(path)
        try:
            return None if raw is None else parse(raw, path, form=form)
        except SettingsFileError:
            if not _is_fresh(path):
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)


def read_bytes(path: Path) -> bytes | None:
    """What is in ``path``, cut behind ``MAX_BYTES``; None where there is no such file. Raises SettingsFileError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SettingsFileError("this is not a file", where=str(path))
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed("read", path, error) from error


def load(text: str, *, form: Form = Form.JSON) -> Any:
    """The value that ``text`` stands for. Raises ValueError, and RecursionError where it is nested too deep."""
    if form is Form.TOML:
        import tomllib  # premptictl starts without it

        return tomllib.loads(text)
    return json.loads(json_text.blanked(text) if form is Form.COMMENTED_JSON else text, parse_constant=_no_constant)


def parse(raw: bytes, path: Path, *, form: Form = Form.JSON) -> Settings:
    """The settings in ``raw``; ``path`` is for the message. Raises SettingsFileError."""
    if len(raw) > MAX_BYTES:
        raise SettingsFileError("this is too large to be a settings file", where=str(path))
    remedy = "mend or remove the file; it was left as it is, and the agent cannot read it either"
    try:
        text = raw.removeprefix(_BOM).decode()
        data = load(text, form=form)
    except UnicodeDecodeError as error:
        raise SettingsFileError(f"this is not UTF-8 (byte {error.start})", where=str(path), remedy=remedy) from None
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        problem = "this is empty" if not text.strip() else f"this is not {form.value}: {error.msg}"
        raise SettingsFileError(problem, where=place, remedy=remedy) from None
    except (ValueError, RecursionError) as error:
        raise SettingsFileError(f"this is not {form.value}: {error}", where=str(path), remedy=remedy) from None
    if not isinstance(data, dict):
        raise SettingsFileError(f"this is {form.value}, but not an object", where=str(path), remedy=remedy)
    return Settings(text, data, raw)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def change(
    path: Path, edit: Callable[[Settings | None], bytes | None], new_mode: int = 0o600, *, form: Form = Form.JSON
) -> None:
    """Replace the content of ``path`` by what ``edit`` makes of it; None stands for no file.

    ``edit`` is called again if the file changed meanwhile. Raises SettingsFileError, and what ``edit`` raises.
    """
    target = _target(path)
    with _locked(target.parent):
        for _ in range(_ATTEMPTS):
            before = read(target, form=form)
            content = edit(before)
            if content == (before.raw if before else None):
                return
            if _replaced(target, before, content, new_mode):
                return
    raise SettingsFileError("another program keeps changing this file", where=str(path), remedy="try again")


def make_private(path: Path) -> None:
    """Let nobody but its owner read ``path``, where it exists; links are followed. Raises SettingsFileError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & 0o700)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failed("changed", path, error) from error


def write_private(path: Path, content: bytes) -> None:
    """Write ``path`` anew, 0600. Something else of that name, a link for instance, is replaced, not followed."""
    write_file(path, content, 0o600)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """The same with a mode of one's own; the folder is made if it is missing. Raises SettingsFileError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole.replace(path, content, mode)
    except OSError as error:
        raise _failed("written", path, error) from error


def remove_file(path: Path) -> None:
    """Remove ``path``. Raises SettingsFileError where that cannot be done."""
    try:
        path.unlink()
    except OSError as error:
        raise _failed("removed", path, error) from error


def _target(path: Path) -> Path:
    """The file behind the links of ``path``; its folder is made if it is missing."""
    try:
        target = path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except RuntimeError as error:  # Python 3.11 and 3.12 tell a loop like this, later ones when it is read
        raise SettingsFileError("this link points to itself", where=str(path)) from error
    except OSError as error:
        raise _failed("read", path, error) from error
    return target


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds a lock on ``folder``, against other premptictl only: nobody else knows it. It leaves no file behind."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _failed("read", folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_fresh(target: Path) -> bool:
    try:
        return 0 <= time.time() - target.stat().st_mtime < _HALF_WRITTEN_SECONDS
    except OSError:
        return False


def _replaced(target: Path, before: Settings | None, content: bytes | None, new_mode: int) -> bool:
    """Replace ``target`` unless it is no longer as ``before``; whether it was done."""
    try:
        mode = new_mode
        if before is not None:
            mode = stat.S_IMODE(target.stat().st_mode)
            if not mode & stat.S_IWUSR:
                remedy = f"allow it with chmod u+w {target}"
                raise SettingsFileError("this file is read-only", where=str(target), remedy=remedy)
        return replace_file.replaced(target, before.raw if before else None, content, mode)
    except FileNotFoundError:
        return False  # somebody else has removed it
    except OSError as error:
        raise _failed("written", target, error) from error


def _failed(done: str, path: Path, error: OSError) -> SettingsFileError:
    if error.errno == errno.ELOOP:
        return SettingsFileError("this link points to itself", where=str(path))
    return SettingsFileError(f"this file cannot be {done}: {error.strerror}", where=str(path))
