"""Places where writing a file does more than change a file: disks, and what runs by itself later.

Gives effects from the catalogue's vocabulary for paths, whichever command or tool writes there.
Purely lexical.
"""

from __future__ import annotations

import re2

from prempti_otel.analysis.reading import FileOp

_DISKS = re2.compile(r"^/dev/(?:[shv]d[a-z]|xvd[a-z]|nvme\d|mmcblk\d|disk\d|rdisk\d|dm-\d|md\d|mapper/|loop\d|sr\d)")
"""Block devices by their names in Linux and macOS."""

_STARTED = re2.compile(
    r"/\.(?:bashrc|bash_profile|bash_login|bash_logout|bash_aliases|profile|zshrc|zshenv|zprofile|zlogin|zlogout|kshrc"
    r"|inputrc|xinitrc|xprofile|xsessionrc|pam_environment)$"
    r"|/\.config/(?:fish/(?:config\.fish$|conf\.d/)|autostart/|systemd/user/|environment\.d/)"
    r"|/\.local/share/systemd/user/"
    r"|/\.ssh/(?:authorized_keys2?|rc)$"
    r"|/\.git/hooks/[^/.]+$|/\.husky/[^/]+$"
    r"|/Library/Launch(?:Agents|Daemons)/"
    r"|^/etc/(?:profile$|profile\.d/|bash\.bashrc$|bashrc$|zsh|environment$|crontab$|anacrontab$|cron\.[a-z]+/|init\.d/"
    r"|rc\.local$|rc\d\.d/|systemd/|ld\.so\.preload$|xdg/autostart/|inittab$|update-motd\.d/|NetworkManager/dispatcher\.d/)"
    r"|^/(?:usr/)?lib/systemd/|^/var/spool/(?:cron|at)/"
)
"""Files that a shell, a login, a timer, a service manager or git runs by itself."""
_SYSTEM = ("/etc/", "/lib/", "/usr/lib/", "/var/spool/")
"""Where those of the machine are; those of a person have a hidden folder or a library on their way."""

_CHANGES = frozenset({FileOp.WRITE, FileOp.LINK})


def effects_of(op: FileOp, path: str) -> tuple[str, ...]:
    """What touching ``path``, absolute, does beyond it."""
    if op not in _CHANGES:
        return ()
    if path.startswith("/dev/"):
        return ("destroys_disk",) if _DISKS.search(path.encode("utf-8", "replace")) else ()
    if "/." not in path and "/Library/" not in path and not path.startswith(_SYSTEM):
        return ()
    return ("persists",) if _STARTED.search(path.encode("utf-8", "replace")) else ()
