"""``http.json``: where the engine answers HTTP hooks, and by which token it knows them.

Written by premptictl, read by the engine and by whoever registers the hook. Without the file there are no HTTP hooks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from prempti_otel import typed
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "127.0.0.1"
"""The one address that is listened on; an agent is given the number, so that no name has to be looked up."""
PATH = "/prempti/hook/claude_code"
PORTS = range(20_000, 32_768)
"""Below the ports that Linux (32768 and up) and macOS (49152 and up) give to outgoing connections: one of those could
be in use when the engine starts again."""
TOKEN_BYTES = 32


class HttpHooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of ``http.json``."""

    port: Annotated[int, Meta(ge=1024, le=65535)]
    token: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """256 random bits."""

    def __repr__(self) -> str:
        """Without the token: this may end up in a log."""
        return f"HttpHooks(port={self.port})"

    @property
    def url(self) -> str:
        """Where an agent sends its events."""
        return f"http://{ADDRESS}:{self.port}{PATH}"

    @property
    def authorization(self) -> str:
        """The header's value by which the engine knows the agent."""
        return f"Bearer {self.token}"


def is_ours(url: object) -> bool:
    """Whether an agent's hook with this address asks our engine, whatever its port."""
    return isinstance(url, str) and url.endswith(PATH)


def new_token() -> str:
    """A token that nobody knows."""
    return os.urandom(TOKEN_BYTES).hex()


def read_http_hooks(path: Path) -> HttpHooks | None:
    """What is in the file; None where there is none. Raises PremptiError."""
    try:
        return typed.decode(path.read_bytes(), HttpHooks)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"this file cannot be read: {error.strerror}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The message could quote the token.
        problem = "this file is damaged"
    raise PremptiError(problem, where=str(path), remedy="run premptictl hook add claude_code --transport http --rotate")
