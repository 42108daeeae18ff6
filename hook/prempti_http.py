"""Whether a prompt may begin where the calls that follow are asked about over HTTP. Loaded only with ``--http PORT``.

The agent sends those calls itself, to whoever answers on the port or on the way there. So no prompt may begin while
the engine does not listen on that port, or while the agent's environment, which a repository can set, has a proxy
between them. It must never pass for want of knowledge.
"""

import posix

from prempti_grpc import Unanswered

ADDRESS = b"127.0.0.1"
PROXIES = (b"http_proxy", b"https_proxy", b"all_proxy")
EXEMPTIONS = b"no_proxy"
ADD = "premptictl hook add claude_code --transport http"


def check(home: str, port: str, environment: dict[bytes, bytes]) -> None:
    """Raises Unanswered where the agent's calls would not get to the engine, and only there."""
    if proxy := proxy_between(environment):
        raise Unanswered(
            f"the variable {proxy} sends the agent's HTTP hooks, {ADDRESS.decode()} included, through a proxy, which "
            "could let any call pass",
            f"a project's .claude/settings.json may set it; add {ADDRESS.decode()} to NO_PROXY, or run "
            "premptictl hook add claude_code --transport command",
        )
    listening = port_of(home + "/run/http")
    if listening != port:
        problem = f"the engine does not listen on port {port}, which the agent's HTTP hooks go to"
        if listening:
            raise Unanswered(f"{problem}, but on {listening}", "restart the agent, so that it reads its settings anew")
        raise Unanswered(problem, f"see premptictl status; for another port: {ADD} --rotate")


def proxy_between(environment: dict[bytes, bytes]) -> str:
    """The variable that puts a proxy between the agent and this machine's own address; ``""`` where none does.

    Clients differ in which spelling of a variable they heed, so each that is set must be harmless.
    """
    named = {name: value.strip() for name, value in environment.items() if value.strip()}
    proxies = sorted(name for name in named if name.lower() in PROXIES)
    exemptions = [value for name, value in named.items() if name.lower() == EXEMPTIONS]
    if not proxies or (exemptions and all(exempt(value) for value in exemptions)):
        return ""
    return proxies[0].decode("ascii", "replace")


def exempt(value: bytes) -> bool:
    """Whether this value of ``NO_PROXY`` names this machine's address, or everything."""
    words = value.replace(b",", b" ").split()
    return ADDRESS in words or b"*" in words


def port_of(path: str) -> str:
    """What the engine wrote while it listens; ``""`` where it does not. Raises OSError."""
    try:
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    try:
        return posix.read(descriptor, 16).decode("ascii", "replace").strip()
    finally:
        posix.close(descriptor)
