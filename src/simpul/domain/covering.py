"""Which values cover which: a network its addresses, a domain the names below it, a host its URLs and mailboxes.

Keys are those of `domain.observables`. What covers an observed value can be written down as a short list of keys, so
that matching is equality lookups in an index:

    search_keys("ipv4", "203.0.113.7")    itself, 203.0.113.6/31, 203.0.113.4/30 … 203.0.0.0/8
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Final

NETWORK_LISTED: Final = 1024
"""The largest network, in addresses, that `covered_keys` lists one by one."""

WIDEST_V4: Final = 8
WIDEST_V6: Final = 16
"""The shortest prefixes under which `search_keys` looks for a network; wider ones match nobody on purpose."""

ANY_COUNTRY: Final = "*"
"""Stands for the country of a passport whose issuing country was not stated."""

_NETWORKS: Final = ("ipv4-net", "ipv6-net")

_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


def search_keys(kind: str, key: str) -> list[tuple[str, str]]:
    """All (kind, key) under which an indicator could be stored that covers this observed value, itself first.

    An address is covered by each network that contains it, a domain by its parents (of at least two labels), a URL
    by its host, an e-mail address by its domain. Equality lookups of these keys in the value index find every match.
    """
    found = [(kind, key)]
    cover = _COVERS.get(kind)
    if cover is not None:
        found += cover(key)
    return found


def names_above(kind: str, key: str) -> list[tuple[str, str]]:
    """Those of `search_keys` that cover an observed value by name, without itself and without networks.

    A handful at most, so that an observation can be filed under each, for an indicator that comes after it.
    """
    above = _BY_NAME.get(kind)
    return [] if above is None else list(above(key))


def covered_keys(kind: str, key: str) -> list[tuple[str, str]] | None:
    """The reverse: keys of observed values that an indicator's value covers and that can be listed one by one.

    Itself for exact kinds; every address of a network of at most `NETWORK_LISTED`. None if there are too many to
    list (a larger network). What lies under a domain cannot be listed: it is filed there (`names_above`).
    """
    if kind not in _NETWORKS:
        return [(kind, key)]
    network = IPv4Network(key) if kind == "ipv4-net" else IPv6Network(key)
    if network.num_addresses > NETWORK_LISTED:
        return None
    return [(kind, key), *((kind[:4], str(address)) for address in network)]


def covers(kind: str, key: str, by_kind: str, by_key: str) -> bool:
    """Whether the value (`by_kind`, `by_key`) covers the observed value (`kind`, `key`); equal values do."""
    return (by_kind, by_key) in search_keys(kind, key)


def _networks(key: str) -> Iterator[tuple[str, str]]:
    value = int(IPv4Address(key))
    for length in range(31, WIDEST_V4 - 1, -1):
        first = value >> (32 - length) << (32 - length)
        yield "ipv4-net", f"{first >> 24}.{first >> 16 & 255}.{first >> 8 & 255}.{first & 255}/{length}"


def _networks6(key: str) -> Iterator[tuple[str, str]]:
    address = IPv6Address(key)
    value = int(address)
    for length in range(127, WIDEST_V6 - 1, -1):
        yield "ipv6-net", f"{IPv6Address(value >> (128 - length) << (128 - length))}/{length}"
    if address.ipv4_mapped is not None:
        mapped = str(address.ipv4_mapped)
        yield "ipv4", mapped
        yield from _networks(mapped)


def _wider(key: str) -> Iterator[tuple[str, str]]:
    network = IPv4Network(key)
    for length in range(network.prefixlen - 1, WIDEST_V4 - 1, -1):
        yield "ipv4-net", str(network.supernet(new_prefix=length))


def _wider6(key: str) -> Iterator[tuple[str, str]]:
    network = IPv6Network(key)
    for length in range(network.prefixlen - 1, WIDEST_V6 - 1, -1):
        yield "ipv6-net", str(network.supernet(new_prefix=length))


def _parents(key: str) -> Iterator[tuple[str, str]]:
    labels = key.split(".")
    for start in range(1, len(labels) - 1):
        yield "domain", ".".join(labels[start:])


def _of_host(host: str) -> Iterator[tuple[str, str]]:
    for kind, key in _at_host(host):
        yield kind, key
        if kind == "ipv6":
            yield from _networks6(key)
        elif kind == "ipv4":
            yield from _networks(key)


def _at_host(host: str) -> Iterator[tuple[str, str]]:
    if host.startswith("["):
        yield "ipv6", host[1:-1]
    elif _IPV4.fullmatch(host):
        yield "ipv4", host
    else:
        yield "domain", host
        yield from _parents(host)


def _host_of(key: str) -> str:
    place = key.partition("://")[2].partition("/")[0].rpartition("@")[2]
    if place.endswith("]"):
        return place
    return place.rpartition(":")[0] if ":" in place.rpartition("]")[2] else place


def _mail_host(key: str) -> str:
    return key.rpartition("@")[2]


def _passport_covers(key: str) -> Iterator[tuple[str, str]]:
    country, colon, number = key.rpartition(":")
    if colon and country != ANY_COUNTRY:
        yield "passport", f"{ANY_COUNTRY}:{number}"


_COVERS: Final[Mapping[str, Callable[[str], Iterator[tuple[str, str]]]]] = MappingProxyType(
    {
        "ipv4": _networks,
        "ipv6": _networks6,
        "ipv4-net": _wider,
        "ipv6-net": _wider6,
        "domain": _parents,
        "url": lambda key: _of_host(_host_of(key)),
        "email": lambda key: _of_host(_mail_host(key)),
        "passport": _passport_covers,
    }
)
_BY_NAME: Final[Mapping[str, Callable[[str], Iterator[tuple[str, str]]]]] = MappingProxyType(
    {
        "domain": _parents,
        "url": lambda key: _at_host(_host_of(key)),
        "email": lambda key: _at_host(_mail_host(key)),
        "passport": _passport_covers,
    }
)
