"""Which addresses the relay may connect to when somebody else named the host. Asked at the socket, for every attempt.

A check of the URL or of the resolver's answer would not do: aiohttp asks no resolver for IP literals, and a name may
resolve differently a moment later. https://owasp.org/www-community/attacks/Server_Side_Request_Forgery
"""

import ipaddress
import socket
from typing import Final

from aiohttp import AddrInfoType

#: Global unicast is all that IPv6 has in use; the rest is local, mapped, translated (64:ff9b::/96) or reserved.
_IPV6_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
#: Inside it or inside public IPv4, `ipaddress.is_global` lets through what carries or reaches other addresses.
_DENIED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)


class ForbiddenAddressError(OSError):
    """The address is not a public one."""


def is_public(address: str) -> bool:
    """Whether the address (no name, no port) belongs to a host on the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.scope_id is not None or ip not in _IPV6_UNICAST):
        return False
    if not ip.is_global or ip.is_multicast:
        return False
    return not any(ip in network for network in _DENIED if network.version == ip.version)


def public_socket(address: AddrInfoType) -> socket.socket:
    """A socket for a connection to `address`: aiohttp's `socket_factory`. Raises ForbiddenAddressError."""
    family, kind, protocol, _, peer = address
    if family not in (socket.AF_INET, socket.AF_INET6) or not is_public(str(peer[0])):
        raise ForbiddenAddressError("not a public address")
    return socket.socket(family, kind, protocol)
