"""Addresses: which count as one client; networks and origins as operators write them."""

from ipaddress import ip_network

import pytest

from billetter.domain.network import (
    client_of,
    host_of,
    is_address,
    is_named,
    origin_of,
    parse_hosts,
    parse_networks,
    parse_origins,
)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
        ("192.0.2.7, 10.0.0.1", "192.0.2.7, 10.0.0.1"),
        ("", ""),
        (None, "local"),
    ],
)
def test_what_counts_as_one_client(address: str | None, client: str) -> None:
    assert client_of(address) == client


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", ()),
        (" ", ()),
        ("10.0.0.0/8", ("10.0.0.0/8", "::ffff:a00:0/104")),
        ("127.0.0.1", ("127.0.0.1/32", "::ffff:7f00:1/128")),
        ("2001:db8::/32, ::1", ("2001:db8::/32", "::1/128")),
    ],
)
def test_networks_are_read_in_all_forms_of_a_peer(text: str, networks: tuple[str, ...]) -> None:
    # Compared as networks: Python 3.13 spells ::ffff:a00:0 as ::ffff:10.0.0.0.
    assert [*map(ip_network, parse_networks(text))] == [*map(ip_network, networks)]


@pytest.mark.parametrize("text", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1,", "*", "10.1"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"10\.|proxy|''|\*"):
        parse_networks(text)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://example.org", ("https://example.org",)),
        (
            "https://a.example.org, http://localhost:3000,http://[::1]:80",
            ("https://a.example.org", "http://localhost:3000", "http://[::1]:80"),
        ),
    ],
)
def test_origins_are_read(text: str, origins: tuple[str, ...]) -> None:
    assert parse_origins(text) == origins


@pytest.mark.parametrize(
    "text",
    [
        *("example.org", "https://example.org/", "https://", "https://Example.org", "null"),
        *("https://example.org,", "*,https://example.org", "https://*.example.org", "ftp://a"),
    ],
)
def test_what_no_browser_would_send_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin such as"):
        parse_origins(text)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", ()),
        ("*", ("*",)),
        ("Tickets.Example.org, *.b.example,api", ("tickets.example.org", "*.b.example", "api")),
        ("my_service,xn--bcher-kva.example", ("my_service", "xn--bcher-kva.example")),
    ],
)
def test_hosts_are_read(text: str, hosts: tuple[str, ...]) -> None:
    assert parse_hosts(text) == hosts


@pytest.mark.parametrize(
    "text",
    [
        *("https://a.example", "a.example:80", "a.example,", "a..b", "-a", "a*", "*.*.a", "a b"),
        *("bücher.example", "a/b", "*a.example", ".example.org"),
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no host such as"):
        parse_hosts(text)


@pytest.mark.parametrize("host", ["a.example", "a.example.:80", "x.b.example", "y.x.b.example:1"])
def test_a_host_is_named(host: str) -> None:
    assert is_named(host, {"a.example", "*.b.example"})
    assert not is_address(host)


@pytest.mark.parametrize("host", ["b.example", "xb.example", "a.example.c", "a.example:x", "", "."])
def test_a_host_is_not_named(host: str) -> None:
    assert not is_named(host, {"a.example", "*.b.example"})
    assert not is_address(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "10.0.0.1:80", "10.1", "[::1]", "[2001:db8::1]:80"])
def test_an_address_is_one(host: str) -> None:
    assert is_address(host)


@pytest.mark.parametrize(
    "host", ["::1", "[::g]", "[1.2.3.4]", "1.2.3.4.5", "1.2.3.4.example", "0xg"]
)
def test_what_only_looks_like_an_address_is_none(host: str) -> None:
    assert not is_address(host)


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("https://Tickets.Example.org", "https://tickets.example.org", "tickets.example.org"),
        ("https://a.example:443/tickets", "https://a.example", "a.example"),
        ("http://a.example:80", "http://a.example", "a.example"),
        ("http://a.example:443/", "http://a.example:443", "a.example"),
        ("http://[::1]:8000", "http://[::1]:8000", "::1"),
    ],
)
def test_a_web_address_has_an_origin(url: str, origin: str, host: str) -> None:
    assert origin_of(url) == origin
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example", "ftp://a.example", "https://", "https://u@a.example", "//a.example"),
        *("https://a.example?q", "https://a.example#f", "https://a b.example", "https://[::1"),
    ],
)
def test_what_is_no_web_address_has_none(url: str) -> None:
    with pytest.raises(ValueError, match="must be a web address"):
        origin_of(url)
