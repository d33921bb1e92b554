"""Where a connection has led: the name of a service must not bring our credentials to a machine of this network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from include.errors import AddressRefused
from include.http.surroundings import PRIVATE_VARIABLE

_NAT64 = ip_network("64:ff9b::/96")


def require_public(host: str, peer: str, *, private_network: bool) -> None:
    """Refuses a peer that is not on the internet, whatever a name server said; ``localhost`` is meant as it is written.

    Loopback and link-local addresses (a cloud's metadata service) are refused always, other private ones unless
    ``private_network``: some companies' gateways have such an address.

    Raises:
        AddressRefused: naming the host.
    """
    address = _address(peer)
    if host == "localhost" or (address.is_global and not address.is_multicast):
        return
    nobodys = (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
    )
    if nobodys or not private_network:
        raise AddressRefused(
            f"The name {host} leads to {address}, which is not on the internet; nothing was sent there.",
            f"Look at this machine's name server and its hosts file; where a gateway of your company has such an "
            f"address, set {PRIVATE_VARIABLE}=allow.",
        )


def require_loopback(host: str, peer: str) -> None:
    """Refuses a peer that is not this machine: without TLS only the sandbox is spoken to.

    Raises:
        AddressRefused: naming the host.
    """
    if not _address(peer).is_loopback:
        raise AddressRefused(
            f"The name {host} leads to {peer}, which is not this machine; nothing was sent there.",
            "Write 127.0.0.1 as the sandbox's host, and look at this machine's hosts file.",
        )


def _address(peer: str) -> IPv4Address | IPv6Address:
    """The address that is meant, where an IPv6 one stands for an IPv4 one."""
    address = ip_address(peer.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
