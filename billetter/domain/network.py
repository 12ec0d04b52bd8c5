"""Addresses: which of them count as one client, which proxies and origins are believed."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

CLIENT_PREFIX = 64
"""Bits of an IPv6 address that name a client: one customer commonly has all the rest (RFC 6177)."""

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def client_of(address: str | None) -> str:
    """What counts as one client: an IPv4 address, or the network of an IPv6 address.

    What is no address stands for itself; clients without one, on a Unix socket, are all one.
    """
    if address is None:
        return "local"
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(IPv6Network((int(ip), CLIENT_PREFIX), strict=False))


def parse_networks(text: str) -> tuple[str, ...]:
    """Comma-separated addresses and networks, in all forms in which a socket may show them.

    ValueError: one is neither, or has bits set beyond its prefix.
    """
    networks: list[IPv4Network | IPv6Network] = []
    for part in _parts(text):
        network = ip_network(part)
        networks.append(network)
        if isinstance(network, IPv4Network):
            # A socket that listens on :: shows its IPv4 peers so.
            mapped = f"::ffff:{network.network_address}"
            networks.append(IPv6Network(f"{mapped}/{96 + network.prefixlen}"))
    return tuple(map(str, networks))


def parse_origins(text: str) -> tuple[str, ...]:
    """Comma-separated web origins, as browsers send them; or `*`, everybody's.

    ValueError: one is no origin, or `*` is not alone.
    """
    origins = _parts(text)
    if origins == ("*",):
        return origins
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin such as https://example.org")
    return origins


def _parts(text: str) -> tuple[str, ...]:
    """What stands between the commas; nothing where there is no text."""
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()
