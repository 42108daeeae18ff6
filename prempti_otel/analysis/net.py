"""Which host a URL or another spelling of a network target really names.

The host is read as the clients read it: by ada, the WHATWG URL parser of Node.js, which undoes
percent escapes, international names, integer and hexadecimal addresses, and stray tabs. Where clients
are known to disagree (a backslash before an ``@``) every host that some client would contact is
reported. Nothing is looked up or contacted. Credentials in a URL are left out of what is reported.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import unquote

import msgspec
from ada_url import URL

_LONGEST = 8192
"""Longer targets are cut: no client's host lies further in."""

_METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.platformequinix.com",
        "metadata.packet.net",
        "metadata.tencentyun.com",
    }
)
"""Names of cloud metadata services, from the vendors' documentation."""

_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google Cloud, DigitalOcean, OpenStack
        "169.254.169.253",  # AWS: the VPC's resolver
        "169.254.170.2",  # AWS ECS: task credentials
        "169.254.170.23",  # AWS EKS: pod identity
        "169.254.0.23",  # Tencent Cloud
        "168.63.129.16",  # Azure: host agent
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud (classic)
        "fd00:ec2::254",  # AWS over IPv6
        "fd00:ec2::23",  # AWS EKS over IPv6
        "fd20:ce::254",  # Google Cloud over IPv6
    )
)

_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Carrier-grade NAT (RFC 6598): not public, and what VPNs such as Tailscale use."""

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "ftps": 990, "sftp": 22, "scp": 22, "ssh": 22}
_PORTS |= {"git": 9418, "git+ssh": 22, "git+https": 443, "telnet": 23, "ldap": 389, "smtp": 25, "redis": 6379}
_PORTS |= {"postgres": 5432, "postgresql": 5432, "mysql": 3306, "mongodb": 27017, "rsync": 873, "gopher": 70}

_WEB = frozenset({"http", "https", "ftp", "ws", "wss"})
"""Schemes whose slashes a browser's parser may do without."""
_SCHEME_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789+.-"
_HOST_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789.-"
_SPACE = "".join(map(chr, range(33)))
_DROPPED = {9: None, 10: None, 13: None}
"""Characters that WHATWG URL parsing removes wherever they stand."""


class NetTarget(msgspec.Struct, frozen=True):
    """One host, normalised. Text is ``""`` and the port 0 where there is none or it cannot be told."""

    host: str
    """Lower case, IDN in ASCII, addresses in their usual form, no brackets, no trailing dot."""
    port: int
    scheme: str
    url: str
    """The URL without credentials and fragment; ``""`` for other forms."""
    ip_class: str
    """``loopback``, ``private``, ``link_local``, ``metadata``, ``public``, or ``name`` for a host name."""


def read_targets(text: str, form: str) -> tuple[NetTarget, ...]:
    """Every host that some client would take ``text`` for, the likeliest first; at least one. Never raises.

    ``form`` is HostAccess's ``url``, ``host``, ``hostport`` or ``scp``.
    """
    return _read(text[:_LONGEST].encode("utf-8", "replace").decode(), form)


@lru_cache(maxsize=512)
def _read(text: str, form: str) -> tuple[NetTarget, ...]:
    text = text.strip(_SPACE).translate(_DROPPED)
    match form:
        case "host":
            return (_target(text, "", 0, ""),)
        case "hostport":
            return (_hostport(text),)
        case "scp":
            return _url(text) if _split_scheme(text)[0] else (_scp(text),)
        case _:
            return _url(text)


def local_file(url: str) -> str | None:
    """The path that a ``file:`` URL names, or None for any other text."""
    cleaned = url.strip(_SPACE).translate(_DROPPED)
    if cleaned[:5].lower() != "file:":
        return None
    rest = cleaned[5:].replace("\\", "/").partition("?")[0].partition("#")[0]
    if rest.startswith("//"):
        rest = "/" + rest[2:].partition("/")[2]
    return unquote(rest, errors="surrogateescape")


def _url(text: str) -> tuple[NetTarget, ...]:
    """``scheme://authority/..``, or without a scheme as curl and browsers complete it."""
    scheme, rest = _split_scheme(text)
    first = _authority(scheme, rest)
    if "\\" not in rest:
        return (first,)
    other = _authority(scheme, rest.replace("\\", "%5C"))
    return (first, other) if other.host and other.host != first.host else (first,)


def _split_scheme(text: str) -> tuple[str, str]:
    head, colon, rest = text.partition(":")
    scheme = head.lower()
    if colon and scheme[:1].isalpha() and not scheme.strip(_SCHEME_SIGNS):
        bare = rest.lstrip("/\\")
        if scheme in _WEB or len(rest) - len(bare) >= 2:
            return scheme, bare
    return "", text.lstrip("/\\")


def _authority(scheme: str, rest: str) -> NetTarget:
    cut = min((at for at in map(rest.find, "/\\?#") if at >= 0), default=len(rest))
    authority, tail = rest[:cut], rest[cut:]
    host, port = _host_and_port(authority.rpartition("@")[2])
    shown = f"[{host}]" if ":" in host else host
    suffix = f":{port}" if port and port != _PORTS.get(scheme) else ""
    path = tail.replace("\\", "/").partition("#")[0]
    url = f"{scheme or 'http'}://{shown}{suffix}{path if path.startswith('/') else '/' + path}"
    return _target(host, scheme, port or _PORTS.get(scheme, 0), url, normalised=True)


def _hostport(text: str) -> NetTarget:
    if _split_scheme(text)[0]:
        return _url(text)[0]
    host, port = _host_and_port(text.rpartition("@")[2])
    return _target(host, "", port, "", normalised=True)


def _scp(text: str) -> NetTarget:
    """``[user@]host:path`` as scp, rsync and git read it; without a colon, a host."""
    before, colon, _ = text.partition(":")
    if "[" in before:
        host = text.partition("[")[2].partition("]")[0]
    elif colon and "/" not in before:
        host = before.rpartition("@")[2]
    else:
        host = text.rpartition("@")[2].partition("/")[0]
    return _target(host, "", 0, "")


def _host_and_port(authority: str) -> tuple[str, int]:
    bracket = authority.rfind("]")
    colon = authority.rfind(":")
    if colon > bracket and (bracket >= 0 or authority.count(":") == 1):
        digits = authority[colon + 1 :]
        port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
        return _host(authority[:colon]), port if port <= 65_535 else 0
    return _host(authority), 0


def _host(text: str) -> str:
    """One host name or address in its normal form; unreadable ones in lower case as they are."""
    lowered = text.strip(_SPACE).lower()
    if not lowered.strip(_HOST_SIGNS) and lowered.rpartition(".")[2][:1].isalpha():
        return lowered  # its last label is no number, so that it cannot be an address
    bare = unquote(lowered.strip("[]")).partition("%")[0]
    if ":" in bare:
        try:
            return _address_text(ipaddress.ip_address(bare))
        except ValueError:
            return bare
    try:
        parsed = URL(f"http://{lowered}/").hostname
    except (ValueError, UnicodeError):
        return lowered.rstrip(".")
    return parsed.rstrip(".") or lowered


def _address_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _target(host: str, scheme: str, port: int, url: str, *, normalised: bool = False) -> NetTarget:
    name = host if normalised else _host(host)
    return NetTarget(name, port, scheme, url, ip_class(name))


def ip_class(host: str) -> str:
    """Rule field ``net.ip_class`` of a normalised host; ``name`` for what is no address."""
    if host in _METADATA_NAMES:
        return "metadata"
    if host == "localhost" or host.endswith((".localhost", ".localdomain")) or host in _LOOPBACK_NAMES:
        return "loopback"
    if ":" not in host and not host[-1:].isdigit():
        return "name"
    try:
        return _address_class(ipaddress.ip_address(host))
    except ValueError:
        return "name"


_LOOPBACK_NAMES = frozenset({"ip6-localhost", "ip6-loopback", "localhost6"})


def _address_class(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour or _nat64(address)
        if embedded is not None:
            return _address_class(embedded)
    if address in _METADATA_ADDRESSES:
        return "metadata"
    if address.is_loopback or address.is_unspecified:
        return "loopback"  # the unspecified address reaches this machine
    if address.is_link_local:
        return "link_local"
    if address.is_private or (address.version == 4 and address in _SHARED):
        return "private"
    return "public"


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
