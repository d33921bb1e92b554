"""Checks of the peer address of a connection: credentials must not reach another machine of this network."""

from __future__ import annotations

from ipaddress import ip_address

from include.errors import AddressRefused
from include.http.address_ranges import AddressScope, address_scope
from include.http.network import PRIVATE_VARIABLE


def require_public(host: str, peer: str, *, private_network: bool) -> None:
    """Refuse a peer that is not on the internet, even if DNS returned its address; ``localhost`` is allowed.

    Addresses of this machine and its link (a cloud's metadata service) and unassigned addresses are always refused;
    private addresses are refused unless ``private_network``, because the gateways of some companies have one.

    Raises:
        AddressRefused: naming the host.
    """
    address = ip_address(peer.partition("%")[0])
    scope = address_scope(address)
    if host == "localhost" or scope is AddressScope.PUBLIC:
        return
    if scope is AddressScope.NEVER or not private_network:
        raise AddressRefused(
            f"The host name {host} resolves to {address}, which is not a public internet address; no data was sent to it.",
            f"Check this machine's DNS and hosts file. If a gateway of your company has this address, "
            f"set {PRIVATE_VARIABLE}=allow.",
        )


def require_sandbox(host: str, peer: str, *, listed: bool) -> None:
    """Refuse a peer other than this machine: without TLS, the client connects to the sandbox only.

    ``listed``: the deployment lists this sandbox on another machine, whose address must then be private.

    Raises:
        AddressRefused: naming the host.
    """
    address = ip_address(peer.partition("%")[0])
    if (getattr(address, "ipv4_mapped", None) or address).is_loopback:
        return
    if not listed:
        raise AddressRefused(
            f"The host name {host} resolves to {peer}, which is not this machine; no data was sent to it.",
            "Set the sandbox's host to 127.0.0.1, and check this machine's hosts file.",
        )
    if address_scope(address) is not AddressScope.INSIDE:
        raise AddressRefused(
            f"The sandbox host {host} resolves to {peer}, which is not a private address; no data was sent to it.",
            "The sandbox does not use TLS. Run it on this network, at an address such as 10.0.0.5.",
        )
