"""Checks of the IP address of an open connection: credentials must not reach another machine of this network."""

from __future__ import annotations

from ipaddress import ip_address

from include.errors import AddressRefused
from include.http.address_ranges import AddressScope, address_scope
from include.http.network import PRIVATE_VARIABLE


def require_public(host: str, peer: str, *, private_network: bool) -> None:
    """Raise unless ``peer``, the IP address of the open connection to ``host``, is a permitted address of a service.

    Public addresses are permitted, and any address if ``host`` is ``localhost``. Other loopback, link-local (a cloud's
    metadata service) and unassigned addresses are refused. Private addresses are permitted only with
    ``private_network``, because the gateways of some companies have a private address.

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
    """Raise unless ``peer``, the IP address of a connection without TLS, is this machine or a listed sandbox.

    ``listed``: the deployment lists this sandbox, so it may also run on another machine with a private address.

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
