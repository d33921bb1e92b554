"""Classifies IP addresses by whether a service may have them, according to IANA's registries of special addresses.

The ranges are listed here because ``is_global`` and ``is_private`` of Python give different results in different
versions, and do not consider that an IPv6 address may contain an IPv4 address.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network


class AddressScope(Enum):
    """Whether an IP address may be that of a service; the members are ordered from permitted to forbidden."""

    PUBLIC = "public"
    """A public internet address."""
    INSIDE = "inside"
    """An address for private networks, such as that of a company's gateway; permitted if the deployment allows it."""
    NEVER = "never"
    """A loopback, link-local, multicast, reserved or unassigned address, or that of a cloud's metadata service."""


_INSIDE = [
    ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private use, RFC 1918
        "100.64.0.0/10",  # shared address space of carriers, RFC 6598
        "198.18.0.0/15",  # benchmarks, RFC 2544; used inside some networks
        "fc00::/7",  # unique local, RFC 4193
        "fec0::/10",  # site-local, RFC 3879
        "64:ff9b:1::/48",  # NAT64 within one network, RFC 8215
    )
]  # fmt: skip
_NEVER = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "127.0.0.0/8",  # loopback, RFC 1122
        "169.254.0.0/16",  # link-local, RFC 3927; metadata services of clouds
        "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, RFC 1112, and broadcast
        "2001::/23",  # IETF protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID
        "2001:db8::/32", "3fff::/20",  # documentation, RFC 3849 and RFC 9637
        "2002::/16",  # 6to4, RFC 3056: contains an IPv4 address
        # Metadata services of clouds that are not link-local: Azure, Alibaba, AWS, Google.
        "168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128",
    )
]  # fmt: skip
_GLOBAL_UNICAST = IPv6Network(
    "2000::/3"
)  # RFC 4291; everything else is loopback, link-local, multicast, reserved
_HOLDS_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0/96"))  # NAT64, RFC 6052; mapped, RFC 4291
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214, section 6.1: the upper half of the interface identifier


def address_scope(address: IPv4Address | IPv6Address) -> AddressScope:
    """Return whether ``address`` may be that of a service.

    For a NAT64 or IPv4-mapped IPv6 address, the IPv4 address in it decides. For a local NAT64 or ISATAP address, the
    more restricted scope of the two addresses applies.
    """
    if isinstance(address, IPv4Address):
        return _listed(address) or AddressScope.PUBLIC
    number = int(address)
    inner = IPv4Address(number & 0xFFFFFFFF)
    if any(address in network for network in _HOLDS_IPV4):
        return address_scope(inner)
    found = _listed(address) or (AddressScope.PUBLIC if address in _GLOBAL_UNICAST else AddressScope.NEVER)
    if address in _LOCAL_NAT64 or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return max(found, address_scope(inner), key=list(AddressScope).index)
    return found


def _listed(address: IPv4Address | IPv6Address) -> AddressScope | None:
    """Return the scope of an address by the tables ``_NEVER`` and ``_INSIDE``; None if it is in neither of them."""

    def among(networks: list[IPv4Network | IPv6Network]) -> bool:
        return any(address in network for network in networks)

    return AddressScope.NEVER if among(_NEVER) else AddressScope.INSIDE if among(_INSIDE) else None
