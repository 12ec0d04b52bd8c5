"""Addresses and names: what counts as one client, which proxies, origins and hosts are believed."""

import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

CLIENT_PREFIX = 64
"""Bits of an IPv6 address that name a client: one customer commonly has all the rest (RFC 6177)."""

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = rf"{_LABEL}(\.{_LABEL})*"
_PORT = "(:[0-9]{1,5})?"
_ANY_PORT = "(:[0-9]{0,5})?"
"""As a Host may have it: RFC 3986 lets the digits be absent."""
_NUMBER = "(0x[0-9a-f]*|[0-9]+)"
_ORIGIN = re.compile(rf"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\]){_PORT}")
_HOST = re.compile(rf"(\*\.)?{_NAME}")
_NAME_AND_PORT = re.compile(rf"({_NAME})\.?{_ANY_PORT}")
_IPV4_AND_PORT = re.compile(rf"{_NUMBER}(\.{_NUMBER}){{0,3}}\.?{_ANY_PORT}")
_IPV6_AND_PORT = re.compile(rf"\[([0-9a-f:.]+)(%[a-z0-9._~-]+)?\]{_ANY_PORT}")


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


def parse_hosts(text: str) -> tuple[str, ...]:
    """Comma-separated names of hosts, without ports; `*.` before one stands for all below it.

    In lower case; `*` alone: all names. ValueError: one is no name.
    """
    hosts = tuple(host.lower() for host in _parts(text))
    for host in hosts:
        if host != "*" and not _HOST.fullmatch(host):
            raise ValueError(
                f"{host!r} is no host such as tickets.example.org, without scheme and port"
            )
    return hosts


def is_address(host: str) -> bool:
    """Whether a Host header, in lower case, holds an address and no name.

    Any that a browser takes for one: also 127.1, which stands for 127.0.0.1.
    """
    if found := _IPV6_AND_PORT.fullmatch(host):
        try:
            return isinstance(ip_address(found[1]), IPv6Address)
        except ValueError:
            return False
    return bool(_IPV4_AND_PORT.fullmatch(host))


def is_named(host: str, names: Collection[str]) -> bool:
    """Whether a Host header, in lower case, holds one of these names, as parse_hosts gives them."""
    if "*" in names:
        return True
    found = _NAME_AND_PORT.fullmatch(host)
    if found is None:
        return False
    name: str = found[1]
    above = name.split(".")
    return name in names or any(
        f"*.{'.'.join(above[start:])}" in names for start in range(1, len(above))
    )


def origin_of(url: str) -> str:
    """The origin of a web address, as browsers send it: without the usual port.

    ValueError: it is none, or says more than where something is.
    """
    wrong = ValueError("must be a web address such as https://tickets.example.org")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment or "@" in url:
        raise wrong
    usual = ":443" if parts.scheme == "https" else ":80"
    origin = f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"
    if not _ORIGIN.fullmatch(origin):
        raise wrong
    return origin


def host_of(url: str) -> str:
    """The name of the host of a web address, in lower case."""
    return urlsplit(url).hostname or ""


def _parts(text: str) -> tuple[str, ...]:
    """What stands between the commas; nothing where there is no text."""
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()
