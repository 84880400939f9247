"""Which addresses a git server may have: the world's, and those private networks that the operator names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from chalicelib.domain.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))
"""Where clouds hand out credentials, beside the link-local addresses."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises Invalid for what is no network such as 10.0.0.0/8."""
    return tuple(map(_parsed, texts))


def may_be_reached(text: str, networks: Sequence[Network]) -> bool:
    """Whether a repository may be read from this address. What is a cloud's own is never one, whatever networks are named."""
    address = _plain(ipaddress.ip_address(text))
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return False
    return address.is_global or any(address in network for network in networks)


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _parsed(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise Invalid(f"{text!r} is no network", code="setting_invalid", hint="write it as 10.0.0.0/8") from error
