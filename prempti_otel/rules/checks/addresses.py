"""IP addresses and networks as constants: what libsinsp's value parser takes, and how they are compared.

An address is held in inet_ntop's spelling, so that equal addresses are equal bytes; IPv4 and IPv6 never
equal each other, ``::ffff:`` addresses included. The system's resolver is never asked.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

_BITS = {socket.AF_INET: 32, socket.AF_INET6: 128}
_NAMES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


class AddressError(ValueError):
    """A text is no address or no network."""


def parse_address(text: bytes) -> bytes:
    """An address in inet_ntop's spelling; IPv4 where there is a dot, else IPv6. Raises AddressError."""
    family = _family(text)
    return socket.inet_ntop(family, _packed(text, family)).encode()


def parse_network(text: bytes) -> Callable[[bytes], bool]:
    """A test whether an address, in any spelling, lies in ``address/bits``. Raises AddressError.

    Bits of the address below the mask do not count. ``/0`` is a network of IPv4 only, as in Falco.
    """
    family = _family(text)
    address, slash, mask = text.partition(b"/")
    if not slash:
        raise AddressError(f"'{_shown(text)}' is no network; write address/bits")
    packed, whole = _packed(address, family), _BITS[family]
    bits = int(mask) if mask.isdigit() and len(mask) <= 3 else whole + 1
    if bits > whole or (bits == 0 and family == socket.AF_INET6):
        least = 1 if family == socket.AF_INET6 else 0
        raise AddressError(
            f"'{_shown(mask)}' is no mask of an {_NAMES[family]} network, which has {least} to {whole} bits"
        )
    shift = whole - bits
    network = int.from_bytes(packed) >> shift

    def holds(value: bytes) -> bool:
        try:
            found = socket.inet_pton(family, value.decode("ascii"))
        except (OSError, ValueError):
            return False
        return int.from_bytes(found) >> shift == network

    return holds


def _family(text: bytes) -> socket.AddressFamily:
    return socket.AF_INET if b"." in text else socket.AF_INET6


def _packed(text: bytes, family: socket.AddressFamily) -> bytes:
    try:
        return socket.inet_pton(family, text.decode("ascii"))
    except (OSError, ValueError):
        raise AddressError(f"'{_shown(text)}' is no {_NAMES[family]} address") from None


def _shown(text: bytes) -> str:
    return text[:80].decode("utf-8", "replace")
