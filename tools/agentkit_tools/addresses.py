"""Which network addresses may be reached: after names are resolved, since a name says nothing of where it leads."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import anyio

from agentkit import ToolError

__all__ = ["Address", "Resolve", "resolve_by_system", "resolve_checked", "why_refused"]

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host and port. Raises OSError when there are none."""

_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure and most others
            "169.254.170.2",  # AWS containers
            "169.254.170.23",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "168.63.129.16",  # Azure, in the middle of its public range
        ),
    )
)

_INNER_V4 = (
    (IPv4Network("127.0.0.0/8"), "a loopback address"),
    (IPv4Network("169.254.0.0/16"), "a link-local address"),
    (IPv4Network("100.64.0.0/10"), "an address inside a provider's network (CGNAT)"),
    (IPv4Network("10.0.0.0/8"), "a private address"),
    (IPv4Network("172.16.0.0/12"), "a private address"),
    (IPv4Network("192.168.0.0/16"), "a private address"),
)
_OTHER_V4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4")))
_INNER_V6 = (
    (IPv6Network("::1/128"), "a loopback address"),
    (IPv6Network("fe80::/10"), "a link-local address"),
    (IPv6Network("fc00::/7"), "a private address"),
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_OTHER_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)

_NUMBER = re.compile(r"(?i)\d+|0x[0-9a-f]*")


def why_refused(address: Address, *, allow_private: bool) -> str | None:
    """What kind of address it is when it must not be reached, else None.

    `allow_private` permits what is not public; never metadata services of clouds, multicast or "any" addresses.
    """
    inner = _inner_v4(address)
    for each in (address, *inner):
        if each in _METADATA:
            return "the metadata service of a cloud"
        if each.is_multicast or each == IPv4Address("255.255.255.255"):
            return "a multicast address"
        if each.is_unspecified or (isinstance(each, IPv4Address) and each in IPv4Network("0.0.0.0/8")):
            return "an unspecified address"
    if allow_private:
        return None
    networks = _INNER_V4 if isinstance(address, IPv4Address) else _INNER_V6
    for network, reason in networks:
        if address in network:
            return reason
    if inner:
        return "an IPv4 address inside an IPv6 address"
    return None if _is_public(address) else "not a public address"


async def resolve_checked(host: str, port: int, *, resolve: Resolve, allow_private: bool) -> list[Address]:
    """The addresses of a host, every one of them checked. Raises ToolError when one must not be reached.

    Connect to these, and do not resolve again: the next answer may be another one.
    """
    found = _literal(host)
    if found is None:
        try:
            found = [ip_address(text) for text in await resolve(host, port)]
        except (OSError, UnicodeError, ValueError):
            raise ToolError(f"The host {host!r} is not known. Check the spelling of the address.") from None
    if not found:
        raise ToolError(f"The host {host!r} has no address. Check the spelling of the address.")
    for address in found:
        reason = why_refused(address, allow_private=allow_private)
        if reason is not None:
            # The address stays out of it: it would tell a model about the network inside.
            raise ToolError(f"The host {host!r} leads to {reason}, which must not be reached from here.")
    return list(dict.fromkeys(found))


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The addresses that the operating system knows."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _literal(host: str) -> list[Address] | None:
    """The address that a host already is; None for a name. Raises ToolError for numbers only resolvers understand."""
    try:
        return [ip_address(host)]
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
    if _NUMBER.fullmatch(last) or ":" in host or "%" in host:  # 2130706433, 0x7f.1, 0177.0.0.1, fe80::1%eth0
        raise ToolError(f"The host {host!r} is a number in an unusual form; write it as a name or as 1.2.3.4.")
    return None


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _OTHER_V4)
    return address.is_global and address in _PUBLIC_V6 and not any(address in network for network in _OTHER_V6)


def _inner_v4(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address carries: mapped, compatible, 6to4, Teredo, NAT64, ISATAP."""
    if isinstance(address, IPv4Address):
        return []
    low = int(address) & 0xFFFFFFFF
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    is_low = any(address in network for network in _NAT64) or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    if is_low or (address in _COMPATIBLE and low > 1):
        found.append(IPv4Address(low))
    return [each for each in found if each is not None]
