"""Checks the IP address to which a connection was opened, before anything is sent.

Otherwise a wrong DNS entry or a manipulated setting could send credentials to another machine of this network.
"""

from __future__ import annotations

from ipaddress import ip_address

from include.errors import AddressRefused
from include.http.address_ranges import AddressScope, address_scope
from include.http.network import PRIVATE_VARIABLE


def require_public(host: str, peer: str, *, private_network: bool) -> None:
    """Check that ``peer``, the IP address of the open connection to ``host``, is a permitted address of a service.

    Public addresses are permitted. Private addresses are permitted with ``private_network``, because the gateways of
    some companies have one. Loopback, link-local (a cloud's metadata service), and unassigned addresses are refused. If
    ``host`` is ``localhost``, every address is permitted.

    Raises:
        AddressRefused: the address is not permitted; the message contains the host and the address.
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
    """Check that ``peer``, the IP address of the open connection to a sandbox, is a permitted address of a sandbox.

    The connection does not use TLS, so only this machine is permitted and, with ``listed``, private addresses.

    Args:
        host: the host name of the sandbox.
        peer: the IP address of the connection.
        listed: whether ``MIXPANEL_AEP_SANDBOXES`` lists the sandbox, so that it may run on another machine.

    Raises:
        AddressRefused: the address is not permitted; the message contains the host and the address.
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
