"""The git repository that a call was made in."""

from __future__ import annotations

import msgspec


class Repository(msgspec.Struct, frozen=True):
    """What is known of it when the call was asked about; texts are ``""`` where it is not."""

    url: str = ""
    """``https://host/path`` of the remote ``origin``, without user, password and ``.git``."""
    ref: str = ""
    """The branch that is checked out."""
    revision: str = ""
    """The commit that is checked out."""


NONE = Repository()
