"""The installation's key: what fingerprints of recorded texts are made with.

A fingerprint tells that two texts are equal without telling the text; with a key that never leaves
the machine nobody can find a short secret by trying. The key itself must never be recorded or sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import uuid
from pathlib import Path

from prempti_otel.audit.errors import StoreError
from prempti_otel.settings.home import Home

KEY_BYTES = 32
"""As long as SHA-256's output: RFC 2104 advises no less."""


def key_path(home: Home) -> Path:
    """Where the key lies."""
    return home.root / "audit.key"


def load_key(home: Home) -> bytes:
    """The installation's key, made at first use (0600). Raises StoreError where it is damaged or out of reach."""
    path = key_path(home)
    try:
        if not path.exists():
            _create(path)
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"the installation's key cannot be read or made: {error.strerror}",
            where=str(path),
            remedy="check the folder's permissions and free space",
        ) from error
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"the installation's key has {len(key)} bytes, not {KEY_BYTES}",
            where=str(path),
            remedy="restore it from a backup, or remove it: fingerprints then no longer compare with older ones",
        )
    return key


def _create(path: Path) -> None:
    """Write a whole file under another name and link it into place, so that of two creators one wins, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def fingerprint(key: bytes, text: str) -> str:
    """``hmac-sha256:`` and the HMAC-SHA256 of ``text`` (UTF-8, lone surrogates kept) in hexadecimal."""
    return "hmac-sha256:" + hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def installation_id(key: bytes) -> str:
    """A stable UUID of this installation (``service.instance.id``), derived from the key and not giving it away."""
    return str(uuid.UUID(bytes=hmac.digest(key, b"service.instance.id", hashlib.sha256)[:16], version=4))
