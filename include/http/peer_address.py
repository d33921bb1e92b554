"""Where a connection has led: the name of a service must not bring our credentials to a machine of this network."""

from __future__ import annotations

from ipaddress import ip_address

from include.errors import AddressRefused
from include.http.address_ranges import AddressScope, address_scope
from include.http.network import PRIVATE_VARIABLE


def require_public(host: str, peer: str, *, private_network: bool) -> None:
    """Refuses a peer that is not on the internet, whatever a name server said; ``localhost`` is meant as it is written.

    Addresses of this machine and its link (a cloud's metadata service), and those that no machine has, are refused always,
    those of this network unless ``private_network``: some companies' gateways have such an address.

    Raises:
        AddressRefused: naming the host.
    """
    address = ip_address(peer.partition("%")[0])
    leads = address_scope(address)
    if host == "localhost" or leads is AddressScope.PUBLIC:
        return
    if leads is AddressScope.NEVER or not private_network:
        raise AddressRefused(
            f"The name {host} leads to {address}, which is not on the internet; nothing was sent there.",
            f"Look at this machine's name server and its hosts file; where a gateway of your company has such an "
            f"address, set {PRIVATE_VARIABLE}=allow.",
        )


def require_sandbox(host: str, peer: str, *, listed: bool) -> None:
    """Refuse a peer that is not this machine: without TLS only the sandbox is spoken to.

    ``listed``: the deployment lists this sandbox of another machine, which then has to be one of this network.

    Raises:
        AddressRefused: naming the host.
    """
    address = ip_address(peer.partition("%")[0])
    if (getattr(address, "ipv4_mapped", None) or address).is_loopback:
        return
    if not listed:
        raise AddressRefused(
            f"The name {host} leads to {peer}, which is not this machine; nothing was sent there.",
            "Write 127.0.0.1 as the sandbox's host, and look at this machine's hosts file.",
        )
    if address_scope(address) is not AddressScope.INSIDE:
        raise AddressRefused(
            f"The sandbox's name {host} leads to {peer}, which is not a private address; nothing was sent there.",
            "A sandbox is reached without TLS: run it on this network, at an address such as 10.0.0.5.",
        )
